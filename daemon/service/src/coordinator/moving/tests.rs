use std::{fs, sync::atomic::Ordering};

use backupd_core::{
    failure::FailureClass,
    name::RunId,
    protocol::{EventKind, MoveStep, MoveWork, Spec, Work},
    run::{Operation, Phase, RunResult},
};

use crate::{
    coordinator::{MoveWish, Refusal, RefusalKind, StartOptions},
    testing::{Stage, job, read},
};

const NEW: &str = "url = \"s3:https://s3/bucket\"\nregion = \"eu\"\n[credentials]\naccess_key_id = \"A\"\nsecret_access_key_file = \"/s3\"\n";

async fn stage() -> Stage {
    Stage::new(&[("home", "")]).await.published()
}

async fn asked(stage: &Stage, wish: MoveWish) -> Result<RunId, Refusal> {
    let nas = "nas".parse().unwrap();
    stage
        .handle
        .move_repository(nas, wish, StartOptions::default())
        .await
}

fn last(stage: &Stage) -> (Spec, MoveWork) {
    let spec = stage.launcher.launched.lock().unwrap().last().cloned().unwrap();
    match &spec.work {
        Work::Move(work) => (spec.clone(), (**work).clone()),
        other => panic!("no move: {other:?}"),
    }
}

/// The worker has brought all.
async fn brought(stage: &Stage, run: RunId) {
    let contents = "c".repeat(64);
    let done = EventKind::Done {
        result: RunResult::Success,
    };
    stage
        .worker_says(run, vec![EventKind::Moved { contents }, done], true)
        .await;
    stage.handle.settings().await.unwrap();
}

fn file(stage: &Stage) -> String {
    read(stage.configuration("repositories.d/nas.toml"))
}

#[tokio::test]
async fn a_repository_that_was_brought_elsewhere_is_there_from_then_on() {
    let stage = stage().await;
    let before = file(&stage);
    let url = stage.repository_view().await.url.clone();
    let run = asked(&stage, MoveWish::Bring(NEW.to_owned())).await.unwrap();
    let (spec, work) = last(&stage);
    assert_eq!(
        (spec.repository.url.as_str(), work.step),
        (&*url, MoveStep::Bring)
    );
    assert_eq!(work.other.url, "s3:https://s3/bucket");
    assert_eq!(work.other.password, spec.repository.password);
    assert_eq!(work.other.secrets.len(), 2);
    // Nothing is stored meanwhile, and until it has ended the file is as it was.
    let backup = stage
        .handle
        .start(job("home"), StartOptions::default())
        .await
        .unwrap();
    assert!(stage.stored(backup).await.attempts.is_empty());
    assert_eq!(file(&stage), before);
    brought(&stage, run).await;
    assert_eq!(stage.stored(run).await.result, Some(RunResult::Success));
    let view = stage.repository_view().await;
    assert_eq!(view.url, "s3:https://s3/bucket");
    assert_eq!(view.moved_from.as_deref(), Some(&*url));
    assert!(file(&stage).contains("region = \"eu\""), "{}", file(&stage));
    // What has waited stores there.
    let spec = stage.launcher.launched.lock().unwrap().last().cloned().unwrap();
    assert_eq!(
        (spec.run, spec.repository.url.as_str()),
        (backup, "s3:https://s3/bucket")
    );
    stage.worker_succeeds(backup).await;

    let refusal = asked(&stage, MoveWish::Bring("url = \"/third\"".to_owned()))
        .await
        .unwrap_err();
    assert!(refusal.hint.unwrap().contains("--release"));
    let stage = stage.restart().await.published();
    assert_eq!(stage.repository_view().await.moved_from.as_deref(), Some(&*url));
    let run = asked(&stage, MoveWish::Release).await.unwrap();
    let (spec, work) = last(&stage);
    assert_eq!(spec.repository.url, "s3:https://s3/bucket");
    assert_eq!((work.step, work.other.url.as_str()), (MoveStep::Release, &*url));
    assert_eq!(work.contents, Some("c".repeat(64)));
    let run_of = stage.stored(run).await;
    assert_eq!((run_of.operation, run_of.retry), (Operation::Move, None));
    stage
        .worker_says(
            run,
            vec![EventKind::Done {
                result: RunResult::Success,
            }],
            true,
        )
        .await;
    stage.handle.settings().await.unwrap();
    assert_eq!(stage.repository_view().await.moved_from, None);
    let refusal = asked(&stage, MoveWish::Release).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::InvalidArgument);
}

