use std::{fs, os::unix::fs::PermissionsExt as _};

use backupd_dbus::Error;
use insta::assert_snapshot;

use crate::{client::World, fake::Answer};

const INFO: &str = "{\"id\":\"0f1e2d3c\",\"version\":2,\"snapshots\":41}\n";

#[tokio::test]
async fn repositories_are_listed_shown_and_tested() {
    let world = World::new().await;
    world.fake.answer("Test", Answer::Lines(INFO.to_owned()));
    let file = Answer::File("url = \"/srv/backup\"\n".to_owned(), "5f".to_owned());
    world.fake.answer("GetConfiguration", file);
    assert_snapshot!(world.shown(&["repository", "list"]).await, @"
    REPOSITORY  HEALTH  ENGINE    SIZE  FREE  PLACE        JOBS
    nas         ● ok    embedded  –     –     /srv/backup  home, mail
    usb         ● ok    embedded  –     –     /media/usb   old
    ");
    assert_snapshot!(world.shown(&["repository", "show", "nas"]).await, @r#"
    nas
      health: ● ok
       place: /srv/backup
      engine: embedded
        jobs: home, mail
       check: only by hand
       prune: only by hand

    url = "/srv/backup"
    "#);
    assert_snapshot!(world.shown(&["repository", "test", "nas"]).await, @"the password opens the repository `nas`: id 0f1e2d3c, format 2, 41 snapshots");
    assert_snapshot!(world.shown(&["repository", "test", "nsa"]).await, @"
    --- stderr
    error: there is no repository `nsa`
    hint: did you mean `nas`?
    --- exit 6
    ");
    let json = world.run(&["repository", "list", "--json"]).await.json();
    assert_eq!(
        json["repositories"][0]["jobs"],
        serde_json::json!(["home", "mail"])
    );
    let json = world.run(&["repository", "test", "nas", "--json"]).await.json();
    assert_eq!(
        (&json["id"], &json["snapshots"]),
        (&"0f1e2d3c".into(), &41.into())
    );
}

#[tokio::test]
async fn a_repository_is_added_with_a_password_of_its_own() {
    let world = World::new().await;
    let configuration = world.home.path().join("etc");
    fs::create_dir(&configuration).unwrap();
    world.fake.state().manager.configuration_directory = Some(configuration.to_str().unwrap().to_owned());
    world.fake.answer("Initialize", Answer::Lines(INFO.to_owned()));
    let arguments = [
        "repository",
        "add",
        "new",
        "--url",
        "/srv/new",
        "--generate-password",
        "--init",
    ];
    let said = world
        .shown(&arguments)
        .await
        .replace(world.home.path().to_str().unwrap(), "HERE");
    assert_snapshot!(said, @"
    added the repository `new`
    created the repository `new`: id 0f1e2d3c, format 2, 41 snapshots
    --- stderr
    KEEP A COPY OF THE PASSWORD ELSEWHERE: it is in `HERE/etc/secrets/new`, and nowhere else
    whoever loses it can restore nothing from this repository: no backup is of use without it
    ");
    let file = configuration.join("secrets/new");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let password = fs::read_to_string(&file).unwrap();
    let calls = world.fake.calls();
    assert!(
        calls[0].starts_with("CreateRepository Backup1 \"new\" ") && calls[0].contains("password_file"),
        "{calls:?}"
    );
    assert!(
        !calls.concat().contains(password.trim()),
        "the password itself is told to nobody"
    );
    assert_eq!(calls[1], "Initialize new {}");
    // Again: it is not overwritten.
    assert_eq!(world.run(&arguments).await.code, 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), password);
}

#[tokio::test]
async fn a_password_for_nothing_does_not_stay() {
    let world = World::new().await;
    world.fake.state().manager.configuration_directory = Some(world.home.path().to_str().unwrap().to_owned());
    world.fake.answer(
        "CreateRepository",
        Answer::Error(Error::NotAuthorized("it is not for you".to_owned())),
    );
    let said = world
        .shown(&[
            "repository",
            "add",
            "new",
            "--url",
            "/srv/new",
            "--generate-password",
        ])
        .await;
    assert_snapshot!(said, @"
    --- stderr
    error: it is not for you
    --- exit 4
    ");
    assert!(!world.home.path().join("secrets/new").exists());
}

#[tokio::test]
async fn a_repository_is_added_with_a_password_from_elsewhere() {
    let world = World::new().await;
    let said = world.run(&[
        "repository",
        "add",
        "new",
        "--url",
        "r",
        "--json",
        "--password-command",
        "pass",
        "show",
        "-x",
    ]);
    let json = said.await.json();
    let configuration = json["configuration"]
        .as_str()
        .unwrap()
        .replace(world.home.path().to_str().unwrap(), "HERE");
    assert_snapshot!(configuration, @r#"
    # Where the repository is: the absolute path of a folder, or an address as restic writes it.
    url = "HERE/r"

    # Where its password comes from; secrets never stand in this file.
    password_command = ["pass", "show", "-x"]
    "#);
    assert_eq!(
        world
            .run(&["repository", "add", "new", "--url", "/x", "--init"])
            .await
            .code,
        2
    );
    assert_snapshot!(world.shown(&["repository", "add", "new", "--url", "/x"]).await, @"
    added the repository `new`
    --- stderr
    it has no password yet: set it with `backupctl repository set-password new`
    if there is none at its place yet, create it with `backupctl repository init new`; if there is one, `backupctl repository adopt new` shows what is in it
    ");
    let calls = world.fake.calls().concat();
    assert!(
        calls.contains("password_credential = \\\"backupd-repository-new\\\""),
        "{calls}"
    );
    assert_snapshot!(world.shown(&["repository", "set-password", "nas"]).await, @"
    --- stderr
    error: there is no terminal to ask for the password
    hint: pipe it into `backupctl repository set-password nas --stdin`
    --- exit 2
    ");
    assert_snapshot!(
        world.shown(&["repository", "add", "nas", "--url", "/x", "--password-file", "/y"]).await, @"
    --- stderr
    error: the repository `nas` exists already
    hint: choose another name; `backupctl repository show nas` shows that one
    --- exit 1
    "
    );
}
