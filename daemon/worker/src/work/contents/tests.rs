use std::fs;

use backupd_core::{config::Adopts, protocol::OwnedSnapshot};
use jiff::{Timestamp, ToSpan as _};

use super::*;
use crate::testing::snapshot;

fn of(host: &str, paths: &[&str], tags: &[&str], day: i64) -> SnapshotInfo {
    SnapshotInfo {
        id: format!("{day:064x}"),
        time: Timestamp::UNIX_EPOCH + (24 * day).hours(),
        host: host.to_owned(),
        paths: paths.iter().map(Into::into).collect(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        bytes: Some(day.unsigned_abs()),
        ..snapshot()
    }
}

fn owner_of(job: &str, host: Option<&str>, adopts: Vec<Adopts>) -> JobOwner {
    JobOwner {
        job: job.parse().unwrap(),
        host: host.map(str::to_owned),
        adopts,
    }
}

#[test]
fn snapshots_are_told_in_groups_with_their_owners() {
    let adopts = Adopts {
        host: "old".to_owned(),
        paths: Some(vec!["/b".into(), "/a".into()]),
        tags: None,
    };
    let owners = [
        owner_of("home", Some("box"), vec![adopts]),
        owner_of("etc", None, Vec::new()),
    ];
    let machine = surroundings::host();
    let groups = groups(
        &[
            of("old", &["/a", "/b"], &["x"], 1),
            of("old", &["/b", "/a"], &["x"], 2),
            of("old", &["/a"], &[], 3),
            of("box", &["/a"], &["job=home"], 4),
            of("elsewhere", &["/a"], &["job=home"], 5),
            of(&machine, &["/etc"], &["job=etc"], 6),
            of("old", &["/a", "/b"], &["job=gone"], 7),
        ],
        &owners,
    );
    let told = |day: u64| groups.iter().find(|group| group.bytes == Some(day)).unwrap();
    assert_eq!(groups.len(), 6);
    let both = told(2);
    assert_eq!((both.snapshots, both.adopted), (2, true));
    assert_eq!(both.owner.as_deref(), Some("home"));
    assert_eq!(both.last.duration_since(both.first).as_hours(), 24);
    assert_eq!(told(3).owner, None);
    assert_eq!((told(4).owner.as_deref(), told(4).adopted), (Some("home"), false));
    // A job of this name on another machine is another job.
    assert_eq!(told(5).owner, None);
    assert_eq!(told(5).made_by.as_deref(), Some("home"));
    assert_eq!(told(6).owner.as_deref(), Some("etc"));
    // What a job has made is not adopted, whatever its host and paths.
    assert_eq!(
        (told(7).owner.as_deref(), told(7).made_by.as_deref()),
        (None, Some("gone"))
    );
}

#[test]
fn what_we_removed_is_not_missing() {
    let kept = tempfile::tempdir().unwrap();
    let known = |id: &str| OwnedSnapshot {
        job: "home".parse().unwrap(),
        id: id.to_owned(),
    };
    fs::write(kept.path().join("b"), "").unwrap();
    let work = ContentsWork {
        owners: Vec::new(),
        known: vec![known("a"), known("b"), known("c")],
        forgotten: vec!["/no/such".into(), kept.path().to_owned()],
    };
    let there = SnapshotInfo {
        id: "a".to_owned(),
        ..snapshot()
    };
    let missing = missing(&[there], &work);
    assert_eq!(missing.iter().map(|known| &*known.id).collect::<Vec<_>>(), ["c"]);
}
