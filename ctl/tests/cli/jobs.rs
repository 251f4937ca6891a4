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

    # Which snapshots are kept; all of them without this. `backupctl retention preview` shows what goes.
    #retention = { keep_daily = 7, keep_weekly = 5, keep_monthly = 12 }

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

/// The file of a job that a template has filled.
async fn created(world: &World, arguments: &[&str]) -> String {
    let arguments = [
        &["job", "create", "new", "--repository", "nas", "--json"],
        arguments,
    ]
    .concat();
    let json = world.run(&arguments).await.json();
    let home = world.home.path().to_str().unwrap();
    json["configuration"].as_str().unwrap().replace(home, "HOME")
}

#[tokio::test]
async fn a_template_asks_for_a_repository_alone() {
    let world = World::new().await;
    assert_snapshot!(created(&world, &["--template", "home"]).await, @r#"
    description = "The files of people"

    # Where the snapshots go: the name of a file in `repositories.d`.
    repository = "nas"

    # What is backed up; one of `optional_sources` may be missing.
    sources = ["HOME"]

    # What is left out.
    exclude = [
        "**/.cache",
        "**/.local/share/Trash",
        "**/.Trash-*",
        "**/node_modules",
        "**/.venv",
        "**/target/debug",
        "**/target/release",
        "**/.gvfs",
        "**/.thumbnails",
        "*.tmp",
    ]
    exclude_caches = true

    # When it starts by itself: a time, `daily`, `weekdays at 18:00`, `every 4h`, or a list of them.
    schedule = "daily at 12:30"

    # The job is late when its last good snapshot is older than this; `schedule` tells unless it is given.
    #max_age = "26h"

    # Which snapshots are kept; all of them without this. `backupctl retention preview` shows what goes.
    retention = { keep_daily = 14, keep_weekly = 8, keep_monthly = 12, keep_yearly = 5 }
    "#);
    assert_snapshot!(created(&world, &["--template", "documents", "--keep-last", "3", "--schedule", "20:00"]).await, @r#"
    description = "Documents and pictures, also soon after they change"

    # Where the snapshots go: the name of a file in `repositories.d`.
    repository = "nas"

    # What is backed up; one of `optional_sources` may be missing.
    optional_sources = [
        "HOME/Desktop",
        "HOME/Documents",
        "HOME/Music",
        "HOME/Pictures",
        "HOME/Videos",
    ]

    # What is left out.
    exclude = ["**/.Trash-*", ".~lock.*", "~$*", "*.tmp"]
    exclude_caches = true

    # When it starts by itself: a time, `daily`, `weekdays at 18:00`, `every 4h`, or a list of them.
    schedule = "20:00"

    # The job is late when its last good snapshot is older than this; `schedule` tells unless it is given.
    #max_age = "26h"

    # Which snapshots are kept; all of them without this. `backupctl retention preview` shows what goes.
    retention = { keep_last = 3 }

    # What else starts it.
    [triggers]
    path_change = { quiet = "1m", distance = "30m" }
    "#);
}

#[tokio::test]
async fn templates_know_machines_and_databases_too() {
    let world = World::new().await;
    assert_snapshot!(created(&world, &["--template", "system"]).await, @r#"
    description = "Configuration and data of this machine"

    # Where the snapshots go: the name of a file in `repositories.d`.
    repository = "nas"

    # What is backed up; one of `optional_sources` may be missing.
    sources = ["/etc"]
    optional_sources = ["/opt", "/root", "/srv", "/usr/local", "/var/lib", "/var/spool"]

    # What is left out.
    exclude = [
        "/var/lib/backupd",
        "/var/lib/containerd",
        "/var/lib/containers",
        "/var/lib/docker",
        "/var/lib/machines",
        "/var/lib/systemd/coredump",
        "/srv/backup",
        "*.tmp",
    ]
    exclude_caches = true

    # When it starts by itself: a time, `daily`, `weekdays at 18:00`, `every 4h`, or a list of them.
    schedule = "daily at 02:30"

    # The job is late when its last good snapshot is older than this; `schedule` tells unless it is given.
    #max_age = "26h"

    # Which snapshots are kept; all of them without this. `backupctl retention preview` shows what goes.
    retention = { keep_daily = 7, keep_weekly = 5, keep_monthly = 6 }

    # What else starts it.
    [triggers]
    package_upgrade = true
    "#);
    assert_snapshot!(created(&world, &["--template", "databases", "--source", "/var/dumps"]).await, @r#"
    description = "Dumps of databases: the files of a database at work are not whole"

    # Where the snapshots go: the name of a file in `repositories.d`.
    repository = "nas"

    # What is backed up; one of `optional_sources` may be missing.
    sources = ["/var/dumps"]

    # What is left out.
    exclude = ["*.tmp", "*.partial"]

    # When it starts by itself: a time, `daily`, `weekdays at 18:00`, `every 4h`, or a list of them.
    schedule = "every 4h"

    # The job is late when its last good snapshot is older than this; `schedule` tells unless it is given.
    #max_age = "26h"

    # Which snapshots are kept; all of them without this. `backupctl retention preview` shows what goes.
    retention = { keep_last = 12, keep_daily = 14, keep_weekly = 8, keep_monthly = 12, keep_yearly = 5 }
    "#);
    assert_snapshot!(world.shown(&["job", "create", "new", "--repository", "nas", "--template", "hme"]).await, @"
    --- stderr
    error: invalid value 'hme' for '--template <TEMPLATE>'
      [possible values: home, system, databases, documents]

      tip: a similar value exists: 'home'

    For more information, try '--help'.
    --- exit 2
    ");
    assert_snapshot!(world.shown(&["job", "create", "new", "--repository", "nas"]).await, @"
    --- stderr
    error: the following required arguments were not provided:
      --source <DIR>...

    Usage: backupctl job create --repository <REPOSITORY> --source <DIR>... <NAME>

    For more information, try '--help'.
    --- exit 2
    ");
}

#[tokio::test]
async fn a_copy_is_the_same_but_for_where_it_stores() {
    let world = World::new().await;
    let file = Answer::File(
        "# mine\nrepository = \"nas\"\nsources = [\"/home\"]\n".to_owned(),
        "5f".to_owned(),
    );
    world.fake.answer("GetConfiguration", file);
    let copy = [
        "job",
        "copy",
        "home",
        "home-usb",
        "--repository",
        "usb",
        "--disabled",
        "--json",
    ];
    let json = world.run(&copy).await.json();
    assert_snapshot!(json["configuration"].as_str().unwrap(), @r#"
    # mine
    repository = "usb"
    sources = ["/home"]
    enabled = false
    "#);
    assert_snapshot!(world.shown(&["job", "copy", "home", "home-usb"]).await, @"
    created the job `home-usb`
    --- stderr
    start it with `backupctl start home-usb`
    ");
    assert_snapshot!(world.shown(&["job", "copy", "hoem", "x"]).await, @"
    --- stderr
    error: there is no job `hoem`
    hint: did you mean `home`?
    --- exit 6
    ");
    assert_snapshot!(world.shown(&["job", "copy", "home", "x", "--repository", "ubs"]).await, @"
    --- stderr
    error: there is no repository `ubs`
    hint: did you mean `usb`?
    --- exit 6
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
