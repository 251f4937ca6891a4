use std::{fs, sync::atomic::Ordering};

use backupd_core::{
    failure::FailureClass,
    health::Health,
    protocol::{EventKind, Progress},
    run::{Phase, RunResult, RunState},
};
use jiff::SignedDuration;

use super::*;
use crate::{
    configuration::Kind,
    testing::{Stage, job, read},
};

#[tokio::test]
async fn a_started_job_is_in_the_store_before_the_answer() {
    let stage = Stage::new(&[("home", "")]).await.published();
    let options = StartOptions {
        description: Some("before the upgrade".into()),
        metadata: serde_json::from_str(r#"{"ticket": 7}"#).unwrap(),
    };
    let run = stage.handle.start(job("home"), options).await.unwrap();
    let stored = stage.stored(run).await;
    assert_eq!(stored.state, RunState::Starting);
    assert_eq!(stored.description.as_deref(), Some("before the upgrade"));
    assert_eq!(stored.metadata["ticket"], 7);
    assert_eq!(stage.launcher.launched.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn the_metadata_of_a_job_goes_with_its_runs_and_the_caller_s_wins() {
    let lines = "[metadata]\nteam = \"ops\"\nticket = 1";
    let stage = Stage::new(&[("home", lines)]).await.published();
    let metadata = serde_json::from_str(r#"{"ticket": 7}"#).unwrap();
    let options = StartOptions {
        metadata,
        ..StartOptions::default()
    };
    let run = stage.handle.start(job("home"), options).await.unwrap();
    let stored = stage.stored(run).await;
    assert_eq!(
        serde_json::to_value(stored.metadata).unwrap(),
        serde_json::json!({"team": "ops", "ticket": 7})
    );
}

#[tokio::test]
async fn a_job_is_not_queued_twice() {
    let stage = Stage::new(&[("home", "")]).await.published();
    let run = stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
    let refusal = stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::AlreadyRunning);
    assert!(refusal.message.contains(&run.to_string()), "{refusal}");
    stage.worker_succeeds(run).await;
    stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn starts_by_the_thousand_are_answered_and_are_one_run() {
    let stage = Stage::new(&[("home", "")]).await.published();
    let start = || stage.handle.start(job("home"), StartOptions::default());
    let run = start().await.unwrap();
    for _ in 0..100 {
        let answers = futures_util::future::join_all((0..100).map(|_| start())).await;
        for refusal in answers.into_iter().map(Result::unwrap_err) {
            assert_eq!(refusal.kind, RefusalKind::AlreadyRunning, "{refusal}");
        }
    }
    assert_eq!(stage.launcher.launched.lock().unwrap().len(), 1);
    stage.worker_succeeds(run).await;
    assert_eq!(stage.stored(run).await.result, Some(RunResult::Success));
}

#[tokio::test]
async fn unknown_and_disabled_jobs_are_refused_with_advice() {
    let stage = Stage::new(&[("home", ""), ("old", "enabled = false")])
        .await
        .published();
    let refusal = stage
        .handle
        .start(job("hone"), StartOptions::default())
        .await
        .unwrap_err();
    assert_eq!(
        (refusal.kind, refusal.hint.as_deref()),
        (RefusalKind::JobNotFound, Some("did you mean `home`?"))
    );
    let refusal = stage
        .handle
        .start(job("old"), StartOptions::default())
        .await
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::JobDisabled);
    assert!(refusal.hint.unwrap().contains("backupctl job enable old"));
}

#[tokio::test]
async fn no_more_run_than_may_and_the_next_starts_when_one_ends() {
    let stage = Stage::new(&[("a", ""), ("b", ""), ("c", "")]).await.published();
    let mut runs = Vec::new();
    for name in ["a", "b", "c"] {
        runs.push(
            stage
                .handle
                .start(job(name), StartOptions::default())
                .await
                .unwrap(),
        );
    }
    let waiting = stage.job_view("c").await.blocked_by;
    assert!(waiting[0].what.contains("max_parallel_runs"), "{waiting:?}");
    assert!(waiting[0].clears.contains("backup of `a`"), "{waiting:?}");
    stage.worker_succeeds(runs[0]).await;
    assert_eq!(stage.stored(runs[2]).await.state, RunState::Starting);
    assert!(stage.stored(runs[2]).await.blocked_by.is_empty());
}

#[tokio::test]
async fn a_queued_run_is_cancelled_at_once_and_a_running_one_is_asked() {
    let stage = Stage::new(&[("a", ""), ("b", ""), ("c", "")]).await.published();
    let mut runs = Vec::new();
    for name in ["a", "b", "c"] {
        runs.push(
            stage
                .handle
                .start(job(name), StartOptions::default())
                .await
                .unwrap(),
        );
    }
    stage.handle.cancel(runs[2]).await.unwrap();
    // A crash finds the run queued, or at its end with all that belongs to that.
    assert_eq!(
        stage.store.saved.lock().unwrap().last().unwrap(),
        "run-cancel run-end"
    );
    assert_eq!(stage.stored(runs[2]).await.result, Some(RunResult::Cancelled));
    stage.handle.cancel(runs[0]).await.unwrap();
    stage.handle.cancel(runs[0]).await.unwrap();
    assert_eq!(
        *stage.launcher.stopped.lock().unwrap(),
        [runs[0]; 2],
        "the first time may have been too early"
    );
    // Its worker is killed before it can say anything.
    stage.worker_says(runs[0], Vec::new(), true).await;
    assert_eq!(stage.stored(runs[0]).await.result, Some(RunResult::Cancelled));
    let refusal = stage.handle.cancel(runs[0]).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::NotRunning);
}

#[tokio::test]
async fn a_restart_takes_up_what_runs_and_what_waits() {
    let stage = Stage::new(&[("a", ""), ("b", ""), ("c", "")]).await.published();
    let mut runs = Vec::new();
    for name in ["a", "b", "c"] {
        runs.push(
            stage
                .handle
                .start(job(name), StartOptions::default())
                .await
                .unwrap(),
        );
    }
    stage
        .worker_says(runs[0], vec![EventKind::Phase { phase: Phase::Backup }], false)
        .await;
    stage.handle.cancel(runs[1]).await.unwrap();
    let stage = stage.restart().await.published();
    assert_eq!(*stage.launcher.adopted.lock().unwrap(), runs[..2]);
    assert_eq!(
        *stage.launcher.stopped.lock().unwrap(),
        [runs[1]],
        "the wish to cancel is passed on"
    );
    assert!(stage.launcher.launched.lock().unwrap().is_empty());
    // The file is read again from its start; what was taken before changes nothing.
    let said = vec![
        EventKind::Phase { phase: Phase::Backup },
        EventKind::Snapshot {
            snapshot: "ab".repeat(32),
        },
        EventKind::Done {
            result: RunResult::Success,
        },
    ];
    stage.worker_says(runs[0], said, true).await;
    assert_eq!(stage.stored(runs[0]).await.result, Some(RunResult::Success));
    // And the queue goes on.
    assert_eq!(stage.launcher.launched.lock().unwrap()[0].run, runs[2]);
    // The other worker died with the machine.
    stage.inbox.worker_gone(runs[2], 1, None).await;
    let lost = stage.stored(runs[2]).await;
    assert_eq!(lost.result, Some(RunResult::Interrupted));
    assert_eq!(lost.failure.unwrap().class, FailureClass::Interrupted);
}

#[tokio::test]
async fn a_missing_worker_fails_the_run_and_not_the_daemon() {
    let stage = Stage::new(&[("home", "")]).await.published();
    stage.launcher.broken.store(true, Ordering::SeqCst);
    let run = stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
    let failed = stage.stored(run).await;
    assert_eq!(failed.result, Some(RunResult::Failed));
    let failure = failed.failure.unwrap();
    assert_eq!(failure.class, FailureClass::Configuration);
    assert!(failure.message.contains("/nowhere/backupd-worker"), "{failure}");
    assert!(failure.hint.is_some());
    stage.launcher.broken.store(false, Ordering::SeqCst);
    stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_full_disk_under_the_store_refuses_new_runs_and_finishes_old_ones() {
    let stage = Stage::new(&[("a", ""), ("b", "")]).await.published();
    let run = stage
        .handle
        .start(job("a"), StartOptions::default())
        .await
        .unwrap();
    stage.store.full.store(true, Ordering::SeqCst);
    let refusal = stage
        .handle
        .start(job("b"), StartOptions::default())
        .await
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::StateUnavailable);
    assert_eq!(
        stage.launcher.launched.lock().unwrap().len(),
        1,
        "what is not kept is not started"
    );
    stage.worker_succeeds(run).await;
    stage.handle.settings().await.unwrap();
    stage.store.full.store(false, Ordering::SeqCst);
    // The store missed the end; the next daemon reads it from the worker's file.
    let stage = stage.restart().await.published();
    assert_eq!(*stage.launcher.adopted.lock().unwrap(), [run]);
    stage.worker_succeeds(run).await;
    assert_eq!(stage.stored(run).await.result, Some(RunResult::Success));
}

#[tokio::test]
async fn what_the_store_refused_is_kept_when_it_works_again() {
    let stage = Stage::new(&[("a", "")]).await.published();
    let run = stage
        .handle
        .start(job("a"), StartOptions::default())
        .await
        .unwrap();
    stage.store.full.store(true, Ordering::SeqCst);
    stage.worker_says(run, Vec::new(), true).await;
    // Health follows from the run itself, though the store knows nothing of its end.
    assert_eq!(stage.job_view("a").await.health, Health::Failed);
    assert_ne!(stage.stored(run).await.state, RunState::Finished);
    assert!(stage.alarm.borrow().is_some(), "nobody tries again");
    stage.store.full.store(false, Ordering::SeqCst);
    stage.inbox.wake().await;
    assert_eq!(stage.stored(run).await.result, Some(RunResult::Interrupted));
    assert_eq!(*stage.alarm.borrow(), None);
}

#[tokio::test]
async fn the_end_of_a_run_is_kept_before_the_next_one_of_its_job() {
    let stage = Stage::new(&[("a", "schedule = \"08:00:05\"")]).await.published();
    let start = || stage.handle.start(job("a"), StartOptions::default());
    let mut ended = start().await.unwrap();
    for by_hand in [true, false] {
        stage.store.full.store(true, Ordering::SeqCst);
        stage.worker_says(ended, Vec::new(), true).await;
        stage.handle.settings().await.unwrap();
        stage.store.full.store(false, Ordering::SeqCst);
        // The store is not tried again yet.
        if by_hand {
            start().await.unwrap();
        } else {
            stage.clock.advance(SignedDuration::from_secs(5));
            stage.inbox.resumed().await;
            stage.handle.settings().await.unwrap();
        }
        assert_eq!(stage.stored(ended).await.result, Some(RunResult::Interrupted));
        let next = stage.launcher.launched.lock().unwrap().last().unwrap().run;
        assert_ne!(next, ended);
        ended = next;
    }
}

#[tokio::test]
async fn a_run_whose_start_cannot_be_kept_is_not_started_until_it_can() {
    let stage = Stage::new(&[("a", ""), ("b", ""), ("c", "")]).await.published();
    let mut runs = Vec::new();
    for name in ["a", "b", "c"] {
        runs.push(
            stage
                .handle
                .start(job(name), StartOptions::default())
                .await
                .unwrap(),
        );
    }
    stage.store.full.store(true, Ordering::SeqCst);
    stage.worker_succeeds(runs[0]).await;
    let view = stage.job_view("c").await;
    assert!(
        view.blocked_by[0].what.contains("store cannot be used"),
        "{view:?}"
    );
    assert_eq!(stage.launcher.launched.lock().unwrap().len(), 2);
    let refusal = stage.handle.cancel(runs[2]).await.unwrap_err();
    assert_eq!(
        refusal.kind,
        RefusalKind::StateUnavailable,
        "the next daemon would start it"
    );
    stage.store.full.store(false, Ordering::SeqCst);
    stage.inbox.wake().await;
    assert_eq!(stage.stored(runs[2]).await.state, RunState::Starting);
    assert_eq!(stage.launcher.launched.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_worker_that_the_store_knows_nothing_of_is_taken_up() {
    let stage = Stage::new(&[("a", "")]).await.published();
    let run = stage
        .handle
        .start(job("a"), StartOptions::default())
        .await
        .unwrap();
    let spec = stage.launcher.launched.lock().unwrap()[0].clone();
    // The store was set aside, and the next daemon finds the worker by its directory.
    let other = Stage::new_with(&[("a", "")], vec![(run, Some(spec))])
        .await
        .published();
    assert_eq!(*other.launcher.adopted.lock().unwrap(), [run]);
    let refusal = other
        .handle
        .start(job("a"), StartOptions::default())
        .await
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::AlreadyRunning);
    other.worker_succeeds(run).await;
    assert_eq!(other.stored(run).await.result, Some(RunResult::Success));
}

#[tokio::test]
async fn health_follows_the_runs_and_the_time() {
    let stage = Stage::new(&[("home", "max_age = \"26h\"")]).await.published();
    assert_eq!(stage.job_view("home").await.health, Health::NeverRan);
    let run = stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
    assert_eq!(stage.job_view("home").await.active_run, Some(run));
    stage.worker_succeeds(run).await;
    let view = stage.job_view("home").await;
    assert_eq!(
        (view.health, view.active_run, view.last_run),
        (Health::Ok, None, Some(run))
    );
    let at = stage
        .alarm
        .borrow()
        .expect("nobody wakes the coordinator when the job becomes late");
    stage.clock.advance(SignedDuration::from_hours(26));
    assert_eq!(crate::ports::Clock::now(&*stage.clock), at);
    stage.inbox.wake().await;
    assert_eq!(stage.job_view("home").await.health, Health::Late);
    assert_eq!(*stage.alarm.borrow(), None, "a job that is late needs no alarm");
    let run = stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
    stage.worker_says(run, Vec::new(), true).await;
    let view = stage.job_view("home").await;
    assert_eq!(
        (view.health, view.last_result),
        (Health::Failed, Some(RunResult::Interrupted))
    );
    assert!(view.reason.contains("without a result"), "{}", view.reason);
}

#[tokio::test]
async fn progress_is_of_the_attempt_at_work_alone() {
    let stage = Stage::new(&[("home", "")]).await.published();
    let run = stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
    let progress = |attempt| Progress {
        run,
        attempt,
        phase: Phase::Backup,
        files_done: 1,
        files_total: 2,
        bytes_done: 5,
        bytes_total: 10,
        bytes_added: 5,
        unreadable: 0,
    };
    stage.inbox.progress(progress(2));
    assert_eq!(stage.progress_of(run).await, None, "that attempt is not at work");
    stage.inbox.progress(progress(1));
    assert_eq!(stage.progress_of(run).await.unwrap().fraction, Some(0.5));
    stage.worker_succeeds(run).await;
    stage.inbox.progress(progress(1));
    assert_eq!(stage.progress_of(run).await, None, "the run is over");
}

#[tokio::test]
async fn a_bad_file_keeps_what_was_in_force_and_is_named() {
    let stage = Stage::new(&[("home", "")]).await.published();
    let file = stage.configuration("jobs.d/home.toml");
    fs::write(&file, "repository = \"nas\"\nsourcs = [\"/x\"]\n").unwrap();
    let faults = stage.handle.reload().await.unwrap();
    assert!(
        faults
            .iter()
            .any(|fault| fault.line == Some(2) && fault.file == file),
        "{faults:?}"
    );
    stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
    let spec = &stage.launcher.launched.lock().unwrap()[0];
    assert!(
        format!("{:?}", spec.work).contains("/home/home"),
        "{:?}",
        spec.work
    );
}

#[tokio::test]
async fn an_edit_is_validated_and_keeps_comments() {
    let stage = Stage::new(&[("home", "# nightly\n")]).await.published();
    let file = stage.configuration("jobs.d/home.toml");
    let before = read(&file);
    let refusal = stage
        .handle
        .replace(job("home"), "sources = 1".into(), None)
        .await
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::InvalidConfiguration);
    assert_eq!(read(&file), before);
    let revision = stage.handle.set_enabled(job("home"), false, None).await.unwrap();
    let after = read(&file);
    assert!(
        after.contains("# nightly") && after.contains("enabled = false"),
        "{after}"
    );
    let refusal = stage
        .handle
        .set_enabled(job("home"), true, Some("stale".into()))
        .await
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::StaleRevision);
    stage
        .handle
        .set_enabled(job("home"), true, Some(revision))
        .await
        .unwrap();
    stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
    let refusal = stage.handle.delete(job("home"), None).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::AlreadyRunning);
}

