use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::atomic::Ordering,
};

use backupd_core::{
    failure::{Failure, FailureClass},
    health::Health,
    name::RunId,
    protocol::EventKind,
    run::{Run, RunResult, RunState, Trigger},
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    coordinator::StartOptions,
    testing::{Stage, job, read},
};

/// The stage's clock begins at eight in the morning, UTC.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

async fn pass(stage: &Stage, time: SignedDuration) {
    stage.clock.advance(time);
    stage.inbox.wake().await;
    stage.handle.settings().await.unwrap();
}

/// Time passes while the machine sleeps.
async fn sleep(stage: &Stage, time: SignedDuration) {
    stage.clock.sleep(time);
    // The alarm rings before anybody tells of the wake-up.
    stage.inbox.wake().await;
    stage.inbox.resumed().await;
    stage.handle.settings().await.unwrap();
}

fn launched(stage: &Stage) -> Vec<(String, u32)> {
    let launched = stage.launcher.launched.lock().unwrap();
    let shown = |spec: &backupd_core::protocol::Spec| (spec.job.clone().unwrap().to_string(), spec.attempt);
    launched.iter().map(shown).collect()
}

async fn last_run(stage: &Stage) -> Run {
    let id = stage.launcher.launched.lock().unwrap().last().unwrap().run;
    stage.stored(id).await
}

async fn fails(stage: &Stage, run: RunId, class: FailureClass) {
    let failure = Failure::new(class, "it did not work");
    let kinds = vec![
        EventKind::Failure { failure },
        EventKind::Done {
            result: RunResult::Failed,
        },
    ];
    stage.worker_says(run, kinds, true).await;
}

fn alarm(stage: &Stage) -> Option<SignedDuration> {
    use crate::ports::Clock as _;
    let at: Option<Timestamp> = *stage.alarm.borrow();
    at.map(|at| at.duration_since(stage.clock.now()))
}

#[tokio::test]
async fn a_job_starts_when_its_schedule_elapses_and_not_before() {
    let stage = Stage::new(&[("home", "schedule = \"09:00\"")]).await.published();
    assert_eq!(alarm(&stage), Some(HOUR));
    pass(&stage, HOUR - SignedDuration::from_secs(1)).await;
    assert_eq!(launched(&stage), []);
    pass(&stage, SignedDuration::from_secs(1)).await;
    assert_eq!(launched(&stage), [("home".to_owned(), 1)]);
    let run = last_run(&stage).await;
    assert_eq!(run.trigger, Trigger::Schedule);
    assert_eq!(run.scheduled, Some("2027-01-15T09:00:00Z".parse().unwrap()));
    stage.worker_succeeds(run.id).await;
    let view = stage.job_view("home").await;
    assert_eq!(view.next, Some("2027-01-16T09:00:00Z".parse().unwrap()));
    assert_eq!(view.health, Health::Ok);
    assert_eq!(view.max_age, Some(HOUR * 26), "a day and a twelfth of it");
}

#[tokio::test]
async fn what_was_missed_asleep_is_one_run_when_the_machine_has_settled() {
    let stage = Stage::new(&[("home", "schedule = \"09:00\"")]).await.published();
    sleep(&stage, HOUR * 24 * 3).await;
    assert_eq!(launched(&stage), []);
    assert_eq!(alarm(&stage), Some(SignedDuration::from_mins(1)));
    pass(&stage, SignedDuration::from_mins(1)).await;
    assert_eq!(launched(&stage).len(), 1);
    let run = last_run(&stage).await;
    assert_eq!(run.trigger, Trigger::CatchUp);
    stage.worker_succeeds(run.id).await;
    pass(&stage, SignedDuration::from_mins(5)).await;
    assert_eq!(launched(&stage).len(), 1);
}

#[tokio::test]
async fn a_schedule_that_does_not_catch_up_passes_over_what_was_missed() {
    let lines = "schedule = { calendar = \"09:00\", catch_up = false }";
    let stage = Stage::new(&[("home", lines)]).await.published();
    sleep(&stage, HOUR * 3).await;
    pass(&stage, SignedDuration::from_mins(5)).await;
    assert_eq!(launched(&stage), []);
    assert_eq!(
        stage.job_view("home").await.next,
        Some("2027-01-16T09:00:00Z".parse().unwrap())
    );
}

