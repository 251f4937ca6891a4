use std::{fs, sync::atomic::Ordering};

use backupd_core::{
    failure::{Failure, FailureClass},
    name::RunId,
    protocol::EventKind,
    run::{RunResult, RunState, Trigger},
    zones,
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    coordinator::StartOptions,
    ports::Clock as _,
    testing::{Stage, job},
};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

async fn pass(stage: &Stage, time: SignedDuration) {
    stage.clock.advance(time);
    stage.inbox.wake().await;
    stage.handle.settings().await.unwrap();
}

async fn set(stage: &Stage, now: &str) {
    stage.clock.set(now.parse().unwrap());
    stage.inbox.wake().await;
    stage.handle.settings().await.unwrap();
}

fn launched(stage: &Stage) -> Vec<RunId> {
    let launched = stage.launcher.launched.lock().unwrap();
    launched.iter().map(|spec| spec.run).collect()
}

async fn fails(stage: &Stage, run: RunId) {
    let failure = Failure::new(FailureClass::Network, "it did not work");
    let result = RunResult::Failed;
    let kinds = vec![EventKind::Failure { failure }, EventKind::Done { result }];
    stage.worker_says(run, kinds, true).await;
    stage.handle.settings().await.unwrap();
}

#[tokio::test]
async fn an_attempt_that_waits_for_another_run_does_not_hide_what_comes() {
    let lines = "schedule = [\"09:00\", \"10:00\"]";
    let stage = Stage::new(&[("home", lines), ("a", ""), ("b", "")])
        .await
        .published();
    pass(&stage, HOUR).await;
    fails(&stage, launched(&stage)[0]).await;
    for name in ["a", "b"] {
        let options = StartOptions::default();
        stage.handle.start(job(name), options).await.unwrap();
    }
    pass(&stage, SignedDuration::from_mins(5)).await;
    assert_eq!(stage.stored(launched(&stage)[0]).await.state, RunState::Backoff);
    let alarm: Option<Timestamp> = *stage.alarm.borrow();
    assert_eq!(alarm, Some("2027-01-15T10:00:00Z".parse().unwrap()));
}

#[tokio::test]
async fn a_wait_for_the_next_attempt_is_as_long_as_it_would_have_been_when_the_clock_is_set() {
    let lines = "schedule = \"09:00\"\nretry = { initial = \"1h\" }";
    let stage = Stage::new(&[("home", lines)]).await.published();
    pass(&stage, HOUR).await;
    let run = launched(&stage)[0];
    fails(&stage, run).await;
    let next = stage.stored(run).await.next_attempt.unwrap();
    let left = next.duration_since(stage.clock.now());
    for now in ["2027-01-15T04:00:00Z", "2027-01-15T16:00:00Z"] {
        set(&stage, now).await;
        let next = stage.stored(run).await.next_attempt.unwrap();
        assert_eq!(next.duration_since(stage.clock.now()), left);
        assert_eq!(launched(&stage), [run]);
    }
    pass(&stage, left).await;
    assert_eq!(launched(&stage), [run, run]);
}

#[tokio::test]
async fn an_attempt_that_has_come_does_not_wait_again_when_the_clock_is_set_back() {
    let lines = "schedule = \"09:00\"";
    let stage = Stage::new(&[("home", lines), ("a", ""), ("b", "")])
        .await
        .published();
    pass(&stage, HOUR).await;
    let run = launched(&stage)[0];
    fails(&stage, run).await;
    for name in ["a", "b"] {
        let options = StartOptions::default();
        stage.handle.start(job(name), options).await.unwrap();
    }
    pass(&stage, SignedDuration::from_mins(1)).await;
    set(&stage, "2027-01-15T08:50:00Z").await;
    assert_eq!(stage.stored(run).await.state, RunState::Backoff);
    let other = launched(&stage)[1];
    stage.worker_succeeds(other).await;
    stage.handle.settings().await.unwrap();
    assert_eq!(launched(&stage).last(), Some(&run));
}

