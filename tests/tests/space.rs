//! Room: a disk is not filled to the end, a quota holds, and people see what is stored and what would come.

use std::fs;

use backupd_tests::{Bed, Said};
use serde_json::Value;

use crate::repositories::SmallDisk;

const MIB: u64 = 1 << 20;

#[track_caller]
fn number(value: &Value, member: &str) -> u64 {
    value[member]
        .as_u64()
        .unwrap_or_else(|| panic!("no number `{member}` in {value:#}"))
}

fn shown(bed: &Bed) -> Value {
    bed.ctl(["repository", "show", "main", "--json"]).well().json()
}

fn counted(bed: &Bed) -> Value {
    bed.ctl(["repository", "stats", "main", "--json"]).well().json()
}

fn estimated(bed: &Bed, scan: bool) -> Value {
    let scan = scan.then_some("--scan");
    let arguments = ["job", "estimate", "home", "--json"].into_iter().chain(scan);
    bed.ctl(arguments.collect::<Vec<_>>()).well().json()
}

/// The sums of the newest run.
fn sums(bed: &Bed) -> Value {
    let history = bed.ctl(["history", "--limit", "1", "--json"]).well().json();
    history["runs"][0]["statistics"].clone()
}

fn restic_says(bed: &Bed, mode: &str) -> Value {
    bed.restic("main", &["stats", "--json", "--mode", mode])
        .well()
        .json()
}

/// A daemon whose repository is on a small disk, with these lines in its file.
fn on_small_disk(size: &str, lines: &str) -> Option<(Bed, SmallDisk)> {
    let mut bed = Bed::new();
    let disk = SmallDisk::mount(bed.path("disk"), size)?;
    let text = bed
        .repository_text("main")
        .replace("repository-main", "disk/repository");
    bed.write_file("repositories.d/main.toml", &format!("{text}{lines}\n"));
    std::os::unix::fs::symlink(bed.path("disk/repository"), bed.repository("main")).unwrap();
    bed.write_source("home", "a.txt", "small");
    bed.write_job("home", "");
    bed.start();
    bed.init("main");
    Some((bed, disk))
}

#[test]
fn a_backup_that_finds_no_room_says_what_frees_some_and_leaves_it_to_a_prune() {
    let Some((bed, _disk)) = on_small_disk("64m", "reserve = \"8 MiB\"") else {
        return;
    };
    bed.ctl(["start", "home", "--wait"]).well();
    bed.write_big("home", "big", 100, 3);
    let said: Said = bed.ctl(["start", "home", "--wait"]).with_code(1);
    said.tells("of which 8 MiB are kept so that a prune can work");
    for command in [
        "repository stats main",
        "retention preview home",
        "forget home",
        "prune main",
    ] {
        said.tells(&format!("`backupctl {command}`"));
    }
    let run = bed.bus().history(&std::collections::HashMap::new()).remove(0);
    assert_eq!(run.failure_class.as_deref(), Some("no-space"), "{run:?}");
    assert_eq!((bed.snapshots("main"), bed.locks("main")), (1, 0));
    let space = shown(&bed)["space"].clone();
    assert_eq!(number(&space, "bytes_place"), 64 * MIB);
    assert!(number(&space, "bytes_free") >= 8 * MIB, "{space:#}");
    bed.ctl(["prune", "main", "--wait"]).well();
    fs::remove_file(bed.source("home").join("big")).unwrap();
    bed.ctl(["start", "home", "--wait"]).well();
    bed.assert_sound("main");

    // With less than its reserve it is not well, and says why; a prune finds room all the same.
    let file = bed.configuration().join("repositories.d/main.toml");
    let file = fs::read_to_string(file).unwrap().replace("8 MiB", "1 GiB");
    bed.write_file("repositories.d/main.toml", &file);
    bed.ctl(["config", "reload"]).well();
    let not_well = shown(&bed);
    assert_eq!(not_well["health"], "degraded");
    assert!(
        not_well["health_reason"]
            .as_str()
            .unwrap()
            .contains("backups stop"),
        "{not_well:#}"
    );
    bed.ctl(["start", "home", "--wait"])
        .with_code(1)
        .tells("too little room");
    bed.ctl(["prune", "main", "--wait"]).well();
}

