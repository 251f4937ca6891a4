//! Sources and repositories that are not what they should be.

use std::{fs, path::PathBuf};

use backupd_tests::{Bed, bed::PASSWORD, skip};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// Runs the job, which must fail as of this class with a hint, and must not touch the repository.
fn fails(bed: &Bed, class: &str) {
    let before = bed.fingerprint(&bed.repository("main"));
    bed.ctl(["start", "home", "--wait"]).with_code(1).tells("");
    let run = bed.bus().history(&std::collections::HashMap::new()).remove(0);
    assert_eq!(run.result.as_deref(), Some("failed"), "{run:?}");
    assert_eq!(run.failure_class.as_deref(), Some(class), "{run:?}");
    assert!(!run.failure_message.unwrap().is_empty());
    assert!(!run.failure_hint.unwrap().is_empty());
    assert_eq!(run.snapshot.as_deref(), Some(""));
    assert_eq!(bed.fingerprint(&bed.repository("main")), before);
    let job = bed.bus().job("home");
    assert_eq!(job.health.as_deref(), Some("failed"));
    assert!(!job.health_reason.unwrap().is_empty());
    bed.ctl(["status"]).with_code(7);
}

#[test]
fn a_missing_source_fails_the_run_and_leaves_the_repository_alone() {
    let bed = Bed::with_job();
    fs::remove_dir_all(bed.source("home")).unwrap();
    fails(&bed, "source-missing");
    // It is back: so is the job.
    bed.write_source("home", "a", "a");
    bed.ctl(["start", "home", "--wait"]).well();
    assert_eq!(bed.bus().job("home").health.as_deref(), Some("ok"));
}

#[test]
fn a_wrong_password_fails_the_run_and_leaves_the_repository_alone() {
    let bed = Bed::with_job();
    bed.secret("main", "wrong");
    fails(&bed, "credentials");
    bed.ctl(["repository", "test", "main"])
        .with_code(1)
        .complains("password");
    bed.secret("main", PASSWORD);
    bed.ctl(["repository", "test", "main"]).well();
}

#[test]
fn a_missing_password_file_fails_the_run_and_leaves_the_repository_alone() {
    let bed = Bed::with_job();
    fs::remove_file(bed.path("secrets/main")).unwrap();
    fails(&bed, "credentials");
}

#[test]
fn a_password_command_that_fails_fails_the_run() {
    let bed = Bed::with_job();
    bed.write_file(
        "repositories.d/main.toml",
        &format!(
            "url = \"{}\"\npassword_command = [\"false\"]\n",
            bed.repository("main").display()
        ),
    );
    bed.ctl(["config", "reload"]).well();
    fails(&bed, "credentials");
}

#[test]
fn a_place_without_a_repository_fails_the_run_and_nothing_is_made_there() {
    let mut bed = Bed::new();
    bed.write_source("home", "a", "a");
    bed.write_repository("main");
    bed.write_job("home", "");
    bed.start();
    fs::create_dir(bed.repository("main")).unwrap();
    fs::write(bed.repository("main").join("somebody's"), "letters").unwrap();
    fails(&bed, "repository-not-found");
    for verb in ["test", "init"] {
        bed.ctl(["repository", verb, "main"])
            .with_code(1)
            .complains("repository");
    }
    let left: Vec<_> = fs::read_dir(bed.repository("main")).unwrap().collect();
    assert_eq!(left.len(), 1);
    bed.ctl(["snapshots", "home"])
        .with_code(1)
        .complains("repository");
}

#[test]
fn a_repository_made_for_another_password_is_left_alone() {
    let bed = Bed::with_job();
    bed.ctl(["start", "home", "--wait"]).well();
    let other = bed.secret("other", "another password");
    bed.ctl(["repository", "init", "main"])
        .with_code(1)
        .complains("repository");
    bed.write_file(
        "repositories.d/main.toml",
        &format!(
            "url = \"{}\"\npassword_file = \"{}\"\n",
            bed.repository("main").display(),
            other.display()
        ),
    );
    bed.ctl(["config", "reload"]).well();
    fails(&bed, "credentials");
    bed.ctl([
        "restore",
        "latest",
        "--job",
        "home",
        "--to",
        bed.path("restored").to_str().unwrap(),
    ])
    .with_code(1);
    assert!(!bed.path("restored").exists() || fs::read_dir(bed.path("restored")).unwrap().next().is_none());
    bed.assert_sound("main");
    assert_eq!(bed.snapshots("main"), 1);
}

/// A small file system of its own; gone with the test.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    pub(crate) fn mount(path: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir(&path).unwrap();
        let options = format!("size={size}");
        match mount(
            Some("tmpfs"),
            &path,
            Some("tmpfs"),
            MsFlags::empty(),
            Some(options.as_str()),
        ) {
            Ok(()) => Some(Self(path)),
            Err(error) => {
                skip(&format!("needs root (a small disk cannot be mounted: {error})"));
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

#[test]
fn a_full_disk_fails_the_run_and_what_was_stored_before_stays_sound() {
    let mut bed = Bed::new();
    let Some(_disk) = SmallDisk::mount(bed.path("disk"), "6m") else {
        return;
    };
    bed.write_source("home", "a.txt", "small");
    let text = bed
        .repository_text("main")
        .replace("repository-main", "disk/repository");
    bed.write_file("repositories.d/main.toml", &text);
    std::os::unix::fs::symlink(bed.path("disk/repository"), bed.repository("main")).unwrap();
    bed.write_job("home", "");
    bed.start();
    bed.init("main");
    bed.ctl(["start", "home", "--wait"]).well();
    bed.write_big("home", "big", 24, 3);
    bed.ctl(["start", "home", "--wait"])
        .with_code(1)
        .tells("are kept so that a prune can work");
    let run = bed.bus().history(&std::collections::HashMap::new()).remove(0);
    assert_eq!(run.failure_class.as_deref(), Some("no-space"), "{run:?}");
    assert_eq!(bed.snapshots("main"), 1);
    bed.assert_sound("main");
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
    // With less to store it goes again.
    fs::remove_file(bed.source("home").join("big")).unwrap();
    bed.ctl(["start", "home", "--wait"]).well();
    bed.assert_sound("main");
}
