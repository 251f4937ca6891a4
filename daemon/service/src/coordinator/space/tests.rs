use std::{io::Read as _, sync::atomic::Ordering};

use backupd_core::{
    health::Health,
    name::RunId,
    protocol::{BackupWork, EventKind, Spec, StatisticsRecord, Work},
    run::{RunResult, Statistics},
    space::Sample,
};
use jiff::SignedDuration;

use crate::{
    coordinator::{RefusalKind, StartOptions},
    ports::{Clock as _, Store as _},
    testing::{Stage, job},
};

const MIB: u64 = 1 << 20;
const DAY: SignedDuration = SignedDuration::from_hours(24);

async fn backup(stage: &Stage) -> Spec {
    let run = stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
    let launched = stage.launcher.launched.lock().unwrap();
    launched
        .iter()
        .rev()
        .find(|spec| spec.run == run)
        .unwrap()
        .clone()
}

fn work(spec: &Spec) -> &BackupWork {
    match &spec.work {
        Work::Backup(work) => work,
        other => panic!("no backup: {other:?}"),
    }
}

async fn ends(stage: &Stage, run: RunId, result: RunResult, statistics: Statistics) {
    let mut kinds = vec![EventKind::Stats { statistics }];
    if result.is_good() {
        let snapshot = "ab".repeat(32);
        kinds.insert(0, EventKind::Snapshot { snapshot });
    }
    kinds.push(EventKind::Done { result });
    stage.worker_says(run, kinds, true).await;
    stage.handle.settings().await.unwrap();
}

/// A backup that ends well, and what there is afterwards.
async fn backed_up(stage: &Stage, stored: u64, free: u64) -> Spec {
    let spec = backup(stage).await;
    let sums = Statistics {
        bytes_stored: 5 * MIB,
        bytes_repository: stored * MIB,
        bytes_free: free * MIB,
        bytes_place: 100_000 * MIB,
        ..Statistics::default()
    };
    ends(stage, spec.run, RunResult::Success, sums).await;
    spec
}

#[tokio::test]
async fn a_backup_is_told_what_those_before_have_added() {
    let stage = Stage::caring("reserve = \"1 GiB\"\nquota = \"2 TiB\"")
        .await
        .published();
    let first = backed_up(&stage, 100, 50_000).await;
    assert_eq!(work(&first).foreseen, super::Foreseen::default());
    assert_eq!(first.repository.room.quota, Some(2 << 40));
    backed_up(&stage, 200, 50_000).await;
    // One that failed says nothing of what one adds.
    let failed = backup(&stage).await;
    ends(&stage, failed.run, RunResult::Failed, Statistics::default()).await;
    let third = backup(&stage).await;
    let foreseen = &work(&third).foreseen;
    assert_eq!(foreseen.stored, Some(200 * MIB));
    let added = foreseen.added.unwrap();
    assert_eq!((added.runs, added.median, added.largest), (2, 5 * MIB, 5 * MIB));
}

#[tokio::test]
async fn sizes_are_shown_and_remembered_by_the_next_daemon() {
    let stage = Stage::caring("").await.published();
    let view = stage.repository_view().await.space.clone();
    assert_eq!((view.stored, view.free, view.measured), (None, None, None));
    assert_eq!(view.reserve, 256 * MIB);
    backed_up(&stage, 700, 50_000).await;
    let now = stage.clock.now();
    let view = stage.repository_view().await.space.clone();
    assert_eq!(
        (view.stored, view.free, view.place),
        (Some(700 * MIB), Some(50_000 * MIB), Some(100_000 * MIB))
    );
    assert_eq!((view.measured, view.days_until_full), (Some(now), None));
    let stage = stage.restart().await.published();
    let again = stage.repository_view().await;
    assert_eq!((again.space.stored, again.health), (Some(700 * MIB), Health::Ok));
}

#[tokio::test]
async fn a_repository_that_is_full_soon_is_degraded_and_says_when() {
    let stage = Stage::caring("reserve = \"100 MiB\"").await.published();
    for day in 0..15 {
        backed_up(&stage, 1000 + day * 100, 2500 - day * 100).await;
        stage.clock.advance(DAY);
        stage.inbox.wake().await;
    }
    // 1100 are free, of which 100 are not for backups, and it was a day ago.
    let view = stage.repository_view().await;
    assert_eq!((view.health, view.space.days_until_full), (Health::Ok, Some(10)));
    for day in 15..18 {
        backed_up(&stage, 1000 + day * 100, 2500 - day * 100).await;
        stage.clock.advance(DAY);
        stage.inbox.wake().await;
    }
    backed_up(&stage, 2800, 700).await;
    let view = stage.repository_view().await;
    assert_eq!(
        (view.health, view.space.days_until_full),
        (Health::Degraded, Some(6))
    );
    assert_eq!(
        view.reason,
        "at the pace at which it grows there is no room left in 6 days"
    );
    assert_eq!(stage.manager_view().await.health, Health::Degraded);
    // Somebody has made room.
    backed_up(&stage, 2800, 90_000).await;
    assert_eq!(stage.repository_view().await.health, Health::Ok);
}

