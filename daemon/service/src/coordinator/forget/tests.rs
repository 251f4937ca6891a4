use std::fs;

use backupd_core::{
    failure::{Failure, FailureClass},
    health::Health,
    name::RunId,
    protocol::{DECISIONS_FILE, DecisionRecord, EventKind, ForgetWork, Spec, Work},
    retention::{Decision, ForgetReason, KeepReason, Objection, ObjectionKind, Verdict},
    run::{Operation, Phase, RunResult, RunState, Trigger},
};
use jiff::{SignedDuration, Timestamp, civil};

use crate::{
    coordinator::{RefusalKind, StartOptions},
    ports::{Clock as _, RunQuery},
    testing::{Stage, job},
};

const KEEPS: &str = "retention = { keep_last = 2 }";

fn last(stage: &Stage) -> Spec {
    let launched = stage.launcher.launched.lock().unwrap();
    launched.last().expect("something was launched").clone()
}

fn forget(spec: &Spec) -> &ForgetWork {
    match &spec.work {
        Work::Forget(work) => work,
        other => panic!("no forget: {other:?}"),
    }
}

fn id(letter: char) -> String {
    letter.to_string().repeat(64)
}

/// A backup of `home` that stores this snapshot and reads it back.
async fn back_up(stage: &Stage, letter: char) -> RunId {
    let start = stage.handle.start(job("home"), StartOptions::default());
    let run = start.await.unwrap();
    let kinds = vec![
        EventKind::Snapshot { snapshot: id(letter) },
        EventKind::Phase { phase: Phase::Verify },
        EventKind::Done {
            result: RunResult::Success,
        },
    ];
    stage.worker_says(run, kinds, true).await;
    stage.handle.settings().await.unwrap();
    run
}

fn kept(letter: char) -> DecisionRecord {
    record(letter, Verdict::Keep(vec![KeepReason::NoKeepRule]))
}

fn gone(letter: char) -> DecisionRecord {
    record(letter, Verdict::Forget(vec![ForgetReason::NoRule]))
}

fn record(letter: char, verdict: Verdict) -> DecisionRecord {
    let decision = Decision {
        id: id(letter),
        time: Timestamp::UNIX_EPOCH,
        day: civil::date(1970, 1, 1),
        verdict,
    };
    DecisionRecord::Snapshot {
        decision,
        bytes_stored: None,
        bytes: None,
    }
}

/// The worker of a forget decides this, and ends well.
async fn forgets(stage: &Stage, run: RunId, decisions: &[DecisionRecord]) {
    let directory = stage.directory.path().join("runs").join(format!("{run}-1"));
    fs::create_dir_all(&directory).unwrap();
    let lines = decisions
        .iter()
        .map(|decision| format!("{}\n", serde_json::to_string(decision).unwrap()));
    fs::write(directory.join(DECISIONS_FILE), lines.collect::<String>()).unwrap();
    let result = RunResult::Success;
    stage
        .worker_says(run, vec![EventKind::Done { result }], true)
        .await;
    stage.handle.settings().await.unwrap();
}

#[tokio::test]
async fn each_good_backup_is_followed_by_a_forget_that_knows_what_came() {
    let stage = Stage::new(&[("home", KEEPS)]).await.published();
    back_up(&stage, 'a').await;
    let spec = last(&stage);
    let run = stage.stored(spec.run).await;
    assert_eq!(
        (run.operation, run.trigger, run.job),
        (Operation::Forget, Trigger::Backup, Some(job("home")))
    );
    let work = forget(&spec);
    assert_eq!(work.rules.keep_last, 2);
    assert_eq!((work.zone.as_deref(), work.force), (Some("UTC"), false));
    assert_eq!(work.known.len(), 1);
    assert_eq!(
        (
            work.known[0].id.as_str(),
            work.known[0].arrival,
            work.known[0].verified
        ),
        (id('a').as_str(), 1, true)
    );
    // It has found one that is older than the daemon.
    forgets(&stage, spec.run, &[kept('a'), kept('o')]).await;
    back_up(&stage, 'b').await;
    let spec = last(&stage);
    let known: Vec<_> = forget(&spec)
        .known
        .iter()
        .map(|one| (one.id.clone(), one.arrival))
        .collect();
    assert_eq!(known, [(id('o'), 0), (id('a'), 1), (id('b'), 2)]);
    forgets(&stage, spec.run, &[kept('b'), kept('a'), gone('o')]).await;
    back_up(&stage, 'c').await;
    let known = forget(&last(&stage)).known.len();
    assert_eq!(known, 3, "what was forgotten is none of them");
}