#[tokio::test]
async fn what_is_passed_over_hides_nothing_that_is_caught_up() {
    let lines = "schedule = [\"09:00\", { calendar = \"12:00\", catch_up = false }]";
    let stage = Stage::new(&[("home", lines)]).await.published();
    sleep(&stage, HOUR * 6).await;
    pass(&stage, SignedDuration::from_mins(1)).await;
    assert_eq!(launched(&stage).len(), 1);
    let run = last_run(&stage).await;
    assert_eq!(run.trigger, Trigger::CatchUp);
    assert_eq!(run.scheduled, Some("2027-01-15T09:00:00Z".parse().unwrap()));
    stage.worker_succeeds(run.id).await;
    pass(&stage, SignedDuration::from_mins(1)).await;
    assert_eq!(launched(&stage).len(), 1, "noon is passed over");
    assert_eq!(
        stage.job_view("home").await.next,
        Some("2027-01-16T09:00:00Z".parse().unwrap())
    );
}

#[tokio::test]
async fn nothing_is_lost_or_done_twice_over_a_restart() {
    let stage = Stage::new(&[("home", "schedule = \"09:00\"")]).await.published();
    pass(&stage, HOUR).await;
    let run = last_run(&stage).await;
    stage.worker_succeeds(run.id).await;
    stage.stored(run.id).await;
    // The next daemon's clock is an hour behind: what was done at nine is not done at nine again.
    let stage = stage.restart().await.published();
    pass(&stage, HOUR).await;
    assert_eq!(launched(&stage), []);
    pass(&stage, HOUR * 24).await;
    assert_eq!(launched(&stage).len(), 1);
}

#[tokio::test]
async fn what_cannot_be_kept_does_not_start_and_is_not_forgotten() {
    let stage = Stage::new(&[("home", "schedule = \"09:00\"")]).await.published();
    stage.store.full.store(true, Ordering::SeqCst);
    pass(&stage, HOUR).await;
    assert_eq!(launched(&stage), []);
    assert!(alarm(&stage).is_some_and(|wait| wait <= SignedDuration::from_secs(10)));
    stage.store.full.store(false, Ordering::SeqCst);
    pass(&stage, SignedDuration::from_secs(10)).await;
    assert_eq!(launched(&stage).len(), 1);
}

#[tokio::test]
async fn a_failure_that_may_pass_is_tried_again_over_a_restart_too() {
    let stage = Stage::new(&[("home", "schedule = \"09:00\"")]).await.published();
    pass(&stage, HOUR).await;
    let run = last_run(&stage).await.id;
    fails(&stage, run, FailureClass::Network).await;
    let stored = stage.stored(run).await;
    assert_eq!((stored.state, stored.result), (RunState::Backoff, None));
    assert!(alarm(&stage).is_some_and(|wait| wait <= SignedDuration::from_secs(30)));
    let view = stage.job_view("home").await;
    assert_eq!(view.blocked_by[0].what, "attempt 1 of 5 failed: it did not work");
    assert_ne!(view.health, Health::Ok);
    // The next daemon's clock is an hour behind: it does not wait for longer than the policy says.
    let stage = stage.restart().await.published();
    assert_eq!(launched(&stage), [("home".to_owned(), 2)]);
    stage.worker_succeeds(run).await;
    assert_eq!(stage.stored(run).await.result, Some(RunResult::Success));
    assert_eq!(stage.job_view("home").await.health, Health::Ok);
}

