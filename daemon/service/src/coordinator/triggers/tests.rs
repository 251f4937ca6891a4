use std::collections::BTreeMap;

use backupd_core::{
    condition::{Condition, Standing},
    health::Health,
    name::{JobName, RunId},
    protocol::{EventKind, Spec, Work},
    run::{RunResult, RunState, Trigger},
};
use jiff::SignedDuration;
use serde_json::json;

use crate::{
    coordinator::StartOptions,
    ports::Store as _,
    testing::{Stage, job},
};

/// What was launched since the last time.
fn launched(stage: &Stage) -> Vec<Spec> {
    std::mem::take(&mut *stage.launcher.launched.lock().unwrap())
}

/// All that was sent is worked on.
async fn settled(stage: &Stage) {
    stage.handle.settings().await.unwrap();
}

async fn trigger_of(stage: &Stage, run: RunId) -> Trigger {
    stage.stored(run).await.trigger
}

fn standing(path: &str, is_there: bool) -> BTreeMap<Condition, Standing> {
    let standing = if is_there {
        Standing::Holds
    } else {
        Standing::Fails {
            what: "it is not there".to_owned(),
            clears: "its coming".to_owned(),
        }
    };
    BTreeMap::from([(Condition::Device(path.into()), standing)])
}

#[tokio::test]
async fn what_is_watched_follows_the_runs() {
    let lines = "exclude = [\"*.tmp\"]\n[triggers]\npath_change = { quiet = \"30s\", distance = \"10m\" }";
    let stage = Stage::new(&[("home", lines), ("other", "")]).await.published();
    let watch = || stage.watches.lock().unwrap().get(&job("home")).cloned();
    settled(&stage).await;
    let first = watch().unwrap();
    assert_eq!(stage.watches.lock().unwrap().len(), 1);
    assert_eq!((first.stored, first.began), (None, None));
    assert_eq!(first.distance, SignedDuration::from_mins(10));
    match &first.spec.work {
        Work::Watch(work) => {
            assert_eq!(work.backup.exclude, ["*.tmp"]);
            assert_eq!(work.own, [std::path::PathBuf::from("/srv/nas")]);
            assert_eq!(work.quiet, SignedDuration::from_secs(30));
        }
        _ => panic!("no watch"),
    }

    stage
        .inbox
        .triggered(job("home"), Trigger::PathChange, serde_json::Map::new())
        .await;
    settled(&stage).await;
    let run = launched(&stage).pop().unwrap().run;
    let began = stage.stored(run).await.started;
    assert_eq!(watch().unwrap().began, began);
    stage.clock.advance(SignedDuration::from_mins(5));
    stage.worker_succeeds(run).await;
    settled(&stage).await;
    let after = watch().unwrap();
    assert_eq!((after.stored, after.began), (began, began));
    assert_eq!(after.spec, first.spec, "the same worker goes on");
    assert_eq!(trigger_of(&stage, run).await, Trigger::PathChange);

    // What changes during a pause is found after it.
    stage.handle.pause(Some(job("home")), None, None).await.unwrap();
    assert_eq!(watch(), None);
    stage.handle.resume(Some(job("home"))).await.unwrap();
    assert_eq!(watch(), Some(after));
    let restarted = stage.restart().await;
    let kept = restarted
        .watches
        .lock()
        .unwrap()
        .get(&job("home"))
        .cloned()
        .unwrap();
    assert_eq!((kept.stored, kept.began), (began, began));
}

#[tokio::test]
async fn a_change_during_a_run_is_never_passed_over() {
    let lines = "conflict = \"skip\"";
    let stage = Stage::new(&[("home", lines)]).await;
    let stage = stage.published();
    let run = stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
    launched(&stage);
    for _ in 0..2 {
        stage
            .inbox
            .triggered(job("home"), Trigger::PathChange, serde_json::Map::new())
            .await;
    }
    stage.worker_succeeds(run).await;
    settled(&stage).await;
    assert_eq!(launched(&stage).len(), 1);
}

