//! One job: its watch begins, tells, ends, and begins anew.

use std::{future::pending, io, time::Duration};

use backupd_core::{
    failure::Failure,
    name::JobName,
    protocol::{Spec, WatchRecord, Work},
    resources::Resources,
    run::Trigger,
};
use serde_json::Map;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    net::unix::pipe::Receiver,
    sync::{oneshot, watch},
};

use super::{Means, distance::Distance};
use crate::{journal::messages, ports::Watch};

/// After a watch that ended by itself the next begins after so long, and after twice that each time,
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// up to this.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// A watch gives way to the work of others.
const NICE: i32 = 10;

/// Follows the watch of a job until it is aborted.
pub(super) async fn follow(means: Means, job: JobName, wanted: watch::Receiver<Watch>) {
    let mut follower = Follower {
        means,
        job,
        wanted,
        distance: Distance::default(),
        trouble: None,
        pause: FIRST_PAUSE,
    };
    loop {
        let Some(trouble) = follower.one().await else {
            continue;
        };
        follower.trouble(Some(trouble)).await;
        let pause = follower.pause;
        follower.pause = (pause * 2).min(LONGEST_PAUSE);
        follower.idle(pause).await;
    }
}

struct Follower {
    means: Means,
    job: JobName,
    wanted: watch::Receiver<Watch>,
    distance: Distance,
    /// What was told last.
    trouble: Option<Trouble>,
    pause: Duration,
}

/// What keeps changes from being seen.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trouble {
    what: String,
    hint: String,
}

impl Trouble {
    /// The watch has ended.
    fn new(why: &str) -> Self {
        Self {
            what: format!("changes of its sources are not seen for now: {why}"),
            hint: "it is tried again soon; `journalctl -u 'backupd-watch-*'` may say more".to_owned(),
        }
    }
}

/// What comes next.
enum Next {
    Line(io::Result<Option<String>>),
    Wish,
    Due,
}

impl Follower {
    /// One watch, until it ends or another is wanted; answers why it ended by itself.
    async fn one(&mut self) -> Option<Trouble> {
        let watch = self.wanted.borrow_and_update().clone();
        let spec = self.spec(&watch);
        let watching = match self.means.launcher.watch(&spec).await {
            Ok(watching) => watching,
            Err(error) => return Some(Trouble::new(&error.to_string())),
        };
        let mut lines = match Receiver::from_owned_fd(watching.lines) {
            Ok(receiver) => BufReader::new(receiver).lines(),
            Err(error) => return Some(Trouble::new(&error.to_string())),
        };
        loop {
            match self.next(Some(&mut lines)).await {
                Next::Line(Ok(Some(line))) => self.told(&line).await,
                Next::Line(_) => return Some(ended(watching.end).await),
                Next::Wish => {
                    // What follows from runs is taken over; anything else is another watch.
                    let now = self.wanted.borrow();
                    if now.spec != watch.spec || now.distance != watch.distance {
                        return None;
                    }
                }
                Next::Due => self.start().await,
            }
        }
    }

    /// Waits for the next watch, and meanwhile sees to changes that were told before.
    async fn idle(&mut self, pause: Duration) {
        let over = tokio::time::sleep(pause);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => return,
                next = self.next(None) => if matches!(next, Next::Due) {
                    self.start().await;
                },
            }
        }
    }

    async fn next(&mut self, lines: Option<&mut Lines<BufReader<Receiver>>>) -> Next {
        let left = {
            let wanted = self.wanted.borrow();
            self.distance
                .left(wanted.began, wanted.distance, self.means.clock.now())
        };
        let line = async {
            match lines {
                Some(lines) => lines.next_line().await,
                None => pending().await,
            }
        };
        let due = async {
            match left {
                Some(left) => tokio::time::sleep(left).await,
                None => pending().await,
            }
        };
        tokio::select! {
            line = line => Next::Line(line),
            changed = self.wanted.changed() => {
                if changed.is_err() {
                    // The daemon ends, and this task with it.
                    pending::<()>().await;
                }
                Next::Wish
            }
            () = due => Next::Due,
        }
    }

    async fn told(&mut self, line: &str) {
        match serde_json::from_str(line) {
            Ok(WatchRecord::Changed) => self.distance.changed(),
            Ok(WatchRecord::Watching {
                directories,
                unwatched,
            }) => {
                tracing::debug!(job = %self.job, directories, unwatched, "the watch has begun");
                self.pause = FIRST_PAUSE;
                self.trouble((unwatched > 0).then(|| Trouble {
                    what: format!(
                        "{unwatched} of the directories in its sources are looked at every ten minutes only: the \
                         kernel has no watches left"
                    ),
                    hint: "raise `fs.inotify.max_user_watches` with `sysctl`, or exclude directories".to_owned(),
                }))
                .await;
            }
            Err(error) => tracing::warn!(%error, job = %self.job, "a watch says what nobody understands"),
        }
    }

    async fn start(&mut self) {
        let began = self.wanted.borrow().began;
        let now = self.means.clock.now();
        // A sleep may end early by a little, and the clock may have been set.
        let distance = self.wanted.borrow().distance;
        if self.distance.left(began, distance, now) != Some(Duration::ZERO) {
            return;
        }
        self.distance.start(now);
        let job = self.job.clone();
        self.means
            .inbox
            .triggered(job, Trigger::PathChange, Map::new())
            .await;
    }

    /// Tells what keeps changes from being seen, once.
    async fn trouble(&mut self, trouble: Option<Trouble>) {
        if self.trouble == trouble {
            return;
        }
        let job = &self.job;
        if let Some(Trouble { what, hint }) = &trouble {
            tracing::warn!(
                MESSAGE_ID = messages::UNWATCHED,
                BACKUPD_JOB = %job,
                "the job `{job}`: {what}\nhint: {hint}"
            );
        } else {
            tracing::info!(BACKUPD_JOB = %job, "the job `{job}`: all of its sources are watched");
        }
        self.trouble.clone_from(&trouble);
        let why = trouble.map(|trouble| trouble.what);
        self.means.inbox.unwatched(self.job.clone(), why).await;
    }

    /// What the worker is told.
    fn spec(&self, watch: &Watch) -> Spec {
        let mut spec = (*watch.spec).clone();
        spec.run = self.means.ids.next();
        spec.progress_socket = None;
        spec.resources = Resources {
            nice: Some(NICE),
            ..Resources::default()
        };
        if let Work::Watch(work) = &mut spec.work {
            work.own.extend(self.means.own.iter().cloned());
            work.since = watch.stored;
        }
        spec
    }
}

/// Why a watch ended by itself.
async fn ended(end: oneshot::Receiver<Option<Failure>>) -> Trouble {
    match end.await {
        Ok(Some(failure)) => {
            let trouble = Trouble::new(&failure.message);
            Trouble {
                hint: failure.hint.unwrap_or(trouble.hint),
                ..trouble
            }
        }
        _ => Trouble::new("the worker that watches has ended without saying why"),
    }
}
