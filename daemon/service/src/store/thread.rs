//! The thread that owns the connection, and the handle that others talk to it through.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
};

use backupd_core::{
    audit::{Entry, Head},
    name::{JobName, RepositoryName, RunId},
    pause::Pause,
    protocol::{KnownSnapshot, OwnedSnapshot},
    run::{Operation, Run, RunState},
    space::Sample,
};
use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{
    audit, care, facts, moves,
    open::{OpenError, Opened, open},
    pending, queries, sizes, snapshots,
};
use crate::ports::{
    AuditQuery, CareHistory, CareKey, JobHistory, MovedFrom, Pending, Reply, RunQuery, SnapshotNews, Store,
    StoreError, Subject,
};

/// Statements waiting for their turn; more than the daemon ever has at once.
const QUEUE: usize = 256;

/// What the thread has.
pub(super) struct Database {
    pub(super) connection: Connection,
    /// The last record of the audit log as this thread wrote it: what somebody else puts there does not fit.
    pub(super) head: Option<Head>,
}

type Statement = Box<dyn FnOnce(&mut Database) + Send>;

enum Work {
    Do(Statement),
    /// Close the connection, and tell when it is closed.
    Close(oneshot::Sender<()>),
}

/// A handle on the store's thread. Clones talk to the same one.
#[derive(Clone)]
pub(crate) struct SqliteStore {
    statements: mpsc::Sender<Work>,
    path: PathBuf,
    set_aside: Option<PathBuf>,
}

impl SqliteStore {
    /// Starts the store's thread, which opens or creates it and ends with the last handle.
    ///
    /// A migration or a check may take long: nobody but that thread waits for the disk.
    pub(crate) async fn open(path: &Path, now: Timestamp) -> Result<Self, OpenError> {
        let unusable = |reason: String| OpenError::Unusable {
            path: path.to_owned(),
            reason,
        };
        let (statements, queue) = mpsc::channel::<Work>(QUEUE);
        let (opened, wait) = oneshot::channel();
        let file = path.to_owned();
        let work = move || match open(&file, now) {
            Ok(Opened {
                connection,
                set_aside,
            }) => {
                if opened.send(Ok(set_aside)).is_ok() {
                    serve(connection, queue);
                }
            }
            Err(error) => {
                let _ = opened.send(Err(error));
            }
        };
        std::thread::Builder::new()
            .name("store".to_owned())
            .stack_size(512 * 1024)
            .spawn(work)
            .map_err(|error| unusable(error.to_string()))?;
        let set_aside = wait
            .await
            .map_err(|_| unusable("its thread has ended".to_owned()))??;
        Ok(Self {
            statements,
            path: path.to_owned(),
            set_aside,
        })
    }

    /// Where a damaged store was put when this one was begun.
    pub(crate) fn set_aside(&self) -> Option<&Path> {
        self.set_aside.as_deref()
    }

    /// Becomes ready when the thread has ended, which it does not by itself.
    pub(crate) async fn ended(&self) {
        self.statements.closed().await;
    }

    /// Closes the store; what comes after this is refused.
    pub(crate) async fn close(&self) {
        let (closed, wait) = oneshot::channel();
        if self.statements.send(Work::Close(closed)).await.is_ok() {
            let _ = wait.await;
        }
    }

    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Reply<'_, Result<T, StoreError>> {
        self.run_with(move |database| work(&database.connection))
    }

    fn run_with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database) -> rusqlite::Result<T> + Send + 'static,
    ) -> Reply<'_, Result<T, StoreError>> {
        let (answer, wait) = oneshot::channel();
        Box::pin(async move {
            let statement: Statement = Box::new(move |database| {
                // Nobody may be waiting any more; the work was done all the same.
                let _ = answer.send(work(database));
            });
            let gone = || StoreError("the store's thread has ended".to_owned());
            self.statements
                .send(Work::Do(statement))
                .await
                .map_err(|_| gone())?;
            wait.await
                .map_err(|_| gone())?
                .map_err(|error| StoreError(error.to_string()))
        })
    }
}

/// Does what it is told until it is told to close, or nobody is left to tell it.
fn serve(connection: Connection, mut queue: mpsc::Receiver<Work>) {
    let mut database = Database {
        connection,
        head: None,
    };
    while let Some(work) = queue.blocking_recv() {
        match work {
            Work::Do(statement) => statement(&mut database),
            Work::Close(closed) => {
                // Everything goes from the log into the one file.
                if let Err((_, error)) = database.connection.close() {
                    tracing::warn!(%error, "the store was not closed cleanly");
                }
                let _ = closed.send(());
                return;
            }
        }
    }
}

