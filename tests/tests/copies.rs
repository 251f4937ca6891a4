//! A job whose snapshots are in two repositories.

use std::{collections::HashMap, fs};

use backupd_dbus::RunProperties;
use backupd_tests::{Bed, Said, files::look, process::send};
use nix::sys::signal::Signal;

/// A job in `main`, and `cloud` beside it.
fn bed(copies: &str) -> Bed {
    let mut bed = Bed::new();
    bed.write_source("home", "a.txt", "the content of a");
    for repository in ["main", "cloud"] {
        bed.write_repository(repository);
    }
    bed.write_job("home", copies);
    bed.start();
    for repository in ["main", "cloud"] {
        bed.init(repository);
    }
    bed
}

/// The newest copy, once so many have been made and all are over.
fn copied(bed: &Bed, count: usize) -> RunProperties {
    let filter = HashMap::from([("operation", "copy".into())]);
    let listener = bed.bus().listen();
    let runs = listener.until(|_| {
        let runs = bed.bus().history(&filter);
        let over = runs.iter().all(|run| run.state.as_deref() == Some("finished"));
        (runs.len() == count && over).then_some(runs)
    });
    let newest = runs
        .unwrap()
        .into_iter()
        .max_by_key(|run| run.id.clone().unwrap());
    newest.unwrap()
}

#[track_caller]
fn shows(said: &Said, text: &str) {
    assert!(said.stdout.contains(text), "`{text}` is not in:\n{}", said.stdout);
}

