//! Repositories that stock restic has made, and jobs that go on with what is in them.

use std::{
    fs,
    io::{Seek as _, Write as _},
    process::Stdio,
};

use backupd_tests::{Bed, PASSWORD, Said, programs::program, repositories::text};
use serde_json::Value;

/// A bed with a daemon, and a repository `main` that stock restic has made; the daemon does not know of it.
fn bed() -> Bed {
    let mut bed = Bed::new();
    bed.write_source("home", "a.txt", "the content of a");
    bed.write_source("etc", "b.txt", "the content of b");
    bed.restic("main", &["init"]).well();
    for day in 1..=4 {
        store(&bed, "box", "home", &format!("2020-01-0{day} 12:00:00"), &[]);
    }
    store(&bed, "box", "etc", "2020-02-01 12:00:00", &["--tag", "x"]);
    bed.start();
    bed
}

/// Stock restic stores a source of the bed.
fn store(bed: &Bed, host: &str, source: &str, time: &str, more: &[&str]) {
    let source = bed.source(source);
    let arguments = ["backup", "--host", host, "--time", time];
    bed.restic("main", &[&arguments, more, &[source.to_str().unwrap()]].concat())
        .well();
}

/// `backupctl --user repository adopt main --url …` with a password on its standard input.
fn adopt(bed: &Bed, password: &str, more: &[&str]) -> Said {
    let mut input = tempfile::tempfile().unwrap();
    writeln!(input, "{password}").unwrap();
    input.rewind().unwrap();
    let mut command = bed.command(program("backupctl"));
    command
        .args(["--user", "repository", "adopt", "main", "--stdin", "--url"])
        .arg(bed.repository("main"))
        .args(more);
    Said::reading(&mut command, Stdio::from(input))
}

fn job(bed: &Bed, name: &str, more: &str) {
    bed.write_job(name, more);
    bed.ctl(["config", "reload"]).well();
}

fn orphans(bed: &Bed) -> Value {
    let said = bed.ctl(["repository", "orphans", "main", "--json"]).well();
    said.json()
}

fn ids(bed: &Bed, arguments: &[&str]) -> Vec<String> {
    let said = bed.restic(
        "main",
        &[&["snapshots", "--json", "--no-lock"], arguments].concat(),
    );
    let list = said.well().json();
    let ids = list.as_array().unwrap().iter();
    ids.map(|snapshot| text(snapshot, "id").to_owned()).collect()
}

#[test]
fn a_repository_is_taken_over_and_a_job_goes_on_with_its_history() {
    let bed = bed();
    let old = ids(&bed, &[]);
    let said = adopt(&bed, PASSWORD, &[]).well();
    assert!(said.stdout.contains("5 snapshots, 1 key"), "{said:?}");
    let source = bed.source("home");
    let step = format!(
        "job create source-home --repository main --source {0} --adopt box --adopt-path {0}",
        source.display()
    );
    assert!(said.stderr.contains(&step), "{said:?}");
    // As it says, under a shorter name.
    let mut words: Vec<&str> = step.split(' ').collect();
    words[2] = "home";
    words.extend(["--keep-last", "2"]);
    bed.ctl(words).well();

    let listed = bed.ctl(["snapshots", "home", "--json"]).well().json();
    let listed = listed["snapshots"].as_array().unwrap();
    assert_eq!(listed.len(), 4);
    assert!(
        listed
            .iter()
            .all(|one| one["job"] == "home" && one["adopted"] == true)
    );
    let files = ["ls", "latest", "--job", "home", source.to_str().unwrap()];
    let said = bed.ctl(files).well();
    assert!(said.stdout.contains("a.txt"), "{said:?}");

    let preview = bed.ctl(["retention", "preview", "home", "--json"]).well().json();
    let preview = preview["snapshots"].as_array().unwrap();
    assert_eq!(preview.len(), 4, "{preview:?}");
    let group = orphans(&bed)["groups"].clone();
    assert_eq!(group.as_array().unwrap().len(), 1);
    assert_eq!(group[0]["tags"][0], "x");

    // What is stored is compared with what restic has stored.
    bed.ctl(["start", "home", "--wait"]).well();
    let made = ids(&bed, &["--tag", "job=home"]);
    let all = bed
        .restic("main", &["snapshots", "--json", "--no-lock"])
        .well()
        .json();
    let new = all
        .as_array()
        .unwrap()
        .iter()
        .find(|one| text(one, "id") == made[0]);
    let parent = text(new.unwrap(), "parent").to_owned();
    assert!(old.contains(&parent), "{parent} is none of {old:?}");
    // Those that are kept are as they were.
    bed.ctl(["forget", "home", "--force", "--wait"]).well();
    let left = ids(&bed, &[]);
    assert_eq!(left.len(), 3);
    assert!(left.iter().all(|id| old.contains(id) || made.contains(id)));
    assert!(orphans(&bed)["missing"].as_array().unwrap().is_empty());
    bed.assert_sound("main");
}

