//! The two formats of a user name and a password, parsed strictly.

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde::de::value::{Error, MapDeserializer};
use utoipa::ToSchema;

use crate::extract::{self, is_json};
use crate::sign_in::Credentials;
use diagnostics::{Problem, ProblemCode};
use identity::password::{MAX_BYTES, Password};

/// What a program sends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonCredentials {
    username: String,
    #[schema(value_type = String, format = Password)]
    password: Password,
}

/// What an OAuth2 client sends (RFC 6749, 4.3), such as the page at `/docs`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordForm {
    /// `password`, if present.
    #[serde(default)]
    #[schema(pattern = "^(password)?$")]
    grant_type: String,
    username: String,
    #[schema(value_type = String, format = Password)]
    password: Password,
    /// Not used: the grants decide what a user may do.
    #[serde(default, rename = "scope")]
    #[schema(value_type = Option<String>)]
    _scope: IgnoredAny,
    /// Not used.
    #[serde(default, rename = "client_id")]
    #[schema(value_type = Option<String>)]
    _client_id: IgnoredAny,
    /// Not used.
    #[serde(default, rename = "client_secret")]
    #[schema(value_type = Option<String>)]
    _client_secret: IgnoredAny,
}

pub(super) async fn read(request: Request) -> Result<Credentials, Problem> {
    let credentials = if is_json(request.headers()) {
        let json: JsonCredentials = extract::json_body(request).await?;
        Credentials {
            username: json.username,
            password: json.password,
        }
    } else if is_form(request.headers()) {
        from_form(&extract::body(request).await?)?
    } else {
        return Err(Problem::new(
            ProblemCode::MediaTypeUnsupported,
            "send application/json with username and password, or an OAuth2 password form",
        ));
    };
    if credentials.password.expose().len() > MAX_BYTES {
        let detail = format!("the password has more than {MAX_BYTES} bytes");
        return Err(Problem::new(ProblemCode::InvalidValue, detail).field("password"));
    }
    Ok(credentials)
}

fn is_form(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    let value = value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn from_form(body: &[u8]) -> Result<Credentials, Problem> {
    let pairs = MapDeserializer::<_, Error>::new(form_urlencoded::parse(body));
    let form = PasswordForm::deserialize(pairs).map_err(|error| {
        // "missing field `username`": the library names the field only in its message.
        let detail = error.to_string();
        let field = detail.split('`').nth(1).map(str::to_owned);
        let problem = Problem::new(ProblemCode::InvalidRequest, detail);
        field.into_iter().fold(problem, Problem::field)
    })?;
    if !matches!(form.grant_type.as_str(), "" | "password") {
        let detail = "the grant_type can only be \"password\"";
        return Err(Problem::new(ProblemCode::InvalidValue, detail).field("grant_type"));
    }
    Ok(Credentials {
        username: form.username,
        password: form.password,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> Problem {
        from_form(body.as_bytes()).expect_err("a mistake in it")
    }

    #[test]
    fn a_form_is_read_with_and_without_what_oauth2_adds() {
        for body in [
            "username=ana&password=a%26b+c",
            "grant_type=password&username=ana&password=a%26b+c&scope=&client_id=x&client_secret=y",
        ] {
            let credentials = from_form(body.as_bytes()).unwrap();
            assert_eq!(credentials.username, "ana");
            assert_eq!(credentials.password.expose(), "a&b c");
        }
    }

    #[test]
    fn a_wrong_form_is_refused_by_the_name_of_its_field() {
        for (body, field) in [
            ("", "username"),
            ("username=ana", "password"),
            ("username=ana&username=bob&password=x", "username"),
            ("username=ana&password=x&password=y", "password"),
            ("username=ana&password=x&admin=true", "admin"),
            ("grant_type=implicit&username=ana&password=x", "grant_type"),
        ] {
            assert_eq!(refused(body).field.as_deref(), Some(field), "{body}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let credentials = from_form(b"username=ana&password=canary-7").unwrap();
        assert!(!format!("{credentials:?}").contains("canary"));
    }
}
