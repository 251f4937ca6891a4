use backupd_core::{
    failure::{Failure, FailureClass},
    health::Health,
    name::RunId,
    protocol::{CheckWork, EventKind, MaxUnused, PruneWork, ReadData, ReadUpTo, Spec, Work},
    run::{Operation, RunResult, RunState, Statistics, Trigger},
};
use jiff::SignedDuration;

use super::{CareWish, PruneWish};
use crate::{
    coordinator::{RefusalKind, StartOptions},
    ports::Clock as _,
    testing::{Stage, job},
};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Lets time pass; it is eight o'clock when a stage begins.
async fn pass(stage: &Stage, time: SignedDuration) {
    stage.clock.advance(time);
    stage.inbox.wake().await;
    stage.handle.settings().await.unwrap();
}

fn launched(stage: &Stage) -> Vec<Spec> {
    stage.launcher.launched.lock().unwrap().clone()
}

fn last(stage: &Stage) -> Spec {
    launched(stage).pop().expect("something was launched")
}

fn checks(work: &Work) -> &CheckWork {
    match work {
        Work::Check(work) => work,
        other => panic!("no check: {other:?}"),
    }
}

fn fails(class: FailureClass, message: &str) -> Vec<EventKind> {
    let failure = Failure::new(class, message);
    let result = RunResult::Failed;
    vec![EventKind::Failure { failure }, EventKind::Done { result }]
}

fn succeeds() -> Vec<EventKind> {
    let result = RunResult::Success;
    vec![EventKind::Done { result }]
}

async fn by_hand(stage: &Stage, wish: CareWish) -> RunId {
    let care = stage
        .handle
        .care("nas".parse().unwrap(), wish, StartOptions::default());
    care.await.unwrap()
}

#[tokio::test]
async fn a_repository_is_checked_when_its_file_says() {
    let stage = Stage::caring("check = { calendar = \"09:00\", read_data = \"1/12\", max_runtime = \"2h\" }")
        .await
        .published();
    let view = stage.repository_view().await;
    assert_eq!(
        (view.health, view.check.schedule.as_deref()),
        (Health::Ok, Some("09:00"))
    );
    assert_eq!(view.check.next.unwrap().to_string(), "2027-01-15T09:00:00Z");
    assert_eq!(view.prune.schedule, None);
    pass(&stage, HOUR).await;
    let spec = last(&stage);
    assert_eq!(spec.job, None);
    let expected = CheckWork {
        read_data: ReadData::Part(12),
        after: ReadUpTo::End,
        max_runtime: Some(HOUR * 2),
    };
    assert_eq!(spec.work, Work::Check(expected));
    assert_eq!(stage.repository_view().await.check.active_run, Some(spec.run));
    let run = stage.stored(spec.run).await;
    assert_eq!(
        (run.operation, run.trigger),
        (Operation::Check, Trigger::Schedule)
    );
    let statistics = Statistics {
        bytes_repository: 1000,
        ..Statistics::default()
    };
    let mut kinds = vec![EventKind::Stats { statistics }];
    kinds.extend(succeeds());
    stage.worker_says(spec.run, kinds, true).await;
    let view = stage.repository_view().await;
    assert_eq!(view.check.last_run, Some(spec.run));
    assert_eq!(view.check.last_good, Some(stage.clock.now()));
    assert_eq!(view.check.sums.as_ref().unwrap().bytes_repository, 1000);
    assert_eq!(view.check.active_run, None);
    assert_eq!(view.check.next.unwrap().to_string(), "2027-01-16T09:00:00Z");
    pass(&stage, DAY).await;
    assert_eq!(launched(&stage).len(), 2);
}

#[tokio::test]
async fn what_was_missed_is_done_once() {
    let stage = Stage::caring("check = \"09:00\"").await;
    let stage = stage.restart().await.published();
    stage.clock.sleep(DAY * 3);
    stage.inbox.resumed().await;
    pass(&stage, HOUR / 4).await;
    pass(&stage, HOUR / 2).await;
    let specs = launched(&stage);
    assert_eq!(specs.len(), 1, "{specs:?}");
    assert_eq!(stage.stored(specs[0].run).await.trigger, Trigger::CatchUp);
}