#[tokio::test]
async fn changes_that_are_not_seen_make_a_job_degraded() {
    let stage = Stage::new(&[("home", "[triggers.path_change]")])
        .await
        .published();
    let run = stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
    stage.worker_succeeds(run).await;
    assert_eq!(stage.job_view("home").await.health, Health::Ok);
    let why = "the kernel has no watches left";
    stage.inbox.unwatched(job("home"), Some(why.to_owned())).await;
    let view = stage.job_view("home").await;
    assert_eq!((view.health, view.reason.as_str()), (Health::Degraded, why));
    stage.inbox.unwatched(job("home"), None).await;
    assert_eq!(stage.job_view("home").await.health, Health::Ok);
}

#[tokio::test]
async fn a_device_starts_its_jobs_when_it_comes() {
    let path = "/dev/disk/by-label/backup";
    let lines = format!("[triggers]\ndevice = [\"{path}\"]");
    let stage = Stage::new(&[("home", &lines), ("other", "")]).await.published();
    settled(&stage).await;
    assert!(
        stage
            .conditions
            .lock()
            .unwrap()
            .contains(&Condition::Device(path.into()))
    );
    // What was there before has not come.
    for is_there in [true, false] {
        stage.inbox.standings(standing(path, is_there)).await;
        settled(&stage).await;
        assert_eq!(launched(&stage), []);
    }
    stage.inbox.standings(standing(path, true)).await;
    settled(&stage).await;
    let specs = launched(&stage);
    assert_eq!(specs.len(), 1);
    let run = stage.stored(specs[0].run).await;
    assert_eq!((run.trigger, run.job), (Trigger::Device, Some(job("home"))));
    assert_eq!(run.metadata["device"], path);
    stage.worker_succeeds(run.id).await;
    stage.inbox.standings(standing(path, true)).await;
    settled(&stage).await;
    assert_eq!(launched(&stage), []);
}

#[tokio::test]
async fn shutdown_waits_for_the_jobs_that_run_before_it() {
    let lines = "[triggers]\nshutdown = true";
    let stage = Stage::new(&[("home", lines), ("idle", lines), ("other", "")])
        .await
        .published();
    let departure = async || {
        settled(&stage).await;
        stage.locks.lock().unwrap().departure
    };
    assert!(departure().await, "it is held before anybody says something");
    stage.handle.pause(Some(job("idle")), None, None).await.unwrap();
    stage.inbox.going_down(true).await;
    assert!(departure().await);
    let runs: Vec<(RunId, Option<JobName>)> = launched(&stage)
        .into_iter()
        .map(|spec| (spec.run, spec.job))
        .collect();
    assert_eq!(runs.len(), 1, "not of one that is paused");
    assert_eq!(runs[0].1, Some(job("home")));
    assert_eq!(trigger_of(&stage, runs[0].0).await, Trigger::Shutdown);
    stage.worker_succeeds(runs[0].0).await;
    assert!(!departure().await, "the machine may go");
    stage.inbox.going_down(false).await;
    assert!(departure().await, "it did not go");
}

/// What the worker of a run says when systemd ends it.
fn cut_off() -> Vec<EventKind> {
    let result = RunResult::Cancelled;
    vec![EventKind::Done { result }]
}

