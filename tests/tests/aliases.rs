//! Variables of users who come from other tools.

use backupd_tests::{Bed, bed::PASSWORD, wait};

fn bed(variables: &[(&str, &str)]) -> Bed {
    let mut bed = Bed::new();
    for (name, value) in variables {
        bed.variables.push(((*name).to_owned(), (*value).to_owned()));
    }
    bed
}

#[test]
fn the_three_variables_make_a_repository_a_limit_and_a_password() {
    let mut bed = bed(&[
        ("BACKUP_MAX_PARALLEL_JOBS", "7"),
        ("BACKUP_ENCRYPTION_KEY", PASSWORD),
    ]);
    let place = bed.repository("default").display().to_string();
    bed.variables
        .push(("BACKUP_STORAGE_PATH".to_owned(), place.clone()));
    bed.write_source("home", "a", "a");
    let text = bed.job_text("home", "").replace("\"main\"", "\"default\"");
    bed.write_file("jobs.d/home.toml", &text);
    bed.start();
    assert_eq!(bed.bus().manager_properties().max_parallel_runs, Some(7));
    let repositories = bed.ctl(["repository", "list", "--json"]).well().json();
    assert_eq!(repositories["repositories"][0]["name"], "default");
    assert_eq!(repositories["repositories"][0]["url"], place.as_str());
    bed.init("default");
    bed.ctl(["start", "home", "--wait"]).well();
    // It is the password that the variable says.
    bed.assert_sound("default");
    assert_eq!(bed.snapshots("default"), 1);
}

#[test]
fn a_file_says_more_than_the_variable() {
    let mut bed = bed(&[
        ("BACKUP_STORAGE_PATH", "/nowhere"),
        ("BACKUP_ENCRYPTION_KEY", "wrong"),
    ]);
    bed.write_repository("default");
    bed.start();
    bed.init("default");
    assert!(bed.repository("default").join("config").exists());
}

#[test]
fn variables_that_make_no_sense_are_faults_and_the_daemon_is_ready() {
    let mut bed = bed(&[
        ("BACKUP_MAX_PARALLEL_JOBS", "many"),
        ("BACKUP_STORAGE_PATH", "relative/path"),
    ]);
    bed.start();
    let manager = bed.bus().manager_properties();
    assert_eq!(manager.max_parallel_runs, Some(2));
    assert_eq!(manager.health.as_deref(), Some("degraded"));
    let faults = format!("{:?}", manager.configuration_faults);
    assert!(faults.contains("BACKUP_STORAGE_PATH"), "{faults}");
    assert!(faults.contains("BACKUP_MAX_PARALLEL_JOBS"), "{faults}");
}

#[test]
fn without_its_password_the_default_repository_fails_with_the_name_of_the_variable() {
    let mut bed = bed(&[]);
    let place = bed.repository("default").display().to_string();
    bed.variables.push(("BACKUP_STORAGE_PATH".to_owned(), place));
    bed.start();
    bed.ctl(["repository", "init", "default"])
        .with_code(1)
        .complains("BACKUP_ENCRYPTION_KEY");
    assert!(!bed.repository("default").exists());
    assert!(wait::lives(bed.daemon_pid()));
}
