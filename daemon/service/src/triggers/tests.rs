//! Watches with a scripted worker and a clock that the test moves.

use std::{
    io::{PipeWriter, Write as _},
    sync::Arc,
    time::Duration,
};

use backupd_core::{
    failure::{Failure, FailureClass},
    protocol::{Spec, WatchWork, Work},
    run::Trigger,
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::*;
use crate::{
    coordinator::{Coordinator, Message},
    ids::Ids,
    testing::{ScriptedLauncher, SteeredClock, WatchEnd, spec},
};

const DISTANCE: SignedDuration = SignedDuration::from_mins(10);

struct Stage {
    port: Triggers,
    launcher: Arc<ScriptedLauncher>,
    clock: Arc<SteeredClock>,
    messages: mpsc::Receiver<Message>,
}

type Worker = (Spec, PipeWriter, WatchEnd);

impl Stage {
    fn new() -> Self {
        let (inbox, messages) = Coordinator::channel();
        let launcher = Arc::new(ScriptedLauncher::default());
        let clock = Arc::new(SteeredClock::at(at(0)));
        let (port, wanted) = Triggers::new();
        let means = Means {
            launcher: Arc::clone(&launcher) as Arc<dyn Launcher>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            ids: Arc::new(Ids::new(Arc::clone(&clock) as Arc<dyn Clock>)),
            own: vec!["/var/lib/backupd".into()],
            inbox,
        };
        tokio::spawn(serve(means, wanted));
        Self {
            port,
            launcher,
            clock,
            messages,
        }
    }

    fn want(&self, watch: Option<Watch>) {
        let job = "home".parse().unwrap();
        self.port
            .want(watch.map(|watch| (job, watch)).into_iter().collect());
    }

    /// The worker that watches, once it has begun.
    async fn worker(&self) -> Worker {
        loop {
            if let Some(worker) = self.launcher.watches.lock().unwrap().pop() {
                return worker;
            }
            self.launcher.watch_began.notified().await;
        }
    }

    async fn next(&mut self) -> Message {
        tokio::time::timeout(Duration::from_hours(1), self.messages.recv())
            .await
            .unwrap()
            .unwrap()
    }

    /// Time goes on, for all.
    async fn pass(&self, by: SignedDuration) {
        let now = self.clock.now();
        self.clock.set(now + by);
        tokio::time::advance(by.unsigned_abs()).await;
    }

    /// The next message says that changes start the job.
    async fn starts(&mut self) {
        match self.next().await {
            Message::Triggered(job, Trigger::PathChange, _) => {
                assert_eq!(job.as_str(), "home");
            }
            _ => panic!("it does not start"),
        }
    }

    /// The next message says why changes are not seen, or that they are.
    async fn trouble(&mut self) -> Option<String> {
        match self.next().await {
            Message::Unwatched(_, why) => why,
            _ => panic!("nothing of the watch"),
        }
    }

    fn is_silent(&mut self) -> bool {
        self.messages.try_recv().is_err()
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn watch(stored: Option<Timestamp>, began: Option<Timestamp>) -> Watch {
    let mut spec = spec();
    if let Work::Backup(backup) = spec.work.clone() {
        spec.work = Work::Watch(WatchWork {
            backup,
            own: vec!["/srv/nas".into()],
            quiet: SignedDuration::from_secs(30),
            longest: DISTANCE,
            since: None,
        });
    }
    Watch {
        spec: Box::new(spec),
        distance: DISTANCE,
        stored,
        began,
    }
}

const WATCHING: &str = r#"{"kind":"watching","directories":3,"unwatched":0}"#;
const LIMITED: &str = r#"{"kind":"watching","directories":3,"unwatched":7}"#;
const CHANGED: &str = r#"{"kind":"changed"}"#;

#[tokio::test(start_paused = true)]
async fn a_change_starts_a_run_and_the_next_one_keeps_its_distance() {
    let mut stage = Stage::new();
    stage.want(Some(watch(Some(at(-3600)), Some(at(-3600)))));
    let (spec, mut worker, _end) = stage.worker().await;
    match spec.work {
        Work::Watch(work) => {
            assert_eq!(work.since, Some(at(-3600)));
            let own: Vec<PathBuf> = vec!["/srv/nas".into(), "/var/lib/backupd".into()];
            assert_eq!(work.own, own);
        }
        _ => panic!("no watch"),
    }
    writeln!(worker, "{WATCHING}\n{CHANGED}").unwrap();
    stage.starts().await;
    // It began a minute later, as the coordinator tells.
    stage.pass(SignedDuration::from_mins(1)).await;
    stage.want(Some(watch(Some(at(-3600)), Some(at(60)))));
    writeln!(worker, "{CHANGED}").unwrap();
    stage.pass(SignedDuration::from_mins(9)).await;
    tokio::task::yield_now().await;
    assert!(stage.is_silent());
    stage.pass(SignedDuration::from_mins(1)).await;
    stage.starts().await;
    assert!(stage.is_silent());
    assert!(
        stage.launcher.watches.lock().unwrap().is_empty(),
        "one worker did it"
    );
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_begins_again_and_says_why() {
    let mut stage = Stage::new();
    stage.want(Some(watch(None, None)));
    let (_, worker, end) = stage.worker().await;
    let failure = Failure::new(FailureClass::Configuration, "no instances left").hint("raise it");
    end.send(Some(failure)).unwrap();
    drop(worker);
    assert!(stage.trouble().await.unwrap().contains("no instances left"));
    let (_, mut worker, _end) = stage.worker().await;
    writeln!(worker, "{LIMITED}").unwrap();
    assert!(stage.trouble().await.unwrap().contains("7 of the directories"));
    writeln!(worker, "{LIMITED}\n{WATCHING}").unwrap();
    assert_eq!(stage.trouble().await, None, "told once, and taken back");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_told_is_not_lost_with_its_watch() {
    let mut stage = Stage::new();
    stage.want(Some(watch(None, Some(at(0)))));
    let (_, mut worker, end) = stage.worker().await;
    writeln!(worker, "{CHANGED}").unwrap();
    drop((worker, end));
    assert!(stage.trouble().await.is_some());
    let _worker = stage.worker().await;
    stage.pass(DISTANCE).await;
    stage.starts().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_wanted_any_more_is_closed() {
    let stage = Stage::new();
    stage.want(Some(watch(None, None)));
    let (_, mut worker, _end) = stage.worker().await;
    let mut other = watch(None, None);
    other.distance = SignedDuration::from_mins(20);
    stage.want(Some(other));
    let (_, mut next, _next_end) = stage.worker().await;
    assert!(writeln!(worker, "{CHANGED}").is_err(), "nobody reads it any more");
    stage.want(None);
    while writeln!(next, "{WATCHING}").is_ok() {
        tokio::task::yield_now().await;
    }
}
