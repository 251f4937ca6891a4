//! The audit log, from the change to the client that verifies it.

use std::{collections::HashMap, fs, process::Command};

use backupd_core::audit::{Action, Outcome, Record, Sealed, Verifier, hash};
use backupd_tests::{Bed, audit, client::Said, files::write_program, programs::program};
use rusqlite::Connection;
use serde_json::{Value, json};

/// The store, as somebody opens it who does not care for triggers.
fn outside(bed: &Bed) -> Connection {
    audit::outside(&bed.state().join("backupd.db"))
}

/// The log as it stands in the file.
fn sealed(bed: &Bed) -> Vec<Sealed> {
    audit::sealed(&bed.state().join("backupd.db"))
}

/// The records of a log that is good.
fn verified(bed: &Bed) -> Vec<Record> {
    let mut verifier = Verifier::new();
    let records = sealed(bed);
    records
        .iter()
        .map(|sealed| verifier.take(sealed).unwrap())
        .collect()
}

/// Lets the client find a journal that has these records, or a program that fails like that.
fn with_journal(bed: &Bed, copies: &[Sealed], end: &str) {
    let line = |sealed: &Sealed| {
        let line = json!({"BACKUPD_AUDIT_RECORD": sealed.record, "BACKUPD_AUDIT_HASH": sealed.hash});
        format!("{line}\n")
    };
    fs::create_dir_all(bed.path("bin")).unwrap();
    let lines: String = copies.iter().map(line).collect();
    fs::write(bed.path("bin/copies"), lines).unwrap();
    let script = format!("#!/bin/sh\ncat {}\n{end}\n", bed.path("bin/copies").display());
    write_program(&bed.path("bin/journalctl"), &script);
}

fn verify(bed: &Bed, arguments: &[&str]) -> Said {
    let mut command: Command = bed.command(program("backupctl"));
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("PATH", format!("{}:{path}", bed.path("bin").display()))
        .args(["--user", "audit", "verify"])
        .args(arguments);
    bed.call(&mut command)
}

/// A bed whose job ran once, and whose journal has a copy of the log.
fn bed() -> Bed {
    let bed = Bed::with_job();
    bed.ctl(["start", "home", "--wait"]).well();
    bed.ctl(["job", "disable", "home"]).well();
    with_journal(&bed, &sealed(&bed), "");
    bed
}

#[test]
fn a_user_sees_who_did_what() {
    let bed = bed();
    let said = bed.ctl(["audit"]).well();
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert!(lines[0].starts_with("TIME"), "{said:?}");
    for (what, object) in [
        ("log-begin", ""),
        ("repository-initialize", "main"),
        ("run-start", "home"),
        ("run-end", "home"),
        ("job-disable", "home"),
    ] {
        let found = lines
            .iter()
            .any(|line| line.contains(what) && line.contains(object));
        assert!(found, "{what} is not in {said:?}");
    }
    let own = nix::unistd::User::from_uid(nix::unistd::geteuid())
        .unwrap()
        .unwrap()
        .name;
    let start = lines.iter().find(|line| line.contains("run-start")).unwrap();
    assert!(start.contains(&own), "{start}");
    let end = lines.iter().find(|line| line.contains("run-end")).unwrap();
    assert!(
        end.contains("backupd ") && end.ends_with("done: success"),
        "{end}"
    );

    let said = bed.ctl(["audit", "--json", "--job", "home"]).well();
    for line in said.stdout.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let canonical = line["canonical"].as_str().unwrap();
        assert_eq!(line["hash"], hash(canonical));
        assert_eq!(line["record"], serde_json::from_str::<Value>(canonical).unwrap());
        assert_eq!(line["record"]["job"], "home");
    }
    assert_eq!(
        bed.ctl(["audit", "-n", "2", "--json"])
            .well()
            .stdout
            .lines()
            .count(),
        2
    );
    bed.ctl(["audit", "--since", "now"]).well();
    let own_pid = i64::from(std::process::id());
    let who = |record: &Record| (record.entry.pid, record.entry.bus_name.is_empty());
    for record in verified(&bed) {
        let daemon = (i64::from(bed.daemon_pid()), true);
        match record.entry.action {
            Action::LogBegin | Action::RunEnd => assert_eq!(who(&record), daemon),
            _ => assert!(!who(&record).1 && who(&record).0 != own_pid, "{record:?}"),
        }
    }
}

#[test]
fn a_log_that_is_as_it_was_written_is_good() {
    let bed = bed();
    let said = verify(&bed, &[]).well();
    assert!(said.stdout.contains("the chain is whole"), "{said:?}");
    assert!(said.stdout.contains("the same in the journal"), "{said:?}");
    assert!(!said.stdout.contains("not compared"), "{said:?}");
    let said = verify(&bed, &["--json"]).well().json();
    assert_eq!(said["good"], true);
    assert_eq!(said["journal"]["compared"], said["records"]);
}