impl Store for SqliteStore {
    fn save_audited(&self, run: &Run, entries: Vec<Entry>) -> Reply<'_, Result<(), StoreError>> {
        let run = run.clone();
        self.run_with(move |database| {
            audit::save(database, |connection| queries::save(connection, &run), entries)
        })
    }

    fn append(&self, entry: Entry) -> Reply<'_, Result<(), StoreError>> {
        self.run_with(move |database| audit::save(database, |_| Ok(()), vec![entry]))
    }

    fn export_audit(&self, query: AuditQuery) -> Reply<'_, Result<File, StoreError>> {
        let path = self.path.clone();
        Box::pin(async move {
            tokio::task::spawn_blocking(move || audit::export(&path, &query))
                .await
                .map_err(|error| StoreError(error.to_string()))?
                .map_err(|error| StoreError(error.to_string()))
        })
    }

    fn unfinished(&self) -> Reply<'_, Result<Vec<Run>, StoreError>> {
        self.run(queries::unfinished)
    }

    fn recent(&self, each: u32, all: u32) -> Reply<'_, Result<Vec<Run>, StoreError>> {
        self.run(move |connection| queries::recent(connection, each, all))
    }

    fn list(&self, query: RunQuery) -> Reply<'_, Result<Vec<Run>, StoreError>> {
        self.run(move |connection| queries::list(connection, &query))
    }

    fn schedule(
        &self,
        runs: Vec<Run>,
        seen: Vec<(Subject, Timestamp)>,
        entries: Vec<Entry>,
    ) -> Reply<'_, Result<(), StoreError>> {
        self.run_with(move |database| {
            let change = |connection: &Connection| {
                runs.iter().try_for_each(|run| queries::save(connection, run))?;
                let begun = runs
                    .iter()
                    .filter(|run| run.operation == Operation::Backup && run.state != RunState::Finished);
                begun
                    .filter_map(|run| run.job.as_ref())
                    .try_for_each(|job| pending::keep(connection, job, None))?;
                seen.iter().try_for_each(|(subject, elapse)| match subject {
                    Subject::Job(job) => queries::see_to(connection, job, *elapse),
                    Subject::Care(key) => care::see_to(connection, key, *elapse),
                })
            };
            audit::save(database, change, entries)
        })
    }

    fn pauses(&self) -> Reply<'_, Result<BTreeMap<Option<JobName>, Pause>, StoreError>> {
        self.run(queries::pauses)
    }

    fn pause(
        &self,
        job: Option<JobName>,
        pause: Option<Pause>,
        entries: Vec<Entry>,
    ) -> Reply<'_, Result<(), StoreError>> {
        self.run_with(move |database| {
            let change = |connection: &Connection| queries::pause(connection, job.as_ref(), pause.as_ref());
            audit::save(database, change, entries)
        })
    }

    fn pending(&self) -> Reply<'_, Result<BTreeMap<JobName, Pending>, StoreError>> {
        self.run(pending::all)
    }

    fn keep_pending(&self, job: JobName, asked: Option<Pending>) -> Reply<'_, Result<(), StoreError>> {
        self.run(move |connection| pending::keep(connection, &job, asked.as_ref()))
    }

    fn moves(&self) -> Reply<'_, Result<BTreeMap<RepositoryName, MovedFrom>, StoreError>> {
        self.run(moves::all)
    }

    fn keep_move(
        &self,
        repository: RepositoryName,
        from: Option<MovedFrom>,
    ) -> Reply<'_, Result<(), StoreError>> {
        self.run(move |connection| moves::keep(connection, &repository, from.as_ref()))
    }

    fn job_facts(
        &self,
        jobs: Vec<JobName>,
        now: Timestamp,
    ) -> Reply<'_, Result<Vec<JobHistory>, StoreError>> {
        self.run(move |connection| {
            let transaction = connection.unchecked_transaction()?;
            let histories = facts::job_histories(&transaction, &jobs, now)?;
            transaction.commit()?;
            // What was read for thousands of jobs is not needed again.
            connection.execute_batch("PRAGMA shrink_memory")?;
            Ok(histories)
        })
    }

    fn care_facts(
        &self,
        keys: Vec<(CareKey, bool)>,
        now: Timestamp,
    ) -> Reply<'_, Result<Vec<CareHistory>, StoreError>> {
        self.run(move |connection| {
            let transaction = connection.unchecked_transaction()?;
            let histories = care::histories(&transaction, &keys, now)?;
            transaction.commit()?;
            Ok(histories)
        })
    }

    fn sizes(&self) -> Reply<'_, Result<BTreeMap<RepositoryName, Vec<Sample>>, StoreError>> {
        self.run(sizes::all)
    }

    fn keep_size(&self, repository: RepositoryName, sample: Sample) -> Reply<'_, Result<(), StoreError>> {
        self.run(move |connection| sizes::keep(connection, &repository, &sample))
    }

    fn snapshots(
        &self,
        repository: RepositoryName,
        job: JobName,
    ) -> Reply<'_, Result<Vec<KnownSnapshot>, StoreError>> {
        self.run(move |connection| snapshots::known(connection, &repository, &job))
    }

    fn owned_snapshots(
        &self,
        repository: RepositoryName,
    ) -> Reply<'_, Result<Vec<OwnedSnapshot>, StoreError>> {
        self.run(move |connection| snapshots::owned(connection, &repository))
    }

    fn learn_snapshots(&self, news: SnapshotNews) -> Reply<'_, Result<(), StoreError>> {
        self.run(move |connection| {
            let transaction = connection.unchecked_transaction()?;
            snapshots::learn(&transaction, &news)?;
            transaction.commit()
        })
    }

    fn bring_back(
        &self,
        repository: RepositoryName,
        run: RunId,
        ids: Vec<String>,
    ) -> Reply<'_, Result<(), StoreError>> {
        self.run(move |connection| snapshots::bring_back(connection, &repository, run, &ids))
    }

    fn expire(
        &self,
        job: Option<JobName>,
        now: Timestamp,
        keep: u32,
    ) -> Reply<'_, Result<Vec<RunId>, StoreError>> {
        self.run(move |connection| queries::expire(connection, job.as_ref(), now, keep))
    }
}