#[tokio::test]
async fn a_check_goes_on_where_the_last_one_stopped_reading() {
    let stage = Stage::caring("check = { calendar = \"09:00\", read_data = \"1/12\" }")
        .await
        .published();
    pass(&stage, HOUR).await;
    let run = last(&stage).run;
    let up_to = ReadUpTo::Pack("ab".repeat(32));
    stage
        .worker_says(run, vec![EventKind::Read { up_to: up_to.clone() }], false)
        .await;
    // An attempt that failed has read all the same.
    stage
        .worker_says(run, fails(FailureClass::Network, "gone"), true)
        .await;
    assert_eq!(stage.stored(run).await.state, RunState::Backoff);
    pass(&stage, HOUR).await;
    assert_eq!(checks(&last(&stage).work).after, up_to);
    stage.worker_says(run, succeeds(), true).await;

    let over = stage.stored(run).await;
    assert_eq!((over.state, over.attempts.len()), (RunState::Finished, 2));

    // Nor does one that reads nothing lose the place.
    let stage = stage.restart().await.published();
    let run = by_hand(&stage, CareWish::Check(Some(ReadData::None))).await;
    stage.worker_says(run, succeeds(), true).await;
    assert_eq!(stage.stored(run).await.state, RunState::Finished);
    let stage = stage.restart().await.published();
    by_hand(&stage, CareWish::Check(None)).await;
    assert_eq!(checks(&last(&stage).work).after, up_to);
}

#[tokio::test]
async fn damage_is_told_until_a_check_finds_none() {
    let stage = Stage::caring("").await.published();
    let run = by_hand(&stage, CareWish::Check(Some(ReadData::All))).await;
    let work = last(&stage).work;
    assert_eq!(
        (checks(&work).read_data, checks(&work).max_runtime),
        (ReadData::All, None)
    );
    stage
        .worker_says(run, fails(FailureClass::Corrupt, "2 packs are damaged"), true)
        .await;
    let view = stage.repository_view().await;
    assert_eq!(view.health, Health::Failed);
    assert_eq!(view.reason, "the last check failed: 2 packs are damaged");
    let manager = stage.manager_view().await;
    assert_eq!(manager.health, Health::Failed);
    assert_eq!(manager.reasons, ["repository `nas` is failed"]);

    let mut stage = stage.restart().await.published();
    assert_eq!(stage.repository_view().await.health, Health::Failed);
    // Who has not read the data, or could not, does not know better.
    for (wish, events) in [
        (CareWish::Check(None), succeeds()),
        (
            CareWish::Check(Some(ReadData::Part(12))),
            fails(FailureClass::Credentials, "the password is wrong"),
        ),
        (CareWish::Check(None), succeeds()),
    ] {
        let run = by_hand(&stage, wish).await;
        stage.worker_says(run, events, true).await;
        assert_eq!(stage.stored(run).await.state, RunState::Finished);
        stage = stage.restart().await.published();
        let view = stage.repository_view().await;
        assert_eq!(view.health, Health::Failed);
        assert!(view.reason.contains("2 packs are damaged") || view.reason.contains("password"));
    }
    let view = stage.repository_view().await;
    assert!(
        view.reason.starts_with("no check that reads the stored data"),
        "{}",
        view.reason
    );
    let run = by_hand(&stage, CareWish::Check(Some(ReadData::Part(12)))).await;
    stage.worker_says(run, succeeds(), true).await;
    assert_eq!(stage.repository_view().await.health, Health::Ok);
    assert_eq!(stage.manager_view().await.health, Health::Ok);
}

#[tokio::test]
async fn what_could_not_be_looked_at_is_not_called_damaged() {
    let stage = Stage::caring("").await.published();
    let run = by_hand(&stage, CareWish::Check(None)).await;
    stage
        .worker_says(run, fails(FailureClass::Credentials, "wrong password"), true)
        .await;
    assert_eq!(stage.repository_view().await.health, Health::Degraded);
}

#[tokio::test]
async fn a_repository_that_nobody_checks_is_late() {
    let stage = Stage::caring("check = \"09:00\"").await.published();
    stage.handle.pause(None, None, None).await.unwrap();
    assert_eq!(
        stage.repository_view().await.check.next.unwrap().to_string(),
        "2027-01-15T09:00:00Z"
    );
    pass(&stage, DAY).await;
    assert_eq!(
        (launched(&stage).len(), stage.repository_view().await.health),
        (0, Health::Ok)
    );
    pass(&stage, HOUR * 3).await;
    let view = stage.repository_view().await;
    assert_eq!(view.health, Health::Late);
    assert_eq!(
        view.reason,
        "the last good check is older than its schedule lets expect"
    );
    stage.handle.resume(None).await.unwrap();
    let run = last(&stage).run;
    stage.worker_says(run, succeeds(), true).await;
    assert_eq!(stage.repository_view().await.health, Health::Ok);
}