#[tokio::test]
async fn an_attempt_that_fails_before_anybody_sees_that_the_clock_was_set_waits_no_longer() {
    let stage = Stage::new(&[("home", "schedule = \"09:00\"")]).await.published();
    pass(&stage, HOUR).await;
    let run = launched(&stage)[0];
    stage.worker_says(run, Vec::new(), false).await;
    stage.handle.settings().await.unwrap();
    stage.clock.set("2027-01-15T14:00:00Z".parse().unwrap());
    stage.inbox.worker_gone(run, 1, None).await;
    stage.inbox.wake().await;
    stage.handle.settings().await.unwrap();
    let next = stage.stored(run).await.next_attempt.unwrap();
    let left = next.duration_since(stage.clock.now());
    assert!(left <= SignedDuration::from_secs(30), "{left}");
}

#[tokio::test]
async fn an_attempt_is_never_further_away_than_the_longest_wait() {
    let stage = Stage::new(&[("home", "schedule = \"09:00\"")]).await.published();
    set(&stage, "2027-01-16T09:00:00Z").await;
    let run = launched(&stage)[0];
    fails(&stage, run).await;
    stage.handle.pause(None, None, None).await.unwrap();
    // The clock of the next stage shows the day before.
    let stage = stage.restart().await.published();
    assert_eq!(stage.stored(run).await.next_attempt, Some(stage.clock.now()));
    set(&stage, "2027-01-16T09:30:00Z").await;
    assert_eq!(stage.stored(run).await.next_attempt, Some(stage.clock.now()));
    stage.handle.resume(None).await.unwrap();
    assert_eq!(launched(&stage), [run]);
}

#[tokio::test]
async fn an_elapse_during_an_attempt_is_taken_in_by_the_next_attempt() {
    let stage = Stage::new(&[("home", "schedule = [\"09:00\", \"09:10\"]")])
        .await
        .published();
    pass(&stage, HOUR).await;
    pass(&stage, SignedDuration::from_mins(11)).await;
    let run = launched(&stage)[0];
    fails(&stage, run).await;
    assert_eq!(stage.stored(run).await.state, RunState::Backoff);
    assert_eq!(
        stage.job_view("home").await.next,
        Some("2027-01-16T09:00:00Z".parse().unwrap())
    );
    pass(&stage, SignedDuration::from_mins(1)).await;
    assert_eq!(launched(&stage), [run, run]);
}

#[tokio::test]
async fn what_waited_for_a_superseded_run_finds_the_new_one() {
    let lines =
        "schedule = [\"09:00\", \"09:10\"]\nretry = { initial = \"8h\" }\n[triggers]\nshutdown = true";
    let stage = Stage::new(&[("home", lines)]).await.published();
    pass(&stage, HOUR).await;
    let metadata = serde_json::Map::new();
    stage.handle.trigger(Trigger::Shutdown, metadata).await.unwrap();
    fails(&stage, launched(&stage)[0]).await;
    pass(&stage, SignedDuration::from_mins(10)).await;
    let launched = launched(&stage);
    assert_eq!(launched.len(), 2);
    assert_eq!(stage.stored(launched[0]).await.result, Some(RunResult::Failed));
    assert_eq!(stage.stored(launched[1]).await.trigger, Trigger::Schedule);
}

#[tokio::test]
async fn a_window_opens_when_the_clock_is_set_into_it_and_closes_when_it_is_set_out_of_it() {
    let lines = "schedule = { calendar = \"*-*-* 09,23:00\", window = \"22:00-06:00\" }\n\
                 [conditions]\nwhen_lost = \"stop\"";
    let stage = Stage::new(&[("home", lines)]).await.published();
    pass(&stage, HOUR).await;
    assert_eq!(launched(&stage), []);
    set(&stage, "2027-01-15T05:00:00Z").await;
    let run = launched(&stage)[0];
    assert!(stage.launcher.stopped.lock().unwrap().is_empty());
    set(&stage, "2027-01-15T12:00:00Z").await;
    assert_eq!(*stage.launcher.stopped.lock().unwrap(), [run]);
}

