//! The main flow, from the configuration to restored files.

use backupd_tests::{
    Bed,
    files::{look, restored},
    repositories::text,
};

#[test]
fn what_was_backed_up_comes_back_byte_for_byte() {
    let mut bed = Bed::new();
    bed.start();
    bed.write_odd_source("home");
    let (secret, repository) = (
        bed.secret("main", "correct-horse-battery-staple"),
        bed.repository("main"),
    );
    let (secret, repository) = (secret.to_str().unwrap(), repository.to_str().unwrap());
    bed.ctl([
        "repository",
        "add",
        "main",
        "--url",
        repository,
        "--password-file",
        secret,
        "--init",
    ])
    .well();
    let source = bed.source("home");
    let source = source.to_str().unwrap();
    bed.ctl([
        "job",
        "create",
        "home",
        "--repository",
        "main",
        "--source",
        source,
    ])
    .well();
    bed.ctl(["start", "home", "--wait"]).well();

    let runs = bed.ctl(["runs", "--json"]).well().json();
    assert_eq!(runs["version"], 1);
    let run = &runs["runs"][0];
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
    for (member, value) in [
        ("job", "home"),
        ("operation", "backup"),
        ("state", "finished"),
        ("result", "success"),
    ] {
        assert_eq!(text(run, member), value);
    }
    assert_eq!(run["attempt"], 1);
    let (id, snapshot) = (text(run, "id"), text(run, "snapshot"));

    let shown = bed.ctl(["show", id, "--json"]).well().json();
    assert_eq!(text(&shown, "snapshot"), snapshot);
    assert!(shown["statistics"]["bytes_stored"].as_u64().unwrap() > 3 << 20);

    let history = bed.ctl(["history", "home", "--json"]).well().json();
    assert_eq!(text(&history["runs"][0], "id"), id);

    let snapshots = bed.ctl(["snapshots", "home", "--json"]).well().json();
    let listed = &snapshots["snapshots"][0];
    assert_eq!(text(listed, "id"), snapshot);
    assert_eq!(text(listed, "job"), "home");
    assert_eq!(text(listed, "repository"), "main");
    assert_eq!(listed["paths"][0], source);

    let listing = bed.ctl(["ls", "latest", source, "--job", "home"]).well();
    assert!(listing.stdout.contains("plain.txt"), "{}", listing.stdout);

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
    assert_eq!(
        look(&restored(&target, &bed.source("home"))),
        look(&bed.source("home"))
    );
}

#[test]
fn a_second_run_builds_on_the_first() {
    let bed = Bed::with_job();
    bed.write_source("home", "b.txt", "b");
    bed.ctl(["start", "home", "--wait"]).well();
    bed.write_source("home", "c.txt", "c");
    bed.ctl(["start", "home", "--wait"]).well();

    let snapshots = bed.ctl(["snapshots", "home", "--json"]).well().json();
    let (first, second) = (&snapshots["snapshots"][0], &snapshots["snapshots"][1]);
    assert_eq!(second["parent"], first["id"]);
    let runs = bed.ctl(["history", "home", "--json"]).well().json();
    let statistics = &runs["runs"][0]["statistics"];
    assert_eq!(statistics["files_unmodified"], 2, "{statistics}");
    assert_eq!(statistics["files_new"], 1, "{statistics}");
    assert_eq!(runs["runs"].as_array().unwrap().len(), 2);
}

#[test]
fn stock_restic_checks_and_restores_what_was_stored() {
    let bed = Bed::with_job();
    bed.write_odd_source("home");
    // Releases of restic before 0.16 know symbolic links to UTF-8 alone.
    std::fs::remove_file(bed.source("home").join("link-to-bytes")).unwrap();
    bed.ctl(["start", "home", "--wait"]).well();
    bed.assert_sound("main");
    assert_eq!(bed.snapshots("main"), 1);
    let target = bed.path("by-restic");
    bed.restic(
        "main",
        &["restore", "latest", "--target", target.to_str().unwrap()],
    )
    .well();
    assert_eq!(
        look(&restored(&target, &bed.source("home"))),
        look(&bed.source("home"))
    );
}

#[test]
fn paths_of_a_snapshot_are_restored_alone() {
    let bed = Bed::with_job();
    let wanted = bed.write_source("home", "deep/wanted.txt", "wanted");
    bed.write_source("home", "other.txt", "other");
    bed.ctl(["start", "home", "--wait"]).well();
    let target = bed.path("restored");
    bed.ctl([
        "restore",
        "latest",
        wanted.to_str().unwrap(),
        "--job",
        "home",
        "--to",
        target.to_str().unwrap(),
    ])
    .well();
    let found = look(&restored(&target, &bed.source("home")));
    let names: Vec<_> = found.keys().map(|path| path.to_str().unwrap()).collect();
    assert_eq!(names, ["deep", "deep/wanted.txt"]);
    assert_eq!(std::fs::read(restored(&target, &wanted)).unwrap(), b"wanted");
}