#[tokio::test]
async fn what_the_shutdown_cuts_off_goes_on_after_the_next_start() {
    let stage = Stage::new(&[("home", ""), ("web", "schedule = \"09:00\"")])
        .await
        .published();
    let start = stage.handle.start(job("home"), StartOptions::default());
    let run = start.await.unwrap();
    stage.worker_says(run, Vec::new(), false).await;
    stage.inbox.going_down(true).await;
    settled(&stage).await;
    assert_eq!(*stage.launcher.stopped.lock().unwrap(), [], "it may yet be done");
    stage.worker_says(run, cut_off(), true).await;
    let stored = stage.stored(run).await;
    assert_eq!(stored.state, RunState::Waiting, "{stored:?}");
    // What is due meanwhile waits too.
    stage.clock.advance(SignedDuration::from_hours(1));
    stage.inbox.wake().await;
    settled(&stage).await;
    assert_eq!(launched(&stage).len(), 1, "only the first attempt");
    let blocked = stage.job_view("web").await.blocked_by;
    assert_eq!(blocked[0].what, "the machine is going down");

    let stage = stage.restart().await.published();
    stage.worker_succeeds(run).await;
    let stored = stage.stored(run).await;
    assert_eq!(
        (stored.result, stored.attempts.len()),
        (Some(RunResult::Success), 2)
    );
    let begun: Vec<_> = launched(&stage).into_iter().filter_map(|spec| spec.job).collect();
    assert_eq!(begun, [job("home"), job("web")]);
}

#[tokio::test]
async fn a_shutdown_that_is_called_off_changes_nothing() {
    let stage = Stage::new(&[("home", "")]).await.published();
    let start = async || stage.handle.start(job("home"), StartOptions::default()).await;
    let run = start().await.unwrap();
    stage.worker_says(run, Vec::new(), false).await;
    stage.inbox.going_down(true).await;
    stage.inbox.going_down(false).await;
    stage.worker_says(run, cut_off(), true).await;
    assert_eq!(stage.stored(run).await.result, Some(RunResult::Cancelled));
    start().await.unwrap();
    assert_eq!(launched(&stage).len(), 2);
}

#[tokio::test]
async fn what_was_to_run_before_the_shutdown_does_not_run_after_it() {
    let stage = Stage::new(&[("home", "[triggers]\nshutdown = true")])
        .await
        .published();
    stage.inbox.going_down(true).await;
    settled(&stage).await;
    let run = launched(&stage)[0].run;
    stage.worker_says(run, cut_off(), true).await;
    assert_eq!(stage.stored(run).await.result, Some(RunResult::Cancelled));
}

#[tokio::test]
async fn nothing_waits_for_a_shutdown_that_nobody_asked_for() {
    let stage = Stage::new(&[("home", "")]).await.published();
    stage.inbox.going_down(true).await;
    settled(&stage).await;
    assert!(!stage.locks.lock().unwrap().departure);
    assert_eq!(launched(&stage), []);
}

#[tokio::test]
async fn a_snapshot_from_before_an_upgrade_says_so() {
    let lines = "description = \"all\"\n[triggers]\npackage_upgrade = true";
    let stage = Stage::new(&[("system", lines), ("other", "")]).await.published();
    let packages = json!({"count": 30, "packages": ["curl 1 -> 2", "zlib1g 3 -> 4"]});
    let metadata = packages.as_object().unwrap().clone();
    let runs = stage
        .handle
        .trigger(Trigger::PackageUpgrade, metadata)
        .await
        .unwrap();
    assert_eq!(runs.len(), 1);
    let spec = launched(&stage).pop().unwrap();
    match spec.work {
        Work::Backup(backup) => assert_eq!(
            backup.description.unwrap(),
            "before a change of 30 packages: curl, zlib1g, …"
        ),
        _ => panic!("no backup"),
    }
    let run = stage.stored(runs[0]).await;
    assert_eq!(run.trigger, Trigger::PackageUpgrade);
    assert_eq!(run.metadata["packages"][0], "curl 1 -> 2");
}

const DISK: &str = "/dev/disk/by-label/backup";

/// The device comes; what follows is worked on.
async fn comes(stage: &Stage) {
    settled(stage).await;
    for is_there in [false, true] {
        stage.inbox.standings(standing(DISK, is_there)).await;
    }
    settled(stage).await;
}