#[tokio::test]
async fn a_window_that_closed_while_no_daemon_was_there_stops_the_run() {
    let lines = "schedule = { calendar = \"*-*-* 09:00\", window = \"08:30-10:00\" }\n\
                 [conditions]\nwhen_lost = \"stop\"";
    let stage = Stage::new(&[("home", lines)]).await.published();
    pass(&stage, HOUR).await;
    let run = launched(&stage)[0];
    // The clock of the next stage shows eight.
    let stage = stage.restart().await.published();
    assert_eq!(*stage.launcher.stopped.lock().unwrap(), [run]);
}

#[tokio::test]
async fn a_run_at_work_stops_where_its_job_says_so_by_now() {
    let window = "schedule = { calendar = \"*-*-* 05:00\", window = \"04:00-06:00\" }";
    let stage = Stage::new(&[("home", window)]).await.published();
    set(&stage, "2027-01-16T05:00:00Z").await;
    let run = launched(&stage)[0];
    pass(&stage, HOUR * 2).await;
    assert!(stage.launcher.stopped.lock().unwrap().is_empty(), "it may go on");
    let file = stage.configuration("jobs.d/home.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n[conditions]\nwhen_lost = \"stop\"\n")).unwrap();
    stage.handle.reload().await.unwrap();
    assert_eq!(*stage.launcher.stopped.lock().unwrap(), [run]);
    assert_eq!(stage.clock.now(), "2027-01-16T07:00:00Z".parse().unwrap());
}

#[tokio::test]
async fn an_elapse_of_a_clock_that_was_ahead_comes_again_while_no_daemon_is_there() {
    // First known by a clock that was a day ahead, and set right before anything was due.
    let stage = Stage::new(&[("home", "schedule = \"07:00\"")]).await.published();
    set(&stage, "2027-01-14T06:00:00Z").await;
    pass(&stage, HOUR).await;
    let first = launched(&stage)[0];
    stage.worker_succeeds(first).await;
    assert_eq!(stage.stored(first).await.result, Some(RunResult::Success));
    // The clock of the next stage shows eight of the day after.
    let stage = stage.restart().await.published();
    pass(&stage, SignedDuration::from_mins(2)).await;
    let run = stage.stored(launched(&stage)[0]).await;
    assert_eq!(run.scheduled, Some("2027-01-15T07:00:00Z".parse().unwrap()));
    assert_eq!(run.trigger, Trigger::CatchUp);
}

#[tokio::test]
async fn an_elapse_that_comes_again_by_a_clock_that_was_set_back_is_not_lost_over_a_restart() {
    let lines = "schedule = [\"07:00\", \"09:00\", \"10:00\"]";
    let stage = Stage::new(&[("home", lines)]).await.published();
    for _ in 0..2 {
        pass(&stage, HOUR).await;
        let run = *launched(&stage).last().unwrap();
        stage.worker_succeeds(run).await;
    }
    assert_eq!(launched(&stage).len(), 2);
    set(&stage, "2027-01-15T06:30:00Z").await;
    let stage = stage.restart().await.published();
    pass(&stage, SignedDuration::from_mins(2)).await;
    let run = stage.stored(launched(&stage)[0]).await;
    assert_eq!(run.scheduled, Some("2027-01-15T07:00:00Z".parse().unwrap()));
    pass(&stage, HOUR).await;
    assert_eq!(
        launched(&stage).len(),
        1,
        "it takes in what comes while it is at work"
    );
}

#[tokio::test]
async fn a_store_that_was_full_when_the_clock_was_set_back_learns_it_when_it_has_room() {
    let lines = "schedule = [\"07:00\", \"08:30\"]";
    let stage = Stage::new(&[("home", lines)]).await.published();
    pass(&stage, HOUR / 2).await;
    stage.worker_succeeds(launched(&stage)[0]).await;
    stage.store.full.store(true, Ordering::SeqCst);
    set(&stage, "2027-01-15T06:30:00Z").await;
    stage.store.full.store(false, Ordering::SeqCst);
    pass(&stage, SignedDuration::from_secs(10)).await;
    // The clock of the next stage shows eight. Both come again; by what was known before neither would.
    let stage = stage.restart().await.published();
    pass(&stage, SignedDuration::from_mins(2)).await;
    let run = stage.stored(launched(&stage)[0]).await;
    assert_eq!(run.scheduled, Some("2027-01-15T07:00:00Z".parse().unwrap()));
}

