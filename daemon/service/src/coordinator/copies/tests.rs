use std::fs;

use backupd_core::{
    failure::{Failure, FailureClass},
    health::Health,
    name::{RepositoryName, RunId},
    protocol::{CopyWork, EventKind, Spec, Work},
    run::{Operation, RunResult, RunState, Trigger},
};
use jiff::SignedDuration;

use crate::{
    coordinator::{CareWish, PruneWish, RefusalKind, StartOptions},
    testing::{Stage, job, read},
};

/// A job `home` in `nas` with these lines, and two repositories beside.
async fn stage(lines: &str) -> Stage {
    let stage = Stage::new(&[("home", "")]).await.published();
    for name in ["cloud", "disk"] {
        let file = stage.configuration(&format!("repositories.d/{name}.toml"));
        fs::write(
            file,
            format!("url = \"/srv/{name}\"\npassword_file = \"/secret\"\n"),
        )
        .unwrap();
    }
    let file = stage.configuration("jobs.d/home.toml");
    fs::write(&file, format!("{}\n{lines}\n", read(&file))).unwrap();
    let faults = stage.handle.reload().await.unwrap();
    assert_eq!(faults, []);
    stage
}

fn cloud() -> RepositoryName {
    "cloud".parse().unwrap()
}

fn launched(stage: &Stage) -> Vec<Spec> {
    stage.launcher.launched.lock().unwrap().clone()
}

fn last(stage: &Stage) -> Spec {
    launched(stage).pop().expect("something was launched")
}

fn copy(spec: &Spec) -> &CopyWork {
    match &spec.work {
        Work::Copy(work) => work,
        other => panic!("no copy: {other:?}"),
    }
}

async fn back_up(stage: &Stage) -> RunId {
    let start = stage.handle.start(job("home"), StartOptions::default());
    let run = start.await.unwrap();
    stage.worker_succeeds(run).await;
    stage.handle.settings().await.unwrap();
    run
}

async fn ends(stage: &Stage, run: RunId, result: RunResult) {
    let mut kinds = vec![EventKind::Done { result }];
    if !result.is_good() {
        let failure = Failure::new(FailureClass::Credentials, "no key of repository `cloud` opens");
        kinds.insert(0, EventKind::Failure { failure });
    }
    stage.worker_says(run, kinds, true).await;
    stage.handle.settings().await.unwrap();
}

async fn pass(stage: &Stage, time: SignedDuration) {
    stage.clock.advance(time);
    stage.inbox.wake().await;
    stage.handle.settings().await.unwrap();
}

#[tokio::test]
async fn a_copy_without_a_time_follows_each_good_backup() {
    let stage = stage("copies = [\"cloud\"]").await;
    back_up(&stage).await;
    let spec = last(&stage);
    let work = copy(&spec);
    assert_eq!(
        (spec.repository.name.as_str(), work.from.name.as_str()),
        ("cloud", "nas")
    );
    assert_eq!(work.filter.job, Some(job("home")));
    let run = stage.stored(spec.run).await;
    assert_eq!((run.operation, run.trigger), (Operation::Copy, Trigger::Backup));
    assert_eq!(run.source.as_ref().map(RepositoryName::as_str), Some("nas"));
    // What comes while it is at work may not be in it.
    back_up(&stage).await;
    assert_eq!(launched(&stage).len(), 3);
    ends(&stage, spec.run, RunResult::Success).await;
    let again = last(&stage);
    assert_ne!(again.run, spec.run);
    copy(&again);
    ends(&stage, again.run, RunResult::Success).await;
    assert_eq!(launched(&stage).len(), 4);
    // What failed is no reason to copy.
    let failing = stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
    ends(&stage, failing, RunResult::Failed).await;
    assert_eq!(launched(&stage).len(), 5);
}

#[tokio::test]
async fn a_daemon_that_ended_before_leaves_the_copy_to_the_next() {
    let stage = stage("copies = [\"cloud\"]").await;
    pass(&stage, SignedDuration::from_secs(60)).await;
    let run = back_up(&stage).await;
    let spec = last(&stage);
    copy(&spec);
    // As if it had never been queued.
    stage.handle.cancel(spec.run).await.unwrap();
    ends(&stage, spec.run, RunResult::Cancelled).await;
    assert!(stage.stored(run).await.finished.is_some());
    let stage = stage.restart().await;
    assert_eq!(copy(&last(&stage)).from.name.as_str(), "nas");
    assert_ne!(last(&stage).run, spec.run);
}

#[tokio::test]
async fn a_copy_with_a_time_of_its_own_comes_then_and_leaves_the_jobs_schedule_alone() {
    let stage = stage("schedule = \"20:00\"\ncopies = [{ to = \"cloud\", schedule = \"09:00\" }]").await;
    let next = stage.job_view("home").await.next;
    back_up(&stage).await;
    assert_eq!(launched(&stage).len(), 1);
    pass(&stage, SignedDuration::from_hours(1)).await;
    let spec = last(&stage);
    copy(&spec);
    let run = stage.stored(spec.run).await;
    assert_eq!((run.trigger, run.state), (Trigger::Schedule, RunState::Starting));
    assert!(run.scheduled.is_some());
    let view = stage.job_view("home").await;
    assert_eq!(view.next, next);
    assert_eq!(view.copies[0].active_run, Some(spec.run));
    ends(&stage, spec.run, RunResult::Success).await;
    let view = stage.job_view("home").await;
    assert_eq!(view.copies[0].last_result, Some(RunResult::Success));
    assert!(view.copies[0].last_good.is_some() && view.copies[0].next > view.copies[0].last_good);
    // Nobody copies for a job that is paused.
    stage.handle.pause(Some(job("home")), None, None).await.unwrap();
    pass(&stage, SignedDuration::from_hours(24)).await;
    assert_eq!(launched(&stage).len(), 2);
    stage.handle.resume(Some(job("home"))).await.unwrap();
    pass(&stage, SignedDuration::from_mins(10)).await;
    let both: Vec<_> = launched(&stage).split_off(2);
    assert!(
        both.iter().any(|spec| matches!(spec.work, Work::Copy(_))),
        "{both:?}"
    );
}