#[tokio::test]
async fn what_waits_for_a_job_that_went_while_no_daemon_was_there_does_not_start() {
    let lines = "schedule = \"09:00\"";
    let jobs = [("gone", lines), ("off", lines), ("broken", lines)];
    let stage = Stage::new(&jobs).await.published();
    pass(&stage, HOUR).await;
    let mut runs = BTreeMap::new();
    for _ in jobs {
        let (name, run) = {
            let launched = stage.launcher.launched.lock().unwrap();
            let spec = launched
                .iter()
                .find(|spec| !runs.contains_key(spec.job.as_ref().unwrap()));
            let spec = spec.unwrap();
            (spec.job.clone().unwrap(), spec.run)
        };
        fails(&stage, run, FailureClass::Network).await;
        stage.stored(run).await;
        runs.insert(name, run);
    }
    let file = |name: &str| stage.configuration(&format!("jobs.d/{name}.toml"));
    fs::remove_file(file("gone")).unwrap();
    let text = read(file("off")) + "enabled = false\n";
    fs::write(file("off"), text).unwrap();
    fs::write(file("broken"), "sources = 1\n").unwrap();
    let stage = stage.restart().await.published();
    let gone = stage.stored(runs[&job("gone")]).await;
    assert_eq!(gone.result, Some(RunResult::Skipped));
    let off = stage.stored(runs[&job("off")]).await;
    assert_eq!(off.result, Some(RunResult::Skipped));
    let broken = stage.stored(runs[&job("broken")]).await;
    assert_eq!(
        (broken.result, launched(&stage)),
        (None, vec![]),
        "{:?}",
        broken.failure
    );
}

#[tokio::test]
async fn a_failure_that_stays_and_one_of_a_run_by_hand_are_not_tried_again() {
    let stage = Stage::new(&[("home", "schedule = \"09:00\"")]).await.published();
    pass(&stage, HOUR).await;
    let run = last_run(&stage).await.id;
    fails(&stage, run, FailureClass::Credentials).await;
    assert_eq!(stage.stored(run).await.result, Some(RunResult::Failed));
    let options = StartOptions::default();
    let run = stage.handle.start(job("home"), options).await.unwrap();
    fails(&stage, run, FailureClass::Network).await;
    assert_eq!(stage.stored(run).await.result, Some(RunResult::Failed));
    assert_eq!(stage.job_view("home").await.health, Health::Failed);
}

#[tokio::test]
async fn the_next_elapse_takes_the_place_of_the_next_attempt() {
    let lines = "schedule = \"*:0\"\nretry = { initial = \"2h\", maximum = \"2h\" }";
    let stage = Stage::new(&[("home", lines)]).await.published();
    pass(&stage, HOUR).await;
    let first = last_run(&stage).await.id;
    fails(&stage, first, FailureClass::Network).await;
    assert_eq!(stage.stored(first).await.state, RunState::Backoff);
    let due = alarm(&stage).unwrap();
    if due == HOUR {
        pass(&stage, HOUR).await;
        let second = last_run(&stage).await.id;
        assert_ne!(first, second);
        let run = stage.stored(first).await;
        assert_eq!(run.result, Some(RunResult::Failed));
        assert_eq!(run.failure.unwrap().message, "it did not work");
    } else {
        // The wait is anything up to two hours: this time it is over before the hour is.
        assert!(due < HOUR);
    }
}

#[tokio::test]
async fn a_pause_holds_what_is_due_until_it_ends() {
    let stage = Stage::new(&[("home", "schedule = \"09:00\"")]).await.published();
    let until = "2027-01-15T12:00:00Z".parse().unwrap();
    let reason = Some("on holiday".to_owned());
    stage.handle.pause(None, Some(until), reason).await.unwrap();
    let view = stage.job_view("home").await;
    assert_eq!(view.health, Health::Paused);
    assert!(view.reason.ends_with(": on holiday"), "{}", view.reason);
    pass(&stage, HOUR).await;
    assert_eq!(launched(&stage), []);
    let stage = stage.restart().await.published();
    assert_eq!(alarm(&stage), Some(HOUR * 4), "a restart does not end it");
    pass(&stage, HOUR * 4).await;
    assert_eq!(launched(&stage).len(), 1);
    assert_ne!(stage.job_view("home").await.health, Health::Paused);
}