#[tokio::test]
async fn a_clock_that_was_behind_for_a_while_doubles_nothing_when_it_is_set_right() {
    let stage = Stage::new(&[("home", "schedule = \"07:00\"")]).await.published();
    set(&stage, "2027-01-16T07:00:00Z").await;
    set(&stage, "1970-01-01T06:00:00Z").await;
    pass(&stage, HOUR).await;
    for run in launched(&stage) {
        stage.worker_succeeds(run).await;
    }
    let before = launched(&stage).len();
    set(&stage, "2027-01-16T09:00:00Z").await;
    for _ in 0..2 {
        pass(&stage, HOUR).await;
        assert_eq!(launched(&stage).len(), before);
    }
}

#[tokio::test]
async fn schedules_follow_the_zone_where_a_full_disk_keeps_files_from_being_read() {
    let stage = Stage::new(&[("home", "schedule = \"18:00\"")]).await.published();
    fs::write(stage.configuration("backupd.toml"), "max_parallel_runs = 1\n").unwrap();
    stage.store.full.store(true, Ordering::SeqCst);
    *stage.zone.lock().unwrap() = zones::get("Europe/Berlin").unwrap();
    stage.inbox.zones_changed().await;
    stage.handle.settings().await.unwrap();
    let next = "2027-01-15T17:00:00Z".parse().unwrap();
    assert_eq!(stage.job_view("home").await.next, Some(next));
    stage.store.full.store(false, Ordering::SeqCst);
    set(&stage, "2027-01-15T17:00:00Z").await;
    assert_eq!(launched(&stage).len(), 1);
}

#[tokio::test]
async fn an_interval_goes_on_where_its_job_was_first_known_by_a_clock_that_was_ahead() {
    let stage = Stage::new(&[("home", "schedule = { every = \"4h\" }")])
        .await
        .published();
    set(&stage, "2026-01-15T06:00:00Z").await;
    for _ in 0..4 {
        pass(&stage, HOUR).await;
    }
    assert_eq!(launched(&stage).len(), 1, "a year before it was first known");
}

/// Debug builds take fewer; `cargo test --release` prints a number that counts.
#[tokio::test]
async fn all_jobs_are_planned_anew_when_the_clock_is_set() {
    let count = if cfg!(debug_assertions) { 200 } else { 10_000 };
    let jobs: Vec<(String, String)> = (0..count)
        .map(|number| {
            let (hour, minute) = (number / 5 % 24, number * 7 % 60);
            let schedule = match number % 5 {
                0 => format!("\"daily at {hour:02}:{minute:02}\""),
                1 => format!("\"sunday at {hour:02}:{minute:02}\""),
                2 => format!("{{ calendar = \"*:{minute:02}\", jitter = \"5m\" }}"),
                3 => format!("{{ cron = \"{minute} {hour} * * 1-5\" }}"),
                _ => format!("\"every {}h\"", 4 + number % 20),
            };
            (format!("job-{number}"), format!("schedule = {schedule}"))
        })
        .collect();
    let jobs: Vec<_> = jobs
        .iter()
        .map(|(name, lines)| (name.as_str(), lines.as_str()))
        .collect();
    let stage = Stage::new(&jobs).await.published();
    // Nothing has elapsed meanwhile, so that this is the planning alone.
    let now = stage.clock.now();
    let before = now.checked_sub(HOUR * 48).unwrap();
    let began = std::time::Instant::now();
    set(&stage, &before.to_string()).await;
    println!("{count} jobs planned anew after {:?}", began.elapsed());
    for (name, lines) in &jobs {
        let next = stage.job_view(name).await.next.unwrap();
        assert!(next > before, "{name}: {next}, {lines}");
        if lines.contains("*:") {
            assert!(next <= before + HOUR + HOUR, "{name}: {next}, {lines}");
        }
    }
}
