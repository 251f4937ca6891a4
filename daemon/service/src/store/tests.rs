use std::fs;

use backupd_core::{
    failure::{Failure, FailureClass},
    name::RunId,
    run::{Operation, Run, RunEvent, RunResult, Trigger},
};
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;

use super::*;
use crate::ports::{RunQuery, Store};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// A finished run of a job, queued at `seconds`.
fn finished(number: i64, job: &str, result: RunResult) -> Run {
    let mut run = Run::new(
        RunId::from_parts(u64::try_from(number).unwrap() * 1000, 7),
        Some(job.parse().unwrap()),
        "nas".parse().unwrap(),
        Operation::Backup,
        Trigger::Manual,
        at(number),
    );
    run.apply(RunEvent::CancelRequested, at(number)).unwrap();
    run.result = Some(result);
    run.expires = Some(at(number) + SignedDuration::from_secs(100));
    run
}

async fn with_runs(runs: &[Run]) -> (tempfile::TempDir, SqliteStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("backupd.db"), at(0))
        .await
        .unwrap();
    for run in runs {
        store.save_audited(run, Vec::new()).await.unwrap();
    }
    (directory, store)
}

fn all() -> RunQuery {
    RunQuery {
        limit: 100,
        ..RunQuery::default()
    }
}

#[tokio::test]
async fn a_run_comes_back_as_it_was_kept_also_from_the_next_daemon() {
    let run = finished(1, "home", RunResult::Success);
    let (directory, store) = with_runs(std::slice::from_ref(&run)).await;
    store.close().await;
    let store = SqliteStore::open(&directory.path().join("backupd.db"), at(0))
        .await
        .unwrap();
    assert_eq!(store.list(all()).await.unwrap(), [run]);
}

#[tokio::test]
async fn history_is_filtered_and_paged_newest_first() {
    let runs: Vec<Run> = (1..=9)
        .map(|n| {
            finished(
                n,
                if n % 2 == 0 { "even" } else { "odd" },
                if n == 5 {
                    RunResult::Failed
                } else {
                    RunResult::Success
                },
            )
        })
        .collect();
    let (_directory, store) = with_runs(&runs).await;
    let numbers = async |query: RunQuery| -> Vec<i64> {
        let found = store.list(query).await.unwrap();
        found
            .iter()
            .map(|run| run.queued.as_second() - at(0).as_second())
            .collect()
    };
    assert_eq!(
        numbers(RunQuery {
            job: Some("even".parse().unwrap()),
            ..all()
        })
        .await,
        [8, 6, 4, 2]
    );
    assert_eq!(
        numbers(RunQuery {
            result: Some(RunResult::Failed),
            ..all()
        })
        .await,
        [5]
    );
    assert_eq!(
        numbers(RunQuery {
            since: Some(at(8)),
            ..all()
        })
        .await,
        [9, 8]
    );
    assert_eq!(
        numbers(RunQuery {
            until: Some(at(3)),
            ..all()
        })
        .await,
        [2, 1]
    );
    assert!(
        numbers(RunQuery {
            trigger: Some(Trigger::Schedule),
            ..all()
        })
        .await
        .is_empty()
    );
    assert_eq!(
        numbers(RunQuery {
            manual: Some(true),
            limit: 2,
            ..all()
        })
        .await,
        [9, 8]
    );
    let page = RunQuery {
        limit: 3,
        before: Some(runs[6].id),
        ..all()
    };
    assert_eq!(numbers(page).await, [6, 5, 4]);
    let id = runs[3].id.to_string();
    assert_eq!(
        numbers(RunQuery {
            id: Some(id[..10].to_lowercase()),
            ..all()
        })
        .await,
        [4]
    );
}