#[test]
fn what_could_not_be_compared_is_said() {
    let bed = bed();
    // An old journal was rotated away.
    with_journal(&bed, &sealed(&bed)[3..], "");
    let said = verify(&bed, &[]).well();
    assert!(
        said.stdout.contains("not compared: 3 records") && said.stdout.contains("its oldest is record 4"),
        "{said:?}"
    );
    for (end, why) in [
        ("exit 0", "no copy of it that you may read"),
        (
            "echo 'No journal files were opened.' >&2; exit 1",
            "No journal files were opened",
        ),
    ] {
        with_journal(&bed, &[], end);
        let said = verify(&bed, &[]).well();
        assert!(
            said.stdout.contains("not compared") && said.stdout.contains(why),
            "{said:?}"
        );
        let said = verify(&bed, &["--json"]).well().json();
        assert!(
            said["journal"]["good"].is_null() && said["chain"]["good"] == true,
            "{said}"
        );
    }
}

#[test]
fn an_edit_from_outside_is_found_and_named() {
    let bed = bed();
    outside(&bed)
        .execute(
            "UPDATE audit SET record = replace(record, 'home', 'root') WHERE seq = 4",
            [],
        )
        .unwrap();
    let said = verify(&bed, &[]).with_code(1);
    said.complains("record 4: it was edited");
    let said = verify(&bed, &["--json"]).with_code(1).json();
    assert_eq!(said["chain"]["broken"]["record"], 4);
    assert_eq!(said["chain"]["broken"]["kind"], "edited");
    // The daemon goes on, and shows what it has.
    bed.ctl(["job", "enable", "home"]).well();
    bed.ctl(["audit"]).well();
}

#[test]
fn a_chain_that_was_computed_anew_is_found_by_the_journal() {
    let bed = bed();
    outside(&bed)
        .execute(
            "UPDATE audit SET record = replace(record, 'home', 'root') WHERE seq = 4",
            [],
        )
        .unwrap();
    audit::recompute(&bed.state().join("backupd.db"));
    verified(&bed);
    verify(&bed, &[])
        .with_code(1)
        .complains("record 4: the journal has another one");
    let said = verify(&bed, &["--json"]).with_code(1).json();
    assert_eq!(
        (&said["chain"]["good"], &said["good"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(said["journal"]["difference"]["kind"], "differs");
    assert_eq!(said["journal"]["difference"]["record"], 4);
}

#[test]
fn an_end_that_was_cut_off_is_found_by_the_journal() {
    let mut bed = bed();
    let before = sealed(&bed);
    let last = before.len();
    outside(&bed)
        .execute("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)", [])
        .unwrap();
    let message = format!("record {last}: it is missing; the journal has it");
    verify(&bed, &[]).with_code(1).complains(&message);
    // Another store in its place is no better.
    bed.stop();
    for file in ["backupd.db", "backupd.db-wal", "backupd.db-shm"] {
        let _ = fs::remove_file(bed.state().join(file));
    }
    bed.start();
    let copies = [before, sealed(&bed)].concat();
    with_journal(&bed, &copies, "");
    verify(&bed, &[]).with_code(1).complains("another log");
}

#[test]
fn killed_at_any_moment_every_run_has_its_record_and_the_chain_is_whole() {
    let mut bed = Bed::new();
    bed.write_source("home", "a", "a");
    bed.write_repository("main");
    bed.write_job("home", "");
    bed.start();
    bed.init("main");
    let mut asked = Vec::new();
    for round in 0..12 {
        // The kill meets a start, its worker, an end, or a change of a file: whatever it comes to.
        if let Ok(id) = bed.bus().start("home") {
            asked.push(id.clone());
            match round % 4 {
                0 => {}
                1 => drop(bed.bus().cancel(&id)),
                2 => drop(bed.bus().wait_for_end(&id)),
                _ => drop(bed.worker(&id)),
            }
        }
        bed.kill_and_start();
        verified(&bed);
    }
    for id in &asked {
        bed.bus().wait_for_end(id);
    }
    let records = verified(&bed);
    let runs = bed.bus().history(&HashMap::new());
    assert!(!runs.is_empty());
    for run in runs {
        let id = run.id.unwrap();
        let of_run: Vec<_> = records.iter().filter(|record| record.entry.run == id).collect();
        let count = |action| {
            of_run
                .iter()
                .filter(|record| record.entry.action == action)
                .count()
        };
        assert_eq!(
            (count(Action::RunStart), count(Action::RunEnd)),
            (1, 1),
            "{of_run:?}"
        );
        assert_eq!(of_run.last().unwrap().entry.new, run.result.unwrap());
    }
}

#[test]
fn a_worker_that_cannot_do_its_work_is_recorded_and_no_password_is() {
    let bed = bed();
    bed.secret("main", "hunter2-is-no-password");
    bed.ctl(["repository", "test", "main"]);
    bed.ctl(["job", "enable", "home"]).well();
    bed.ctl(["start", "home", "--wait"]);
    let records = verified(&bed);
    let end = records
        .iter()
        .rfind(|record| record.entry.action == Action::RunEnd)
        .unwrap();
    assert_eq!(end.entry.result, Outcome::Failed);
    assert!(!end.entry.reason.is_empty());
    for sealed in sealed(&bed) {
        for secret in ["hunter2", backupd_tests::bed::PASSWORD] {
            assert!(!sealed.record.contains(secret), "{}", sealed.record);
        }
    }
}
