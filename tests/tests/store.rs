//! A store that is damaged, or of another version.

use std::{collections::HashMap, fs};

use backupd_tests::Bed;

#[test]
fn a_damaged_store_is_set_aside_and_backups_go_on() {
    let mut bed = Bed::with_job();
    bed.ctl(["start", "home", "--wait"]).well();
    bed.stop();
    let store = bed.state().join("backupd.db");
    let garbage = b"this is no database, whatever its name says ".repeat(500);
    fs::write(&store, &garbage).unwrap();
    for beside in ["backupd.db-wal", "backupd.db-shm"] {
        let _ = fs::remove_file(bed.state().join(beside));
    }
    bed.start();
    let manager = bed.bus().manager_properties();
    assert_eq!(manager.health.as_deref(), Some("degraded"), "{manager:?}");
    let reasons = manager.health_reasons.unwrap().join("\n");
    assert!(reasons.contains("set aside"), "{reasons}");
    assert!(bed.log().contains("set aside"), "{}", bed.log());
    assert!(bed.bus().history(&HashMap::new()).is_empty());
    // What it was is still there, for whoever wants to look into it.
    let aside = fs::read_dir(bed.state())
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .find(|path| *path != store && fs::read(path).is_ok_and(|content| content == garbage));
    assert!(aside.is_some());
    assert!(reasons.contains(aside.unwrap().to_str().unwrap()), "{reasons}");

    bed.ctl(["start", "home", "--wait"]).well();
    assert_eq!(bed.bus().history(&HashMap::new()).len(), 1);
    assert_eq!(bed.snapshots("main"), 2);
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_as_it_is() {
    let mut bed = Bed::with_job();
    bed.ctl(["start", "home", "--wait"]).well();
    bed.stop();
    let store = bed.state().join("backupd.db");
    let connection = rusqlite::Connection::open(&store).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let before = fs::read(&store).unwrap();
    let (status, said) = bed.start_in_vain();
    assert_eq!(status.code(), Some(78), "a restart is of no use: {said}");
    assert!(
        said.contains("newer backupd") && said.contains("hint: "),
        "{said}"
    );
    assert_eq!(fs::read(&store).unwrap(), before);
}

#[test]
fn after_the_loss_of_the_state_directory_everything_can_be_restored() {
    let mut bed = Bed::with_job();
    bed.ctl(["start", "home", "--wait"]).well();
    bed.stop();
    fs::remove_dir_all(bed.state()).unwrap();
    bed.start();
    let snapshots = bed.ctl(["snapshots", "home", "--json"]).well().json();
    assert_eq!(snapshots["snapshots"].as_array().unwrap().len(), 1);
    let target = bed.path("restored");
    bed.ctl([
        "restore",
        "latest",
        "--job",
        "home",
        "--to",
        target.to_str().unwrap(),
    ])
    .well();
    bed.ctl(["start", "home", "--wait"]).well();
}

#[test]
fn the_start_of_a_run_is_in_the_store_before_it_is_answered() {
    let mut bed = Bed::with_job();
    let gate = bed.write_gated_repository("main");
    bed.ctl(["config", "reload"]).well();
    gate.close();
    let id = bed.bus().start("home").unwrap();
    bed.kill();
    let connection = rusqlite::Connection::open(bed.state().join("backupd.db")).unwrap();
    let job: String = connection
        .query_row("SELECT job FROM runs WHERE id = ?1", [&id], |row| row.get(0))
        .unwrap();
    assert_eq!(job, "home");
}