#[tokio::test]
async fn nothing_follows_a_backup_that_failed_or_a_job_that_keeps_all() {
    let stage = Stage::new(&[("home", KEEPS), ("all", "")]).await.published();
    let start = async |name| {
        stage
            .handle
            .start(job(name), StartOptions::default())
            .await
            .unwrap()
    };
    let run = start("all").await;
    stage.worker_succeeds(run).await;
    let run = start("home").await;
    let failure = Failure::new(FailureClass::Corrupt, "damaged");
    let result = RunResult::Failed;
    let kinds = vec![EventKind::Failure { failure }, EventKind::Done { result }];
    stage.worker_says(run, kinds, true).await;
    stage.handle.settings().await.unwrap();
    assert!(matches!(last(&stage).work, Work::Backup(_)));
    let refusal = stage
        .handle
        .forget(job("all"), false, StartOptions::default())
        .await;
    let refusal = refusal.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::InvalidArgument);
    assert!(refusal.hint.unwrap().contains("backupctl job edit all"));
}

#[tokio::test]
async fn what_the_guard_refuses_is_told_by_the_job_until_it_is_forced() {
    let stage = Stage::new(&[("home", KEEPS)]).await.published();
    back_up(&stage, 'a').await;
    let run = last(&stage).run;
    let failure = Failure::new(FailureClass::Guarded, "most of the history would go");
    let result = RunResult::Failed;
    let kinds = vec![EventKind::Failure { failure }, EventKind::Done { result }];
    stage.worker_says(run, kinds, true).await;
    assert_eq!(
        stage.stored(run).await.state,
        RunState::Finished,
        "it is not tried again"
    );
    let view = stage.job_view("home").await;
    assert_eq!(view.health, Health::Degraded);
    assert_eq!(
        view.reason,
        "its retention was not applied: most of the history would go"
    );
    let stage = stage.restart().await.published();
    assert_eq!(stage.job_view("home").await.health, Health::Degraded);

    let forced = stage.handle.forget(job("home"), true, StartOptions::default());
    let run = forced.await.unwrap();
    let spec = last(&stage);
    assert!(forget(&spec).force);
    let again = stage
        .handle
        .forget(job("home"), true, StartOptions::default())
        .await;
    assert_eq!(again.unwrap_err().kind, RefusalKind::AlreadyRunning);
    let objection = Objection {
        kind: ObjectionKind::DatesDisagree,
        message: "two dates".to_owned(),
        hint: "look".to_owned(),
        snapshots: vec![id('a')],
    };
    let overridden = DecisionRecord::Objection {
        objection,
        overridden: true,
    };
    forgets(&stage, run, &[kept('a'), overridden]).await;
    assert_eq!(stage.job_view("home").await.health, Health::Ok);
    // An administrator has looked at the date.
    stage
        .handle
        .forget(job("home"), false, StartOptions::default())
        .await
        .unwrap();
    assert!(forget(&last(&stage)).known[0].date_accepted);
}

#[tokio::test]
async fn nothing_is_forgotten_by_a_doubtful_clock() {
    let stage = Stage::new(&[("home", KEEPS)]).await.published();
    stage
        .clock
        .set(stage.clock.now() + SignedDuration::from_hours(24 * 40));
    back_up(&stage, 'a').await;
    assert!(matches!(last(&stage).work, Work::Backup(_)));
    let history = stage.handle.list_runs(RunQuery {
        operation: Some(Operation::Forget),
        limit: 1,
        ..RunQuery::default()
    });
    let run = history.await.unwrap().remove(0);
    let run = stage.run_view(run.id).await;
    assert!(run.blocked_by[0].what.contains("the clock was set"), "{run:?}");
}

#[tokio::test]
async fn what_a_run_forgot_comes_back_and_is_known_again() {
    let stage = Stage::new(&[("home", KEEPS)]).await.published();
    back_up(&stage, 'a').await;
    let run = last(&stage).run;
    forgets(&stage, run, &[gone('a')]).await;
    let record = format!("{{\"id\":\"{}\",\"present\":true,\"reason\":null}}\n", id('a'));
    *stage.launcher.answer.lock().unwrap() = Some(record);
    stage.handle.unforget(run, Vec::new()).await.unwrap().unwrap();
    stage
        .handle
        .forget(job("home"), false, StartOptions::default())
        .await
        .unwrap();
    let known = forget(&last(&stage)).known.clone();
    assert_eq!((known.len(), known[0].arrival), (1, 1), "it came when it came");

    let refused = async |run| stage.handle.unforget(run, Vec::new()).await.unwrap_err();
    let backup = back_up_id(&stage).await;
    assert_eq!(refused(backup).await.kind, RefusalKind::InvalidArgument);
    assert_eq!(
        refused(RunId::from_parts(1, 1)).await.kind,
        RefusalKind::RunNotFound
    );
    let unfinished = last(&stage).run;
    assert_eq!(refused(unfinished).await.kind, RefusalKind::AlreadyRunning);
}

async fn back_up_id(stage: &Stage) -> RunId {
    let query = RunQuery {
        operation: Some(Operation::Backup),
        limit: 1,
        ..RunQuery::default()
    };
    stage.handle.list_runs(query).await.unwrap().remove(0).id
}