#[tokio::test]
async fn expiry_keeps_the_newest_and_the_last_good_one_of_each_job() {
    let runs = [
        finished(1, "home", RunResult::Success),
        finished(2, "home", RunResult::Success),
        finished(3, "home", RunResult::Failed),
        finished(4, "home", RunResult::Failed),
        finished(5, "other", RunResult::Success),
    ];
    let (_directory, store) = with_runs(&runs).await;
    assert!(
        store.expire(None, at(50), 1).await.unwrap().is_empty(),
        "nothing has expired yet"
    );
    let mut gone = store.expire(None, at(1000), 1).await.unwrap();
    gone.sort();
    assert_eq!(gone, [runs[0].id, runs[2].id]);
    assert_eq!(store.list(all()).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_failure_is_kept_behind_newer_runs_that_say_nothing() {
    let mut runs = vec![
        finished(1, "home", RunResult::Success),
        finished(2, "home", RunResult::Failed),
        finished(3, "home", RunResult::Failed),
    ];
    let failure = Failure::new(FailureClass::NoSpace, "the repository is full");
    runs[2].failure = Some(failure);
    let silent = [RunResult::Cancelled, RunResult::Skipped];
    runs.extend((4..9).map(|number| finished(number, "home", silent[usize::from(number % 2 == 0)])));
    let (_directory, store) = with_runs(&runs).await;
    let known = async || {
        let job = "home".parse().unwrap();
        store.job_facts(vec![job], at(0)).await.unwrap().remove(0)
    };
    let before = known().await;
    let gone = store.expire(None, at(1000), 1).await.unwrap();
    assert!(
        gone.contains(&runs[1].id),
        "an older failure says no more: {gone:?}"
    );
    assert_eq!(known().await, before);
    assert_eq!(before.last_result, Some(RunResult::Failed));
    assert_eq!(before.last_failure.as_deref(), Some("the repository is full"));
    assert_eq!(before.last_good, runs[0].finished);
}

#[tokio::test]
async fn an_end_of_a_run_tidies_up_after_its_job_alone() {
    let runs = [
        finished(1, "home", RunResult::Failed),
        finished(2, "home", RunResult::Success),
        finished(3, "other", RunResult::Failed),
        finished(4, "other", RunResult::Success),
    ];
    let (_directory, store) = with_runs(&runs).await;
    let other = Some("other".parse().unwrap());
    assert_eq!(store.expire(other, at(1000), 1).await.unwrap(), [runs[2].id]);
    assert_eq!(store.expire(None, at(1000), 1).await.unwrap(), [runs[0].id]);
}

#[tokio::test]
async fn the_newest_runs_are_so_many_of_each_job_and_so_many_of_all() {
    // One job runs all the time, and keeps none of the others from being seen.
    let runs: Vec<Run> = (1..=30)
        .map(|n| finished(n, if n % 10 == 0 { "rare" } else { "busy" }, RunResult::Success))
        .collect();
    let (_directory, store) = with_runs(&runs).await;
    let numbers = async |each, all| -> Vec<i64> {
        let found = store.recent(each, all).await.unwrap();
        let second = |run: &Run| run.queued.as_second() - at(0).as_second();
        found.iter().map(second).collect()
    };
    assert_eq!(numbers(2, 100).await, [20, 28, 29, 30]);
    assert_eq!(numbers(100, 3).await, [28, 29, 30]);
    assert_eq!(numbers(100, 100).await.len(), 30);
}

/// Statements that go through a whole table take as long as history is.
#[test]
fn what_is_asked_all_the_time_is_found_by_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let opened = open::open(&directory.path().join("backupd.db"), at(0)).unwrap();
    for statement in [
        "SELECT max(id) FROM runs WHERE job IS ?1 AND id < ?2",
        "SELECT min(job) FROM runs WHERE job > ?1",
        &format!("DELETE FROM runs WHERE job = ?3 AND {}", queries::EXPIRED),
        facts::NEWEST,
        facts::NEWEST_GOOD,
        facts::NEWEST_FORGET,
        care::NEWEST,
        care::NEWEST_GOOD,
    ] {
        let mut plan = opened
            .connection
            .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
            .unwrap();
        let null = vec![rusqlite::types::Null; plan.parameter_count()];
        let steps: Vec<String> = plan
            .query_map(rusqlite::params_from_iter(null), |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        // What is found by an index is SEARCHed; the count of a bounded subquery is not.
        let scans = |step: &&String| step.starts_with("SCAN") && step.contains("runs");
        assert_eq!(steps.iter().find(scans), None, "{statement}: {steps:#?}");
    }
}

#[tokio::test]
async fn what_is_known_of_a_job_comes_from_its_telling_runs() {
    let mut good = finished(1, "home", RunResult::Partial);
    good.snapshot = Some("ab".into());
    let runs = [
        good.clone(),
        finished(2, "home", RunResult::Failed),
        finished(3, "home", RunResult::Cancelled),
    ];
    let (_directory, store) = with_runs(&runs).await;
    let job: backupd_core::name::JobName = "home".parse().unwrap();
    let facts = store
        .job_facts(vec![job.clone()], at(10))
        .await
        .unwrap()
        .remove(0);
    assert_eq!(facts.last_result, Some(RunResult::Failed));
    assert_eq!(facts.last_run, Some(runs[2].id));
    assert_eq!(
        (facts.last_good, facts.last_snapshot.as_deref()),
        (good.finished, Some("ab"))
    );
    // It stays known since the first time.
    assert_eq!(
        store.job_facts(vec![job], at(99)).await.unwrap()[0].known_since,
        Some(at(10))
    );
}

#[tokio::test]
async fn a_damaged_store_is_set_aside_and_a_new_one_begun() {
    for garbage in [&b"this is no database, whatever its name says"[..], &[0xff; 8192]] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("backupd.db");
        fs::write(&path, garbage).unwrap();
        let store = SqliteStore::open(&path, at(0)).await.unwrap();
        let aside = store.set_aside().unwrap().to_owned();
        assert_eq!(fs::read(aside).unwrap(), garbage, "nothing is lost");
        store
            .save_audited(&finished(1, "home", RunResult::Success), Vec::new())
            .await
            .unwrap();
        assert_eq!(store.list(all()).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_store_with_damaged_pages_is_set_aside() {
    let runs: Vec<Run> = (1..200)
        .map(|n| finished(n, "home", RunResult::Success))
        .collect();
    let (directory, store) = with_runs(&runs).await;
    store.close().await;
    let path = directory.path().join("backupd.db");
    // Everything into the one file, then over the pages behind the header.
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "journal_mode", "DELETE")
        .unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let length = bytes.len();
    bytes[4096..length].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let store = SqliteStore::open(&path, at(0)).await.unwrap();
    assert!(store.set_aside().is_some());
    assert!(store.list(all()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backupd.db");
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 999)
        .unwrap();
    let before = fs::read(&path).unwrap();
    let Err(error) = SqliteStore::open(&path, at(0)).await else {
        panic!("it was opened")
    };
    assert!(matches!(error, OpenError::Newer { found: 999, .. }), "{error}");
    assert!(error.to_string().contains("\nhint: "), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn each_migration_step_leads_from_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backupd.db");
    drop(SqliteStore::open(&path, at(0)).await.unwrap());
    // A second opening finds nothing to do.
    assert!(
        SqliteStore::open(&path, at(0))
            .await
            .unwrap()
            .set_aside()
            .is_none()
    );
}
