//! Known answers: the content of tokens.

use super::*;

/// Fixed keys and a fixed time give exactly these tokens, whatever changes internally. (The fleet's account is left out: its text
/// changes with each permission.)
#[test]
fn tokens_are_known() {
    let bus = fixed();
    let known = include_str!("known.txt");
    let holder = UserKey::from(&Key::fixed(Kind::User, 9));
    let cluster: ClusterName = "cluster-a".parse().unwrap();
    let minted = [
        bus.operator_token(time()),
        system_token(&bus),
        bus.aggregator().agent(&cluster, &holder, (time(), later())),
    ];
    let minted: String = minted
        .iter()
        .map(|token| format!("{}\n", token.as_str()))
        .collect();
    assert_eq!(
        minted,
        known,
        "decoded: {:#?}",
        minted.lines().map(claims).collect::<Vec<_>>()
    );
}

#[test]
fn a_user_says_its_name_and_nothing_about_permissions() {
    let bus = fixed();
    let holder = UserKey::from(&Key::fixed(Kind::User, 9));
    let cluster: ClusterName = "cluster-a".parse().unwrap();
    let token = bus.aggregator().agent(&cluster, &holder, (time(), later()));
    let claims = claims(token.as_str());
    assert_eq!(claims["name"], "cluster-a");
    assert_eq!(claims["exp"], later().as_second());
    assert_eq!(claims["sub"], holder.as_str());
    assert_eq!(claims["iss"], bus.identity.agent_scope.as_str());
    assert_eq!(bus.identity.agent_in(token.as_str()), Some(cluster));
    let system = system_token(&bus);
    assert_eq!(bus.identity.agent_in(system.as_str()), None);
    let nats = serde_json::json!({
        "issuer_account": bus.identity.fleet, "type": "user", "version": 2,
    });
    assert_eq!(
        claims["nats"], nats,
        "the server refuses users under a scope that say more"
    );
}

/// `AggregatorKeys::agent` takes a `ClusterName`, so no token can be minted for an invalid name.
#[test]
fn a_user_named_like_a_wildcard_cannot_be_minted() {
    for name in [
        "*",
        ">",
        "a.b",
        "a.*",
        "",
        "A",
        "a b",
        "{{name()}}",
        &"a".repeat(64),
    ] {
        assert!(name.parse::<ClusterName>().is_err(), "{name:?}");
    }
    for name in ["*", ">", "a.b", "", "a b", "_INBOX.>", "é", &"a".repeat(65)] {
        assert!(name.parse::<crate::Label>().is_err(), "{name:?}");
    }
    for name in [
        "*",
        "a.b",
        "",
        "aggregator",
        "Aggregator",
        "agent",
        "system",
    ] {
        assert!(name.parse::<crate::CredentialName>().is_err(), "{name:?}");
    }
    let ana: crate::CredentialName = "ana".parse().unwrap();
    assert_eq!(ana.inbox_prefix(), "_INBOX.ana");
    assert_eq!(Permit::verb("*"), None);
    assert_eq!(Permit::verb("restart"), Some("restart"));
}

#[test]
fn a_revocation_makes_a_younger_token_and_keeps_what_others_have_put_there() {
    let bus = fixed();
    let account = FleetAccount::first(&bus.identity, &bus.operator_signing, time());
    let key = UserKey::from(&Key::fixed(Kind::User, 9));
    let revoked = [(key.clone(), later())].into();
    let signed_by = &bus.operator_signing;
    let change = |account: &FleetAccount, revoked: &crate::Revocations| {
        account.changed(&bus.identity, revoked, signed_by, time())
    };
    assert!(
        change(&account, &crate::Revocations::new()).is_none(),
        "nothing to change"
    );
    let changed = change(&account, &revoked).unwrap();
    assert!(changed.has_revoked(&key));
    assert!(change(&changed, &revoked).is_none(), "it is so already");
    let iat = |account: &FleetAccount| claims(account.token().as_str())["iat"].as_i64().unwrap();
    assert!(
        iat(&changed) > iat(&account),
        "the server takes the younger one"
    );
    let again = FleetAccount::parse(changed.token().as_str(), &bus.identity).unwrap();
    assert!(again.has_revoked(&key));
}

#[test]
fn who_is_revoked_until_a_time_that_is_over_leaves_the_list_and_nobody_else_does() {
    let bus = fixed();
    let user = |byte| UserKey::from(&Key::fixed(Kind::User, byte));
    let much_later = later() + SignedDuration::from_hours(1);
    let revoked = crate::Revocations::from([(user(1), later()), (user(2), much_later)]);
    let change = |account: &FleetAccount, revoked: &crate::Revocations, now| {
        account.changed(&bus.identity, revoked, &bus.operator_signing, now)
    };
    let first = FleetAccount::first(&bus.identity, &bus.operator_signing, time());
    let both = change(&first, &revoked, time()).unwrap();
    assert_eq!(both.revocations(), 2);
    let one = change(&both, &revoked, later()).unwrap();
    assert!(!one.has_revoked(&user(1)) && one.has_revoked(&user(2)));
    assert!(change(&one, &revoked, later()).is_none(), "nothing is left");
    let system = crate::system_account(&bus.identity, &revoked, &bus.operator_signing, later());
    let system = claims(system.as_str());
    let system = system["nats"]["revocations"].as_object().unwrap();
    assert_eq!(system.keys().collect::<Vec<_>>(), [user(2).as_str()]);
    // Its expiry is not recorded: a backup was restored, or somebody else has revoked it.
    assert!(change(&one, &crate::Revocations::new(), much_later).is_none());
}

#[test]
fn a_credential_takes_a_newer_token_of_its_own_and_no_other() {
    let bus = fixed();
    let (a, b) = ("cluster-a".parse().unwrap(), "cluster-b".parse().unwrap());
    let (_, text) = bus.aggregator().agent_credentials(&a, (time(), later()));
    let credentials = Credentials::parse(text.expose(), None).unwrap();
    assert_eq!(credentials.issued_at(), time());
    let holder = credentials.user();
    let much_later = later() + SignedDuration::from_hours(1);
    let times = (later(), much_later);
    let newer = bus.aggregator().agent(&a, &holder, times);
    let renewed = credentials.renewed(newer.as_str()).unwrap();
    assert_eq!(renewed.expires_at(), Some(much_later));
    assert_eq!(renewed.user(), holder);

    let other = UserKey::from(&Key::fixed(Kind::User, 9));
    let mut forger = bus.aggregator();
    forger.agent_scope = Key::fixed(Kind::Account, 77);
    for foreign in [
        bus.aggregator().agent(&b, &holder, times),
        bus.aggregator().agent(&a, &other, times),
        forger.agent(&a, &holder, times),
    ] {
        let refused = credentials.renewed(foreign.as_str()).unwrap_err();
        assert!(
            matches!(refused, CredentialsError::OtherHolder),
            "{refused}"
        );
    }
    assert!(credentials.renewed("eyJ").is_err());
}

/// Re-signing retains the content: somebody else's signing keys would be trusted.
#[test]
fn an_account_token_that_this_operator_has_not_signed_is_refused() {
    let bus = fixed();
    let stranger = Key::fixed(Kind::Operator, 9);
    let forged = FleetAccount::first(&bus.identity, &stranger, time());
    for text in [forged.token().as_str(), system_token(&bus).as_str()] {
        let parsed = FleetAccount::parse(text, &bus.identity);
        assert!(matches!(parsed, Err(crate::JwtError::OfAnotherBus)));
    }
}