#[test]
fn the_password_is_tried_before_it_is_kept_and_goes_on_from_there() {
    let bed = bed();
    adopt(&bed, "wrong", &[])
        .with_code(1)
        .complains("repository set-password main");
    let mut input = tempfile::tempfile().unwrap();
    writeln!(input, "{PASSWORD}").unwrap();
    input.rewind().unwrap();
    let mut command = bed.command(program("backupctl"));
    command.args(["--user", "repository", "set-password", "main", "--stdin"]);
    Said::reading(&mut command, Stdio::from(input)).well();
    let said = bed.ctl(["repository", "adopt", "main", "--json"]).well().json();
    assert_eq!((&said["snapshots"], &said["keys"]), (&5.into(), &1.into()));
    assert_eq!(said["groups"].as_array().unwrap().len(), 2);
    assert!(said["bytes_stored"].as_u64().unwrap() > 0);
}

#[test]
fn where_nothing_is_nothing_is_taken_over() {
    let mut bed = Bed::new();
    bed.write_repository("main");
    bed.start();
    bed.ctl(["repository", "adopt", "main"])
        .with_code(1)
        .complains("no repository");
    bed.ctl(["repository", "adopt", "other"]).with_code(6);
    assert!(!bed.repository("main").exists());
}

#[test]
fn two_jobs_do_not_adopt_the_same() {
    let bed = bed();
    adopt(&bed, PASSWORD, &[]).well();
    job(&bed, "home", "adopts = [{ host = \"box\" }]");
    bed.write_job("etc", "adopts = [{ host = \"box\", tags = [\"x\"] }]");
    let said = bed.ctl(["config", "reload"]).with_code(1);
    assert!(said.stdout.contains("adopts snapshots of the host"), "{said:?}");
}

#[test]
fn snapshots_that_others_removed_are_named_and_ours_are_not() {
    let bed = Bed::with_job();
    for _ in 0..3 {
        bed.ctl(["start", "home", "--wait"]).well();
    }
    let stored = ids(&bed, &[]);
    bed.restic("main", &["forget", &stored[0]]).well();
    let missing = |expected: &[&String]| {
        let orphans = orphans(&bed);
        let found: Vec<&str> = orphans["missing"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| text(one, "id"))
            .collect();
        assert_eq!(found, expected, "{orphans:#}");
    };
    missing(&[&stored[0]]);
    // Ours goes by the rules, and what is gone is remembered beyond that.
    job(&bed, "home", "retention = { keep_last = 1 }");
    bed.ctl(["forget", "home", "--wait"]).well();
    assert_eq!(ids(&bed, &[]).len(), 1);
    missing(&[&stored[0]]);
    let said = bed.ctl(["repository", "orphans", "main"]).well();
    assert!(said.stdout.contains(stored[0].get(..8).unwrap()), "{said:?}");
    fs::remove_dir_all(bed.repository("main")).unwrap();
    bed.ctl(["repository", "orphans", "main"])
        .with_code(1)
        .complains("no repository");
    bed.ctl(["start", "home", "--wait"]).with_code(1);
    let runs = bed.ctl(["history", "home", "--json"]).well().json();
    let last = &runs["runs"][0];
    assert_eq!(last["failure"]["class"], "repository-not-found", "{last:#}");
}