#[tokio::test]
async fn a_device_that_came_during_a_pause_is_not_forgotten_by_the_next_daemon() {
    let lines = format!("[triggers]\ndevice = [\"{DISK}\"]");
    let stage = Stage::new(&[("home", &lines)]).await.published();
    stage.handle.pause(Some(job("home")), None, None).await.unwrap();
    comes(&stage).await;
    let stage = stage.restart().await.published();
    stage.inbox.wake().await;
    settled(&stage).await;
    assert_eq!(launched(&stage), []);
    stage.handle.resume(Some(job("home"))).await.unwrap();
    stage.inbox.wake().await;
    settled(&stage).await;
    let run = stage.stored(launched(&stage).pop().unwrap().run).await;
    assert_eq!(
        (run.trigger, &run.metadata["device"]),
        (Trigger::Device, &json!(DISK))
    );
    stage.worker_succeeds(run.id).await;
    // It has had its run.
    let stage = stage.restart().await.published();
    stage.inbox.wake().await;
    settled(&stage).await;
    assert_eq!(launched(&stage), []);
}

#[tokio::test]
async fn a_device_that_came_during_a_run_starts_the_next_also_under_another_daemon() {
    let lines = format!("[triggers]\ndevice = [\"{DISK}\"]");
    let stage = Stage::new(&[("home", &lines)]).await.published();
    let first = stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
    comes(&stage).await;
    let stage = stage.restart().await.published();
    stage.inbox.wake().await;
    settled(&stage).await;
    assert_eq!(launched(&stage), [], "the one at work goes on");
    stage.worker_succeeds(first).await;
    stage.inbox.wake().await;
    settled(&stage).await;
    let next = launched(&stage).pop().unwrap().run;
    assert_eq!(trigger_of(&stage, next).await, Trigger::Device);
}

#[tokio::test]
async fn changes_do_not_take_the_place_of_a_device_that_came_during_a_pause() {
    let lines =
        format!("[triggers]\ndevice = [\"{DISK}\"]\npath_change = {{ quiet = \"30s\", distance = \"10m\" }}");
    let stage = Stage::new(&[("home", &lines)]).await.published();
    stage.handle.pause(Some(job("home")), None, None).await.unwrap();
    comes(&stage).await;
    let metadata = serde_json::Map::new();
    stage
        .inbox
        .triggered(job("home"), Trigger::PathChange, metadata)
        .await;
    settled(&stage).await;
    stage.handle.resume(Some(job("home"))).await.unwrap();
    stage.inbox.wake().await;
    settled(&stage).await;
    let run = launched(&stage).pop().unwrap().run;
    assert_eq!(trigger_of(&stage, run).await, Trigger::Device);
    assert!(stage.store.pending().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_waits_for_a_pause_goes_with_its_job() {
    let lines = format!("[triggers]\ndevice = [\"{DISK}\"]");
    let stage = Stage::new(&[("home", &lines)]).await.published();
    stage.handle.pause(Some(job("home")), None, None).await.unwrap();
    comes(&stage).await;
    std::fs::remove_file(stage.configuration("jobs.d/home.toml")).unwrap();
    let stage = stage.restart().await.published();
    settled(&stage).await;
    assert!(stage.store.pending().await.unwrap().is_empty());
}

#[tokio::test]
async fn changes_during_a_pause_are_left_to_the_watcher_of_the_next_daemon() {
    let lines = "[triggers]\npath_change = { quiet = \"30s\", distance = \"10m\" }";
    let stage = Stage::new(&[("home", lines)]).await.published();
    let first = stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
    stage.worker_succeeds(first).await;
    let began = stage.stored(first).await.started;
    stage.handle.pause(Some(job("home")), None, None).await.unwrap();
    let metadata = serde_json::Map::new();
    stage
        .inbox
        .triggered(job("home"), Trigger::PathChange, metadata)
        .await;
    settled(&stage).await;
    let stage = stage.restart().await.published();
    stage.handle.resume(Some(job("home"))).await.unwrap();
    stage.inbox.wake().await;
    settled(&stage).await;
    assert_eq!(launched(&stage), [], "nobody has seen yet that anything is newer");
    let watch = stage.watches.lock().unwrap().get(&job("home")).cloned();
    assert_eq!(
        watch.unwrap().stored,
        began,
        "what is newer than that is a change"
    );
}
