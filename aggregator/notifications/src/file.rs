//! The file of webhooks, `--notifications`. It is read once, at the start, and refused as a whole with the field that is wrong.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use bus_schema::{Pattern, RunState};
use reqwest::Url;
use serde::Deserialize;

use crate::address::Reach;
use crate::signature::SigningKeys;
use crate::webhook::{Format, Webhook};

/// The most webhooks: each is a task, and a label of the metrics.
const MOST: usize = 32;

/// The longest name.
const NAME_BYTES: usize = 40;

/// The states that need a person, and those in which a run has ended.
const DEFAULT_STATES: [RunState; 6] = [
    RunState::PendingApproval,
    RunState::Paused,
    RunState::Failed,
    RunState::Aborted,
    RunState::Expired,
    RunState::Succeeded,
];

/// The file cannot be used. Never shows a secret.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A field of it is wrong.
    #[error("{path}: {field}: {what}")]
    Invalid {
        /// The file.
        path: String,
        /// The field, such as `webhooks[0].url`.
        field: String,
        /// What is wrong with it.
        what: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    webhooks: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    format: FormatName,
    url: Option<String>,
    url_file: Option<PathBuf>,
    secret_file: Option<PathBuf>,
    states: Option<Vec<RunState>>,
    clusters: Option<Vec<Pattern>>,
    #[serde(default)]
    allow_private: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FormatName {
    Standard,
    Slack,
}

/// What is wrong with a field of an entry.
type Wrong = (&'static str, String);

/// Reads the file, and the files of secrets that it names; a relative path is relative to the file's own directory.
///
/// # Errors
/// See [`FileError`].
pub fn read(path: &Path) -> Result<Vec<Webhook>, FileError> {
    let shown = || path.display().to_string();
    let text = text_input::read(path).map_err(|source| FileError::Unreadable {
        path: shown(),
        source,
    })?;
    let invalid = |field: String, what: String| FileError::Invalid {
        path: shown(),
        field,
        what,
    };
    let mut json = serde_json::Deserializer::from_str(&text);
    let document: Document = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| invalid(error.path().to_string(), error.inner().to_string()))?;
    json.end()
        .map_err(|error| invalid(".".to_owned(), error.to_string()))?;
    let dir = path.parent().unwrap_or(Path::new(""));
    let (mut webhooks, mut names) = (Vec::new(), BTreeSet::new());
    for (number, entry) in document.webhooks.into_iter().enumerate() {
        let at = |field: &str| format!("webhooks[{number}].{field}");
        let webhook = entry.check(dir);
        let webhook = webhook.map_err(|(field, what)| invalid(at(field), what))?;
        if !names.insert(webhook.name.clone()) {
            let what = format!("there is another webhook {}", webhook.name);
            return Err(invalid(at("name"), what));
        }
        webhooks.push(webhook);
    }
    match webhooks.len() <= MOST {
        true => Ok(webhooks),
        false => Err(invalid(
            "webhooks".to_owned(),
            format!("at most {MOST} webhooks"),
        )),
    }
}

impl Entry {
    fn check(self, dir: &Path) -> Result<Webhook, Wrong> {
        let legal = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if !(1..=NAME_BYTES).contains(&self.name.len()) || !self.name.bytes().all(legal) {
            let what = format!("use 1 to {NAME_BYTES} of a-z, 0-9 and -");
            return Err(("name", what));
        }
        let reach = match self.allow_private {
            true => Reach::Private,
            false => Reach::Public,
        };
        let url = self.url(dir, reach)?;
        let states = self.states.unwrap_or_else(|| DEFAULT_STATES.to_vec());
        if states.is_empty() {
            return Err(("states", "name at least one state".to_owned()));
        }
        if self.clusters.as_ref().is_some_and(Vec::is_empty) {
            let what = "name at least one pattern, or leave it out for all clusters";
            return Err(("clusters", what.to_owned()));
        }
        let format = match (self.format, &self.secret_file) {
            (FormatName::Slack, None) => Format::Slack,
            (FormatName::Standard, Some(file)) => Format::Standard(keys(&dir.join(file))?),
            (FormatName::Slack, Some(_)) => {
                let what = "the format slack has no signature; its URL is the secret";
                return Err(("secret_file", what.to_owned()));
            }
            (FormatName::Standard, None) => {
                let what =
                    "the format standard needs the file of a secret, which signs its messages";
                return Err(("secret_file", what.to_owned()));
            }
        };
        Ok(Webhook {
            name: self.name,
            format,
            states,
            clusters: self.clusters,
            url,
            reach,
        })
    }

    /// The URL, from either field.
    fn url(&self, dir: &Path, reach: Reach) -> Result<Url, Wrong> {
        let (field, text) = match (&self.url, &self.url_file) {
            (Some(url), None) => ("url", url.clone()),
            (None, Some(file)) => ("url_file", secret(&dir.join(file), "url_file")?),
            _ => return Err(("url", "write either url or url_file".to_owned())),
        };
        let wrong = |what: &str| (field, what.to_owned());
        let url = Url::parse(text.trim());
        // Its error might show the URL.
        let url = url.map_err(|_| wrong("not a URL; write it like https://hooks.example/mca"))?;
        match (url.scheme(), reach) {
            ("https", _) | ("http", Reach::Private) => {}
            ("http", Reach::Public) => {
                let what =
                    "not https; http is only for receivers in your own network, with allow_private";
                return Err(wrong(what));
            }
            _ => return Err(wrong("not https")),
        }
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = host.parse::<IpAddr>() {
            reach
                .check(address)
                .map_err(|refused| (field, refused.to_string()))?;
        }
        Ok(url)
    }
}

fn keys(file: &Path) -> Result<SigningKeys, Wrong> {
    let field = "secret_file";
    SigningKeys::parse(&secret(file, field)?)
        .map_err(|error| (field, format!("{}: {error}", file.display())))
}

fn secret(file: &Path, field: &'static str) -> Result<String, Wrong> {
    let text = text_input::read(file);
    text.map_err(|error| (field, format!("{} cannot be read: {error}", file.display())))
}

#[cfg(test)]
mod tests;
