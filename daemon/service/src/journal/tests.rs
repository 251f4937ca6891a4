use std::collections::{BTreeMap, BTreeSet};

use super::messages::ALL;

const CATALOG: &str = include_str!("../../../../systemd/catalog/backupd.catalog");

/// Fields that an entry may have, as the catalog may name them.
const FIELDS: &[&str] = &[
    "BACKUPD_RUN",
    "BACKUPD_JOB",
    "BACKUPD_REPOSITORY",
    "BACKUPD_OPERATION",
    "BACKUPD_ATTEMPT",
    "BACKUPD_RESULT",
    "BACKUPD_FILE",
];

/// The entries of the catalog by id.
fn entries() -> BTreeMap<&'static str, &'static str> {
    let mut entries = BTreeMap::new();
    for entry in CATALOG.split("\n-- ").skip(1) {
        let (id, text) = entry.split_once('\n').unwrap();
        assert!(entries.insert(id, text).is_none(), "{id} stands there twice");
    }
    entries
}

#[test]
fn ids_are_128_bits_and_unique() {
    let hex = |id: &str| id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    for (name, id) in ALL {
        assert!(hex(id), "{name}: {id}");
    }
    let unique: BTreeSet<_> = ALL.iter().map(|(_, id)| id).collect();
    assert_eq!(unique.len(), ALL.len());
}

#[test]
fn clients_find_the_audit_log_by_its_id() {
    assert_eq!(super::messages::AUDIT_RECORD, backupd_dbus::AUDIT_MESSAGE_ID);
}

#[test]
fn the_catalog_explains_every_message_and_no_other() {
    let in_code: BTreeSet<&str> = ALL.iter().map(|(_, id)| *id).collect();
    let in_catalog: BTreeSet<&str> = entries().into_keys().collect();
    assert_eq!(in_code, in_catalog);
}

#[test]
fn every_entry_has_a_subject_a_manual_and_an_explanation() {
    for (id, text) in entries() {
        let (head, body) = text
            .split_once("\n\n")
            .unwrap_or_else(|| panic!("{id} has no text"));
        let has = |name: &str| {
            head.lines()
                .any(|line| line.strip_prefix(name).is_some_and(|value| !value.is_empty()))
        };
        for name in ["Subject: ", "Defined-By: backupd", "Documentation: man:"] {
            assert!(
                has(name) || head.lines().any(|line| line == name),
                "{id}: `{name}` is missing"
            );
        }
        assert!(body.trim().len() > 80, "{id}: {body}");
        // What stands between two @ is a field that there is.
        for field in text.split('@').skip(1).step_by(2) {
            assert!(FIELDS.contains(&field), "{id}: @{field}@");
        }
    }
}

#[test]
fn journalctl_takes_the_catalog() {
    let root = tempfile::tempdir().unwrap();
    let catalog = root.path().join("usr/lib/systemd/catalog");
    std::fs::create_dir_all(&catalog).unwrap();
    std::fs::create_dir_all(root.path().join("var/lib/systemd/catalog")).unwrap();
    std::fs::write(catalog.join("backupd.catalog"), CATALOG).unwrap();
    let journalctl = |arguments: &[&str]| {
        let output = std::process::Command::new("journalctl")
            .arg(format!("--root={}", root.path().display()))
            .args(arguments)
            .output()
            .expect("journalctl belongs to systemd, which the tests need");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(output.status.success(), "{said}");
        said
    };
    let said = journalctl(&["--update-catalog"]);
    assert_eq!(said, "", "a complaint");
    let listed = journalctl(&["--list-catalog"]);
    for (name, id) in ALL {
        assert!(listed.contains(id), "{name} {id} is not in:\n{listed}");
    }
}