#[tokio::test]
async fn a_pause_that_ends_while_the_disk_is_full_has_ended_for_good_once_it_has_room() {
    let stage = Stage::new(&[("home", "schedule = \"09:00\"")]).await.published();
    let until = "2027-01-15T08:30:00Z".parse().unwrap();
    stage
        .handle
        .pause(Some(job("home")), Some(until), None)
        .await
        .unwrap();
    stage.store.full.store(true, Ordering::SeqCst);
    pass(&stage, HOUR / 2).await;
    assert_eq!(stage.job_view("home").await.pause, None);
    assert_eq!(alarm(&stage), Some(SignedDuration::from_secs(10)));
    stage.store.full.store(false, Ordering::SeqCst);
    pass(&stage, SignedDuration::from_secs(10)).await;
    assert_eq!(alarm(&stage), Some(HOUR / 2 - SignedDuration::from_secs(10)));
    // Neither this daemon nor the next pauses again where the clock is set back.
    stage.clock.set("2027-01-15T08:20:00Z".parse().unwrap());
    stage.inbox.wake().await;
    assert_eq!(stage.job_view("home").await.pause, None);
    let stage = stage.restart().await.published();
    assert_eq!(stage.job_view("home").await.pause, None);
}

#[tokio::test]
async fn a_pause_holds_again_where_the_clock_is_set_back_before_its_end_could_be_kept() {
    let stage = Stage::new(&[("home", "schedule = \"09:00\"")]).await.published();
    let until = "2027-01-15T10:00:00Z".parse().unwrap();
    stage.handle.pause(None, Some(until), None).await.unwrap();
    stage.store.full.store(true, Ordering::SeqCst);
    pass(&stage, HOUR * 2).await;
    stage.store.full.store(false, Ordering::SeqCst);
    stage.clock.set("2027-01-15T09:00:00Z".parse().unwrap());
    stage.inbox.wake().await;
    assert_ne!(stage.job_view("home").await.pause, None);
    assert_eq!(launched(&stage), []);
    pass(&stage, HOUR).await;
    assert_eq!(stage.job_view("home").await.pause, None);
    assert_eq!(launched(&stage).len(), 1);
}

#[tokio::test]
async fn a_manual_start_of_a_paused_job_says_what_it_overrides() {
    let stage = Stage::new(&[("home", "")]).await.published();
    stage.handle.pause(Some(job("home")), None, None).await.unwrap();
    let run = stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
    assert_eq!(stage.stored(run).await.overrode, ["it is paused"]);
    assert_eq!(launched(&stage).len(), 1);
    stage.handle.resume(Some(job("home"))).await.unwrap();
    assert_eq!(stage.job_view("home").await.pause, None);
}

#[tokio::test]
async fn what_starts_a_job_waits_for_a_run_at_work_and_for_a_store_that_works() {
    let stage = Stage::new(&[("home", "")]).await.published();
    let change = || {
        stage
            .inbox
            .triggered(job("home"), Trigger::PathChange, serde_json::Map::new())
    };
    change().await;
    stage.handle.settings().await.unwrap();
    let first = last_run(&stage).await;
    assert_eq!(first.trigger, Trigger::PathChange);
    stage.worker_says(first.id, Vec::new(), false).await;
    change().await;
    stage.worker_succeeds(first.id).await;
    stage.stored(first.id).await;
    assert_eq!(
        launched(&stage).len(),
        2,
        "what changed meanwhile may be in no snapshot"
    );
    let second = last_run(&stage).await;
    stage.worker_succeeds(second.id).await;
    stage.stored(second.id).await;
    stage.store.full.store(true, Ordering::SeqCst);
    change().await;
    stage.handle.settings().await.unwrap();
    assert_eq!(launched(&stage).len(), 2);
    stage.store.full.store(false, Ordering::SeqCst);
    pass(&stage, SignedDuration::from_secs(10)).await;
    assert_eq!(launched(&stage).len(), 3);
}

async fn beside(conflict: &str) -> (Stage, RunId) {
    let lines = format!("schedule = \"*:0\"\nconflict = \"{conflict}\"");
    let stage = Stage::new(&[("home", &lines)]).await.published();
    pass(&stage, HOUR).await;
    let first = last_run(&stage).await.id;
    stage.worker_says(first, Vec::new(), false).await;
    pass(&stage, HOUR).await;
    assert_eq!(launched(&stage).len(), 1, "one run of a job at a time");
    (stage, first)
}

