use std::collections::BTreeMap;

use backupd_core::{
    condition::{Condition, Standing},
    failure::{Failure, FailureClass},
    protocol::EventKind,
    run::{RunResult, RunState},
};
use jiff::SignedDuration;

use crate::{
    coordinator::StartOptions,
    testing::{Stage, job},
};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

async fn pass(stage: &Stage, time: SignedDuration) {
    stage.clock.advance(time);
    stage.inbox.wake().await;
    stage.handle.settings().await.unwrap();
}

fn on_battery() -> Standing {
    Standing::Fails {
        what: "on battery power".to_owned(),
        clears: "mains power".to_owned(),
    }
}

async fn power(stage: &Stage, standing: Standing) {
    stage
        .inbox
        .standings(BTreeMap::from([(Condition::AcPower, standing)]))
        .await;
    stage.handle.settings().await.unwrap();
}

fn launches(stage: &Stage) -> usize {
    stage.launcher.launched.lock().unwrap().len()
}

const LAPTOP: &str = "schedule = \"09:00\"\nconditions = { ac_power = true, when_lost = \"stop\" }";

#[tokio::test]
async fn a_run_waits_for_its_conditions_and_says_what_it_waits_for() {
    let stage = Stage::new(&[("home", LAPTOP)]).await.published();
    assert!(
        stage.conditions.lock().unwrap().is_empty(),
        "nothing is watched for nobody"
    );
    pass(&stage, HOUR).await;
    assert!(stage.conditions.lock().unwrap().contains(&Condition::AcPower));
    assert_eq!(launches(&stage), 0);
    power(&stage, on_battery()).await;
    let view = stage.job_view("home").await;
    assert_eq!(view.blocked_by[0].what, "on battery power");
    assert_eq!(view.blocked_by[0].clears, "mains power");
    power(&stage, Standing::Holds).await;
    assert_eq!(launches(&stage), 1);
}

