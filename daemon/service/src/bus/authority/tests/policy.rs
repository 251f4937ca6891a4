//! The policy file says of each action what the code does, and of no other.

use quick_xml::de::from_str;
use serde::Deserialize;

use super::super::{About, Action};

#[derive(Deserialize)]
struct Policy {
    action: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "@id")]
    id: String,
    description: String,
    message: String,
    defaults: Defaults,
}

#[derive(Deserialize)]
struct Defaults {
    #[serde(rename = "allow_any")]
    any: String,
    #[serde(rename = "allow_inactive")]
    inactive: String,
    #[serde(rename = "allow_active")]
    active: String,
}

/// Remote and others, local but not at the screen, local.
const DEFAULTS: &[(Action, [&str; 3])] = &[
    (Action::Read, ["yes"; 3]),
    (
        Action::Run,
        ["auth_admin_keep", "auth_admin_keep", "auth_self_keep"],
    ),
    (
        Action::Cancel,
        ["auth_admin_keep", "auth_admin_keep", "auth_self_keep"],
    ),
    (Action::Browse, ["auth_admin_keep"; 3]),
    (Action::Restore, ["auth_admin_keep"; 3]),
    (
        Action::Check,
        ["auth_admin_keep", "auth_admin_keep", "auth_self_keep"],
    ),
    (Action::Forget, ["auth_admin"; 3]),
    (Action::Prune, ["auth_admin"; 3]),
    (Action::Configure, ["auth_admin_keep"; 3]),
    (Action::Repository, ["auth_admin"; 3]),
    (Action::Secret, ["auth_admin"; 3]),
    (Action::Audit, ["auth_admin_keep"; 3]),
];

#[test]
fn the_policy_file_has_the_actions_of_the_code_and_their_defaults() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../dbus/org.backupd.backup1.policy"
    );
    let policy: Policy = from_str(&crate::testing::read(file)).unwrap();
    let ids: Vec<_> = policy.action.iter().map(|entry| entry.id.as_str()).collect();
    let known: Vec<_> = DEFAULTS.iter().map(|(action, _)| action.id()).collect();
    assert_eq!(ids, known);
    let code: Vec<_> = Action::ALL.iter().map(|action| action.id()).collect();
    assert_eq!(known, code, "each action once, in the order of the code");
    for (entry, (action, defaults)) in policy.action.iter().zip(DEFAULTS) {
        let found = &entry.defaults;
        assert_eq!(
            [&found.any, &found.inactive, &found.active],
            defaults.each_ref(),
            "{}",
            entry.id
        );
        assert!(!entry.description.is_empty());
        // What the question names must be known, or the daemon asks in other words.
        for (name, about) in [
            ("job", About::repository("nas")),
            ("repository", About::job("home", None)),
        ] {
            assert_eq!(
                entry.message.contains(&format!("$({name})")),
                !action.can_name(&about),
                "{}: {}",
                entry.id,
                entry.message
            );
        }
    }
}