#[tokio::test]
async fn an_elapse_beside_a_run_is_queued_skipped_or_replaces_it() {
    let (stage, first) = beside("queue").await;
    stage.worker_succeeds(first).await;
    assert_eq!(stage.stored(first).await.result, Some(RunResult::Success));
    assert_eq!(launched(&stage).len(), 2);

    let (stage, first) = beside("skip").await;
    stage.worker_succeeds(first).await;
    assert_eq!(stage.stored(first).await.result, Some(RunResult::Success));
    assert_eq!(launched(&stage).len(), 1);
    let runs = stage.handle.list_runs(crate::ports::RunQuery {
        limit: 9,
        ..Default::default()
    });
    let runs = runs.await.unwrap();
    assert_eq!(runs[0].result, Some(RunResult::Skipped));
    assert!(
        runs[0].failure.as_ref().unwrap().message.contains("conflict"),
        "{:?}",
        runs[0].failure
    );

    let (stage, first) = beside("replace").await;
    assert_eq!(*stage.launcher.stopped.lock().unwrap(), [first]);
    let done = EventKind::Done {
        result: RunResult::Cancelled,
    };
    stage.worker_says(first, vec![done], true).await;
    assert_eq!(stage.stored(first).await.result, Some(RunResult::Cancelled));
    assert_eq!(launched(&stage).len(), 2);
}

#[tokio::test]
async fn what_is_due_beyond_the_queue_waits_outside_and_is_not_lost() {
    let names: Vec<String> = (0..150).map(|number| format!("job-{number:03}")).collect();
    let jobs: Vec<(&str, &str)> = names
        .iter()
        .map(|name| (name.as_str(), "schedule = \"09:00\""))
        .collect();
    let stage = Stage::new(&jobs).await.published();
    pass(&stage, HOUR).await;
    let mut done = 0;
    while done < 150 {
        let run = {
            let launched = stage.launcher.launched.lock().unwrap();
            assert!(launched.len() <= done + 2, "`max_parallel_runs` is two");
            launched[done].run
        };
        stage.worker_succeeds(run).await;
        stage.stored(run).await;
        done += 1;
    }
    let names: BTreeSet<String> = launched(&stage).into_iter().map(|(name, _)| name).collect();
    assert_eq!((launched(&stage).len(), names.len()), (150, 150));
}

#[tokio::test]
async fn jobs_started_together_go_in_their_order() {
    let stage = Stage::new(&[("app", "after = [\"db\"]"), ("db", "")])
        .await
        .published();
    let runs = stage
        .handle
        .start_jobs(vec![job("app"), job("db")], StartOptions::default())
        .await
        .unwrap();
    assert_eq!(launched(&stage), [("db".to_owned(), 1)]);
    let again = stage
        .handle
        .start_jobs(vec![job("db"), job("app")], StartOptions::default())
        .await
        .unwrap();
    assert_eq!(again, [runs[1], runs[0]], "no run is queued twice");
    stage.worker_succeeds(runs[1]).await;
    stage.stored(runs[1]).await;
    assert_eq!(launched(&stage).len(), 2);
}

#[tokio::test]
async fn a_clock_that_is_set_loses_nothing_and_doubles_nothing() {
    let stage = Stage::new(&[("home", "schedule = \"09:00\"")]).await.published();
    pass(&stage, HOUR).await;
    let run = last_run(&stage).await.id;
    stage.worker_succeeds(run).await;
    stage.stored(run).await;
    // Back over the elapse that was seen to.
    stage.clock.set("2027-01-15T07:00:00Z".parse().unwrap());
    pass(&stage, SignedDuration::ZERO).await;
    pass(&stage, HOUR * 3).await;
    assert_eq!(launched(&stage).len(), 1);
    // Decades back, and right again.
    stage.clock.set(Timestamp::from_second(60).unwrap());
    pass(&stage, SignedDuration::ZERO).await;
    assert!(
        alarm(&stage).is_some_and(|wait| wait < HOUR * 24),
        "the schedule goes on meanwhile"
    );
    stage.clock.set("2027-01-15T18:00:00Z".parse().unwrap());
    pass(&stage, SignedDuration::ZERO).await;
    assert_eq!(launched(&stage).len(), 1);
    assert_eq!(alarm(&stage), Some(HOUR * 15));
}

