//! What is damaged is found, mended, and what is lost is named.

use std::{
    fs,
    path::{Path, PathBuf},
};

use backupd_tests::{Bed, Said, process::send};
use nix::sys::signal::Signal;

/// A job with two snapshots; the second has a large file more.
fn bed() -> Bed {
    let bed = Bed::with_job();
    bed.write_big("home", "first", 1, 1);
    bed.ctl(["start", "home", "--wait"]).well();
    bed.write_big("home", "second", 3, 2);
    bed.ctl(["start", "home", "--wait"]).well();
    bed
}

fn files(bed: &Bed, folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut ahead = vec![bed.repository("main").join(folder)];
    while let Some(directory) = ahead.pop() {
        for entry in fs::read_dir(directory).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                ahead.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort_by_key(|file| fs::metadata(file).unwrap().len());
    files
}

fn flip(file: &Path) {
    let mut content = fs::read(file).unwrap();
    content[100] ^= 1;
    // restic makes them read-only.
    fs::remove_file(file).unwrap();
    fs::write(file, content).unwrap();
}

#[track_caller]
fn shows(said: &Said, part: &str) {
    assert!(said.stdout.contains(part), "`{part}` is not in:\n{}", said.stdout);
}

#[test]
fn a_damaged_index_is_mended_by_what_the_check_hints_at() {
    let bed = bed();
    let index = &files(&bed, "index")[0];
    flip(index);
    let before = bed.fingerprint(&bed.repository("main"));
    bed.ctl(["check", "main", "--wait"])
        .with_code(1)
        .tells("`backupctl repair index main --read-data` writes a new index");
    let planned = bed.ctl(["repair", "index", "main", "--dry-run"]).well();
    shows(&planned, "of them damaged");
    shows(&planned, "packs found");
    assert_eq!(
        bed.fingerprint(&bed.repository("main")),
        before,
        "a preview changes nothing"
    );
    bed.ctl(["repair", "index", "main", "--wait"]).well();
    assert!(!index.exists());
    bed.ctl(["check", "main", "--read-data", "all", "--wait"]).well();
    bed.assert_sound("main");
    let nothing = bed.ctl(["repair", "index", "main", "--dry-run"]).well();
    assert!(
        nothing.stderr.contains("nothing is wrong with the index"),
        "{}",
        nothing.stderr
    );
    assert_eq!(
        bed.ctl(["repair", "snapshots", "main", "--dry-run"])
            .well()
            .stdout,
        ""
    );
}

#[test]
fn what_is_lost_is_named_and_taken_out_and_the_rest_stays() {
    let bed = bed();
    flip(files(&bed, "data").last().unwrap());
    bed.ctl(["check", "main", "--read-data", "all", "--wait"])
        .with_code(1)
        .tells("`backupctl repair index main --read-data`");
    // The source has it no more.
    fs::remove_file(bed.source("home").join("second")).unwrap();
    let partial = bed
        .ctl(["repair", "index", "main", "--read-data", "--wait"])
        .with_code(3);
    partial.tells("repair snapshots main");
    let planned = bed.ctl(["repair", "snapshots", "main", "--dry-run"]).well();
    shows(&planned, "/second: in snapshot");
    shows(
        &planned,
        "would be replaced by what is left of it, without 1 file and 0 folders",
    );
    let json = bed
        .ctl(["repair", "snapshots", "main", "--dry-run", "--json"])
        .well()
        .json();
    assert_eq!(json["plan"].as_array().unwrap().len(), 2, "{json}");
    let said = bed
        .ctl(["repair", "snapshots", "main", "--no-wait", "--json"])
        .well()
        .json();
    let run = said["runs"][0]["id"].as_str().unwrap().to_owned();
    let ended = bed.bus().wait_for_end(&run);
    assert_eq!(ended.result.as_deref(), Some("success"), "{ended:?}");
    shows(&bed.ctl(["log", &run]).well(), "/second: in snapshot");
    bed.assert_sound("main");
    assert_eq!(bed.snapshots("main"), 2);
    // They are the job's still, and restore what is left.
    let listed = bed.ctl(["snapshots", "home"]).well();
    shows(&listed, "[repaired]");
    let target = bed.path("out");
    bed.ctl(
        ["restore", "latest", "--job", "home", "--wait", "--to"]
            .map(String::from)
            .into_iter()
            .chain([target.display().to_string()]),
    )
    .well();
    let restored = target.join(bed.source("home").strip_prefix("/").unwrap());
    assert!(restored.join("first").exists() && restored.join("second.repaired").exists());
    // What went does not come back as long as it is not whole.
    bed.ctl(["forget", "--undo", &run]).with_code(3);
    bed.ctl(["check", "main", "--read-data", "all", "--wait"]).well();
}

#[test]
fn an_index_comes_before_the_snapshots() {
    let bed = bed();
    fs::remove_file(files(&bed, "data").last().unwrap()).unwrap();
    bed.ctl(["repair", "snapshots", "main", "--wait"])
        .with_code(1)
        .tells("`backupctl repair index main`");
    bed.ctl(["repair", "index", "main", "--wait"]).with_code(3);
    bed.ctl(["repair", "snapshots", "main", "--wait"]).well();
    bed.assert_sound("main");
}

#[test]
fn a_repair_that_is_killed_has_lost_nothing() {
    for phase in ["open", "index", "repair"] {
        let bed = bed();
        flip(files(&bed, "data").last().unwrap());
        fs::remove_file(&files(&bed, "index")[0]).unwrap();
        for what in ["index", "snapshots"] {
            let mut words = vec!["repair", what, "main", "--no-wait", "--json"];
            words.extend((what == "index").then_some("--read-data"));
            let said = bed.ctl(&words).well().json();
            let run = said["runs"][0]["id"].as_str().unwrap().to_owned();
            bed.wait_for_phase(&run, phase);
            send(bed.worker(&run), Signal::SIGKILL);
            let ended = bed.bus().wait_for_end(&run);
            assert!(
                matches!(
                    ended.result.as_deref(),
                    Some("interrupted" | "partial" | "success")
                ),
                "{ended:?}"
            );
            words.retain(|word| !["--no-wait", "--json"].contains(word));
            words.push("--wait");
            let again = bed.ctl(&words);
            assert!(matches!(again.code, Some(0 | 3)), "{again:?}");
        }
        bed.assert_sound("main");
        assert_eq!((bed.snapshots("main"), bed.locks("main")), (2, 0), "{phase}");
    }
}

#[test]
fn only_what_there_is_can_be_repaired() {
    let bed = bed();
    bed.ctl(["repair", "index", "none", "--wait"])
        .with_code(6)
        .complains("`none`");
    bed.ctl(["repair", "packs", "main"]).with_code(2);
    bed.ctl(["repair", "snapshots", "main", "--read-data"])
        .with_code(2);
}