#[tokio::test]
async fn a_repository_without_its_reserve_is_degraded() {
    let stage = Stage::caring("reserve = \"100 MiB\"").await.published();
    let spec = backup(&stage).await;
    let sums = Statistics {
        bytes_free: 99 * MIB,
        bytes_place: 1000 * MIB,
        bytes_repository: 5 * MIB,
        ..Statistics::default()
    };
    ends(&stage, spec.run, RunResult::Failed, sums).await;
    let view = stage.repository_view().await;
    assert_eq!(view.health, Health::Degraded);
    assert!(view.reason.contains("backups stop"), "{}", view.reason);
}

fn answer(stage: &Stage) -> StatisticsRecord {
    StatisticsRecord {
        repository: "nas".into(),
        time: stage.clock.now(),
        bytes_stored: 900 * MIB,
        bytes_free: Some(77 * MIB),
        ..StatisticsRecord::default()
    }
}

#[tokio::test]
async fn what_was_counted_goes_to_who_asked_and_is_remembered() {
    let stage = Stage::caring("reserve = 0").await.published();
    backed_up(&stage, 700, 50_000).await;
    let text = format!("{}\n", serde_json::to_string(&answer(&stage)).unwrap());
    *stage.launcher.answer.lock().unwrap() = Some(text.clone());
    let mut file = stage
        .handle
        .statistics("nas".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let mut said = String::new();
    file.read_to_string(&mut said).unwrap();
    assert_eq!(said, text);
    let asked = stage.launcher.asked.lock().unwrap().pop().unwrap();
    let Work::Statistics(work) = asked.work else {
        panic!()
    };
    assert_eq!(
        work.sizes.iter().map(|sample| sample.stored).collect::<Vec<_>>(),
        [700 * MIB]
    );
    let view = stage.repository_view().await.space.clone();
    assert_eq!(
        (view.stored, view.free, view.place),
        (Some(900 * MIB), Some(77 * MIB), None)
    );
    let kept = stage.store.sizes().await.unwrap();
    assert_eq!(kept.values().flatten().count(), 1, "of each day the last");

    // What makes no sense is handed on, and not remembered.
    *stage.launcher.answer.lock().unwrap() = Some("{}x\n".into());
    stage
        .handle
        .statistics("nas".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stage.repository_view().await.space.stored, Some(900 * MIB));
    let refused = stage
        .handle
        .statistics("none".parse().unwrap())
        .await
        .unwrap_err();
    assert_eq!(refused.kind, RefusalKind::UnknownRepository);
}

#[tokio::test]
async fn a_store_that_is_full_keeps_nobody_from_knowing() {
    let stage = Stage::caring("").await.published();
    let spec = backup(&stage).await;
    stage.store.full.store(true, Ordering::SeqCst);
    let sums = Statistics {
        bytes_repository: 5,
        ..Statistics::default()
    };
    ends(&stage, spec.run, RunResult::Success, sums).await;
    assert_eq!(stage.repository_view().await.space.stored, Some(5));
}

#[tokio::test]
async fn an_estimate_is_asked_of_a_worker_with_all_that_is_known() {
    let stage = Stage::caring("").await.published();
    for stored in [100, 200, 300] {
        backed_up(&stage, stored, 50_000).await;
    }
    *stage.launcher.answer.lock().unwrap() = Some("{}\n".into());
    stage.handle.estimate(job("home"), true).await.unwrap().unwrap();
    let asked = stage.launcher.asked.lock().unwrap().pop().unwrap();
    assert_eq!((asked.job, asked.progress_socket), (Some(job("home")), None));
    let Work::Estimate(work) = asked.work else {
        panic!()
    };
    assert!(work.scan);
    assert_eq!(work.backup.sources, ["/home/home"].map(std::path::PathBuf::from));
    assert_eq!(work.backup.foreseen.added.unwrap().runs, 3);
    assert_eq!(work.sizes.len(), 1);
    let refused = stage.handle.estimate(job("none"), false).await.unwrap_err();
    assert_eq!(refused.kind, RefusalKind::JobNotFound);
}

#[tokio::test]
async fn sizes_of_many_days_are_kept_for_a_year() {
    let stage = Stage::caring("").await.published();
    let now = stage.clock.now();
    for (days, stored) in [(500, 1), (300, 2), (0, 3)] {
        let sample = Sample {
            time: now - DAY * days,
            stored,
            free: Some(u64::MAX),
            total: None,
        };
        stage
            .store
            .keep_size("nas".parse().unwrap(), sample)
            .await
            .unwrap();
    }
    let kept = stage.store.sizes().await.unwrap();
    let nas = kept.values().next().unwrap();
    assert_eq!(nas.iter().map(|sample| sample.stored).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(nas[1].free, Some(i64::MAX.unsigned_abs()));
    assert_eq!(nas[1].time, now);
}
