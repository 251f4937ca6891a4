//! The audit log beside its copy in a real journal.

use std::{fs, path::Path};

use backupd_core::audit::{Action, Outcome, Record};
use backupd_tests::{
    Machine, audit,
    machine::{ALICE, Release},
    on_each_release,
};
use serde_json::json;

on_each_release!(
    the_journal_tells_what_the_chain_cannot,
    a_user_who_may_not_is_recorded,
);

/// Hands over the store as a file of this system, which SQLite cannot open in another one; what is done to it is done
/// while no daemon runs.
fn with_store<T>(machine: &Machine, work: impl FnOnce(&Path) -> T) -> T {
    machine.run(["systemctl", "stop", "backupd"]).well();
    let inside = machine.path("/var/lib/backupd/backupd.db");
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("backupd.db");
    fs::copy(&inside, &store).unwrap();
    let done = work(&store);
    fs::write(&inside, fs::read(&store).unwrap()).unwrap();
    machine.run(["systemctl", "start", "backupd"]).well();
    done
}

fn the_journal_tells_what_the_chain_cannot(release: Release) {
    let machine = Machine::boot(release).with_job();
    machine.backupctl(["start", "home", "--wait"]).well();
    machine.run(["journalctl", "--sync"]).well();
    let good = machine.backupctl(["audit", "verify", "--json"]).well().json();
    assert_eq!(good["good"], true);
    assert_eq!(good["journal"]["compared"], good["records"], "{good}");

    with_store(&machine, |store| {
        audit::outside(store)
            .execute(
                "UPDATE audit SET record = replace(record, 'home', 'root') WHERE seq = 4",
                [],
            )
            .unwrap();
        audit::recompute(store);
    });
    let forged = machine
        .backupctl(["audit", "verify", "--json"])
        .with_code(1)
        .json();
    assert_eq!(forged["chain"]["good"], true, "{forged}");
    let difference = &forged["journal"]["difference"];
    assert_eq!(
        (&difference["record"], &difference["kind"]),
        (&json!(4), &json!("differs"))
    );
    machine
        .backupctl(["audit", "verify"])
        .with_code(1)
        .complains("record 4: the journal has another one");
}

fn a_user_who_may_not_is_recorded(release: Release) {
    let machine = Machine::boot(release).with_job();
    machine
        .backupctl_as(ALICE, ["--system", "--no-ask-password", "job", "disable", "home"])
        .with_code(4);
    machine
        .backupctl_as(ALICE, ["--system", "--no-ask-password", "audit"])
        .with_code(4);
    let refused: Vec<Record> = with_store(&machine, audit::sealed)
        .iter()
        .map(|sealed| serde_json::from_str::<Record>(&sealed.record).unwrap())
        .filter(|record| record.entry.action == Action::Call)
        .collect();
    let calls: Vec<_> = refused.iter().map(|record| record.entry.call.as_str()).collect();
    assert_eq!(calls, ["Job.SetEnabled", "Manager.OpenAudit"]);
    let uid = machine.run_as(ALICE, ["id", "-u"]).well().stdout;
    for record in &refused {
        assert_eq!(record.entry.uid.to_string(), uid.trim());
        assert_eq!(record.entry.result, Outcome::Refused);
    }
}