#[tokio::test]
async fn an_edited_schedule_counts_from_now_on() {
    let stage = Stage::new(&[("home", "schedule = \"18:00\"")]).await.published();
    let text = "repository = \"nas\"\nsources = [\"/home/home\"]\nschedule = \"07:00\"\n";
    stage
        .handle
        .replace(job("home"), text.to_owned(), None)
        .await
        .unwrap();
    pass(&stage, SignedDuration::from_mins(5)).await;
    assert_eq!(launched(&stage), [], "seven o'clock has passed today");
    assert_eq!(
        stage.job_view("home").await.next,
        Some("2027-01-16T07:00:00Z".parse().unwrap())
    );
}

#[tokio::test]
async fn runs_that_wait_take_no_place_from_others() {
    let names: Vec<String> = (0..120).map(|number| format!("usb-{number:03}")).collect();
    let lines = "schedule = \"09:00\"\nconditions = { mounted = [\"/srv/usb\"] }";
    let mut jobs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), lines)).collect();
    jobs.push(("zoo", "schedule = \"09:30\""));
    let stage = Stage::new(&jobs).await.published();
    pass(&stage, HOUR).await;
    let wanted = stage.conditions.lock().unwrap().clone();
    let fails = backupd_core::condition::Standing::Fails {
        what: "not mounted".to_owned(),
        clears: "a mount".to_owned(),
    };
    stage
        .inbox
        .standings(
            wanted
                .into_iter()
                .map(|condition| (condition, fails.clone()))
                .collect(),
        )
        .await;
    pass(&stage, HOUR / 2).await;
    assert_eq!(launched(&stage), [("zoo".to_owned(), 1)]);
}

#[tokio::test]
async fn the_next_elapse_and_a_trigger_together_are_one_run() {
    let lines = "schedule = \"*:0\"\nretry = { initial = \"2h\", maximum = \"2h\" }";
    let stage = Stage::new(&[("home", lines)]).await.published();
    pass(&stage, HOUR).await;
    let first = last_run(&stage).await.id;
    stage.worker_says(first, Vec::new(), false).await;
    stage
        .inbox
        .triggered(job("home"), Trigger::PathChange, serde_json::Map::new())
        .await;
    fails(&stage, first, FailureClass::Network).await;
    stage.handle.settings().await.unwrap();
    pass(&stage, HOUR).await;
    let unfinished = stage.job_view("home").await;
    assert!(unfinished.active_run.is_some());
    let of_home = |spec: &&backupd_core::protocol::Spec| spec.run != first;
    let others = stage
        .launcher
        .launched
        .lock()
        .unwrap()
        .iter()
        .filter(of_home)
        .count();
    assert!(others <= 1, "{others} runs of one job at once");
}

#[tokio::test]
async fn what_elapsed_during_an_attempt_is_not_given_up_with_the_run() {
    let lines =
        "schedule = [\"09:00\", \"09:10\", \"09:40\"]\nretry = { initial = \"1m\", deadline = \"15m\" }";
    let stage = Stage::new(&[("home", lines), ("a", ""), ("b", "")])
        .await
        .published();
    pass(&stage, HOUR).await;
    let run = last_run(&stage).await.id;
    for name in ["a", "b"] {
        let options = StartOptions::default();
        stage.handle.start(job(name), options).await.unwrap();
    }
    let a = last_run(&stage).await.id;
    pass(&stage, SignedDuration::from_mins(11)).await;
    fails(&stage, run, FailureClass::Network).await;
    assert_eq!(stage.stored(run).await.state, RunState::Backoff);
    pass(&stage, SignedDuration::from_mins(10)).await;
    assert_eq!(alarm(&stage), Some(SignedDuration::from_mins(19)));
    stage.worker_succeeds(a).await;
    assert_eq!(stage.stored(run).await.result, Some(RunResult::Failed));
    let next = last_run(&stage).await;
    assert_eq!(next.scheduled, Some("2027-01-15T09:10:00Z".parse().unwrap()));
    assert_eq!(next.trigger, Trigger::Schedule);
}

