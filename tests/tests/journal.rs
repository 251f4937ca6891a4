//! What the daemon writes to the journal.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use backupd_tests::{Bed, Journal, files::write_program, journal::Entry};

use crate::secrets::unique;

fn has(entry: &Entry, field: &str, value: &str) -> bool {
    entry.get(field).is_some_and(|found| found == value)
}

/// The id that the catalog has under this subject.
fn id(subject: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd/catalog/backupd.catalog");
    let catalog = fs::read_to_string(path).unwrap();
    let found = catalog
        .split("\n-- ")
        .find(|entry| entry.lines().nth(1) == Some(&format!("Subject: {subject}")));
    found.unwrap_or_else(|| panic!("no `{subject}`"))[..32].to_owned()
}

/// What `backupctl log` says of a run: word and text of each line.
fn log_of(bed: &Bed, run: &str) -> Vec<String> {
    let said = bed.ctl(["log", run]).well();
    let lines = said.stdout.lines().map(|line| {
        // The time has a fixed width of columns and no double blanks.
        let (_, rest) = line.split_once("  ").unwrap();
        rest.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    lines.collect()
}

/// What the journal says of a run's events, without the title that all of its entries begin with.
fn mirrored(entries: &[Entry]) -> Vec<String> {
    let events = entries.iter().filter(|entry| entry.contains_key("BACKUPD_EVENT"));
    let texts = events.map(|entry| {
        let (_, said) = entry["MESSAGE"].split_once(": ").unwrap();
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    texts.collect()
}

#[test]
fn a_run_is_told_with_its_fields_and_in_the_words_of_its_log() {
    let mut bed = Bed::with_job();
    bed.stop();
    let journal = Journal::new(&mut bed);
    bed.start();
    // Also a missing source warns.
    bed.write_job("home", "optional_sources = [\"/nowhere/at/all\"]");
    bed.ctl(["config", "reload"]).well();
    let run = bed.bus().start("home").unwrap();
    bed.bus().wait_for_end(&run);
    let succeeded = id("A @BACKUPD_OPERATION@ on @BACKUPD_REPOSITORY@ succeeded");
    let entries = journal.until("BACKUPD_RUN", &run, |entry| has(entry, "MESSAGE_ID", &succeeded));
    for entry in &entries {
        assert!(has(entry, "BACKUPD_JOB", "home"), "{entry:?}");
        assert!(has(entry, "BACKUPD_REPOSITORY", "main"), "{entry:?}");
        assert!(has(entry, "BACKUPD_OPERATION", "backup"), "{entry:?}");
        assert!(has(entry, "SYSLOG_IDENTIFIER", "backupd"), "{entry:?}");
        assert!(
            entry.contains_key("CODE_FILE") && entry.contains_key("CODE_LINE"),
            "{entry:?}"
        );
        assert_eq!(entry["MESSAGE_ID"].len(), 32, "{entry:?}");
    }
    let ids: Vec<&str> = entries
        .iter()
        .filter(|entry| !entry.contains_key("BACKUPD_EVENT"))
        .map(|entry| entry["MESSAGE_ID"].as_str())
        .collect();
    let queued = id("A @BACKUPD_OPERATION@ on @BACKUPD_REPOSITORY@ is queued");
    let started = id("A @BACKUPD_OPERATION@ on @BACKUPD_REPOSITORY@ starts");
    assert_eq!(ids, [queued, started, succeeded]);
    let end = entries.last().unwrap();
    assert!(
        has(end, "BACKUPD_RESULT", "success") && has(end, "PRIORITY", "6"),
        "{end:?}"
    );
    assert!(has(end, "BACKUPD_ATTEMPT", "1"), "{end:?}");
    let log = log_of(&bed, &run);
    assert!(log.len() > 4, "{log:?}");
    assert_eq!(mirrored(&entries), log);
}

#[test]
fn a_failure_is_an_error_and_a_wrong_password_its_own_message() {
    let mut bed = Bed::with_job();
    bed.stop();
    let journal = Journal::new(&mut bed);
    bed.start();
    fs::write(bed.path("secrets/main"), "wrong").unwrap();
    let run = bed.bus().start("home").unwrap();
    bed.bus().wait_for_end(&run);
    let trouble = id("A password for the repository @BACKUPD_REPOSITORY@ is wrong or missing");
    let entries = journal.until("BACKUPD_RUN", &run, |entry| has(entry, "MESSAGE_ID", &trouble));
    let end = entries.last().unwrap();
    assert!(
        has(end, "PRIORITY", "3") && has(end, "BACKUPD_RESULT", "failed"),
        "{end:?}"
    );
    assert_eq!(mirrored(&entries), log_of(&bed, &run));
}

#[test]
fn a_daemon_that_takes_up_a_worker_tells_nothing_twice() {
    let mut bed = Bed::new();
    let journal = Journal::new(&mut bed);
    bed.write_source("home", "a", "a");
    let mut gate = bed.write_gated_repository("main");
    bed.write_job("home", "optional_sources = [\"/nowhere/at/all\"]");
    bed.start();
    bed.init("main");
    gate.close();
    let run = bed.bus().start("home").unwrap();
    gate.wait_for(1);
    // What is kept and not yet told when a daemon is killed is never told: wait until it is.
    journal.until("BACKUPD_RUN", &run, |entry| {
        entry["MESSAGE"].ends_with(": phase open")
    });
    bed.kill_and_start();
    bed.kill_and_start();
    gate.open();
    bed.bus().wait_for_end(&run);
    let succeeded = id("A @BACKUPD_OPERATION@ on @BACKUPD_REPOSITORY@ succeeded");
    let entries = journal.until("BACKUPD_RUN", &run, |entry| has(entry, "MESSAGE_ID", &succeeded));
    assert_eq!(mirrored(&entries), log_of(&bed, &run));
}

#[test]
fn what_a_password_command_says_stays_out_of_the_journal() {
    let mut bed = Bed::with_job();
    bed.stop();
    let journal = Journal::new(&mut bed);
    let (program, password) = (bed.path("password-program"), unique());
    write_program(
        &program,
        &format!("#!/bin/sh\necho 'not taken: {password}' >&2\nexit 1\n"),
    );
    let url = bed.repository("main");
    bed.write_file(
        "repositories.d/main.toml",
        &format!(
            "url = \"{}\"\npassword_command = [\"{}\"]\n",
            url.display(),
            program.display()
        ),
    );
    bed.start();
    let run = bed.bus().start("home").unwrap();
    bed.bus().wait_for_end(&run);
    let trouble = id("A password for the repository @BACKUPD_REPOSITORY@ is wrong or missing");
    let entries = journal.until("BACKUPD_RUN", &run, |entry| has(entry, "MESSAGE_ID", &trouble));
    assert!(mirrored(&entries).len() > 2, "{entries:?}");
    assert!(!format!("{entries:?}").contains(&password), "{entries:?}");
    // Who may read the log of the run is told.
    let log = log_of(&bed, &run);
    assert!(log.iter().any(|line| line.contains(&password)), "{log:?}");
}

/// A worker that warns of 130 files.
const WARNING_WORKER: &str = r#"#!/bin/sh
set -e
cd "$1"
exec 9>worker.lock
flock 9
run=$(basename "$(dirname "$1")")
event() {
    echo "{\"v\":1,\"seq\":$1,\"time\":\"2026-01-01T00:00:00Z\",\"event\":$2}" >>events.jsonl
}
event 1 "\"hello\",\"pid\":$$,\"run\":\"$run\",\"attempt\":1,\"program\":\"worker 0\",\"engine\":null"
for number in $(seq 130); do
    event $((number + 1)) "\"warning\",\"path\":\"/srv/$number\",\"reason\":\"permission denied\""
done
event 132 '"snapshot","snapshot":"abababababababababababababababababababababababababababababababab"'
event 133 '"done","result":"partial"'
"#;

#[test]
fn warnings_by_the_thousand_are_counted() {
    let mut bed = Bed::with_job();
    bed.stop();
    let journal = Journal::new(&mut bed);
    let worker = bed.path("worker");
    fs::write(&worker, WARNING_WORKER).unwrap();
    fs::set_permissions(&worker, fs::Permissions::from_mode(0o755)).unwrap();
    bed.settings(&format!("worker = \"{}\"\n", worker.display()));
    bed.start();
    let run = bed.bus().start("home").unwrap();
    bed.bus().wait_for_end(&run);
    let left_out = id("More warnings of the run @BACKUPD_RUN@ are not in the journal");
    let entries = journal.until("BACKUPD_RUN", &run, |entry| has(entry, "MESSAGE_ID", &left_out));
    let warnings: BTreeSet<&str> = entries
        .iter()
        .filter(|entry| has(entry, "BACKUPD_EVENT", "warning"))
        .map(|entry| entry["BACKUPD_EVENT_NUMBER"].as_str())
        .collect();
    assert_eq!(warnings.len(), 100);
    let said = entries
        .iter()
        .find(|entry| has(entry, "MESSAGE_ID", &left_out))
        .unwrap();
    assert!(said["MESSAGE"].contains(" 30 more warnings"), "{said:?}");
}

#[test]
fn the_daemon_outlives_a_journal_that_is_gone() {
    let mut bed = Bed::with_job();
    bed.stop();
    let _journal = Journal::new(&mut bed);
    bed.start();
    fs::remove_dir_all(bed.path("run/systemd")).unwrap();
    bed.ctl(["config", "reload"]).well();
    bed.ctl(["start", "home", "--wait"]).well();
    assert!(bed.stop().0.success());
}

#[test]
fn the_daemon_works_while_the_journal_stands_still_and_tells_it_afterwards() {
    let mut bed = Bed::with_job();
    bed.stop();
    let (journal, read) = Journal::stopped(&mut bed);
    bed.start();
    bed.ctl(["status"]).well();
    bed.ctl(["config", "reload"]).well();
    bed.ctl(["start", "home", "--wait"]).well();
    let history = bed.bus().history(&HashMap::new());
    let run = history[0].id.clone().unwrap();
    bed.ctl(["status"]).well();
    assert!(journal.entries().is_empty());
    read();
    let succeeded = id("A @BACKUPD_OPERATION@ on @BACKUPD_REPOSITORY@ succeeded");
    let entries = journal.until("BACKUPD_RUN", &run, |entry| has(entry, "MESSAGE_ID", &succeeded));
    assert_eq!(mirrored(&entries), log_of(&bed, &run));
    // Its last words are waited for.
    assert!(bed.stop().0.success());
    let stopping = id("The backup daemon ends");
    journal.until("MESSAGE_ID", &stopping, |_| true);
}
