//! Changes of a job's sources, which start it.
//!
//! The daemon may not look into others' directories, so a worker of each such job watches them, and tells once things
//! are quiet. Here is seen to that there is one for as long as the job wants it, and that runs keep their distance.

mod distance;
mod follow;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use backupd_core::name::JobName;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    coordinator::Inbox,
    ids::Ids,
    ports::{Clock, Launcher, Watch, Watcher},
};

type Watches = BTreeMap<JobName, Watch>;

/// Passes on what the coordinator wants.
pub(crate) struct Triggers(watch::Sender<Watches>);

impl Triggers {
    /// The port, and what [`serve`] follows.
    pub(crate) fn new() -> (Self, watch::Receiver<Watches>) {
        let (wanted, follow) = watch::channel(Watches::new());
        (Self(wanted), follow)
    }
}

impl Watcher for Triggers {
    fn want(&self, watches: Watches) {
        self.0.send_if_modified(|wanted| {
            let is_other = *wanted != watches;
            *wanted = watches;
            is_other
        });
    }
}

/// What following takes.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) launcher: Arc<dyn Launcher>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Names watches.
    pub(crate) ids: Arc<Ids>,
    /// Directories of our own, which change with each run: they would start the next.
    pub(crate) own: Vec<PathBuf>,
    pub(crate) inbox: Inbox,
}

/// A task that looks after one job; with it ends the worker.
struct Follower {
    wanted: watch::Sender<Watch>,
    task: JoinHandle<()>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Sees to the watches that are wanted, for as long as the daemon lives.
pub(crate) async fn serve(means: Means, mut wanted: watch::Receiver<Watches>) {
    let mut followers: BTreeMap<JobName, Follower> = BTreeMap::new();
    loop {
        let watches = wanted.borrow_and_update().clone();
        followers.retain(|job, _| watches.contains_key(job));
        for (job, watch) in watches {
            if let Some(follower) = followers.get(&job) {
                follower.wanted.send_if_modified(|wanted| {
                    let is_other = *wanted != watch;
                    *wanted = watch;
                    is_other
                });
                continue;
            }
            let (wanted, follow) = watch::channel(watch);
            let task = tokio::spawn(follow::follow(means.clone(), job.clone(), follow));
            followers.insert(job, Follower { wanted, task });
        }
        if wanted.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
