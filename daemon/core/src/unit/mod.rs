//! From a piece of work to the transient unit of systemd that does it.
//!
//! One function, without I/O: what the file system has to say comes in a [`Request`]. The same [`Unit`] goes over the bus
//! to systemd and, as text, to people who ask what a job may do.

mod credentials;
mod render;
mod sandbox;
mod setting;

use std::path::{Path, PathBuf};

use jiff::SignedDuration;

pub use self::setting::{Capability, Section, Setting, Value};
use crate::{
    name::CredentialName,
    protocol::{MoveStep, Spec, StoredCredential, Work},
};

/// All workers of a scope are in this slice.
pub const SLICE: &str = "backupd.slice";
/// Under this name workers speak in the journal.
pub const SYSLOG_IDENTIFIER: &str = "backupd-worker";
/// The answer to a question that takes longer is given up.
pub const LONGEST_QUESTION: SignedDuration = SignedDuration::from_mins(15);
/// A worker that was asked to stop gets this much more than its grace: 0 would mean for ever.
const MARGIN: SignedDuration = SignedDuration::from_secs(1);

/// Whose service manager runs the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceManager {
    /// The machine's: workers are uid 0, and a sandbox takes from them what their work does not need.
    System,
    /// A user's: workers can do what the user can; most of a sandbox is for root to make.
    User,
}

/// What a unit follows from.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Who runs it.
    pub manager: ServiceManager,
    /// What the worker is told.
    pub spec: &'a Spec,
    /// Stands for the run in names: its id, or a word for it.
    pub id: &'a str,
    /// The worker program.
    pub worker: &'a Path,
    /// The run directory.
    pub directory: &'a Path,
    /// From asking the worker to stop to killing it.
    pub grace: SignedDuration,
    /// What exists of the way to each directory that the work may have to make: its own path where it is there.
    pub grounds: &'a [PathBuf],
    /// The credentials of systemd that the work needs, with where they are: see [`Spec::credentials`].
    pub credentials: Vec<(CredentialName, Option<StoredCredential>)>,
    /// Whether the repository belongs to another user than the worker's.
    pub foreign: bool,
}

/// A service, as systemd is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// With its suffix.
    pub name: String,
    /// In the order in which people read them.
    pub settings: Vec<Setting>,
}

/// The unit of a run, whichever attempt; `id` stands for the run.
pub fn run_unit_name(id: &str) -> String {
    format!("backupd-run-{id}.service")
}

/// The unit that answers a question; `id` stands for the question.
pub fn question_unit_name(id: &str) -> String {
    format!("backupd-ask-{id}.service")
}

/// The unit that watches the sources of a job.
pub fn watch_unit_name(job: &str) -> String {
    format!("backupd-watch-{job}.service")
}

/// The unit that does what the spec says.
pub fn unit(request: &Request<'_>) -> Unit {
    let spec = request.spec;
    let is_run = spec.work.is_run();
    let name = match (&spec.work, &spec.job) {
        (Work::Watch(_), Some(job)) => watch_unit_name(job.as_str()),
        _ if is_run => run_unit_name(request.id),
        _ => question_unit_name(request.id),
    };
    let mut settings = vec![
        Setting::of_unit("Description", Value::Text(description(spec))),
        Setting::of_unit("CollectMode", Value::Word("inactive-or-failed")),
        Setting::new(
            "ExecStart",
            Value::Command(vec![request.worker.to_owned(), request.directory.to_owned()]),
        ),
        // A program that cannot be executed is a start that failed, not a run that did.
        Setting::new("Type", Value::Word("exec")),
        Setting::new("Slice", Value::Word(SLICE)),
        // `partial`: the run's own result says more.
        Setting::new("SuccessExitStatus", Value::Codes(vec![3])),
    ];
    settings.extend(ending(request, is_run));
    settings.extend(logging(request, is_run));
    settings.extend(resources(request));
    settings.extend(credentials::of(request));
    settings.extend(match request.manager {
        ServiceManager::System => sandbox::of_system(request),
        ServiceManager::User => sandbox::of_user(spec),
    });
    Unit { name, settings }
}