#[tokio::test]
async fn a_prune_makes_way_for_a_backup_and_goes_on() {
    let stage = Stage::caring("prune = { calendar = \"09:00\", max_repack = \"1 GiB\" }")
        .await
        .published();
    pass(&stage, HOUR).await;
    let prune = last(&stage);
    assert_eq!(
        prune.work,
        Work::Prune(PruneWork {
            max_repack: Some(1 << 30),
            ..PruneWork::default()
        })
    );
    stage.worker_says(prune.run, Vec::new(), false).await;
    let start = stage.handle.start(job("home"), StartOptions::default());
    let backup = start.await.unwrap();
    assert_eq!(*stage.launcher.stopped.lock().unwrap(), [prune.run]);
    assert_eq!(launched(&stage).len(), 1, "both at once");
    let result = RunResult::Cancelled;
    stage
        .worker_says(prune.run, vec![EventKind::Done { result }], true)
        .await;
    stage.handle.settings().await.unwrap();
    assert_eq!(last(&stage).run, backup);
    stage.worker_succeeds(backup).await;
    stage.handle.settings().await.unwrap();
    assert_eq!((last(&stage).run, last(&stage).attempt), (prune.run, 2));
    stage.worker_says(prune.run, succeeds(), true).await;
    assert_eq!(stage.stored(prune.run).await.result, Some(RunResult::Success));
}

#[tokio::test]
async fn nothing_is_pruned_by_a_doubtful_clock() {
    let stage = Stage::caring("check = \"09:00\"\nprune = \"09:00\"")
        .await
        .published();
    stage.clock.set(stage.clock.now() + DAY * 40);
    pass(&stage, HOUR).await;
    let works: Vec<Work> = launched(&stage).into_iter().map(|spec| spec.work).collect();
    assert!(matches!(works.as_slice(), [Work::Check(_)]), "{works:?}");
    stage.worker_says(last(&stage).run, succeeds(), true).await;
    let prune = stage.repository_view().await.prune.active_run.unwrap();
    let run = stage.run_view(prune).await;
    assert_eq!(run.blocked_by.len(), 1, "{run:?}");
    assert!(run.blocked_by[0].what.contains("the clock was set"), "{run:?}");
}

#[tokio::test]
async fn care_by_hand_is_as_it_is_asked_for_and_once_at_a_time() {
    let stage = Stage::caring("prune = { calendar = \"09:00\", max_unused = \"10%\", keep_delete = \"2d\" }")
        .await
        .published();
    let wish = PruneWish {
        max_unused: Some(MaxUnused::Percent(0)),
        max_repack: None,
    };
    let run = by_hand(&stage, CareWish::Prune(wish)).await;
    assert_eq!(
        last(&stage).work,
        Work::Prune(PruneWork {
            max_unused: MaxUnused::Percent(0),
            max_repack: None,
            keep_delete: DAY * 2,
        })
    );
    let care = async |name: &str| {
        let wish = CareWish::Prune(PruneWish::default());
        let care = stage
            .handle
            .care(name.parse().unwrap(), wish, StartOptions::default());
        care.await.unwrap_err()
    };
    let refusal = care("nas").await;
    assert_eq!(refusal.kind, RefusalKind::AlreadyRunning);
    assert!(refusal.message.contains(&run.to_string()), "{refusal}");
    assert_eq!(care("nsa").await.kind, RefusalKind::UnknownRepository);
    // Its elapse finds it at work.
    pass(&stage, HOUR).await;
    assert_eq!(launched(&stage).len(), 1);
    // Whoever asked wants to know, and not to wait for another attempt.
    stage
        .worker_says(run, fails(FailureClass::Network, "gone"), true)
        .await;
    assert_eq!(stage.stored(run).await.result, Some(RunResult::Failed));
    let view = stage.repository_view().await;
    assert_eq!(
        (view.health, view.reason.as_str()),
        (Health::Degraded, "the last prune failed: gone")
    );
}

#[tokio::test]
async fn another_schedule_counts_from_then_on() {
    let stage = Stage::caring("check = \"09:00\"").await.published();
    let file = stage.configuration("repositories.d/nas.toml");
    let rewrite = async |from: &str, to: &str| {
        let text = std::fs::read_to_string(&file).unwrap().replace(from, to);
        std::fs::write(&file, text).unwrap();
        stage.handle.reload().await.unwrap();
    };
    rewrite("09:00", "07:00").await;
    let view = stage.repository_view().await;
    assert_eq!(view.check.next.unwrap().to_string(), "2027-01-16T07:00:00Z");
    rewrite("check = \"07:00\"", "").await;
    let view = stage.repository_view().await;
    assert_eq!((view.check.next, view.check.schedule.as_deref()), (None, None));
    pass(&stage, DAY * 2).await;
    assert_eq!(launched(&stage).len(), 0);
    assert_eq!(stage.repository_view().await.health, Health::Ok);
}

#[tokio::test]
async fn what_cannot_be_kept_is_tried_again() {
    let stage = Stage::caring("check = \"09:00\"").await.published();
    let full = |full| stage.store.full.store(full, std::sync::atomic::Ordering::SeqCst);
    full(true);
    pass(&stage, HOUR).await;
    assert_eq!(launched(&stage).len(), 0);
    full(false);
    pass(&stage, SignedDuration::from_secs(10)).await;
    assert_eq!(launched(&stage).len(), 1);
    pass(&stage, SignedDuration::from_secs(10)).await;
    assert_eq!(launched(&stage).len(), 1);
}
