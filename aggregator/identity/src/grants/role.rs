//! Roles: named sets of rights.

use std::collections::BTreeSet;

use bus_schema::Right;

const VIEWER: &[Right] = &[Right::Read, Right::Logs];
const RESTARTER: &[Right] = &[Right::Read, Right::Logs, Right::Restart];
const OPERATOR: &[Right] = &[
    Right::Read,
    Right::Logs,
    Right::Restart,
    Right::Scale,
    Right::Pause,
    Right::Resume,
    Right::Undo,
    Right::Image,
];
const ADMIN: &[Right] = &[
    Right::Read,
    Right::Logs,
    Right::Restart,
    Right::Scale,
    Right::Pause,
    Right::Resume,
    Right::Undo,
    Right::Image,
    Right::Enroll,
    Right::Audit,
];

/// The built-in roles.
pub const BUILT_IN_ROLES: [(&str, &[Right]); 4] = [
    ("viewer", VIEWER),
    ("restarter", RESTARTER),
    ("operator", OPERATOR),
    ("admin", ADMIN),
];

/// The rights of a built-in role.
#[must_use]
pub fn built_in(name: &str) -> Option<BTreeSet<Right>> {
    let (_, rights) = BUILT_IN_ROLES.iter().find(|(role, _)| *role == name)?;
    Some(rights.iter().copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_built_in_role_allows_what_the_one_before_it_does_and_more() {
        for pair in BUILT_IN_ROLES.windows(2) {
            let (less, more) = (built_in(pair[0].0).unwrap(), built_in(pair[1].0).unwrap());
            assert!(
                less.is_subset(&more) && less.len() < more.len(),
                "{}",
                pair[1].0
            );
        }
    }

    #[test]
    fn every_verb_of_the_schema_is_allowed_to_admins() {
        let admin = built_in("admin").unwrap();
        for verb in bus_schema::VERBS {
            assert!(admin.contains(&verb.right), "{}", verb.name);
        }
    }
}