fn description(spec: &Spec) -> String {
    let repository = &spec.repository.name;
    match (&spec.work, &spec.job) {
        (Work::Backup(_), Some(job)) => format!("Backup of job {job} to repository {repository}"),
        (Work::Backup(_), None) => format!("Backup to repository {repository}"),
        (Work::Restore(_), Some(job)) => format!("Restore of job {job} from repository {repository}"),
        (Work::Restore(_), None) => format!("Restore from repository {repository}"),
        (Work::Check(_), _) => format!("Check of backup repository {repository}"),
        (Work::Prune(_), _) => format!("Prune of backup repository {repository}"),
        (Work::PrunePlan(_), _) => format!("Plan of a prune of backup repository {repository}"),
        (Work::Repair(work), _) => {
            format!(
                "Repair of the {} of backup repository {repository}",
                work.as_str()
            )
        }
        (Work::RepairPlan(work), _) => {
            format!(
                "Plan of a repair of the {} of backup repository {repository}",
                work.as_str()
            )
        }
        (Work::Copy(work), Some(job)) => format!(
            "Copy of job {job} from repository {} to repository {repository}",
            work.from.name
        ),
        (Work::Copy(work), None) => format!(
            "Copy from repository {} to repository {repository}",
            work.from.name
        ),
        (Work::Move(work), _) => match work.step {
            MoveStep::Bring => format!("Move of backup repository {repository}"),
            MoveStep::Release => {
                format!("Removal of backup repository {repository} from its place before")
            }
            MoveStep::GiveUp => {
                format!("Removal of what a move of backup repository {repository} has left")
            }
        },
        (Work::Forget(work), _) => {
            format!("Retention of job {} in repository {repository}", work.job)
        }
        (Work::RetentionPreview(preview), _) => {
            format!(
                "Preview of the retention of job {} in repository {repository}",
                preview.forget.job
            )
        }
        (Work::Unforget(_), _) => format!("Return of snapshots to backup repository {repository}"),
        (Work::Initialize, _) => format!("Creation of backup repository {repository}"),
        (Work::Test, _) => format!("Test of backup repository {repository}"),
        (Work::StorePassword(_), _) => format!("New password of backup repository {repository}"),
        (Work::Keys, _) => format!("Listing of keys of backup repository {repository}"),
        (Work::AddKey(_), _) => format!("New key of backup repository {repository}"),
        (Work::RemoveKey(_), _) => format!("Removal of a key of backup repository {repository}"),
        (Work::RotateKey(_), _) => format!("Another password of backup repository {repository}"),
        (Work::EndRotation(_), _) => {
            format!("Removal of the password before of backup repository {repository}")
        }
        (Work::Recovery, _) => format!("Recovery sheet of backup repository {repository}"),
        (Work::Reveal, _) => format!("Reading of the password of backup repository {repository}"),
        (Work::Locks, _) => format!("Listing of locks in backup repository {repository}"),
        (Work::Unlock(_), _) => format!("Removal of locks in backup repository {repository}"),
        (Work::RemoveDeadLocks, _) => format!("Removal of dead locks in backup repository {repository}"),
        (Work::Watch(_), Some(job)) => format!("Watch on the sources of backup job {job}"),
        (Work::Watch(_), None) => "Watch on the sources of backups".to_owned(),
        (Work::Statistics(_), _) => format!("Statistics of backup repository {repository}"),
        (Work::Estimate(_), Some(job)) => format!("Estimate of the next backup of job {job}"),
        (Work::Estimate(_), None) => format!("Estimate of a backup to repository {repository}"),
        (Work::Reach { .. }, _) => "Look for hosts that backups wait for".to_owned(),
        (Work::Contents(_), _) => format!("Inventory of backup repository {repository}"),
        (Work::Snapshots { .. } | Work::List(_), _) => format!("Listing of backup repository {repository}"),
    }
}

/// How it ends: first the worker alone is asked, then everything in the unit is killed.
fn ending(request: &Request<'_>, is_run: bool) -> Vec<Setting> {
    let grace = request.grace.saturating_add(MARGIN);
    let mut settings = vec![
        Setting::new("KillMode", Value::Word("mixed")),
        Setting::new("TimeoutStopSec", Value::Time(grace)),
        // All of it or nothing: half of a worker's processes cannot end the work well.
        Setting::new("OOMPolicy", Value::Word("kill")),
    ];
    // The worker of a run ends by itself at the deadline; this is for one that hangs. A question may have outlived
    // the daemon that asked it.
    let limit = match request.spec.work {
        // It ends when nobody reads what it tells.
        Work::Watch(_) => None,
        _ if is_run => request.spec.resources.max_runtime,
        _ => Some(LONGEST_QUESTION),
    };
    if let Some(limit) = limit {
        settings.push(Setting::new(
            "RuntimeMaxSec",
            Value::Time(limit.saturating_add(grace)),
        ));
    }
    settings
}

fn logging(request: &Request<'_>, is_run: bool) -> Vec<Setting> {
    let spec = request.spec;
    let mut fields = Vec::new();
    if is_run {
        fields.push(("BACKUPD_RUN", request.id.to_owned()));
        fields.push(("BACKUPD_ATTEMPT", spec.attempt.to_string()));
    }
    if let Some(job) = &spec.job {
        fields.push(("BACKUPD_JOB", job.to_string()));
    }
    if spec.work.needs_password() {
        fields.push(("BACKUPD_REPOSITORY", spec.repository.name.to_string()));
    }
    vec![
        // Answers of questions go to a file that the daemon hands over.
        Setting::new("StandardOutput", Value::Word("null")),
        Setting::new("StandardError", Value::Word("journal")),
        Setting::new("SyslogIdentifier", Value::Word(SYSLOG_IDENTIFIER)),
        Setting::new("LogExtraFields", Value::Fields(fields)),
    ]
}

fn resources(request: &Request<'_>) -> Vec<Setting> {
    let resources = &request.spec.resources;
    let number = |name, value: Option<u64>| value.map(|value| Setting::new(name, Value::Number(value)));
    [
        resources
            .nice
            .map(|nice| Setting::new("Nice", Value::Signed(nice))),
        number("CPUWeight", resources.cpu_weight),
        number("IOWeight", resources.io_weight),
        number("MemoryHigh", resources.memory_high),
        number("MemoryMax", resources.memory_max),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests;
