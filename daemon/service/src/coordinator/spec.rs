//! From a run and the configuration to what a worker is told.

use backupd_core::{
    config::Job,
    failure::{Failure, FailureClass},
    name::{JobName, RunId},
    protocol::{BackupWork, CareWork, CheckWork, Foreseen, SPEC_VERSION, Spec, Work},
    resources::Resources,
    run::{Operation, Run, Trigger},
};

use super::{
    Coordinator,
    handle::repository_spec,
    refusal::{Refusal, RefusalKind},
};
use crate::ports::StoreError;

/// Packages that a snapshot from before an upgrade names.
const MOST_PACKAGES: usize = 20;

impl Coordinator {
    /// The spec of a run's last attempt, by the configuration as it is now.
    pub(super) fn spec(&self, run: &Run) -> Result<Spec, Failure> {
        let (work, resources) = match run.operation {
            Operation::Backup => {
                let job = self.job_of(run)?;
                let work = BackupWork {
                    description: upgrade_of(run).or_else(|| job.description.clone()),
                    ..backup(job)
                };
                (Work::Backup(work), job.resources.clone())
            }
            // Somebody waits for it: the job's limits are for its backups.
            Operation::Restore => {
                let work = run.restore.clone();
                let work = work.ok_or_else(|| gone("what was to be restored is not known any more"))?;
                (Work::Restore(work), Resources::default())
            }
            Operation::Forget => return Err(gone("what is to be forgotten is not known yet")),
            Operation::Copy => self.copy_work(run)?,
            Operation::Move => self.move_work(run)?,
            Operation::Check | Operation::Prune | Operation::Repair => {
                let work = run.care.clone();
                let work = work.ok_or_else(|| gone("what was to be done is not known any more"))?;
                (care(work, run)?, Resources::default())
            }
        };
        self.spec_for(run, work, resources)
    }

    /// The spec of a run's last attempt that does this.
    pub(super) fn spec_for(&self, run: &Run, work: Work, resources: Resources) -> Result<Spec, Failure> {
        let repository = self.catalog.repositories.get(&run.repository).ok_or_else(|| {
            gone(&format!(
                "the repository `{}` is not configured any more",
                run.repository
            ))
        })?;
        Ok(Spec {
            version: SPEC_VERSION,
            run: run.id,
            attempt: run.attempts.last().map_or(1, |attempt| attempt.number),
            job: run.job.clone(),
            repository: repository_spec(repository, &self.parts.common),
            resources,
            progress_socket: self.parts.progress_socket.clone(),
            work,
        })
    }

    /// The spec of a job's next backup.
    pub(super) fn next_spec(&self, name: &JobName) -> Result<Box<Spec>, Refusal> {
        let Some(job) = self.catalog.jobs.get(name) else {
            return Err(self.unknown_job(name.as_str()));
        };
        let run = Run::new(
            RunId::from_parts(0, 0),
            Some(name.clone()),
            job.repository.clone(),
            Operation::Backup,
            Trigger::Manual,
            self.parts.clock.now(),
        );
        self.spec(&run).map(Box::new).map_err(refusal)
    }

    pub(super) fn job_of(&self, run: &Run) -> Result<&Job, Failure> {
        let name = run.job.as_ref().ok_or_else(|| gone("the run has no job"))?;
        self.catalog
            .jobs
            .get(name)
            .map(|job| &**job)
            .ok_or_else(|| gone(&format!("the job `{name}` is not configured any more")))
    }
}

/// The same, to who asked.
pub(super) fn refusal(failure: Failure) -> Refusal {
    let refusal = Refusal::new(RefusalKind::Failed, failure.message);
    match failure.hint {
        Some(hint) => refusal.hint(hint),
        None => refusal,
    }
}

/// What a worker is to know cannot be read.
pub(super) fn unknown(error: &StoreError) -> Failure {
    Failure::new(
        FailureClass::Engine,
        format!("what is known of the snapshots cannot be read: {error}"),
    )
    .hint("nothing was removed; `backupctl status` says what is wrong with the store")
}

pub(super) fn gone(message: &str) -> Failure {
    Failure::new(FailureClass::Configuration, message)
        .hint("`backupctl config check` shows what the configuration says now")
}

/// What a snapshot from before an upgrade says of itself; the run's metadata has the whole list.
fn upgrade_of(run: &Run) -> Option<String> {
    if run.trigger != Trigger::PackageUpgrade {
        return None;
    }
    let packages = run
        .metadata
        .get("packages")
        .and_then(|packages| packages.as_array())?;
    let names: Vec<&str> = packages
        .iter()
        .filter_map(|package| package.as_str()?.split(' ').next())
        .take(MOST_PACKAGES)
        .collect();
    let count = run.metadata.get("count").and_then(serde_json::Value::as_u64);
    let count = count.unwrap_or(packages.len() as u64);
    let what = if count == 1 {
        "1 package".to_owned()
    } else {
        format!("{count} packages")
    };
    let more = if count > names.len() as u64 { ", …" } else { "" };
    Some(format!("before a change of {what}: {}{more}", names.join(", ")))
}

/// An attempt that follows another goes on where that one stopped.
fn care(work: CareWork, run: &Run) -> Result<Work, Failure> {
    Ok(match work {
        CareWork::Check(work) => Work::Check(CheckWork {
            after: run.read.clone().unwrap_or(work.after),
            ..work
        }),
        CareWork::Prune(work) => Work::Prune(work),
        CareWork::Repair(work) => Work::Repair(work),
        CareWork::Move(_) => return Err(gone("what is done to the repository is not what the run says")),
    })
}

fn backup(job: &Job) -> BackupWork {
    BackupWork {
        sources: job.sources.clone(),
        optional_sources: job.optional_sources.clone(),
        include: job.include.clone(),
        exclude: job.exclude.clone(),
        exclude_if_present: job.exclude_if_present.clone(),
        exclude_caches: job.exclude_caches,
        exclude_larger_than: job.exclude_larger_than,
        one_file_system: job.one_file_system,
        tags: job.tags.clone(),
        host: job.host.clone(),
        adopts: job.adopts.clone(),
        description: job.description.clone(),
        compression: job.compression,
        verify: job.verify,
        foreseen: Foreseen::default(),
    }
}
