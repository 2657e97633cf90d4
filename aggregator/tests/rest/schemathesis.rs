//! The OpenAPI document and the server agree: valid requests are accepted, invalid ones refused, and responses match.

use std::path::Path;
use std::process::Output;

use tokio::process::Command;
use xtask::{required, schemathesis};

use crate::stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn the_document_says_what_is_taken_and_answered() {
    let found = schemathesis::find().expect("the cache can be read");
    let Some(command) = required::or_skip(found, "Schemathesis") else {
        return;
    };
    let stack = Stack::start(2).await;
    let token = stack.service.token("admin").await;
    let address = stack.service.listen().await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let settings = root.join("tests/rest/schemathesis");
    let run = Command::from(command)
        .current_dir(stack.dir.path())
        .arg("--config-file")
        .arg(settings.join("schemathesis.toml"))
        .args(["run", "--no-color"])
        .args(["--url", &format!("http://{address}")])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .arg(root.join("openapi.json"))
        .env("SCHEMATHESIS_HOOKS", settings.join("checks.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .kill_on_drop(true)
        .output();
    let Output { status, stdout, .. } = run.await.expect("Python runs");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stdout));
}
