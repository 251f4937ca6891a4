//! What a real journal has of a run.

use std::{fs, path::Path};

use backupd_tests::{Machine, machine::Release, on_each_release};
use serde_json::Value;

on_each_release!(
    a_run_has_its_fields_and_the_words_of_its_log,
    the_catalog_explains_what_was_told,
);

/// The id that the catalog has under this subject.
fn id(subject: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd/catalog/backupd.catalog");
    let catalog = fs::read_to_string(path).unwrap();
    let found = catalog
        .split("\n-- ")
        .find(|entry| entry.lines().nth(1) == Some(&format!("Subject: {subject}")));
    found.unwrap_or_else(|| panic!("no `{subject}`"))[..32].to_owned()
}

/// A machine with a run that has warned, and its id.
fn with_run(release: Release) -> (Machine, String) {
    let machine = Machine::boot(release).with_job();
    machine.write_job("home", "optional_sources = [\"/nowhere/at/all\"]");
    machine.backupctl(["config", "reload"]).well();
    let run = machine.bus().start("home").unwrap();
    machine.bus().wait_for_end(&run);
    let succeeded = "MESSAGE_ID=".to_owned() + &id("A @BACKUPD_OPERATION@ on @BACKUPD_REPOSITORY@ succeeded");
    // The end of a run is told after it is kept.
    machine.wait_for_journal(&["--unit=backupd", &format!("BACKUPD_RUN={run}"), &succeeded]);
    (machine, run)
}

/// A line without the widths of its columns.
fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn a_run_has_its_fields_and_the_words_of_its_log(release: Release) {
    let (machine, run) = with_run(release);
    let of_run = format!("BACKUPD_RUN={run}");
    let journal = |output: &str, who: &str| {
        machine
            .run(["journalctl", "--boot", output, &of_run, who])
            .well()
            .stdout
    };
    let daemon = "SYSLOG_IDENTIFIER=backupd";
    let entries: Vec<Value> = journal("--output=json", daemon)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for entry in &entries {
        for (field, value) in [
            ("BACKUPD_JOB", "home"),
            ("BACKUPD_REPOSITORY", "main"),
            ("BACKUPD_OPERATION", "backup"),
            ("_SYSTEMD_UNIT", "backupd.service"),
            ("_UID", "0"),
        ] {
            assert_eq!(entry[field], value, "{field}: {entry}");
        }
        assert_eq!(entry["MESSAGE_ID"].as_str().unwrap().len(), 32, "{entry}");
    }
    let end = entries.last().unwrap();
    for (field, value) in [
        ("BACKUPD_RESULT", "success"),
        ("BACKUPD_ATTEMPT", "1"),
        ("PRIORITY", "6"),
    ] {
        assert_eq!(end[field], value, "{end}");
    }

    let log = machine.backupctl(["log", &run]).well().stdout;
    let log: Vec<String> = log
        .lines()
        .map(|line| squeezed(line.split_once("  ").unwrap().1))
        .collect();
    let events = entries
        .iter()
        .filter(|entry| entry.get("BACKUPD_EVENT").is_some());
    let mirrored: Vec<String> = events
        .map(|entry| squeezed(entry["MESSAGE"].as_str().unwrap().split_once(": ").unwrap().1))
        .collect();
    assert!(log.len() > 4, "{log:?}");
    assert_eq!(mirrored, log);
    // `journalctl -o cat` is those entries, one a line.
    let lines = journal("--output=cat", daemon);
    let messages: Vec<&str> = entries
        .iter()
        .map(|entry| entry["MESSAGE"].as_str().unwrap())
        .collect();
    assert_eq!(lines.lines().collect::<Vec<_>>(), messages);

    // What the worker itself says has the run's fields too, from systemd.
    let worker: Value = journal("--output=json", "SYSLOG_IDENTIFIER=backupd-worker")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .next()
        .expect("the worker says something");
    for (field, value) in [
        ("BACKUPD_JOB", "home"),
        ("BACKUPD_REPOSITORY", "main"),
        ("BACKUPD_ATTEMPT", "1"),
        ("PRIORITY", "6"),
        ("_SYSTEMD_UNIT", &format!("backupd-run-{run}.service")),
        ("_SYSTEMD_SLICE", "backupd.slice"),
    ] {
        assert_eq!(worker[field], value, "{field}: {worker}");
    }
}

fn the_catalog_explains_what_was_told(release: Release) {
    let (machine, run) = with_run(release);
    let explained = machine
        .run([
            "journalctl",
            "--boot",
            "--catalog",
            "--no-pager",
            "--unit=backupd",
        ])
        .well()
        .stdout;
    for text in [
        "Subject: The backup daemon is ready".to_owned(),
        "Subject: A backup on main succeeded".to_owned(),
        format!("`backupctl show {run}` shows the sums."),
        "man:backupctl(1)".to_owned(),
    ] {
        assert!(explained.contains(&text), "`{text}` is not in:\n{explained}");
    }
    // What the package brings is what is known.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd/catalog/backupd.catalog");
    let catalog = fs::read_to_string(path).unwrap();
    let known = machine.run(["journalctl", "--list-catalog"]).well().stdout;
    let ids: Vec<&str> = catalog
        .lines()
        .filter_map(|line| line.strip_prefix("-- "))
        .collect();
    assert!(ids.len() > 20);
    for id in ids {
        assert!(known.contains(id), "{id}: {known}");
    }
    // With the package goes what it said of itself.
    machine.run(["dpkg", "--remove", "backupd"]).well();
    let known = machine.run(["journalctl", "--list-catalog"]).well().stdout;
    assert!(!known.contains("backupd:"), "{known}");
}
