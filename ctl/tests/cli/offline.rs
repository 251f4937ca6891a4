use std::fs;

use insta::assert_snapshot;

use crate::{
    client::{Said, World, command, said},
    fake::Answer,
    fixtures::text,
};

async fn without_bus(home: &std::path::Path, arguments: &[&str]) -> Said {
    let address = format!("unix:path={}", home.join("no-bus").display());
    let mut said = said(command(home, &address, arguments)).await;
    let place = home.to_str().unwrap();
    (said.stdout, said.stderr) = (
        said.stdout.replace(place, "HERE"),
        said.stderr.replace(place, "HERE"),
    );
    said
}

fn files(home: &std::path::Path) -> std::path::PathBuf {
    let directory = home.join(".config/backupd");
    fs::create_dir_all(directory.join("jobs.d")).unwrap();
    fs::create_dir_all(directory.join("repositories.d")).unwrap();
    fs::write(
        directory.join("repositories.d/nas.toml"),
        "url = \"/srv/b\"\npassword_file = \"/p\"\n",
    )
    .unwrap();
    fs::write(
        directory.join("jobs.d/home.toml"),
        "repository = \"nas\"\nsources = [\"/home\"]\n",
    )
    .unwrap();
    directory
}

#[tokio::test]
async fn a_configuration_is_checked_without_a_daemon() {
    let home = tempfile::tempdir().unwrap();
    let directory = files(home.path());
    assert_snapshot!(without_bus(home.path(), &["config", "check"]).await.whole(), @"no faults in `HERE/.config/backupd`");
    fs::write(
        directory.join("jobs.d/bad.toml"),
        "repository = \"nsa\"\nsorces = [\"/home\"]\n",
    )
    .unwrap();
    fs::write(
        directory.join("jobs.d/worse.toml"),
        "repository = \"nsa\"\nsources = [\"/x\"]\n",
    )
    .unwrap();
    fs::write(directory.join("repositories.d/b.toml~"), "left over").unwrap();
    fs::write(directory.join("backupd.toml"), "log = \"loud\"\n").unwrap();
    assert_snapshot!(without_bus(home.path(), &["config", "check"]).await.whole(), @r#"
    HERE/.config/backupd/backupd.toml:1:7: `loud` is no log level
      hint: write `error`, `warn`, `info`, `debug` or `trace`
    HERE/.config/backupd/jobs.d/bad.toml:2:1: unknown key `sorces`
      hint: did you mean `sources`?
    HERE/.config/backupd/jobs.d/bad.toml: `sources` is missing
      hint: write what is to be backed up, such as `sources = ["/home"]`
    HERE/.config/backupd/jobs.d/worse.toml:1:14: the repository `nsa` is not known
      hint: did you mean `nas`?
    --- exit 1
    "#);
    let said = without_bus(home.path(), &["config", "check", "--json"]).await;
    assert_eq!((said.code, &said.json()["valid"]), (1, &false.into()));
    assert_snapshot!(without_bus(home.path(), &["config", "check", "/nowhere"]).await.whole(), @"
    --- stderr
    error: `/nowhere` is no directory
    --- exit 2
    ");
}

#[tokio::test]
async fn a_job_is_checked_without_a_daemon() {
    let home = tempfile::tempdir().unwrap();
    files(home.path());
    assert_snapshot!(without_bus(home.path(), &["job", "validate", "home"]).await.whole(), @"
    the job `home` has no faults
    --- stderr
    the daemon is not reachable; the configuration files are read instead
    ");
    fs::write(
        home.path().join("x.toml"),
        "repository = \"nsa\"\nsources = [\"/x\"]\n",
    )
    .unwrap();
    assert_snapshot!(without_bus(home.path(), &["job", "validate", "new", "--file", "x.toml"]).await.whole(), @"
    x.toml:1:14: the repository `nsa` is not known
      hint: did you mean `nas`?
    --- stderr
    the daemon is not reachable; the configuration files are read instead
    --- exit 1
    ");
    assert_snapshot!(without_bus(home.path(), &["job", "validate", "nobody"]).await.whole(), @"
    --- stderr
    the daemon is not reachable; the configuration files are read instead
    error: there is no job `nobody`: no file `HERE/.config/backupd/jobs.d/nobody.toml`
    --- exit 6
    ");
}

#[tokio::test]
async fn the_daemon_shows_and_reloads_its_configuration() {
    let world = World::new().await;
    world
        .fake
        .answer("GetSettings", Answer::Text("max_parallel_runs = 2\n".to_owned()));
    assert_snapshot!(world.shown(&["config", "show"]).await, @"max_parallel_runs = 2");
    assert_snapshot!(world.shown(&["config", "reload"]).await, @"the configuration was read again, and has no faults");
    world.fake.answer(
        "Reload",
        Answer::Faults(vec![backupd_dbus::Fault {
            file: text("/etc/backupd/jobs.d/a.toml"),
            message: text("`repository` is missing"),
            ..backupd_dbus::Fault::default()
        }]),
    );
    assert_snapshot!(world.shown(&["config", "reload"]).await, @"
    /etc/backupd/jobs.d/a.toml: `repository` is missing
    --- exit 1
    ");
}
