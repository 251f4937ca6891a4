//! What does not exist, and options that nobody knows.

use std::collections::HashMap;

use backupd_dbus::{Error, MANAGER_INTERFACE, ROOT_PATH, RUN_INTERFACE, run_path};
use backupd_tests::{Bed, bus::error_name};
use zbus::Variant;

#[test]
fn unknown_objects_end_the_client_with_6() {
    let bed = Bed::with_job();
    let run = "01JD3V00000000000000000000";
    for arguments in [
        &["start", "hoem"][..],
        &["show", "hoem"],
        &["status", "hoem"],
        &["why", "hoem"],
        &["log", "hoem"],
        &["history", "hoem"],
        &["snapshots", "hoem"],
        &["cancel", "hoem"],
        &["job", "show", "hoem"],
        &["job", "disable", "hoem"],
        &["job", "delete", "hoem", "--yes"],
        &["repository", "test", "mian"],
        &["repository", "init", "mian"],
        &["restore", "latest", "--job", "hoem", "--to", "/tmp/never-made"],
        &["show", run],
        &["log", run],
        &["cancel", run],
        &["ls", "latest", "--job", "home"],
        &[
            "restore",
            "latest",
            "--repository",
            "mian",
            "--to",
            "/tmp/never-made",
        ],
    ] {
        let said = bed.ctl(arguments);
        assert_eq!(said.code, Some(6), "{arguments:?}: {said:?}");
        assert!(said.stderr.contains("hint: "), "{arguments:?}: {said:?}");
    }
    assert!(bed.bus().paths("run").is_empty());
    bed.ctl(["jobs"]).well();
}

#[test]
fn the_nearest_name_is_offered() {
    let bed = Bed::with_job();
    bed.ctl(["start", "hoem"]).with_code(6).complains("`home`");
}

#[test]
fn errors_are_json_for_programs() {
    let bed = Bed::with_job();
    let said = bed.ctl(["--json", "start", "hoem"]).with_code(6);
    let error: serde_json::Value = serde_json::from_str(said.stderr.trim()).unwrap();
    assert!(error.to_string().contains("hoem"), "{error}");
    // Nothing was started, and that is said.
    assert_eq!(said.json()["runs"], serde_json::json!([]), "{said:?}");
}

#[test]
fn without_a_daemon_the_client_ends_with_5() {
    let mut bed = Bed::new();
    for arguments in [
        &["status"][..],
        &["jobs"],
        &["start", "home"],
        &["cancel", "home"],
    ] {
        bed.ctl(arguments).with_code(5).complains("backupd");
    }
    bed.kill_bus();
    bed.ctl(["status"]).with_code(5).complains("bus");
}

#[test]
fn wrong_usage_ends_the_client_with_2() {
    let bed = Bed::with_job();
    for arguments in [
        &["frobnicate"][..],
        &["start"],
        &["start", "home", "--frobnicate"],
        &["start", "home", "--metadata", "[1]"],
        &["history", "--limit", "many"],
        &["history", "--result", "great"],
    ] {
        bed.ctl(arguments).with_code(2);
    }
    assert!(bed.bus().paths("run").is_empty());
}

#[test]
fn unknown_options_are_refused_by_name() {
    let bed = Bed::with_job();
    let options = HashMap::from([("descripton", Variant::from("x"))]);
    let error = bed.bus().start_with("home", &options).unwrap_err();
    let Error::UnknownOption(text) = error else {
        panic!("{error:?}");
    };
    assert!(
        text.contains("`descripton`") && text.contains("`description`"),
        "{text}"
    );
    assert!(bed.bus().paths("run").is_empty());
}

#[test]
fn options_of_the_wrong_type_are_refused_by_name() {
    let bed = Bed::with_job();
    for (key, value) in [
        ("description", Variant::from(7_u32)),
        ("description", Variant::from("x".repeat(5000))),
        ("metadata", Variant::from(true)),
        ("metadata", Variant::from("no json")),
        ("metadata", Variant::from("[1, 2]")),
        (
            "metadata",
            Variant::from(format!("{{\"a\":\"{}\"}}", "x".repeat(70_000))),
        ),
    ] {
        let error = bed
            .bus()
            .start_with("home", &HashMap::from([(key, value)]))
            .unwrap_err();
        assert!(
            matches!(&error, Error::InvalidArgument(text) if text.contains(&format!("`{key}`"))),
            "{error:?}"
        );
    }
    for (filter, options, named) in [
        (("limit", Variant::from(1_u32)), None, "limit"),
        (("job", Variant::from(1_u32)), None, "job"),
        (("state", Variant::from("sleeping")), None, "state"),
        (
            ("job", Variant::from("home")),
            Some(("limit", Variant::from(0_u32))),
            "limit",
        ),
        (
            ("job", Variant::from("home")),
            Some(("limit", Variant::from(1001_u32))),
            "limit",
        ),
        (
            ("job", Variant::from("home")),
            Some(("before", Variant::from("x"))),
            "before",
        ),
    ] {
        let error = bed
            .bus()
            .call(
                ROOT_PATH,
                MANAGER_INTERFACE,
                "ListRuns",
                &(
                    HashMap::from([filter]),
                    options.into_iter().collect::<HashMap<_, _>>(),
                ),
            )
            .unwrap_err();
        assert!(
            ["InvalidArgument", "UnknownOption"].contains(&error_name(&error).as_str()),
            "{error:?}"
        );
        assert!(error.to_string().contains(named), "{error}");
    }
    assert!(bed.bus().paths("run").is_empty());
}

#[test]
fn an_unknown_run_is_refused_by_name() {
    let bed = Bed::with_job();
    for id in ["01JD3V00000000000000000000", "", "x", "../../etc", "01jd3v"] {
        let answer = bed.bus().wait(bed.bus().manager().get_run(id, &HashMap::new()));
        assert!(matches!(answer, Err(Error::RunNotFound(_))), "{id:?}: {answer:?}");
    }
    let options: HashMap<&str, Variant<'_>> = HashMap::new();
    let path = run_path("01JD3V00000000000000000000");
    assert!(
        bed.bus()
            .call(&path, RUN_INTERFACE, "Cancel", &(options,))
            .is_err()
    );
}
