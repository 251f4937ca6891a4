use std::{fs, io::Read as _, sync::atomic::Ordering};

use backupd_core::audit::{Record, Sealed, Verifier};

use super::*;
use crate::{
    configuration::Kind,
    coordinator::{RefusalKind, StartOptions},
    ports::AuditQuery,
    testing::{Stage, job},
};

const JOB: &str = "repository = \"nas\"\nsources = [\"/opt\"]\n";

/// All records after the first, which form a good log.
async fn records(stage: &Stage) -> Vec<Entry> {
    stage.handle.settings().await.unwrap();
    let mut text = String::new();
    let mut file = stage.handle.open_audit(AuditQuery::default()).await.unwrap();
    file.read_to_string(&mut text).unwrap();
    let mut verifier = Verifier::new();
    let record = |line| {
        let sealed: Sealed = serde_json::from_str(line).unwrap();
        let Record { entry, .. } = verifier.take(&sealed).unwrap();
        entry
    };
    text.lines().map(record).skip(1).collect()
}

async fn actions(stage: &Stage) -> Vec<&'static str> {
    let records = records(stage).await;
    records.iter().map(|entry| entry.action.as_str()).collect()
}

#[tokio::test]
async fn runs_are_recorded_from_their_start_to_their_end() {
    let stage = Stage::new(&[("a", ""), ("b", ""), ("c", "")]).await.published();
    let mut runs = Vec::new();
    for name in ["a", "b", "c"] {
        let run = stage.handle.start(job(name), StartOptions::default()).await;
        runs.push(run.unwrap());
    }
    stage.worker_succeeds(runs[0]).await;
    stage.handle.cancel(runs[1]).await.unwrap();
    stage.worker_says(runs[1], Vec::new(), true).await;
    stage.worker_says(runs[2], Vec::new(), true).await;
    let records = records(&stage).await;
    let of = |run: usize| -> Vec<_> {
        let run = runs[run].to_string();
        let records = records.iter().filter(|entry| entry.run == run);
        records
            .map(|entry| (entry.action.as_str(), entry.new.as_str(), entry.result))
            .collect()
    };
    let start = ("run-start", "", Outcome::Done);
    assert_eq!(of(0), [start, ("run-end", "success", Outcome::Done)]);
    let cancel = ("run-cancel", "", Outcome::Done);
    assert_eq!(of(1), [start, cancel, ("run-end", "cancelled", Outcome::Done)]);
    assert_eq!(of(2), [start, ("run-end", "interrupted", Outcome::Failed)]);
    let end = records.iter().find(|entry| entry.new == "success").unwrap();
    assert_eq!(end.snapshot, "ab".repeat(32));
    let lost = records.iter().find(|entry| entry.new == "interrupted").unwrap();
    assert!(!lost.reason.is_empty());
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    let stage = Stage::new(&[("home", "")]).await.published();
    stage.store.full.store(true, Ordering::SeqCst);
    let file = stage.configuration("jobs.d/home.toml");
    let before = fs::read_to_string(&file).unwrap();
    let handle = &stage.handle;
    let refusals = [
        handle
            .create(Kind::Job, "www".into(), JOB.into())
            .await
            .unwrap_err(),
        handle.replace(job("home"), JOB.into(), None).await.unwrap_err(),
        handle.set_enabled(job("home"), false, None).await.unwrap_err(),
        handle.delete(job("home"), None).await.unwrap_err(),
        handle.initialize("nas".parse().unwrap()).await.unwrap_err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.kind, RefusalKind::StateUnavailable, "{refusal}");
        assert!(refusal.hint.is_some());
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    let left = fs::read_dir(stage.configuration("jobs.d")).unwrap().count();
    assert_eq!(left, 1, "nothing is left behind");
    // Nor does what somebody else wrote come into force.
    fs::write(stage.configuration("jobs.d/www.toml"), JOB).unwrap();
    handle.reload().await.unwrap_err();
    stage.inbox.reload().await;
    assert!(handle.job(job("www")).await.is_err());
    stage.store.full.store(false, Ordering::SeqCst);
    assert_eq!(actions(&stage).await, [""; 0]);
    handle.reload().await.unwrap();
    handle.job(job("www")).await.unwrap();
}

#[tokio::test]
async fn stopping_and_ending_are_recorded_when_the_store_works_again() {
    let stage = Stage::new(&[("home", "")]).await.published();
    let run = stage.handle.start(job("home"), StartOptions::default()).await;
    let run = run.unwrap();
    stage.store.full.store(true, Ordering::SeqCst);
    stage.handle.cancel(run).await.unwrap();
    stage.worker_says(run, Vec::new(), true).await;
    assert_eq!(actions(&stage).await, ["run-start"]);
    stage.store.full.store(false, Ordering::SeqCst);
    stage.inbox.wake().await;
    assert_eq!(actions(&stage).await, ["run-start", "run-cancel", "run-end"]);
    stage.inbox.wake().await;
    assert_eq!(actions(&stage).await.len(), 3, "once is enough");
}

#[tokio::test]
async fn what_others_changed_is_recorded_before_it_comes_into_force() {
    let stage = Stage::new(&[("home", ""), ("www", "")]).await.published();
    let file = stage.configuration("jobs.d/www.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}description = \"sftp://me:pw@host/x\"\n")).unwrap();
    fs::write(stage.configuration("backupd.toml"), "max_parallel_runs = 1\n").unwrap();
    stage.handle.set_enabled(job("home"), false, None).await.unwrap();
    let changes = records(&stage).await;
    let [reload, disable] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!(reload.action, Action::ConfigurationReload);
    assert_eq!(disable.action, Action::JobDisable);
    assert!(
        reload.old.contains("# backupd.toml is not there\n"),
        "{}",
        reload.old
    );
    for part in [
        "max_parallel_runs = 1\n",
        "# jobs.d/www.toml, revision ",
        "sftp://***@host/x",
    ] {
        assert!(reload.new.contains(part), "`{part}` is not in {}", reload.new);
    }
    assert!(
        !reload.new.contains("pw") && !reload.new.contains("jobs.d/home"),
        "{}",
        reload.new
    );
    // Asked for again, it has nothing new to say.
    stage.handle.reload().await.unwrap();
    stage.inbox.reload().await;
    let changes = records(&stage).await;
    let said: Vec<_> = changes[2..]
        .iter()
        .map(|entry| (entry.call.as_str(), entry.new.as_str()))
        .collect();
    assert_eq!(said, [("", ""), ("SIGHUP", "")]);
}

#[tokio::test]
async fn a_run_that_the_store_did_not_know_is_recorded_when_it_is_taken_up() {
    let stage = Stage::new(&[("a", "")]).await.published();
    let run = stage.handle.start(job("a"), StartOptions::default()).await;
    let run = run.unwrap();
    let spec = stage.launcher.launched.lock().unwrap()[0].clone();
    let other = Stage::new_with(&[("a", "")], vec![(run, Some(spec))])
        .await
        .published();
    other.worker_succeeds(run).await;
    assert_eq!(actions(&other).await, ["run-adopt", "run-end"]);
    let restarted = other.restart().await.published();
    assert_eq!(actions(&restarted).await.len(), 2, "a restart adds nothing");
}
