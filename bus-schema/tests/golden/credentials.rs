use bus_schema::{CredentialRenewal, RenewCredential};

use crate::{golden, name};

#[test]
fn renewals() {
    golden(
        "renewal.request",
        &RenewCredential {
            instance: "1c2b".to_owned().try_into().expect("an id"),
            public_key: name("UAXJ5Q2GF4NSQ2OTF5QWF5CCJ6DGTIZYLQFPJVSFMEBTD7XQZSZEGSPE"),
        },
    );
    golden(
        "renewal.renewed",
        &CredentialRenewal::Renewed {
            token: "eyJ0eXAiOiJKV1QifQ.e30.c2ln".to_owned(),
        },
    );
    golden(
        "renewal.refused",
        &CredentialRenewal::Refused {
            message: "cluster-a has no such credential".to_owned(),
        },
    );
}

#[test]
fn an_outcome_of_a_newer_version_is_the_catch_all() {
    let newer = serde_json::json!({ "outcome": "postponed", "until": 1 });
    let read: CredentialRenewal = serde_json::from_value(newer).expect("it is read");
    assert_eq!(read, CredentialRenewal::Other);
}
