use backupd_core::protocol::{RecoveryVariable, RecoveryWay};
use insta::assert_snapshot;

use super::*;

fn key(digit: &str, current: bool) -> KeyRecord {
    KeyRecord {
        id: digit.repeat(64),
        current,
        host: if current { String::new() } else { "safe".to_owned() },
        user: if current {
            String::new()
        } else {
            "alice".to_owned()
        },
        created: Some("2026-11-01T12:00:00Z".parse().unwrap()),
        damaged: false,
    }
}

fn record() -> RecoveryRecord {
    RecoveryRecord {
        repository: "nas".to_owned(),
        id: "c".repeat(64),
        version: 2,
        snapshots: 12,
        time: "2026-11-26T18:30:00Z".parse().unwrap(),
        host: "desk".to_owned(),
        keys: vec![key("a", true), key("b", false)],
        way: RecoveryWay {
            address: "/srv/my backup".to_owned(),
            notes: vec!["Mount the disk that it is on, and write the path that it has then.".to_owned()],
            ..RecoveryWay::default()
        },
    }
}

fn rendered(record: &RecoveryRecord, jobs: &[String], password: Option<&str>) -> String {
    render(&Sheet {
        record,
        jobs,
        password,
        zone: &TimeZone::UTC,
    })
    .to_string()
}

#[test]
fn a_sheet_says_all_that_one_needs() {
    assert_snapshot!(rendered(&record(), &["home".to_owned()], Some("hush")), @"
    RECOVERY SHEET: BACKUP REPOSITORY nas
    of 2026-11-26 18:30 UTC, written by backupd on desk

    !! KEEP THIS SHEET SAFE AND SECRET. The password is on it: whoever has it and
       can reach the repository can read all backups.

      address     /srv/my backup
      id          cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
      format      restic's, version 2; 12 snapshots on that day
      password    hush

    Keys of the repository; each opens it with a password of its own:

      aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
          made 2026-11-01, opened by the password that backupd has
      bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
          made 2026-11-01 by alice@safe

    How to restore on any machine, without backupd:

    1. Install restic: `apt install restic` on Debian and Ubuntu, `dnf install
       restic` on Fedora, `brew install restic` on macOS; for all others see
       https://restic.net.
    2. Mount the disk that it is on, and write the path that it has then.
    3. In a terminal, say where the repository is:

        export RESTIC_REPOSITORY='/srv/my backup'

    4. See what is there. restic asks for the password:

        restic snapshots

    5. Restore the newest snapshot into a new directory; or one of those that were
       listed, by its id in the place of `latest`:

        restic restore latest --target restored

    6. Or the newest one of a job alone:

        restic restore latest --tag job=home --target restored-home

    More: https://restic.readthedocs.io. Print this sheet anew when the address or
    the password changes.
    ");
}

#[test]
fn what_a_place_asks_for_is_named_and_each_call_has_what_it_needs() {
    let mut record = record();
    record.way = RecoveryWay {
        address: "s3:https://s3.example.com/it's".to_owned(),
        variables: vec![
            RecoveryVariable {
                name: "AWS_SECRET_ACCESS_KEY".to_owned(),
                meaning: "secret of the access key".to_owned(),
                value: None,
            },
            RecoveryVariable {
                name: "AWS_DEFAULT_REGION".to_owned(),
                meaning: "region of the server".to_owned(),
                value: Some("eu-north-1".to_owned()),
            },
        ],
        arguments: vec!["--cacert".to_owned(), "ca.pem".to_owned()],
        notes: Vec::new(),
    };
    let text = rendered(&record, &[], None);
    for line in [
        r"    export RESTIC_REPOSITORY='s3:https://s3.example.com/it'\''s'",
        "    export AWS_DEFAULT_REGION=eu-north-1",
        "  AWS_SECRET_ACCESS_KEY   secret of the access key",
        "    restic --cacert ca.pem snapshots",
        "    restic --cacert ca.pem restore latest --target restored",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "`{line}` is not in:\n{text}"
        );
    }
    assert!(text.contains("The password is NOT on this sheet"));
    assert!(!text.contains("  password "));
}

#[test]
fn no_line_is_wider_than_paper_and_none_moves_the_cursor() {
    let mut record = record();
    record.host = "desk\u{1b}[2J".to_owned();
    record.way.notes = vec!["word ".repeat(60)];
    let text = rendered(&record, &["home".to_owned()], None);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains('\u{1b}'));
}
