//! Workers write what the public contract says: the two crates know nothing of each other.

use backupd_core::protocol;
use serde::{Serialize, de::DeserializeOwned};

/// Reads what a worker writes with the contract's type, and asks that nothing was lost on the way.
fn agree<Public: DeserializeOwned + Serialize>(written: &impl Serialize) {
    let written = serde_json::to_value(written).unwrap();
    let read: Public = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), written);
}

#[test]
fn a_repository_is_told_as_the_contract_says() {
    agree::<backupd_dbus::RepositoryInfo>(&protocol::RepositoryRecord {
        id: "ab".repeat(32),
        version: 2,
        snapshots: 3,
    });
}

#[test]
fn a_snapshot_is_told_as_the_contract_says() {
    agree::<backupd_dbus::Snapshot>(&protocol::SnapshotRecord {
        id: "ab".repeat(32),
        time: jiff::Timestamp::UNIX_EPOCH,
        job: Some("home".into()),
        adopted: true,
        repository: "nas".into(),
        host: "here".into(),
        paths: vec!["/home".into()],
        tags: vec!["a".into()],
        description: Some("text".into()),
        parent: Some("cd".repeat(32)),
        program: "backupd 0".into(),
        files: Some(1),
        bytes: Some(2),
        bytes_stored: Some(3),
        pinned: true,
        pinned_until: Some(jiff::Timestamp::UNIX_EPOCH),
        expires: Some(jiff::Timestamp::UNIX_EPOCH),
        note: Some("n".into()),
    });
}

#[test]
fn an_entry_is_told_as_the_contract_says() {
    agree::<backupd_dbus::Entry>(&protocol::EntryRecord {
        path: "/\u{fffd}".into(),
        path_bytes: Some(vec![47, 255]),
        kind: "symlink".into(),
        size: 1,
        modified: Some(jiff::Timestamp::UNIX_EPOCH),
        mode: Some(0o777),
        uid: Some(1),
        gid: Some(2),
        user: Some("u".into()),
        group: Some("g".into()),
        target: Some("/x".into()),
    });
}