#[tokio::test]
async fn it_is_made_by_hand_once_at_a_time_and_only_where_the_file_says() {
    let stage = stage("copies = [{ to = \"cloud\", schedule = \"weekly\" }]").await;
    let ask = |to: &str| {
        let to = to.parse().unwrap();
        stage.handle.copy(job("home"), to, StartOptions::default())
    };
    let refused = ask("disk").await.unwrap_err();
    assert_eq!(refused.kind, RefusalKind::InvalidArgument);
    assert!(refused.to_string().contains("`cloud`"), "{refused}");
    let run = ask("cloud").await.unwrap();
    assert_eq!(stage.stored(run).await.trigger, Trigger::Manual);
    let refused = ask("cloud").await.unwrap_err();
    assert_eq!(refused.kind, RefusalKind::AlreadyRunning);
    ends(&stage, run, RunResult::Success).await;
    ask("cloud").await.unwrap();
}

#[tokio::test]
async fn neither_repository_is_pruned_meanwhile_and_the_copy_says_which_keeps_it() {
    for place in ["nas", "cloud"] {
        let stage = stage("copies = [{ to = \"cloud\", schedule = \"weekly\" }]").await;
        let wish = CareWish::Prune(PruneWish::default());
        let prune = stage
            .handle
            .care(place.parse().unwrap(), wish.clone(), StartOptions::default());
        let prune = prune.await.unwrap();
        let run = stage
            .handle
            .copy(job("home"), cloud(), StartOptions::default())
            .await
            .unwrap();
        let view = stage.run_view(run).await;
        assert_eq!(view.blocked_by[0].what, format!("repository `{place}` is in use"));
        ends(&stage, prune, RunResult::Success).await;
        assert_eq!(last(&stage).run, run);
        let prune = stage
            .handle
            .care(place.parse().unwrap(), wish, StartOptions::default());
        let prune = prune.await.unwrap();
        assert!(!stage.run_view(prune).await.blocked_by.is_empty());
    }
}

#[tokio::test]
async fn a_copy_that_is_too_old_makes_its_job_late_and_says_where() {
    let stage =
        stage("copies = [\"disk\", { to = \"cloud\", max_age = \"3d\", schedule = \"yearly\" }]").await;
    back_up(&stage).await;
    let disk = last(&stage);
    ends(&stage, disk.run, RunResult::Success).await;
    assert_eq!(stage.job_view("home").await.health, Health::Ok);
    pass(&stage, SignedDuration::from_hours(73)).await;
    let view = stage.job_view("home").await;
    assert_eq!(
        (view.health, view.reason.as_str()),
        (Health::Late, "there is no copy in `cloud` yet")
    );
    let run = stage
        .handle
        .copy(job("home"), cloud(), StartOptions::default())
        .await
        .unwrap();
    ends(&stage, run, RunResult::Success).await;
    assert_eq!(stage.job_view("home").await.health, Health::Ok);
    // One that failed is told before it is too old.
    let run = stage
        .handle
        .copy(job("home"), cloud(), StartOptions::default())
        .await
        .unwrap();
    ends(&stage, run, RunResult::Failed).await;
    let view = stage.job_view("home").await;
    assert_eq!(view.health, Health::Degraded);
    assert_eq!(
        view.reason,
        "it was not copied to `cloud`: no key of repository `cloud` opens"
    );
    pass(&stage, SignedDuration::from_hours(73)).await;
    let view = stage.job_view("home").await;
    assert_eq!(
        (view.health, view.reason.as_str()),
        (
            Health::Late,
            "its last good copy in `cloud` is older than it may be"
        )
    );
}

#[tokio::test]
async fn how_the_last_copy_ended_is_known_to_the_next_daemon() {
    let stage = stage("copies = [\"cloud\"]").await;
    back_up(&stage).await;
    ends(&stage, last(&stage).run, RunResult::Failed).await;
    let stage = stage.restart().await.published();
    let view = stage.job_view("home").await;
    assert_eq!(view.health, Health::Degraded);
    assert_eq!(view.copies[0].last_result, Some(RunResult::Failed));
}

#[tokio::test]
async fn a_copy_that_comes_by_itself_has_the_conditions_of_its_job() {
    let stage =
        stage("copies = [{ to = \"cloud\", schedule = \"09:00\" }]\nconditions = { ac_power = true }").await;
    let run = stage
        .handle
        .copy(job("home"), cloud(), StartOptions::default())
        .await
        .unwrap();
    // By hand it waits for nothing.
    assert_eq!(last(&stage).run, run);
    ends(&stage, run, RunResult::Success).await;
    pass(&stage, SignedDuration::from_hours(1)).await;
    // By itself it has the conditions of its job.
    assert_eq!(launched(&stage).len(), 1);
}
