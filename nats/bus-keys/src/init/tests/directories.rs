//! The files on disk, and what is refused there.

use super::*;
use crate::Member;

#[test]
fn a_new_bus_is_private_and_opens_again() {
    let dir = TempDir::new().unwrap();
    let keys = dir.path().join("keys");
    let bus = init(&keys, &settings(&dir), time()).unwrap();
    for (path, mode) in tree(&keys) {
        let expected = if Path::new(&path).is_dir() {
            0o700
        } else {
            0o600
        };
        assert_eq!(mode, expected, "{path}");
    }
    let aggregator = AggregatorKeys::open(&keys.join("aggregator")).unwrap();
    assert_eq!(aggregator.identity, bus.identity);
    assert!(PeopleKeys::open(&keys.join("operator")).is_ok());
    for file in ["aggregator.creds", "system.creds"] {
        let text = fs::read_to_string(keys.join("aggregator").join(file)).unwrap();
        assert_eq!(
            Credentials::parse(&text, None).unwrap().name(),
            "aggregator"
        );
    }
    let server = fs::read_to_string(keys.join("server/bus.conf")).unwrap();
    for (path, _) in tree(&keys).iter().filter(|(path, _)| path.ends_with(".nk")) {
        let seed = fs::read_to_string(path).unwrap();
        assert!(
            !server.contains(seed.trim()),
            "the server gets no private key"
        );
        assert!(!format!("{bus:?} {aggregator:?}").contains(seed.trim()));
    }
}

#[test]
fn a_bus_is_never_made_over_another_nor_over_half_of_one() {
    let dir = TempDir::new().unwrap();
    let keys = dir.path().join("keys");
    init(&keys, &settings(&dir), time()).unwrap();
    let before = fs::read(keys.join("operator/operator.nk")).unwrap();
    let refused = init(&keys, &settings(&dir), time()).unwrap_err();
    assert!(
        matches!(refused, DirectoryError::Complete { .. }),
        "{refused}"
    );
    fs::remove_file(keys.join("aggregator/system.creds")).unwrap();
    fs::remove_file(keys.join("operator/cli-scope.nk")).unwrap();
    let refused = init(&keys, &settings(&dir), time()).unwrap_err();
    let DirectoryError::Incomplete { missing, .. } = &refused else {
        panic!("{refused}");
    };
    assert_eq!(missing, "operator/cli-scope.nk, aggregator/system.creds");
    let opened = AggregatorKeys::open(&keys.join("aggregator")).unwrap_err();
    assert!(
        opened.to_string().contains("lacks system.creds"),
        "{opened}"
    );
    assert_eq!(fs::read(keys.join("operator/operator.nk")).unwrap(), before);
}

#[test]
fn a_key_of_another_bus_is_noticed() {
    let dir = TempDir::new().unwrap();
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    init(&one, &settings(&dir), time()).unwrap();
    init(&other, &settings(&dir), time()).unwrap();
    let key = "aggregator/agent-scope.nk";
    fs::copy(other.join(key), one.join(key)).unwrap();
    let refused = AggregatorKeys::open(&one.join("aggregator")).unwrap_err();
    assert!(
        matches!(refused, DirectoryError::OfAnotherBus { .. }),
        "{refused}"
    );
}

#[test]
fn credentials_say_what_is_wrong_with_them() {
    let bus = fixed();
    let cluster: ClusterName = "cluster-a".parse().unwrap();
    let (user, text) = bus
        .aggregator()
        .agent_credentials(&cluster, (time(), later()));
    let good = Credentials::parse(text.expose(), None).unwrap();
    assert_eq!((good.user(), good.name()), (user, "cluster-a"));
    assert!(good.are_for(&cluster) && !good.are_for(&"cluster-b".parse().unwrap()));

    let alone = good.token().as_str();
    let missing = Credentials::parse(alone, None).unwrap_err().to_string();
    assert_eq!(missing, "there is no private key in it");
    let other = Key::generate(Kind::User).seed();
    let refused = Credentials::parse(alone, Some(other.expose())).unwrap_err();
    assert!(
        refused.to_string().contains("does not match its token"),
        "{refused}"
    );
    assert!(!format!("{good:?}").contains("-----"), "{good:?}");
    let cut = &text.expose()[..text.expose().len() / 2];
    assert!(Credentials::parse(cut, None).is_err());
    assert!(Credentials::parse("", None).is_err());
}

