use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn with(mut entry: Value, changed: Value) -> Value {
    let fields = changed.as_object().unwrap().clone();
    entry.as_object_mut().unwrap().extend(fields);
    entry
}

fn standard() -> Value {
    json!({ "name": "on-call", "format": "standard", "url": "https://hooks.example/mca", "secret_file": "secret" })
}

/// Reads a file with this text, beside files of secrets.
fn read_text(text: &str) -> Result<Vec<Webhook>, String> {
    let dir = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write("secret", &format!("{SECRET}\n"));
    write("chat", "https://hooks.chat.example/services/T0/B0/TOKEN\n");
    write("plain", "http://hooks.chat.example/services/T0/B0/TOKEN");
    write("not-a-secret", "hunter2hunter2hunter2hunter2");
    write("file.json", text);
    read(&dir.path().join("file.json")).map_err(|error| error.to_string())
}

fn read_entry(entry: &Value) -> Result<Webhook, String> {
    let read = read_text(&json!({ "webhooks": [entry] }).to_string());
    read.map(|mut webhooks| webhooks.remove(0))
}

#[test]
fn a_file_from_windows_is_read_or_refused_by_what_is_in_it() {
    let text = json!({ "webhooks": [standard()] }).to_string();
    let windows = format!("\u{feff}{}", text.replace('{', "{\r\n"));
    assert_eq!(read_text(&windows).map(|read| read.len()), Ok(1));

    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file.json");
    let utf16 = text.encode_utf16().flat_map(u16::to_le_bytes);
    for (bytes, expected) in [
        (utf16.collect::<Vec<u8>>(), "it is UTF-16"),
        (
            text.replacen('{', "{\u{200b}", 1).into_bytes(),
            "U+200B (zero width space)",
        ),
    ] {
        fs::write(&file, bytes).unwrap();
        let FileError::Unreadable { source, .. } = read(&file).unwrap_err() else {
            panic!("it is not a text");
        };
        assert!(source.to_string().contains(expected), "{source}");
    }
}

#[test]
fn both_formats_are_read_with_their_defaults() {
    let webhook = read_entry(&standard()).unwrap();
    assert_eq!((&*webhook.name, webhook.reach), ("on-call", Reach::Public));
    assert!(matches!(webhook.format, Format::Standard(_)));
    assert_eq!(webhook.states, DEFAULT_STATES);

    let chat = json!({ "name": "chat", "format": "slack", "url_file": "chat", "states": ["failed"],
        "clusters": ["prod-*"], "allow_private": true });
    let webhook = read_entry(&chat).unwrap();
    assert_eq!(webhook.url.path(), "/services/T0/B0/TOKEN");
    assert_eq!(
        (&webhook.states[..], webhook.reach),
        (&[RunState::Failed][..], Reach::Private)
    );
    assert!(!format!("{webhook:?}").contains("TOKEN"));
}

#[test]
fn an_error_names_the_field_and_shows_no_secret() {
    let chat = json!({ "name": "chat", "format": "slack", "url_file": "chat" });
    for (entry, changed, field) in [
        (standard(), json!({ "sates": ["failed"] }), "sates"),
        (
            standard(),
            json!({ "states": ["failed", "broken"] }),
            "states[1]",
        ),
        (standard(), json!({ "states": [] }), "states"),
        (standard(), json!({ "format": "carrier-pigeon" }), "format"),
        (standard(), json!({ "name": "On Call" }), "name"),
        (standard(), json!({ "name": "" }), "name"),
        (standard(), json!({ "clusters": ["PROD"] }), "clusters[0]"),
        (standard(), json!({ "clusters": [] }), "clusters"),
        (
            standard(),
            json!({ "secret_file": "missing" }),
            "secret_file",
        ),
        (
            standard(),
            json!({ "secret_file": "not-a-secret" }),
            "secret_file",
        ),
        (standard(), json!({ "secret_file": null }), "secret_file"),
        (standard(), json!({ "url": null }), "url"),
        (standard(), json!({ "url_file": "chat" }), "url"),
        (standard(), json!({ "url": "hooks.example" }), "url"),
        (standard(), json!({ "url": "ftp://hooks.example" }), "url"),
        (standard(), json!({ "url": "http://hooks.example" }), "url"),
        (standard(), json!({ "url": "https://127.0.0.1/x" }), "url"),
        (standard(), json!({ "url": "https://0x7f.1/x" }), "url"),
        (standard(), json!({ "url": "https://2130706433/x" }), "url"),
        (
            standard(),
            json!({ "url": "https://[::ffff:10.0.0.1]/x" }),
            "url",
        ),
        (
            standard(),
            json!({ "url": "https://169.254.169.254/x", "allow_private": true }),
            "url",
        ),
        (
            standard(),
            json!({ "allow_private": "yes" }),
            "allow_private",
        ),
        (
            chat.clone(),
            json!({ "secret_file": "secret" }),
            "secret_file",
        ),
        (chat.clone(), json!({ "url_file": "missing" }), "url_file"),
        (chat.clone(), json!({ "url_file": "plain" }), "url_file"),
    ] {
        let entry = with(entry, changed);
        let error = read_entry(&entry).unwrap_err();
        let named = format!("webhooks[0].{field}");
        assert!(
            error.contains(&named) || error.contains(&format!("unknown field `{field}`")),
            "{entry}: {error}"
        );
        for secret in ["TOKEN", "hunter2", &SECRET[6..]] {
            assert!(!error.contains(secret), "{error}");
        }
    }
}

#[test]
fn a_file_that_is_no_list_of_different_webhooks_is_refused() {
    let twice = json!({ "webhooks": [standard(), standard()] });
    let many: Vec<Value> = (0..33)
        .map(|number| with(standard(), json!({ "name": format!("w{number}") })))
        .collect();
    for (text, said) in [
        (String::new(), "EOF"),
        ("{".to_owned(), "EOF"),
        ("{}".to_owned(), "webhooks"),
        ("{\"webhooks\":[]} x".to_owned(), "trailing"),
        ("{\"webhooks\":[],\"more\":1}".to_owned(), "more"),
        (twice.to_string(), "webhooks[1].name"),
        (json!({ "webhooks": many }).to_string(), "at most 32"),
    ] {
        let error = read_text(&text).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
    assert_eq!(read_text("{\"webhooks\":[]}").unwrap().len(), 0);
    assert!(matches!(
        read(Path::new("/nowhere/file.json")),
        Err(FileError::Unreadable { .. })
    ));
}
