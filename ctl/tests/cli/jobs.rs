use backupd_dbus::{Error, Fault};
use insta::assert_snapshot;

use crate::{client::World, fake::Answer, fixtures::text};

#[tokio::test]
async fn a_job_is_made_from_options() {
    let world = World::new().await;
    let said = world.run(&[
        "job",
        "create",
        "new",
        "--repository",
        "nas",
        "--source",
        "/home",
        "etc",
        "--exclude",
        "*.tmp",
        "--exclude-larger-than",
        "2 GiB",
        "--max-age",
        "26h",
        "--schedule",
        "02:00",
        "--schedule",
        "weekdays at 14:00",
        "--group",
        "nightly",
        "--after",
        "mail",
        "--tag",
        "daily",
        "--compression",
        "3",
        "--verify",
        "structure",
        "--one-file-system",
        "--disabled",
        "--json",
    ]);
    let json = said.await.json();
    let configuration = json["configuration"]
        .as_str()
        .unwrap()
        .replace(world.home.path().to_str().unwrap(), "HERE");
    assert_snapshot!(configuration, @r#"
    # Where the snapshots go: the name of a file in `repositories.d`.
    repository = "nas"

    # What is backed up; one of `optional_sources` may be missing.
    sources = ["/home", "HERE/etc"]

    # What is left out.
    exclude = ["*.tmp"]
    exclude_larger_than = "2 GiB"
    one_file_system = true

    # When it starts by itself: a time, `daily`, `weekdays at 18:00`, `every 4h`, or a list of them.
    schedule = ["02:00", "weekdays at 14:00"]

    # Jobs it is started with, by the name of their group, and jobs that it waits for.
    groups = ["nightly"]
    after = ["mail"]

    # How it is stored.
    tags = ["daily"]
    compression = 3
    verify = "structure"

    # The job is late when its last good snapshot is older than this; `schedule` tells unless it is given.
    max_age = "26h"

    # A job that is not enabled is never started.
    enabled = false
    "#);
    assert!(world.fake.calls()[0].starts_with("CreateJob Backup1 \"new\" "));
    assert_snapshot!(world.shown(&["job", "create", "new", "--repository", "nas", "--source", "/home"]).await, @"
    created the job `new`
    --- stderr
    start it with `backupctl start new`
    ");
}

#[tokio::test]
async fn a_job_is_made_from_a_file() {
    let world = World::new().await;
    std::fs::write(world.home.path().join("x.toml"), "repository = \"nas\"\n").unwrap();
    let said = world.run(&["job", "create", "new", "--file", "x.toml"]).await;
    assert_eq!(said.code, 0, "{}", said.whole());
    let refused = Error::InvalidConfiguration(
        "the job `new` has faults:\n/x/new.toml:1:1: `sources` is missing\nhint: write them".to_owned(),
    );
    world.fake.answer("CreateJob", Answer::Error(refused));
    assert_snapshot!(world.shown(&["job", "create", "new", "--file", "x.toml"]).await, @"
    --- stderr
    error: the job `new` has faults:
      /x/new.toml:1:1: `sources` is missing
    hint: write them
    --- exit 1
    ");
    assert_snapshot!(world.shown(&["job", "create", "a b", "--file", "x.toml"]).await, @"
    --- stderr
    error: `a b` is no name: a name is made of letters, digits, `-`, `_` and `.`, not of ` `
    --- exit 2
    ");
    assert_snapshot!(world.shown(&["job", "create", "new", "--file", "missing.toml"]).await, @"
    --- stderr
    error: cannot read `missing.toml`: No such file or directory (os error 2)
    --- exit 1
    ");
}

#[tokio::test]
async fn a_jobs_file_is_shown_as_it_is() {
    let world = World::new().await;
    let file = Answer::File("# mine\nrepository = \"nas\"\n".to_owned(), "5f".to_owned());
    world.fake.answer("GetConfiguration", file);
    assert_snapshot!(world.shown(&["job", "show", "home"]).await, @r#"
    # mine
    repository = "nas"
    "#);
    let json = world.run(&["job", "show", "home", "--json"]).await.json();
    assert_eq!(
        (&json["name"], &json["revision"], &json["health"]),
        (&"home".into(), &"5f".into(), &"ok".into())
    );
}

#[tokio::test]
async fn a_job_is_checked_by_the_daemon_if_it_is_there() {
    let world = World::new().await;
    let file = Answer::File("repository = \"nas\"\n".to_owned(), "5f".to_owned());
    world.fake.answer("GetConfiguration", file);
    assert_snapshot!(world.shown(&["job", "validate", "home"]).await, @"the job `home` has no faults");
    world.fake.answer(
        "ValidateJob",
        Answer::Faults(vec![Fault {
            file: text("/etc/backupd/jobs.d/home.toml"),
            line: Some(1),
            column: Some(2),
            message: text("`sources` is missing"),
            hint: text("write them"),
        }]),
    );
    std::fs::write(world.home.path().join("x.toml"), "").unwrap();
    assert_snapshot!(world.shown(&["job", "validate", "home", "--file", "x.toml"]).await, @"
    x.toml:1:2: `sources` is missing
      hint: write them
    --- exit 1
    ");
    let said = world.run(&["job", "validate", "home", "--json"]).await;
    assert_eq!((said.code, &said.json()["valid"]), (1, &false.into()));
}

#[tokio::test]
async fn jobs_are_switched_and_deleted() {
    let world = World::new().await;
    assert_snapshot!(world.shown(&["job", "disable", "home", "nobody", "mail"]).await, @"
    disabled the job `home`
    disabled the job `mail`
    --- stderr
    error: there is no job `nobody`
    hint: there are the jobs `home`, `mail` and `old`
    --- exit 6
    ");
    assert_snapshot!(world.shown(&["job", "enable", "old", "--json"]).await, @r#"
    {
      "version": 1,
      "jobs": [
        {
          "name": "old"
        }
      ]
    }
    "#);
    assert_snapshot!(world.shown(&["job", "delete", "old"]).await, @"
    --- stderr
    error: there is no terminal to ask on
    hint: give `--yes` to delete without a question
    --- exit 2
    ");
    assert_snapshot!(world.shown(&["job", "delete", "old", "--yes"]).await, @"deleted the job `old`");
    assert_eq!(
        world.fake.calls(),
        [
            "SetEnabled home false {}",
            "SetEnabled mail false {}",
            "SetEnabled old true {}",
            "Delete old {}",
        ]
    );
}

#[tokio::test]
async fn a_person_is_asked_before_a_job_is_deleted() {
    let world = World::new().await;
    let (code, drawn) = world.on_terminal(&["job", "delete", "old"], "n\n").await;
    assert!(
        drawn.contains("delete `old`?") && drawn.contains("nothing was deleted"),
        "{drawn:?}"
    );
    assert_eq!((code, world.fake.calls().len()), (1, 0));
    let (code, drawn) = world.on_terminal(&["job", "delete", "old"], "y\n").await;
    assert_eq!(
        (code, world.fake.calls()),
        (0, vec!["Delete old {}".to_owned()]),
        "{drawn:?}"
    );
}
