use std::{collections::VecDeque, process::Stdio};

use backupd_dbus::RunProperties;
use insta::assert_snapshot;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use crate::{
    client::{World, redact},
    fake::Step,
    fixtures::{self, NEW_RUN},
};

fn step(run: RunProperties) -> Step {
    Step::Run(Box::new(run))
}

/// A run that is queued, and what it goes through.
fn prepare(world: &World, steps: impl IntoIterator<Item = Step>) {
    let mut state = world.fake.state();
    state.runs.insert(NEW_RUN.to_owned(), fixtures::run(NEW_RUN));
    state.steps = VecDeque::from_iter(steps);
}

fn new() -> RunProperties {
    fixtures::run(NEW_RUN)
}

fn whole_life() -> Vec<Step> {
    let waiting = RunProperties {
        state: fixtures::text("waiting"),
        blocked_by: Some(vec![fixtures::blocked()]),
        ..new()
    };
    let far = RunProperties {
        progress: Some(fixtures::progress()),
        ..fixtures::working(new(), "backup")
    };
    let finished = fixtures::succeeded(new());
    [
        waiting,
        fixtures::working(new(), "open"),
        far.clone(),
        far,
        finished,
    ]
    .map(step)
    .into()
}

#[tokio::test]
async fn a_run_is_told_phase_by_phase_and_summed_up() {
    let world = World::new().await;
    prepare(&world, whole_life());
    assert_snapshot!(world.shown(&["start", "home", "--follow"]).await, @"
    <clock> queued
    <clock> waiting: repository `nas` is in use, for 5m; cleared by the end of run 7 (`mail`, prune)
    <clock> open
    <clock> backup 50 %, 120 of 300 files, 1.0 GiB of 2.0 GiB, 12.0 MiB/s, 1m 25s left, 1 unreadable
    ✓ success home in 1m 23s, snapshot 4f5e6a7b
         files: 12 new, 3 changed, 123 456 unmodified, 0 unreadable
          data: 1.5 GiB read, 1.0 GiB added, 512.0 MiB stored (ratio 2.00)
         speed: 12.0 MiB/s
      snapshot: 4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091
    ");
}

#[tokio::test]
async fn several_runs_are_told_apart_and_the_worst_end_counts() {
    let world = World::new().await;
    prepare(
        &world,
        [
            step(fixtures::working(new(), "backup")),
            step(fixtures::succeeded(new())),
        ],
    );
    world
        .fake
        .state()
        .steps
        .insert(1, step(fixtures::working(new(), "backup")));
    assert_snapshot!(world.shown(&["start", "home", "mail", "--follow"]).await, @"
    <clock> home: queued
    <clock> home: backup
    ✓ success home in 1m 23s, snapshot 4f5e6a7b
         files: 12 new, 3 changed, 123 456 unmodified, 0 unreadable
          data: 1.5 GiB read, 1.0 GiB added, 512.0 MiB stored (ratio 2.00)
         speed: 12.0 MiB/s
      snapshot: 4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091
    ✗ failed mail in 2.0s
      failure: the password is wrong (credentials)
        retry: it is not tried again, since that would not help
         hint: look at `password_file` of the repository `nas`
    --- stderr
    all it told is shown by `backupctl log 01JD3W00000000000000000BAD`
    --- exit 1
    ");
}

#[tokio::test]
async fn waiting_tells_the_end_alone() {
    let world = World::new().await;
    prepare(&world, whole_life());
    assert_snapshot!(world.shown(&["start", "home", "--wait"]).await, @"✓ success home in 1m 23s, snapshot 4f5e6a7b");
    prepare(&world, whole_life());
    let said = world.run(&["start", "home", "--wait", "--json"]).await;
    assert_eq!(
        (said.code, &said.json()["runs"][0]["result"]),
        (0, &"success".into())
    );
}

#[tokio::test]
async fn the_exit_code_is_the_runs() {
    let world = World::new().await;
    prepare(&world, [step(fixtures::failed(new()))]);
    assert_snapshot!(world.shown(&["start", "home", "--wait"]).await, @"
    ✗ failed home in 2.0s
      failure: the password is wrong (credentials)
         hint: look at `password_file` of the repository `nas`
    --- stderr
    all it told is shown by `backupctl log 01JD3Y00000000000000000NEW`
    --- exit 1
    ");
    let mut partial = fixtures::succeeded(new());
    partial.result = fixtures::text("partial");
    partial.statistics.as_mut().unwrap().files_unreadable = Some(2);
    partial.statistics.as_mut().unwrap().warnings = Some(2);
    prepare(&world, [step(partial)]);
    assert_snapshot!(world.shown(&["start", "home", "--follow"]).await, @"
    <clock> queued
    ✓ partial home in 1m 23s, snapshot 4f5e6a7b
         files: 12 new, 3 changed, 123 456 unmodified, 2 unreadable
          data: 1.5 GiB read, 1.0 GiB added, 512.0 MiB stored (ratio 2.00)
         speed: 12.0 MiB/s
      warnings: 2
      snapshot: 4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091
    --- stderr
    all it told is shown by `backupctl log 01JD3Y00000000000000000NEW`
    --- exit 3
    ");
}

#[tokio::test]
async fn a_run_that_is_over_before_it_can_be_watched_is_not_missed() {
    let world = World::new().await;
    world
        .fake
        .state()
        .runs
        .insert(NEW_RUN.to_owned(), fixtures::succeeded(new()));
    let said = world.run(&["start", "home", "--wait"]).await;
    assert_eq!(said.code, 0, "{}", said.whole());
}

#[tokio::test]
async fn a_daemon_that_restarts_does_not_end_the_watch() {
    let world = World::new().await;
    prepare(
        &world,
        [
            step(fixtures::working(new(), "backup")),
            Step::Restart,
            step(fixtures::succeeded(new())),
        ],
    );
    assert_snapshot!(world.shown(&["start", "home", "--wait"]).await, @"
    ✓ success home in 1m 23s, snapshot 4f5e6a7b
    --- stderr
    the daemon went away; a run that is at work goes on; waiting up to 60 s for the daemon
    the daemon is back
    ");
}

#[tokio::test]
async fn a_bus_that_ends_ends_the_watch() {
    let mut world = World::new().await;
    prepare(&world, [step(fixtures::working(new(), "backup")), Step::Leave]);
    let mut command = world.command(&["start", "home", "--wait"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    // Once it waits for the daemon, the bus goes too.
    stderr.read_line(&mut said).await.unwrap();
    world.bus.stop();
    stderr.read_to_string(&mut said).await.unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(5));
    assert_snapshot!(redact(&said), @"
    the daemon went away; a run that is at work goes on; waiting up to 60 s for the daemon
    error: the daemon did not come back; a run that was at work goes on without it
    hint: start it with `systemctl --user start backupd`, or run `backupd --user`; the machine's daemon is reached with `--system`
    hint: then see `backupctl show 01JD3Y00000000000000000NEW`
    ");
}

#[tokio::test]
async fn ctrl_c_leaves_the_run_going() {
    let world = World::new().await;
    prepare(&world, [step(fixtures::working(new(), "backup"))]);
    let mut command = world.command(&["start", "home", "--follow"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = stdout.next_line().await.unwrap() {
        if line.contains("backup") {
            break;
        }
    }
    kill(
        Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .await
        .unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(130));
    assert_snapshot!(redact(&said), @"stopped watching; the run goes on; stop it with `backupctl cancel 01JD3Y00000000000000000NEW`, look at it with `backupctl status`");
    assert!(!world.fake.calls().iter().any(|call| call.starts_with("Cancel")));
}

#[tokio::test]
async fn a_terminal_gets_a_bar_and_then_the_summary() {
    let world = World::new().await;
    prepare(&world, whole_life());
    let (code, drawn) = world
        .on_terminal(&["start", "home", "--follow", "--color", "never"], "")
        .await;
    assert_eq!(code, 0, "{drawn:?}");
    assert!(drawn.contains("home"), "{drawn:?}");
    let summary = drawn
        .split("✓ success")
        .nth(1)
        .unwrap_or_else(|| panic!("{drawn:?}"));
    assert!(
        summary.contains("1.0 GiB added") && summary.contains("ratio 2.00"),
        "{summary:?}"
    );
}

#[tokio::test]
async fn a_restore_waits_and_ends_as_the_run_does() {
    let world = World::new().await;
    let restore = RunProperties {
        operation: fixtures::text("restore"),
        ..fixtures::succeeded(new())
    };
    let mut restore = RunProperties {
        trigger: fixtures::text("manual"),
        ..restore
    };
    let sums = restore.statistics.as_mut().unwrap();
    (sums.files_restored, sums.bytes_restored) = (Some(17), Some(5000));
    world.fake.state().runs.insert(NEW_RUN.to_owned(), restore);
    let said = world.shown(&[
        "restore",
        "latest",
        "/home/me/a",
        "b/../c",
        "--job",
        "home",
        "--to",
        "out",
        "--follow",
    ]);
    assert_snapshot!(said.await, @"
    ✓ success restore of home in 1m 23s, snapshot 4f5e6a7b
      restored: 17 files, 4.9 KiB
         speed: 12.0 MiB/s
      snapshot: 4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091
    ");
    let call = world.fake.calls().pop().unwrap();
    assert!(call.starts_with("Restore home \"latest\" "), "{call}");
    assert!(call.contains("\"paths\": <"), "{call}");
    let said = world
        .run(&[
            "restore",
            "4f5e",
            "--repository",
            "nas",
            "--to",
            "/x",
            "--no-wait",
            "--json",
        ])
        .await;
    assert_eq!(said.json()["runs"][0]["id"], NEW_RUN);
    assert!(
        world
            .fake
            .calls()
            .pop()
            .unwrap()
            .starts_with("Restore nas \"4f5e\" ")
    );
}