#[tokio::test]
async fn a_file_that_cannot_be_written_leaves_the_repository_where_it_is() {
    let stage = stage().await;
    let url = stage.repository_view().await.url.clone();
    let run = asked(&stage, MoveWish::Bring(NEW.to_owned())).await.unwrap();
    // Somebody edits it meanwhile, and makes a fault.
    let path = stage.configuration("repositories.d/nas.toml");
    let good = file(&stage);
    fs::write(&path, format!("{good}\nnonsense = 1\n")).unwrap();
    brought(&stage, run).await;
    let ended = stage.stored(run).await;
    assert_eq!(ended.result, Some(RunResult::Failed));
    let failure = ended.failure.unwrap();
    assert_eq!(failure.class, FailureClass::Configuration);
    assert!(
        failure.message.contains("its file does not say so"),
        "{}",
        failure.message
    );
    assert!(failure.hint.unwrap().contains("repository move nas --to"));
    let view = stage.repository_view().await;
    assert_eq!((view.url.as_str(), &view.moved_from), (&*url, &None));
    // Again, with a file that is well.
    fs::write(&path, &good).unwrap();
    let run = asked(&stage, MoveWish::Bring(NEW.to_owned())).await.unwrap();
    stage.store.full.store(true, Ordering::SeqCst);
    brought(&stage, run).await;
    stage.store.full.store(false, Ordering::SeqCst);
    assert_eq!(file(&stage), good, "nobody would know where it was");
    let run = asked(&stage, MoveWish::Bring(NEW.to_owned())).await.unwrap();
    brought(&stage, run).await;
    assert_eq!(stage.repository_view().await.url, "s3:https://s3/bucket");
}

#[tokio::test]
async fn a_daemon_that_is_started_anew_writes_the_file_all_the_same() {
    let stage = stage().await;
    let run = asked(&stage, MoveWish::Bring(NEW.to_owned())).await.unwrap();
    let hello = EventKind::Phase { phase: Phase::Verify };
    stage.worker_says(run, vec![hello], false).await;
    let stage = stage.restart().await.published();
    brought(&stage, run).await;
    assert_eq!(stage.repository_view().await.url, "s3:https://s3/bucket");
    assert!(stage.repository_view().await.moved_from.is_some());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_anything_is_done() {
    let stage = stage().await;
    let url = stage.repository_view().await.url.clone();
    for (wish, says) in [
        (MoveWish::Bring(format!("url = {url:?}")), "already"),
        (MoveWish::Bring("url = \"relative\"".to_owned()), "absolute"),
        (MoveWish::Bring("region = \"eu\"".to_owned()), "url"),
        (
            MoveWish::Bring("url = \"/x\"\nregion = \"eu\"".to_owned()),
            "region",
        ),
        (
            MoveWish::Bring("url = \"/x\"\npassword_file = \"/y\"".to_owned()),
            "password_file",
        ),
        (MoveWish::Bring("url = ".to_owned()), "string"),
        (MoveWish::GiveUp(format!("url = {url:?}")), "already"),
        (MoveWish::Release, "no place before"),
    ] {
        let refusal = asked(&stage, wish).await.unwrap_err();
        assert!(refusal.message.contains(says), "{says}: {}", refusal.message);
    }
    assert!(stage.launcher.launched.lock().unwrap().is_empty());
    let run = asked(&stage, MoveWish::GiveUp("url = \"/x\"".to_owned()))
        .await
        .unwrap();
    let refusal = asked(&stage, MoveWish::Release).await.unwrap_err();
    assert!(matches!(
        refusal.kind,
        RefusalKind::AlreadyRunning | RefusalKind::InvalidArgument
    ));
    let refusal = asked(&stage, MoveWish::Bring("url = \"/z\"".to_owned()))
        .await
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::AlreadyRunning);
    stage
        .worker_says(
            run,
            vec![EventKind::Done {
                result: RunResult::Success,
            }],
            true,
        )
        .await;
    stage.handle.settings().await.unwrap();
    assert_eq!(stage.repository_view().await.url, url);
}

#[tokio::test]
async fn a_file_that_names_a_third_place_meanwhile_is_left_alone() {
    let stage = stage().await;
    let run = asked(&stage, MoveWish::Bring(NEW.to_owned())).await.unwrap();
    let path = stage.configuration("repositories.d/nas.toml");
    let third = file(&stage).replace("/srv/nas", "/srv/third");
    fs::write(&path, &third).unwrap();
    stage.handle.reload().await.unwrap();
    brought(&stage, run).await;
    let failure = stage.stored(run).await.failure.unwrap();
    assert!(
        failure.message.contains("names another place"),
        "{}",
        failure.message
    );
    assert_eq!(file(&stage), third);
    assert_eq!(stage.repository_view().await.moved_from, None);
}

#[tokio::test]
async fn a_release_that_cannot_be_noted_says_what_is_done() {
    let stage = stage().await;
    let run = asked(&stage, MoveWish::Bring(NEW.to_owned())).await.unwrap();
    brought(&stage, run).await;
    let run = asked(&stage, MoveWish::Release).await.unwrap();
    stage.store.full.store(true, Ordering::SeqCst);
    let done = EventKind::Done {
        result: RunResult::Success,
    };
    stage.worker_says(run, vec![done], true).await;
    stage.handle.settings().await.unwrap();
    let failure = stage.run_view(run).await.failure.clone().unwrap();
    assert!(
        failure.message.contains("is removed, which cannot be noted"),
        "{}",
        failure.message
    );
    assert!(failure.hint.unwrap().contains("--release"));
    stage.store.full.store(false, Ordering::SeqCst);
    assert!(stage.repository_view().await.moved_from.is_some());
}