#[tokio::test]
async fn what_elapsed_during_an_attempt_is_done_by_the_next_one_before_the_deadline() {
    let lines = "schedule = [\"09:00\", \"09:10\"]\nretry = { initial = \"1m\", deadline = \"15m\" }";
    let stage = Stage::new(&[("home", lines)]).await.published();
    pass(&stage, HOUR).await;
    let run = last_run(&stage).await.id;
    pass(&stage, SignedDuration::from_mins(11)).await;
    fails(&stage, run, FailureClass::Network).await;
    pass(&stage, SignedDuration::from_mins(1)).await;
    stage.worker_succeeds(run).await;
    assert_eq!(stage.stored(run).await.attempts.len(), 2);
    assert_eq!(launched(&stage).len(), 2);
    let next = stage.job_view("home").await.next;
    assert_eq!(next, Some("2027-01-16T09:00:00Z".parse().unwrap()));
}

#[tokio::test]
async fn no_attempt_begins_after_the_deadline_whatever_held_it_back() {
    let lines = "schedule = \"09:00\"\nretry = { initial = \"1m\", maximum = \"1m\", deadline = \"1h\" }";
    let stage = Stage::new(&[("home", lines)]).await.published();
    pass(&stage, HOUR).await;
    let run = last_run(&stage).await.id;
    fails(&stage, run, FailureClass::Network).await;
    stage.handle.pause(None, None, None).await.unwrap();
    pass(&stage, HOUR * 3).await;
    stage.handle.resume(None).await.unwrap();
    let run = stage.stored(run).await;
    assert_eq!(run.result, Some(RunResult::Failed));
    assert_eq!(run.failure.unwrap().message, "it did not work");
    assert_eq!(launched(&stage).len(), 1);
}

#[tokio::test]
async fn what_had_no_room_was_not_missed() {
    let names: Vec<String> = (0..120).map(|number| format!("job-{number:03}")).collect();
    let lines = "schedule = { calendar = \"09:00\", catch_up = false }";
    let jobs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), lines)).collect();
    let stage = Stage::new(&jobs).await.published();
    pass(&stage, HOUR).await;
    // Each takes its time; the last of them begin much later than they were due.
    for number in 0..120 {
        let run = stage.launcher.launched.lock().unwrap()[number].run;
        stage.clock.advance(SignedDuration::from_mins(2));
        stage.worker_succeeds(run).await;
        stage.stored(run).await;
    }
    assert_eq!(launched(&stage).len(), 120);
}

#[tokio::test]
async fn a_start_that_is_refused_for_want_of_space_is_not_made_later() {
    let stage = Stage::new(&[("home", "")]).await.published();
    stage.store.full.store(true, Ordering::SeqCst);
    let jobs = vec![job("home")];
    let refusal = stage.handle.start_jobs(jobs, StartOptions::default()).await;
    assert!(refusal.is_err());
    let upgrade = stage
        .handle
        .trigger(Trigger::PackageUpgrade, serde_json::Map::new())
        .await;
    assert_eq!(upgrade.unwrap(), [], "no job waits for it");
    stage.store.full.store(false, Ordering::SeqCst);
    pass(&stage, SignedDuration::from_mins(1)).await;
    assert_eq!(launched(&stage), []);
}

#[tokio::test]
async fn nobody_who_changes_packages_waits_for_a_run_that_waits() {
    let lines =
        "schedule = \"09:00\"\nconditions = { ac_power = true }\ntriggers = { package_upgrade = true }";
    let stage = Stage::new(&[("home", lines)]).await.published();
    pass(&stage, HOUR).await;
    let fails = backupd_core::condition::Standing::Fails {
        what: "on battery power".to_owned(),
        clears: "mains power".to_owned(),
    };
    let condition = backupd_core::condition::Condition::AcPower;
    stage.inbox.standings([(condition, fails)].into()).await;
    let runs = stage
        .handle
        .trigger(Trigger::PackageUpgrade, serde_json::Map::new())
        .await;
    assert_eq!(runs.unwrap(), []);
    assert!(
        stage.job_view("home").await.active_run.is_some(),
        "the run of the schedule waits on"
    );
}
