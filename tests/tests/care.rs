//! Repositories that are checked and pruned, by hand and by themselves.

use std::fs;

use backupd_tests::{Bed, Said};

/// The packs of a repository, the largest first.
fn packs(bed: &Bed) -> Vec<std::path::PathBuf> {
    let mut packs = Vec::new();
    for folder in fs::read_dir(bed.repository("main").join("data"))
        .unwrap()
        .flatten()
    {
        packs.extend(
            fs::read_dir(folder.path())
                .unwrap()
                .flatten()
                .map(|pack| pack.path()),
        );
    }
    packs.sort_by_key(|pack| std::cmp::Reverse(fs::metadata(pack).unwrap().len()));
    packs
}

#[track_caller]
fn shows(said: &Said, text: &str) {
    assert!(said.stdout.contains(text), "`{text}` is not in:\n{}", said.stdout);
}

#[test]
fn a_check_finds_a_flipped_byte_and_says_what_it_hurts() {
    let bed = Bed::with_job();
    bed.write_big("home", "large", 1, 1);
    bed.ctl(["start", "home", "--wait"]).well();
    bed.ctl(["check", "main", "--read-data", "all", "--wait"]).well();
    assert_eq!(bed.locks("main"), 0);
    let shown = bed.ctl(["repository", "show", "main", "--json"]).well().json();
    assert_eq!(
        (&shown["health"], &shown["check"]["last_result"]),
        (&"ok".into(), &"success".into())
    );

    let pack = packs(&bed).remove(0);
    let mut bytes = fs::read(&pack).unwrap();
    bytes[10] ^= 1;
    fs::write(&pack, bytes).unwrap();
    // The structure is whole; only who reads the data sees it.
    bed.ctl(["check", "main", "--wait"]).well();
    let said = bed
        .ctl(["check", "main", "--read-data", "all", "--wait"])
        .with_code(1);
    said.tells("corrupt");
    let history = bed
        .ctl(["history", "--operation", "check", "--limit", "1", "--json"])
        .well();
    let run = history.json()["runs"][0].clone();
    assert_eq!(
        (&run["result"], &run["failure"]["class"]),
        (&"failed".into(), &"corrupt".into())
    );
    assert_eq!(run["statistics"]["errors_found"], 1, "{run:#}");
    assert!(!run["failure"]["hint"].as_str().unwrap().is_empty());
    let name = pack.file_name().unwrap().to_str().unwrap();
    shows(&bed.ctl(["log", run["id"].as_str().unwrap()]).well(), name);
    shows(&bed.ctl(["repository", "list"]).well(), "failed");
    bed.ctl(["status"]).with_code(7);
}

#[test]
fn a_prune_removes_what_was_forgotten_and_keeps_the_rest() {
    let bed = Bed::with_job();
    bed.write_file(
        "repositories.d/main.toml",
        &format!(
            "{}prune = {{ calendar = \"Sun 05:00\", keep_delete = \"1h\" }}\n",
            bed.repository_text("main")
        ),
    );
    bed.ctl(["config", "reload"]).well();
    bed.write_source("home", "large", "fedcba9876543210".repeat(1 << 12));
    bed.ctl(["start", "home", "--wait"]).well();
    fs::remove_file(bed.source("home").join("large")).unwrap();
    bed.write_source("home", "b.txt", "the content of b");
    bed.ctl(["start", "home", "--wait"]).well();
    bed.restic("main", &["forget", "--keep-last", "1", "--tag", "job=home"])
        .well();

    let before = bed.fingerprint(&bed.repository("main"));
    let plan = bed.ctl(["prune", "main", "--dry-run", "--json"]).well().json();
    assert_eq!(plan["snapshots"], 1, "{plan:#}");
    assert!(plan["bytes_unused"].as_u64().unwrap() > 0, "{plan:#}");
    assert_eq!(bed.fingerprint(&bed.repository("main")), before);
    shows(&bed.ctl(["prune", "main", "--dry-run"]).well(), "of no use");

    bed.ctl(["prune", "main", "--max-unused", "0%", "--wait"]).well();
    bed.assert_sound("main");
    assert_eq!((bed.snapshots("main"), bed.locks("main")), (1, 0));
    let after = bed
        .ctl(["prune", "main", "--dry-run", "--max-unused", "0%", "--json"])
        .well()
        .json();
    assert_eq!(after["packs_repacked"], 0, "{after:#}");
    bed.ctl(["restore", "latest", "--job", "home", "--to", "back", "--wait"])
        .well();
    let restored = bed
        .path("back")
        .join(bed.source("home").strip_prefix("/").unwrap());
    assert_eq!(
        fs::read_to_string(restored.join("b.txt")).unwrap(),
        "the content of b"
    );
    let shown = bed.ctl(["repository", "show", "main", "--json"]).well().json();
    assert_eq!(shown["prune"]["last_result"], "success");
    assert_eq!(shown["prune"]["schedule"], "Sun 05:00");
    shows(&bed.ctl(["schedule"]).well(), "prune of main, Sun 05:00");
}

#[test]
fn a_repository_is_cared_for_by_itself() {
    let bed = Bed::with_job();
    bed.ctl(["start", "home", "--wait"]).well();
    let listener = bed.bus().listen();
    bed.write_file(
        "repositories.d/main.toml",
        &format!(
            "{}check = {{ calendar = \"*:*:00\", read_data = \"1/2\" }}\n",
            bed.repository_text("main")
        ),
    );
    bed.ctl(["config", "reload"]).well();
    let filter = std::collections::HashMap::from([("operation", "check".into())]);
    let run = listener.until(|_| {
        let run = bed.bus().history(&filter).pop()?;
        (run.state.as_deref() == Some("finished")).then_some(run)
    });
    let run = run.expect("it is checked each minute");
    assert_eq!(
        (run.trigger.as_deref(), run.result.as_deref()),
        (Some("schedule"), Some("success")),
        "{run:?}"
    );
    assert!(run.statistics.unwrap().bytes_checked.unwrap() > 0);
}

#[test]
fn wrong_passwords_and_unknown_places_are_said_and_no_damage() {
    let bed = Bed::with_job();
    bed.ctl(["start", "home", "--wait"]).well();
    bed.secret("main", "wrong");
    bed.ctl(["check", "main", "--wait"])
        .with_code(1)
        .tells("password");
    bed.ctl(["prune", "main", "--dry-run"])
        .with_code(1)
        .complains("password");
    shows(&bed.ctl(["repository", "list"]).well(), "degraded");
    bed.ctl(["check", "mian"])
        .with_code(6)
        .complains("did you mean `main`?");
    bed.ctl(["prune", "main", "--max-unused", "200%"])
        .with_code(2)
        .complains("does not say how much");
}