#[tokio::test]
async fn a_run_that_loses_a_condition_stops_and_goes_on_later() {
    let stage = Stage::new(&[("home", LAPTOP)]).await.published();
    pass(&stage, HOUR).await;
    power(&stage, Standing::Holds).await;
    let run = stage.launcher.launched.lock().unwrap()[0].run;
    stage.worker_says(run, Vec::new(), false).await;
    power(&stage, on_battery()).await;
    assert_eq!(*stage.launcher.stopped.lock().unwrap(), [run]);
    let done = EventKind::Done {
        result: RunResult::Cancelled,
    };
    stage.worker_says(run, vec![done], true).await;
    let stored = stage.stored(run).await;
    assert_eq!((stored.state, stored.result), (RunState::Waiting, None));
    assert_eq!(launches(&stage), 1);
    power(&stage, Standing::Holds).await;
    assert_eq!(launches(&stage), 2);
    stage.worker_succeeds(run).await;
    assert_eq!(stage.stored(run).await.result, Some(RunResult::Success));
    assert!(stage.conditions.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_run_goes_on_without_a_condition_unless_its_job_says_otherwise() {
    let lines = "schedule = \"09:00\"\nconditions = { ac_power = true }";
    let stage = Stage::new(&[("home", lines)]).await.published();
    pass(&stage, HOUR).await;
    power(&stage, Standing::Holds).await;
    assert!(stage.conditions.lock().unwrap().is_empty());
    power(&stage, on_battery()).await;
    assert!(stage.launcher.stopped.lock().unwrap().is_empty());
}

#[tokio::test]
async fn whoever_starts_a_job_overrides_its_conditions_and_is_told() {
    let stage = Stage::new(&[("home", LAPTOP)]).await.published();
    let run = stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
    assert_eq!(launches(&stage), 1, "nobody waits for an answer");
    power(&stage, on_battery()).await;
    assert_eq!(stage.stored(run).await.overrode, ["on battery power"]);
    assert!(stage.launcher.stopped.lock().unwrap().is_empty());
}

#[tokio::test]
async fn whoever_starts_a_job_outside_of_its_window_is_told() {
    let lines = "schedule = { calendar = \"23:00\", window = \"22:00-06:00\" }";
    let stage = Stage::new(&[("home", lines)]).await.published();
    let run = stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
    assert_eq!(
        stage.stored(run).await.overrode,
        ["the window 22:00-06:00 is closed"]
    );
}

#[tokio::test]
async fn nobody_waits_for_a_run_whose_window_has_closed() {
    let windowed = "schedule = { calendar = \"09:00\", window = \"08:30-10:00\" }\nafter = [\"home\"]";
    let last = "schedule = \"09:00\"\nafter = [\"windowed\"]";
    let jobs = [("home", ""), ("windowed", windowed), ("last", last)];
    let stage = Stage::new(&jobs).await.published();
    let options = StartOptions::default();
    stage.handle.start(job("home"), options).await.unwrap();
    pass(&stage, HOUR).await;
    assert_eq!(launches(&stage), 1, "each waits for the one before");
    let closes = "2027-01-15T10:00:00Z".parse().unwrap();
    assert_eq!(*stage.alarm.borrow(), Some(closes));
    pass(&stage, HOUR).await;
    assert_eq!(launches(&stage), 2);
    let blocked = stage.job_view("windowed").await.blocked_by;
    assert!(blocked[0].what.ends_with("is closed"), "{blocked:?}");
}

#[tokio::test]
async fn a_window_that_closed_and_opened_again_in_a_sleep_closes_once_more() {
    let lines = "schedule = { calendar = \"09:00\", window = \"08:30-10:00\" }\n\
                 conditions = { when_lost = \"stop\" }";
    let stage = Stage::new(&[("home", lines)]).await.published();
    pass(&stage, HOUR).await;
    let run = stage.launcher.launched.lock().unwrap()[0].run;
    stage.worker_says(run, Vec::new(), false).await;
    stage.clock.sleep(HOUR * 24);
    pass(&stage, SignedDuration::ZERO).await;
    assert!(stage.launcher.stopped.lock().unwrap().is_empty());
    pass(&stage, HOUR).await;
    assert_eq!(*stage.launcher.stopped.lock().unwrap(), [run]);
}

#[tokio::test]
async fn a_run_begins_inside_of_its_window_alone() {
    let lines = "schedule = { calendar = \"09:00\", window = \"08:30-10:00, 22:00-06:00\" }\n\
                 conditions = { ac_power = true, when_lost = \"stop\" }";
    let stage = Stage::new(&[("home", lines)]).await.published();
    pass(&stage, HOUR).await;
    power(&stage, on_battery()).await;
    // Mains power comes when the window has closed.
    pass(&stage, HOUR * 2).await;
    power(&stage, Standing::Holds).await;
    assert_eq!(launches(&stage), 0);
    let blocked = stage.job_view("home").await.blocked_by;
    assert!(blocked[0].what.contains("22:00-06:00"), "{blocked:?}");
    assert!(blocked[0].clears.contains("2027-01-15 22:00:00"), "{blocked:?}");
    pass(&stage, HOUR * 11).await;
    power(&stage, Standing::Holds).await;
    assert_eq!(launches(&stage), 1);
    let run = stage.launcher.launched.lock().unwrap()[0].run;
    stage.worker_says(run, Vec::new(), false).await;
    // It closes again over the run.
    pass(&stage, HOUR * 8).await;
    assert_eq!(*stage.launcher.stopped.lock().unwrap(), [run]);
}

#[tokio::test]
async fn whoever_starts_a_job_that_waits_takes_its_run_over() {
    let stage = Stage::new(&[("home", LAPTOP)]).await.published();
    pass(&stage, HOUR).await;
    power(&stage, on_battery()).await;
    assert_eq!(launches(&stage), 0);
    let waiting = stage.job_view("home").await.active_run.unwrap();
    let run = stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
    assert_eq!(run, waiting);
    assert_eq!(launches(&stage), 1);
    let stored = stage.stored(run).await;
    assert_eq!(stored.overrode, ["on battery power"]);
    let refusal = stage.handle.start(job("home"), StartOptions::default()).await;
    assert!(refusal.is_err(), "it is at work now");
}

#[tokio::test]
async fn a_clock_that_is_set_moves_what_waits_for_a_window() {
    let lines =
        "schedule = { calendar = \"09:00\", window = \"08:30-10:00\" }\nconditions = { ac_power = true }";
    let stage = Stage::new(&[("home", lines)]).await.published();
    pass(&stage, HOUR).await;
    power(&stage, on_battery()).await;
    pass(&stage, HOUR * 2).await;
    power(&stage, Standing::Holds).await;
    assert_eq!(launches(&stage), 0);
    stage.clock.set("2027-01-15T09:30:00Z".parse().unwrap());
    pass(&stage, SignedDuration::ZERO).await;
    assert_eq!(launches(&stage), 1);
}

#[tokio::test]
async fn a_run_that_waits_does_not_hide_what_else_is_to_come() {
    let jobs = [
        ("home", "schedule = \"09:00\"\nconditions = { network = true }"),
        ("other", "schedule = \"11:00\""),
    ];
    let stage = Stage::new(&jobs).await.published();
    pass(&stage, HOUR).await;
    let network = |standing| BTreeMap::from([(Condition::Online, standing)]);
    stage.inbox.standings(network(Standing::Holds)).await;
    stage.handle.settings().await.unwrap();
    let run = stage.launcher.launched.lock().unwrap()[0].run;
    let failure = Failure::new(FailureClass::Network, "no route");
    let kinds = vec![
        EventKind::Failure { failure },
        EventKind::Done {
            result: RunResult::Failed,
        },
    ];
    stage.worker_says(run, kinds, true).await;
    let gone = Standing::Fails {
        what: "there is no network".to_owned(),
        clears: "a network".to_owned(),
    };
    // The time of its next attempt comes, and it is held.
    pass(&stage, SignedDuration::from_mins(1)).await;
    stage.inbox.standings(network(gone)).await;
    stage.handle.settings().await.unwrap();
    assert_eq!(launches(&stage), 1);
    let alarm = stage.alarm.borrow().unwrap();
    assert_eq!(alarm, "2027-01-15T11:00:00Z".parse().unwrap());
    stage.inbox.standings(network(Standing::Holds)).await;
    stage.handle.settings().await.unwrap();
    assert_eq!(launches(&stage), 2);
}

#[tokio::test]
async fn a_job_that_is_switched_off_does_not_start_what_waits() {
    let stage = Stage::new(&[("home", LAPTOP)]).await.published();
    pass(&stage, HOUR).await;
    power(&stage, on_battery()).await;
    let run = stage.job_view("home").await.active_run.unwrap();
    stage.handle.set_enabled(job("home"), false, None).await.unwrap();
    assert_eq!(stage.stored(run).await.result, Some(RunResult::Skipped));
    stage.handle.pause(Some(job("home")), None, None).await.unwrap();
    stage.handle.delete(job("home"), None).await.unwrap();
    let text = "repository = \"nas\"\nsources = [\"/home/home\"]\n";
    stage
        .handle
        .create(
            crate::configuration::Kind::Job,
            "home".to_owned(),
            text.to_owned(),
        )
        .await
        .unwrap();
    assert_eq!(stage.job_view("home").await.pause, None, "it is another job");
}
