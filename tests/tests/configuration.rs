//! Configuration that makes no sense: refused with a place and a hint, and nothing is touched.

use std::fs;

use backupd_dbus::{Error, repository_path};
use backupd_tests::{Bed, bus::error_name};

/// Creates a job of that text; it must be refused, and say so.
fn refused(bed: &Bed, name: &str, text: &str, said: &[&str]) {
    let file = bed.path("offered.toml");
    fs::write(&file, text).unwrap();
    let before = bed.fingerprint(&bed.configuration());
    let answer = bed
        .ctl(["job", "create", name, "--file", file.to_str().unwrap()])
        .with_code(1);
    for part in said {
        answer.complains(part);
    }
    assert_eq!(bed.fingerprint(&bed.configuration()), before);
    assert_eq!(bed.bus().paths("job").len(), 1);
}

#[test]
fn a_job_file_that_is_no_toml_is_refused_with_its_place() {
    let bed = Bed::with_job();
    refused(
        &bed,
        "new",
        "repository = \"main\nsources = []\n",
        &["jobs.d/new.toml:1:"],
    );
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_known_one() {
    let bed = Bed::with_job();
    let text = bed.job_text("new", "excldue = [\"*.tmp\"]");
    refused(
        &bed,
        "new",
        &text,
        &["jobs.d/new.toml:3:1", "`excldue`", "`exclude`"],
    );
}

#[test]
fn a_job_of_an_unknown_repository_is_refused_with_the_nearest_known_one() {
    let bed = Bed::with_job();
    let text = bed.job_text("new", "").replace("main", "mian");
    refused(&bed, "new", &text, &["`mian`", "`main`"]);
}

#[test]
fn a_relative_source_is_refused() {
    let bed = Bed::with_job();
    refused(
        &bed,
        "new",
        "repository = \"main\"\nsources = [\"home\"]\n",
        &["`home` is not an absolute path"],
    );
}

#[test]
fn a_source_that_holds_its_own_repository_is_refused() {
    let bed = Bed::with_job();
    let text = format!(
        "repository = \"main\"\nsources = [\"{}\"]\n",
        bed.path("").display().to_string().trim_end_matches('/')
    );
    refused(&bed, "new", &text, &["lies inside of the source"]);
}

#[test]
fn all_faults_of_an_offered_file_are_told_at_once() {
    let bed = Bed::with_job();
    let text = "repository = \"main\"\nsources = [\"rel\"]\nmax_age = \"soon\"\nbogus = 1\n";
    refused(&bed, "new", text, &["`rel`", "`soon`", "`bogus`"]);
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let bed = Bed::with_job();
    let text = bed.job_text("home", "description = \"other\"");
    refused(&bed, "home", &text, &["exists"]);
}

#[test]
fn a_repository_name_that_is_taken_is_refused_with_a_hint() {
    let bed = Bed::with_job();
    let secret = bed.secret("x", "x");
    bed.ctl([
        "repository",
        "add",
        "main",
        "--url",
        bed.path("elsewhere").to_str().unwrap(),
        "--password-file",
        secret.to_str().unwrap(),
    ])
    .with_code(1)
    .complains("exists");
}

#[test]
fn a_name_that_looks_like_another_is_refused() {
    let bed = Bed::with_job();
    let text = bed.job_text("home", "");
    refused(&bed, "Home", &text, &["differ by letter case only"]);
}

#[test]
fn names_that_are_no_names_are_refused() {
    let bed = Bed::with_job();
    let before = bed.fingerprint(&bed.configuration());
    for name in [
        "",
        ".",
        "..",
        "../escape",
        "a/b",
        "a b",
        "a\nb",
        "-x",
        ".hidden",
        "ä",
    ] {
        let text = bed.job_text("home", "");
        let answer = bed.bus().wait(bed.bus().manager().create_job(
            name,
            &text,
            &std::collections::HashMap::new(),
        ));
        assert!(
            matches!(answer, Err(Error::InvalidArgument(_))),
            "{name:?}: {answer:?}"
        );
        let answer = bed.bus().start(name);
        assert!(
            matches!(answer, Err(Error::JobNotFound(_))),
            "{name:?}: {answer:?}"
        );
    }
    assert_eq!(bed.fingerprint(&bed.configuration()), before);
}

#[test]
fn a_relative_target_is_refused_over_the_bus() {
    let bed = Bed::with_job();
    let interface = backupd_dbus::REPOSITORY_INTERFACE;
    let options = std::collections::HashMap::<&str, zbus::Variant<'_>>::new();
    for target in [&b"relative"[..], b"", b"/a/../b", b"/nul\0byte"] {
        let error = bed
            .bus()
            .call(
                &repository_path("main"),
                interface,
                "Restore",
                &("latest", target, &options),
            )
            .unwrap_err();
        assert_eq!(error_name(&error), "InvalidArgument", "{target:?}: {error}");
    }
    assert!(bed.bus().paths("run").is_empty());
}

#[test]
fn a_password_in_the_file_is_refused_and_not_repeated() {
    let bed = Bed::with_job();
    bed.write_file(
        "repositories.d/bad.toml",
        "url = \"/srv/x\"\npassword = \"hunter2-unrepeated\"\n",
    );
    let said = bed.ctl(["config", "reload"]).with_code(1);
    let everything = format!("{said:?} {:?} {}", bed.bus().manager_properties(), bed.log());
    assert!(everything.contains("`password` is refused"), "{everything}");
    assert!(!everything.contains("hunter2"), "{everything}");
}
