//! Several jobs started together, and by what happens.

use backupd_dbus::{Error, run_path};
use insta::assert_snapshot;

use crate::{
    bus::Bus,
    client::{World, command, said},
    fake::Answer,
    fixtures::{BAD_RUN, GOOD_RUN},
};

/// `home` and `mail` are in groups, and so is `old`, which is switched off.
async fn grouped() -> World {
    let world = World::new().await;
    {
        let mut state = world.fake.state();
        let groups: [&[&str]; 3] = [&["nightly", "all"], &["nightly"], &["nightly", "spare"]];
        for (job, groups) in state.jobs.iter_mut().zip(groups) {
            job.groups = Some(groups.iter().map(|name| (*name).to_owned()).collect());
        }
    }
    world
}

#[tokio::test]
async fn several_are_started_in_one_call() {
    let world = grouped().await;
    assert_snapshot!(world.shown(&["start", "home", "mail", "--description", "x"]).await, @"
    started `home` as run 01JD3Y00000000000000000NEW
    started `mail` as run 01JD3W00000000000000000BAD
    --- stderr
    watch it with `backupctl show 01JD3Y00000000000000000NEW`
    ");
    assert_snapshot!(world.shown(&["start", "--group", "nightly"]).await, @"
    started `home` as run 01JD3Y00000000000000000NEW
    started `mail` as run 01JD3W00000000000000000BAD
    --- stderr
    switched off, and left out: `old`
    watch it with `backupctl show 01JD3Y00000000000000000NEW`
    ");
    assert_snapshot!(world.shown(&["start", "--all"]).await, @"
    started `home` as run 01JD3Y00000000000000000NEW
    started `mail` as run 01JD3W00000000000000000BAD
    --- stderr
    switched off, and left out: `old`
    watch it with `backupctl show 01JD3Y00000000000000000NEW`
    ");
    assert_snapshot!(world.shown(&["start", "--group", "all"]).await, @"
    started `home` as run 01JD3Y00000000000000000NEW
    --- stderr
    watch it with `backupctl show 01JD3Y00000000000000000NEW`
    ");
    assert_snapshot!(world.fake.calls().join("\n"), @r#"
    StartJobs Backup1 ["home", "mail"] {"description": <"x">}
    StartJobs Backup1 ["home", "mail"] {}
    StartJobs Backup1 ["home", "mail"] {}
    StartJob Backup1 "home" {}
    "#);
}

#[tokio::test]
async fn a_group_that_is_none_is_answered_with_those_that_are() {
    let world = grouped().await;
    assert_snapshot!(world.shown(&["start", "--group", "nigthly"]).await, @"
    --- stderr
    error: there is no group `nigthly`: no job's file names it
    hint: did you mean `nightly`?
    hint: there are the groups `all`, `nightly` and `spare`
    --- exit 6
    ");
    assert_snapshot!(world.shown(&["start", "--group", "weekly"]).await, @"
    --- stderr
    error: there is no group `weekly`: no job's file names it
    hint: there are the groups `all`, `nightly` and `spare`
    --- exit 6
    ");
    assert_snapshot!(world.shown(&["start", "--group", "spare"]).await, @"
    --- stderr
    error: each job of the group `spare` is switched off
    hint: let them run with `backupctl job enable old`
    --- exit 1
    ");
    for job in &mut world.fake.state().jobs {
        job.groups = None;
    }
    assert_snapshot!(world.shown(&["start", "--group", "nightly"]).await, @r#"
    --- stderr
    error: there is no group `nightly`: no job's file names it
    hint: there are no groups; a job's file puts it into one: `groups = ["nightly"]`
    --- exit 6
    "#);
    world.fake.state().jobs.clear();
    assert_snapshot!(world.shown(&["start", "--all"]).await, @"
    --- stderr
    error: there are no jobs
    hint: create one with `backupctl job create NAME --repository R --source DIR`
    --- exit 6
    ");
    assert_eq!(world.run(&["start", "home", "--all"]).await.code, 2);
}

#[tokio::test]
async fn one_that_cannot_start_keeps_the_others_from_it() {
    let world = World::new().await;
    let no = |error: fn(String) -> Error, text: &str| Answer::Error(error(text.to_owned()));
    world
        .fake
        .answer("StartJobs", no(Error::JobNotFound, "there is no job `mial`"));
    assert_snapshot!(world.shown(&["start", "home", "mial"]).await, @"
    --- stderr
    error: there is no job `mial`; none of the jobs was started
    hint: did you mean `mail`?
    --- exit 6
    ");
    world
        .fake
        .answer("StartJobs", no(Error::JobDisabled, "the job `old` is disabled"));
    assert_snapshot!(world.shown(&["start", "home", "old", "--wait"]).await, @"
    --- stderr
    error: the job `old` is disabled; none of the jobs was started
    hint: let it run with `backupctl job enable old`
    --- exit 1
    ");
    // Nobody knows of those that were kept before.
    world.fake.answer(
        "StartJobs",
        no(Error::StateUnavailable, "the store cannot be used: disk full"),
    );
    assert_snapshot!(world.shown(&["start", "home", "mail"]).await, @"
    --- stderr
    error: the store cannot be used: disk full
    hint: the daemon's log is shown by `journalctl --user -u backupd`
    --- exit 1
    ");
}

#[tokio::test]
async fn hooks_start_what_waits_for_them() {
    let world = World::new().await;
    assert_snapshot!(world.shown(&["trigger", "package-upgrade"]).await, @"
    --- stderr
    no job starts at `package-upgrade`
    ");
    let runs = vec![run_path(GOOD_RUN), run_path(BAD_RUN)];
    world.fake.answer("Trigger", Answer::Paths(runs));
    let arguments = [
        "trigger",
        "package-upgrade",
        "--metadata",
        r#"{"packages":["bash"]}"#,
    ];
    assert_snapshot!(world.shown(&arguments).await, @"
    started `home` as run 01JD3V0000000000000000GOOD
    started `mail` as run 01JD3W00000000000000000BAD
    --- stderr
    watch it with `backupctl show 01JD3V0000000000000000GOOD`
    ");
    assert_snapshot!(world.shown(&["trigger", "shutdown", "--if-running", "--wait"]).await, @"
    ✓ success home in 1m 23s, snapshot 4f5e6a7b
    ✗ failed mail in 2.0s
      failure: the password is wrong (credentials)
        retry: it is not tried again, since that would not help
         hint: look at `password_file` of the repository `nas`
    --- stderr
    all it told is shown by `backupctl log 01JD3W00000000000000000BAD`
    --- exit 1
    ");
    assert_snapshot!(world.fake.calls().join("\n"), @r#"
    Trigger Backup1 "package-upgrade" {}
    Trigger Backup1 "package-upgrade" {"metadata": <"{\"packages\":[\"bash\"]}">}
    Trigger Backup1 "shutdown" {}
    "#);
    assert_eq!(world.run(&["trigger", "full-moon"]).await.code, 2);
}

#[tokio::test]
async fn hooks_do_not_wait_for_ever() {
    let world = World::new().await;
    world.fake.answer(
        "Trigger",
        Answer::Paths(vec![run_path(crate::fixtures::BUSY_RUN)]),
    );
    let arguments = ["trigger", "package-upgrade", "--wait", "--timeout", "10ms"];
    assert_snapshot!(world.shown(&arguments).await, @"
    --- stderr
    error: the time to wait is up; not over: `01JD3X0000000000000000BUSY`
    hint: what has begun goes on; see it with `backupctl runs`
    --- exit 1
    ");
}

#[tokio::test]
async fn hooks_need_no_daemon_and_start_none() {
    let home = tempfile::tempdir().unwrap();
    let bus = Bus::start();
    let arguments = ["trigger", "package-upgrade", "--if-running", "--wait"];
    for address in [bus.address.as_str(), "unix:path=/nowhere"] {
        let said = said(command(home.path(), address, &arguments)).await;
        assert_eq!(
            said.whole(),
            "--- stderr\nthe daemon is not running; nothing was started\n"
        );
    }
    let json = said(command(
        home.path(),
        "unix:path=/nowhere",
        &["trigger", "shutdown", "--if-running", "--json"],
    ))
    .await;
    assert_eq!(json.json()["runs"], serde_json::json!([]));
    let without = said(command(
        home.path(),
        &bus.address,
        &["trigger", "package-upgrade"],
    ))
    .await;
    assert_eq!(without.code, 5);
}