#[tokio::test]
async fn a_job_that_another_waits_for_is_not_deleted() {
    let stage = Stage::new(&[("db", ""), ("home", "after = [\"db\"]\n")])
        .await
        .published();
    let refusal = stage.handle.delete(job("db"), None).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::InvalidConfiguration);
    assert_eq!(refusal.message, "the job `home` waits for `db`");
    stage.handle.delete(job("home"), None).await.unwrap();
    stage.handle.delete(job("db"), None).await.unwrap();
}

#[tokio::test]
async fn a_new_job_needs_a_good_name_a_good_file_and_no_namesake() {
    let stage = Stage::new(&[("home", "")]).await.published();
    let text = "repository = \"nas\"\nsources = [\"/srv/www\"]\n".to_owned();
    let create = |name: &str, text: &str| stage.handle.create(Kind::Job, name.to_owned(), text.to_owned());
    assert_eq!(
        create("../x", &text).await.unwrap_err().kind,
        RefusalKind::InvalidArgument
    );
    assert_eq!(
        create("home", &text).await.unwrap_err().kind,
        RefusalKind::AlreadyExists
    );
    let refusal = create("www", "repository = \"ns\"\nsources = [\"www\"]\n")
        .await
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::InvalidConfiguration);
    assert!(!stage.configuration("jobs.d/www.toml").exists());
    create("www", &text).await.unwrap();
    stage
        .handle
        .start(job("www"), StartOptions::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn history_forgets_what_has_expired_but_not_the_newest() {
    let stage = Stage::new(&[("home", "")]).await.published();
    fs::write(
        stage.configuration("backupd.toml"),
        "history_keep = \"1h\"\nhistory_keep_runs = 1\n",
    )
    .unwrap();
    stage.handle.reload().await.unwrap();
    let mut runs = Vec::new();
    for _ in 0..3 {
        let run = stage
            .handle
            .start(job("home"), StartOptions::default())
            .await
            .unwrap();
        stage.worker_succeeds(run).await;
        assert!(stage.stored(run).await.expires.is_some());
        runs.push(run);
        stage.clock.advance(SignedDuration::from_hours(2));
    }
    assert_eq!(*stage.launcher.forgotten.lock().unwrap(), runs[..2]);
    assert_eq!(stage.stored(runs[2]).await.result, Some(RunResult::Success));
}

#[tokio::test]
async fn the_machine_is_kept_awake_as_long_as_workers_are_at_work() {
    let stage = Stage::new(&[("home", "")]).await.published();
    let locks = async || {
        stage.handle.settings().await.unwrap();
        let locks = *stage.locks.lock().unwrap();
        (locks.delay, locks.block)
    };
    assert_eq!(locks().await, (false, false));
    let backup = stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
    assert_eq!(locks().await, (true, false));
    let request = RestoreRequest {
        job: Some(job("home")),
        repository: None,
        snapshot: "latest".to_owned(),
        paths: Vec::new(),
        target: "/srv/restored".into(),
        options: StartOptions::default(),
    };
    let restore = stage.handle.restore(request).await.unwrap();
    assert_eq!(locks().await, (true, true));
    stage.worker_succeeds(backup).await;
    assert_eq!(locks().await, (false, true));
    stage.worker_succeeds(restore).await;
    assert_eq!(locks().await, (false, false));
}

#[tokio::test]
async fn an_old_run_is_always_found_however_many_others_are_looked_at() {
    let stage = Stage::new(&[("a", "")]).await.published();
    let mut runs = Vec::new();
    for _ in 0..222 {
        let run = stage.handle.start(job("a"), StartOptions::default()).await;
        runs.push(run.unwrap());
        stage.worker_succeeds(*runs.last().unwrap()).await;
    }
    stage.clock.advance(SignedDuration::from_hours(1));
    for run in runs.iter().take(201).chain(runs.first()) {
        stage.handle.recall(*run).await.unwrap();
    }
}