#[test]
fn a_backup_is_followed_by_its_copy_from_which_everything_comes_back() {
    let bed = bed("copies = [\"cloud\"]");
    bed.write_big("home", "large", 2, 1);
    bed.ctl(["start", "home", "--wait"]).well();
    let run = copied(&bed, 1);
    assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
    assert_eq!(
        (run.repository_name.as_deref(), run.source_name.as_deref()),
        (Some("cloud"), Some("main"))
    );
    let sums = run.statistics.unwrap();
    assert_eq!(
        (sums.snapshots_copied, sums.snapshots_present),
        (Some(1), Some(0))
    );
    assert!(sums.bytes_repository > Some(2 << 20), "{sums:?}");
    for repository in ["main", "cloud"] {
        bed.assert_sound(repository);
        assert_eq!((bed.snapshots(repository), bed.locks(repository)), (1, 0));
    }
    let listed = bed
        .ctl(["snapshots", "home", "--repository", "cloud", "--json"])
        .well()
        .json();
    let id = listed["snapshots"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(run.snapshot.as_deref(), Some(&*id));
    // The first repository burns.
    fs::remove_dir_all(bed.repository("main")).unwrap();
    let out = bed.path("out");
    let to = out.to_str().unwrap();
    bed.ctl(["restore", &id, "--repository", "cloud", "--to", to, "--wait"])
        .well();
    let restored = out.join(bed.source("home").strip_prefix("/").unwrap());
    assert_eq!(look(&restored), look(&bed.source("home")));
}

#[test]
fn a_copy_is_made_by_hand_and_shown_with_its_job() {
    let bed = bed("copies = [{ to = \"cloud\", schedule = \"yearly\", max_age = \"9d\" }]");
    bed.ctl(["start", "home", "--wait"]).well();
    shows(&bed.ctl(["show", "home"]).well(), "in cloud: never");
    bed.ctl(["copy", "home", "--wait"]).well();
    let run = copied(&bed, 1);
    assert_eq!(run.trigger.as_deref(), Some("manual"));
    let jobs = bed.ctl(["jobs", "--json"]).well().json();
    let copy = &jobs["jobs"][0]["copies"][0];
    assert_eq!(
        (&copy["repository"], &copy["last_result"]),
        (&"cloud".into(), &"success".into())
    );
    assert!(
        copy["last_success"].is_string() && copy["next"].is_string(),
        "{copy:#}"
    );
    bed.ctl(["copy", "home", "--to", "cloud", "--wait"]).well();
    let sums = copied(&bed, 2).statistics.unwrap();
    assert_eq!(
        (sums.snapshots_copied, sums.snapshots_present),
        (Some(0), Some(1))
    );
    bed.ctl(["copy", "home", "--to", "main"])
        .with_code(2)
        .complains("has no copy in `main`");
    bed.ctl(["copy", "home", "--to", "nowhere"]).with_code(6);
    shows(&bed.ctl(["schedule", "home"]).well(), "copy to cloud");
}

#[test]
fn a_prune_of_either_keeps_it_waiting_and_is_named() {
    for place in ["main", "cloud"] {
        let mut bed = bed("copies = [{ to = \"cloud\", schedule = \"yearly\" }]");
        bed.ctl(["start", "home", "--wait"]).well();
        let mut gate = bed.write_gated_repository(place);
        bed.ctl(["config", "reload"]).well();
        gate.close();
        bed.ctl(["prune", place, "--no-wait"]).well();
        gate.wait_for(1);
        bed.ctl(["copy", "home", "--no-wait"]).well();
        bed.ctl(["why", "home"]);
        let runs = bed.ctl(["runs", "--json"]).well().json();
        let runs = runs["runs"].as_array().unwrap();
        let run = runs.iter().find(|run| run["operation"] == "copy").unwrap();
        let what = run["blocked_by"][0]["what"].as_str().unwrap();
        assert_eq!(what, format!("repository `{place}` is in use"));
        gate.open();
        assert_eq!(copied(&bed, 1).result.as_deref(), Some("success"));
        bed.stop();
    }
}

#[test]
fn a_copy_that_cannot_be_made_says_which_repository_is_in_trouble() {
    let bed = bed("copies = [{ to = \"cloud\", max_age = \"3d\" }]");
    bed.secret("cloud", "another password");
    bed.ctl(["start", "home", "--wait"]).well();
    let run = copied(&bed, 1);
    assert_eq!(run.failure_class.as_deref(), Some("credentials"), "{run:?}");
    let job = bed.bus().job("home");
    assert_eq!(job.health.as_deref(), Some("degraded"));
    let reason = job.health_reason.unwrap();
    assert!(reason.contains("it was not copied to `cloud`"), "{reason}");
    shows(&bed.ctl(["show", "home"]).well(), "not copied to `cloud`");
}

#[test]
fn a_worker_that_is_killed_in_the_midst_leaves_both_sound() {
    let bed = bed("copies = [{ to = \"cloud\", schedule = \"yearly\" }]");
    bed.write_big("home", "large", 40, 3);
    bed.ctl(["start", "home", "--wait"]).well();
    bed.ctl(["copy", "home", "--no-wait"]).well();
    let filter = HashMap::from([("operation", "copy".into())]);
    let id = bed.bus().history(&filter)[0].id.clone().unwrap();
    bed.wait_for_phase(&id, "copy");
    send(bed.worker(&id), Signal::SIGKILL);
    let result = copied(&bed, 1).result.unwrap();
    // It may have been faster.
    assert!(["interrupted", "success"].contains(&result.as_str()), "{result}");
    bed.ctl(["copy", "home", "--wait"]).well();
    for repository in ["main", "cloud"] {
        bed.assert_sound(repository);
        assert_eq!(bed.snapshots(repository), 1);
    }
}

#[test]
fn either_repository_may_be_written_by_restic() {
    for by_restic in ["main", "cloud"] {
        let mut bed = bed("copies = [\"cloud\"]");
        let text = bed.repository_text(by_restic);
        let file = format!("repositories.d/{by_restic}.toml");
        bed.write_file(&file, &format!("{text}engine = \"restic\"\n"));
        bed.ctl(["config", "reload"]).well();
        bed.write_big("home", "large", 2, 1);
        bed.ctl(["start", "home", "--wait"]).well();
        let run = copied(&bed, 1);
        assert_eq!(run.result.as_deref(), Some("success"), "{by_restic}: {run:?}");
        for repository in ["main", "cloud"] {
            bed.assert_sound(repository);
            assert_eq!((bed.snapshots(repository), bed.locks(repository)), (1, 0));
        }
        bed.stop();
    }
}