#[test]
fn a_quota_is_not_exceeded() {
    let bed = Bed::with_job();
    bed.ctl(["start", "home", "--wait"]).well();
    let text = bed.repository_text("main");
    bed.write_file("repositories.d/main.toml", &format!("{text}quota = \"5 MiB\"\n"));
    bed.ctl(["config", "reload"]).well();
    bed.write_big("home", "big", 40, 3);
    let said = bed.ctl(["start", "home", "--wait"]).with_code(1);
    said.tells("may have 5 MiB");
    said.tells("raise `quota` in `repositories.d/main.toml`");
    assert!(number(&shown(&bed)["space"], "bytes_stored") < 5 * MIB);
    fs::remove_file(bed.source("home").join("big")).unwrap();
    bed.ctl(["start", "home", "--wait"]).well();
    assert_eq!(number(&shown(&bed)["space"], "bytes_quota"), 5 * MIB);
    bed.assert_sound("main");
}

#[test]
fn what_is_counted_is_what_restic_says_and_what_is_shown_from_then_on() {
    let mut bed = Bed::with_job();
    bed.write_source("home", "text", "fedcba9876543210".repeat(1 << 14));
    bed.ctl(["start", "home", "--wait"]).well();
    bed.write_big("home", "big", 3, 3);
    bed.ctl(["start", "home", "--wait"]).well();
    let stats = counted(&bed);
    assert_eq!(
        number(&stats, "bytes_needed"),
        number(&restic_says(&bed, "raw-data"), "total_size")
    );
    assert_eq!(
        number(&stats, "bytes_restored"),
        number(&restic_says(&bed, "restore-size"), "total_size")
    );
    assert_eq!(number(&stats, "snapshots"), 2);
    assert_eq!(
        (&stats["jobs"][0]["job"], stats["jobs"].as_array().unwrap().len()),
        (&"home".into(), 1)
    );
    assert_eq!(stats["days_until_full"], Value::Null);
    assert_eq!(bed.locks("main"), 0);
    let space = shown(&bed)["space"].clone();
    assert_eq!(number(&space, "bytes_stored"), number(&stats, "bytes_stored"));
    bed.stop();
    bed.start();
    assert_eq!(shown(&bed)["space"]["bytes_stored"], space["bytes_stored"]);
    // One without a daemon that knows it is told so.
    bed.ctl(["repository", "stats", "none"]).with_code(6);
}

#[test]
fn an_estimate_is_what_the_next_backup_does() {
    let bed = Bed::with_job();
    let first = estimated(&bed, true);
    assert_eq!(
        (&first["runs"], &first["scan"]["snapshot"]),
        (&0.into(), &Value::Null)
    );
    let mut stored = Vec::new();
    for number in 0..3 {
        bed.write_big("home", "big", 1, number + 5);
        let before = estimated(&bed, true);
        bed.ctl(["start", "home", "--wait"]).well();
        let sums = sums(&bed);
        stored.push(self::number(&sums, "bytes_stored"));
        for member in ["files_new", "files_changed"] {
            assert_eq!(before["scan"][member], sums[member], "{before:#} {sums:#}");
        }
        let changed =
            self::number(&before["scan"], "bytes_new") + self::number(&before["scan"], "bytes_changed");
        assert_eq!(changed, self::number(&sums, "bytes_read"));
        assert_eq!(before["scan"]["bytes"], sums["bytes_processed"]);
    }
    stored.sort_unstable();
    let after = estimated(&bed, false);
    assert_eq!(
        (
            number(&after, "runs"),
            number(&after, "bytes_median"),
            number(&after, "bytes_largest")
        ),
        (3, stored[1], stored[2])
    );
    assert_eq!(after["scan"], Value::Null);
    assert!(number(&after, "bytes_free") > 0);
}