#[test]
fn the_aggregators_credentials_are_made_anew_and_nothing_else_is_touched() {
    let dir = TempDir::new().unwrap();
    let bus = dir.path().join("bus");
    init(&bus, &settings(&dir), time()).unwrap();
    let (operator, aggregator) = (bus.join("operator"), bus.join("aggregator"));
    let users = || {
        ["aggregator.creds", "system.creds"].map(|file| user_of(&aggregator.join(file)).unwrap())
    };
    let before = users();
    let old = renew_aggregator(&operator, &aggregator, time()).unwrap();
    assert_eq!(old, before);
    let renewed = users();
    assert!(before.iter().all(|user| !renewed.contains(user)));
    let mode = fs::metadata(aggregator.join("aggregator.creds"))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    AggregatorKeys::open(&aggregator).unwrap();
    // They may be with `aggregator sign` instead.
    for key in ["operator-signing.nk", "agent-scope.nk"] {
        fs::remove_file(aggregator.join(key)).unwrap();
    }
    renew_aggregator(&operator, &aggregator, time()).unwrap();
    let after = users();

    let other = dir.path().join("other");
    init(&other, &settings(&dir), time()).unwrap();
    let refused = renew_aggregator(&other.join("operator"), &aggregator, time()).unwrap_err();
    assert!(
        matches!(refused, DirectoryError::OfTwoBuses { .. }),
        "{refused}"
    );
    fs::remove_file(operator.join("system-scope.nk")).unwrap();
    let refused = renew_aggregator(&operator, &aggregator, time()).unwrap_err();
    assert!(refused.to_string().contains("system-scope.nk"), "{refused}");
    assert_eq!(users(), after, "all or nothing");
}

fn three(dir: &TempDir) -> ServerSettings {
    let members = ["n1=nats-1:6222", "n2=nats-2:6222", "n3=10.0.0.3:6222"];
    ServerSettings {
        members: members.map(|member| member.parse().unwrap()).to_vec(),
        ..settings(dir)
    }
}

#[test]
fn each_of_several_servers_has_a_private_directory_and_no_key_of_the_bus() {
    let dir = TempDir::new().unwrap();
    let keys = dir.path().join("keys");
    init(&keys, &three(&dir), time()).unwrap();
    for (path, mode) in tree(&keys) {
        let expected = if Path::new(&path).is_dir() {
            0o700
        } else {
            0o600
        };
        assert_eq!(mode, expected, "{path}");
    }
    let read = |path: &str| fs::read_to_string(keys.join(path)).unwrap();
    let authority = read("operator/routes-ca.key");
    let mut shown = Vec::new();
    for name in ["n1", "n2", "n3"] {
        let files = tree(&keys.join("server").join(name));
        let text: String = files
            .iter()
            .map(|(path, _)| fs::read_to_string(path).unwrap())
            .collect();
        assert!(!text.contains(authority.trim()), "the authority's key");
        let seed = |word: &str| word.len() == 58 && word.starts_with('S');
        assert!(!text.split_whitespace().any(seed), "a seed");
        shown.push(read(&format!("server/{name}/routes.key")));
        assert!(text.contains(&format!("server_name: \"{name}\"")), "{text}");
        assert!(text.contains("verify: true"), "{text}");
    }
    shown.dedup();
    assert_eq!(shown.len(), 3, "each has a key of its own");
    let refused = init(&keys, &three(&dir), time()).unwrap_err();
    assert!(
        matches!(refused, DirectoryError::Complete { .. }),
        "{refused}"
    );
    fs::remove_file(keys.join("server/n2/bus.conf")).unwrap();
    let refused = init(&keys, &three(&dir), time()).unwrap_err();
    assert!(refused.to_string().contains("lacks server/n2/bus.conf"));
}

#[test]
fn settings_that_cannot_work_are_refused_with_their_flag() {
    let dir = TempDir::new().unwrap();
    let open: std::net::SocketAddr = ([0, 0, 0, 0], 443).into();
    let all = three(&dir).members;
    let twice = [&all[..2], &all[..1]].concat();
    let members = |members: &[Member]| ServerSettings {
        members: members.to_vec(),
        ..settings(&dir)
    };
    let websocket = |tls| ServerSettings {
        websocket: Some(open),
        tls,
        ..settings(&dir)
    };
    let check = |settings: ServerSettings| settings.check().map_err(|error| error.to_string());
    for settings in [members(&all[..1]), members(&all[..2]), members(&twice)] {
        let error = check(settings).unwrap_err();
        assert!(error.starts_with("--server: "), "{error}");
    }
    let error = check(websocket(None)).unwrap_err();
    assert!(error.starts_with("--websocket: "), "{error}");
    let files = ("a.crt".into(), "a.key".into());
    check(websocket(Some(files))).unwrap();
    check(members(&all)).unwrap();
    check(settings(&dir)).unwrap();
}
