//! Hides the values of a pod template that look like secrets. Templates should refer to Secrets instead; many do not. Pure.

use std::collections::HashMap;

use serde_json::Value;

/// Parts of the names of secrets, in lower case and without separators.
const SECRET: [&str; 12] = [
    "pass",
    "pwd",
    "secret",
    "token",
    "credential",
    "apikey",
    "accesskey",
    "privatekey",
    "auth",
    "cookie",
    "connectionstring",
    "dsn",
];

/// The values that were hidden, numbered: so a difference of two templates shows that a value has changed, but not which values it had.
#[derive(Default)]
pub struct Hidden(HashMap<String, usize>);

impl Hidden {
    /// The template with the values replaced of variables and headers, and of arguments such as `--password=x` and `--password x`, whose
    /// names look secret, and of URLs with a password.
    pub fn hide(&mut self, mut template: Value) -> Value {
        self.hide_in("", &mut template);
        template
    }

    fn hide_in(&mut self, field: &str, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                let name = fields.get("name").and_then(Value::as_str);
                let is_named = name.is_some_and(looks_secret);
                for (key, value) in fields {
                    match value {
                        Value::String(text)
                            if key == "value" && (is_named || has_password(text)) =>
                        {
                            *text = self.substitute(text);
                        }
                        value => self.hide_in(key, value),
                    }
                }
            }
            Value::Array(items) if ["args", "command"].contains(&field) => {
                self.hide_arguments(items)
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide_in("", item)),
            _ => {}
        }
    }

    fn hide_arguments(&mut self, arguments: &mut [Value]) {
        let mut is_value = false;
        for argument in arguments {
            let Value::String(text) = argument else {
                continue;
            };
            let option = text.split_once('=');
            if let Some((name, value)) = option.filter(|(name, _)| looks_secret(name)) {
                *text = format!("{name}={}", self.substitute(value));
                is_value = false;
            } else if has_password(text) || (is_value && !text.starts_with('-')) {
                *text = self.substitute(text);
                is_value = false;
            } else {
                is_value = text.starts_with('-') && !text.contains('=') && looks_secret(text);
            }
        }
    }

    fn substitute(&mut self, value: &str) -> String {
        let next = self.0.len() + 1;
        let number = self.0.entry(value.to_owned()).or_insert(next);
        format!("<hidden {number}>")
    }
}

/// Rather too many than too few: what is hidden can still be read with kubectl.
fn looks_secret(name: &str) -> bool {
    let name: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    name.ends_with("key") || SECRET.iter().any(|part| name.contains(part))
}

/// Whether it contains a URL such as `postgres://user:password@host`.
fn has_password(text: &str) -> bool {
    let mut after = text.split("://").skip(1);
    after.any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ', '"', '\'']).next();
        let user = authority.and_then(|authority| authority.rsplit_once('@'));
        user.is_some_and(|(user, _)| user.contains(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_that_look_secret_are_numbered_and_no_others_are_touched() {
        let template = |password: &str| {
            json!({ "spec": {
                "containers": [{
                    "name": "token-service", "image": "token-service:1",
                    "env": [
                        { "name": "DB_PASSWORD", "value": password },
                        { "name": "LOG_LEVEL", "value": "debug" },
                        { "name": "S3_ACCESS_KEY", "value": "a" },
                        { "name": "URL", "value": "amqp://me:pw@mq:5672/v" },
                        { "name": "PLAIN_URL", "value": "https://me@example.com/a:b@c" },
                        { "name": "TOKEN", "valueFrom": { "secretKeyRef": { "name": "s", "key": "k" } } },
                    ],
                    "args": ["--api-token=abc", "--level=info", "--password", "hunter2", "serve", "--dsn", "--x"],
                    "livenessProbe": { "httpGet": { "path": "/", "httpHeaders": [{ "name": "Authorization", "value": "Basic x" }] } },
                }],
            } })
        };
        let mut hidden = Hidden::default();
        let one = hidden.hide(template("first"));
        let container = &one["spec"]["containers"][0];
        let mut expected = template("<hidden 1>");
        let changed = &mut expected["spec"]["containers"][0];
        changed["env"][2]["value"] = container["env"][2]["value"].clone();
        changed["env"][3]["value"] = container["env"][3]["value"].clone();
        changed["env"][0]["value"] = container["env"][0]["value"].clone();
        changed["args"][0] = json!(format!("--api-token={}", hidden.substitute("abc")));
        changed["args"][3] = json!(hidden.substitute("hunter2"));
        changed["livenessProbe"]["httpGet"]["httpHeaders"][0]["value"] =
            json!(hidden.substitute("Basic x"));
        assert_eq!(one, expected);
        let text = one.to_string();
        for secret in ["first", "me:pw", "abc", "hunter2", "Basic x"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        assert_eq!(container["env"][2]["value"], json!(hidden.substitute("a")));

        // The same value has the same number, another one another.
        assert_eq!(hidden.hide(template("first")), one);
        let other = hidden.hide(template("second"));
        assert_ne!(other, one);
        assert!(!other.to_string().contains("second"));
    }

    #[test]
    fn names_are_recognised_however_they_are_written() {
        for name in [
            "dbPassword",
            "PGPASSWORD",
            "db.pass",
            "API-KEY",
            "api_key",
            "--auth-token",
            "STRIPE_KEY",
            "SENTRY_DSN",
        ] {
            assert!(looks_secret(name), "{name}");
        }
        for name in ["LOG_LEVEL", "PORT", "KEYS", "--listen", ""] {
            assert!(!looks_secret(name), "{name}");
        }
    }
}
