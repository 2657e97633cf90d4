use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::Grants;
use crate::password::{Password, Passwords};

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$XV1dXV1dXV1dXV1dXV1dXQ$1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dU";

/// How soon a change must be in force (a revocation ends streams within this).
const IN_FORCE_WITHIN: Duration = Duration::from_secs(5);

fn file_with(names: &[&str]) -> String {
    let users: serde_json::Map<_, _> = names
        .iter()
        .map(|name| {
            let user = serde_json::json!({"password_hash": HASH, "grants": []});
            ((*name).to_owned(), user)
        })
        .collect();
    serde_json::json!({ "users": users }).to_string()
}

async fn opened(dir: &TempDir, text: &str) -> (Users, PathBuf, Conditions) {
    let path = dir.path().join("users.json");
    std::fs::write(&path, text).expect("a writable directory");
    let conditions = Conditions::default();
    let users = Users::open(path.clone(), conditions.clone())
        .await
        .expect("a good file");
    (users, path, conditions)
}

/// Waits, on the paused clock, until the people are these.
async fn become_these(users: &Users, names: &[&str]) {
    let mut changes = users.subscribe();
    let there = changes.wait_for(|directory| directory.users.keys().eq(names.iter()));
    let in_time = tokio::time::timeout(IN_FORCE_WITHIN, there).await;
    in_time.expect("in force in time").expect("still followed");
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_file_is_in_force_within_five_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let (users, path, _) = opened(&dir, &file_with(&["ana"])).await;
    assert!(users.current().find("ana").is_some());
    // As long as before, and perhaps within the same tick of the file system's clock.
    std::fs::write(&path, file_with(&["bob"])).unwrap();
    become_these(&users, &["bob"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_mount_whose_links_are_swapped_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    for (version, name) in [("v1", "ana"), ("v2", "bob")] {
        std::fs::create_dir(dir.path().join(version)).unwrap();
        std::fs::write(
            dir.path().join(version).join("users.json"),
            file_with(&[name]),
        )
        .unwrap();
    }
    let data = dir.path().join("..data");
    symlink("v1", &data).unwrap();
    symlink("..data/users.json", dir.path().join("users.json")).unwrap();
    let users = Users::open(dir.path().join("users.json"), Conditions::default())
        .await
        .unwrap();
    assert!(users.current().find("ana").is_some());
    symlink("v2", dir.path().join("..new")).unwrap();
    std::fs::rename(dir.path().join("..new"), &data).unwrap();
    become_these(&users, &["bob"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_wrong_or_missing_file_changes_nothing_until_it_is_right_again() {
    let dir = tempfile::tempdir().unwrap();
    let (users, path, conditions) = opened(&dir, &file_with(&["ana"])).await;
    for wrong in [
        Some("{\"users\": {}, \"user\": 1}"),
        Some(""),
        None,
        Some("\0\u{1}"),
    ] {
        match wrong {
            Some(text) => std::fs::write(&path, text).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let mut changes = users.subscribe();
        changes.mark_unchanged();
        let changed = tokio::time::timeout(IN_FORCE_WITHIN, changes.changed()).await;
        assert!(changed.is_err(), "{wrong:?} was published");
        assert!(users.current().find("ana").is_some());
        let raised = conditions.list();
        assert_eq!(raised.len(), 1, "{wrong:?}");
        assert!(raised[0].message.contains("users.json"), "{raised:?}");
    }
    std::fs::write(&path, file_with(&["bob", "cid"])).unwrap();
    become_these(&users, &["bob", "cid"]).await;
    assert_eq!(conditions.list(), []);
}

#[tokio::test]
async fn a_wrong_file_at_the_start_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users.json");
    std::fs::write(&path, "{\n\"users\": 7}").unwrap();
    let error = Users::open(path, Conditions::default())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("users.json: line 2, column "), "{error}");
}

#[tokio::test]
async fn a_file_from_windows_is_read_or_refused_by_what_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users.json");
    let text = file_with(&["ana", "Rene\u{301}"]).replace('{', "{\r\n");
    std::fs::write(&path, format!("\u{feff}{text}")).unwrap();
    let users = Users::open(path.clone(), Conditions::default())
        .await
        .expect("a byte order mark and CRLF are usual");
    assert!(users.current().find("ana").is_some());
    assert!(users.current().find("Ren\u{e9}").is_some());

    let utf16 = text.encode_utf16().flat_map(u16::to_le_bytes);
    for (bytes, expected) in [
        (utf16.collect::<Vec<u8>>(), "UTF-16"),
        (format!("\u{200b}{text}").into_bytes(), "U+200B"),
        (text.replace("ana", "ana\u{feff}").into_bytes(), "U+FEFF"),
        (text.replace("ana", "ana ").into_bytes(), "U+0020 (space)"),
        (
            text.replace("ana", "Ren\u{e9}").into_bytes(),
            "appears twice",
        ),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let refused = Users::open(path.clone(), Conditions::default()).await;
        let refused = with_causes(&refused.expect_err(expected));
        assert!(refused.contains(expected), "{refused}");
    }
}

/// The error with its causes, as the log shows it.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(|error| format!("{error}: ")).collect()
}

#[tokio::test]
async fn a_first_start_makes_an_administrator_and_shows_the_password_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users.json");
    let mut shown = Vec::new();
    let users = Users::open_announcing(path.clone(), Conditions::default(), &mut shown)
        .await
        .unwrap();

    let shown = String::from_utf8(shown).unwrap();
    let mut words = shown
        .split_whitespace()
        .skip_while(|word| *word != "password");
    let password = words.nth(1).unwrap().to_owned();
    let admin = users.current().find("admin").unwrap();
    let typed = Password::from(password.clone());
    let passwords = Passwords::default();
    let right = passwords.verify(typed, admin.password_hash.clone()).await;
    assert!(right.unwrap());
    let grants = Grants::new(Arc::clone(&admin.grants), Arc::default());
    assert!(grants.everywhere(bus_schema::Right::Enroll));

    assert!(!std::fs::read_to_string(&path).unwrap().contains(&password));
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let files = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(files, 1, "a draft was left behind");

    let mut again = Vec::new();
    Users::open_announcing(path, Conditions::default(), &mut again)
        .await
        .unwrap();
    assert!(again.is_empty());
}

#[tokio::test]
async fn every_first_start_makes_another_password() {
    let mut passwords = Vec::new();
    for _ in 0..2 {
        let dir = tempfile::tempdir().unwrap();
        let mut shown = Vec::new();
        let path = dir.path().join("users.json");
        Users::open_announcing(path, Conditions::default(), &mut shown)
            .await
            .unwrap();
        let shown = String::from_utf8(shown).unwrap();
        let mut words = shown
            .split_whitespace()
            .skip_while(|word| *word != "password");
        passwords.push(words.nth(1).unwrap().to_owned());
    }
    assert_ne!(passwords[0], passwords[1]);
}

#[tokio::test]
async fn a_first_start_makes_no_directories_and_fills_no_dangling_link() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("missing").join("users.json");
    let error = Users::open(nowhere, Conditions::default())
        .await
        .unwrap_err();
    assert!(matches!(error, UsersError::NotMade { .. }), "{error}");

    let link = dir.path().join("users.json");
    symlink("elsewhere.json", &link).unwrap();
    let error = Users::open(link, Conditions::default()).await.unwrap_err();
    assert!(matches!(error, UsersError::NotRead { .. }), "{error}");
}
