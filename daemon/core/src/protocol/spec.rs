//! What a worker is asked to do.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    AddKeyWork, CheckWork, ContentsWork, CopyWork, CredentialStores, EndRotationWork, EstimateWork, Foreseen,
    ForgetWork, MoveWork, PruneWork, RemoveKeyWork, RepairWork, RetentionPreview, RotateKeyWork,
    StatisticsWork, StoredCredential, UnforgetWork, UnlockWork,
};
use crate::{
    config::{Adopts, Credentials, EngineName, PasswordSource, Reach, Secret, SnapshotMark, Verify},
    name::{CredentialName, JobName, RepositoryName, RunId},
    resources::Resources,
    space::Room,
};

/// Version of `spec.json`; daemon and worker come from one package, so another version is refused.
pub const SPEC_VERSION: u32 = 1;

/// `spec.json`: one piece of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// [`SPEC_VERSION`].
    pub version: u32,
    /// The run, or the id of a question that is no run.
    pub run: RunId,
    /// Which try of the run; from 1.
    pub attempt: u32,
    /// The job it is for.
    pub job: Option<JobName>,
    /// Where to.
    pub repository: RepositorySpec,
    /// What it may use of the machine.
    #[serde(default)]
    pub resources: Resources,
    /// Where progress datagrams go; `None` sends none.
    pub progress_socket: Option<PathBuf>,
    /// What to do.
    pub work: Work,
}

impl Spec {
    /// Where the secrets come from that the worker has to have.
    pub fn sources(&self) -> Vec<&PasswordSource> {
        // A new password comes from nowhere but standard input.
        let has_password = self.work.needs_password() && !matches!(self.work, Work::StorePassword(_));
        let password = has_password.then_some(&self.repository.password);
        let secrets = self.repository.sources_of_secrets();
        let secrets = secrets.filter(|_| self.work.opens_repository());
        let beside = self.work.beside().into_iter();
        let beside = beside.flat_map(|from| std::iter::once(&from.password).chain(from.sources_of_secrets()));
        password.into_iter().chain(secrets).chain(beside).collect()
    }

    /// The repositories that it opens.
    pub fn opened(&self) -> impl Iterator<Item = &RepositorySpec> {
        let own = Some(&self.repository).filter(|_| self.work.opens_repository());
        own.into_iter().chain(self.work.beside())
    }

    /// The credentials of systemd among them, each once, with where they are; nothing for one that is in no folder.
    pub fn credentials(
        &self,
        exists: impl Fn(&Path) -> bool,
    ) -> Vec<(CredentialName, Option<StoredCredential>)> {
        let mut found: Vec<(CredentialName, Option<StoredCredential>)> = Vec::new();
        for source in self.sources() {
            if let PasswordSource::Credential(name) = source
                && !found.iter().any(|(known, _)| known == name)
            {
                found.push((name.clone(), self.repository.credentials.find(name, &exists)));
            }
        }
        found
    }
}

/// A repository and how it is opened. The password itself never stands here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepositorySpec {
    /// Its name.
    pub name: RepositoryName,
    /// Where it is.
    pub url: String,
    /// Where its password comes from.
    pub password: PasswordSource,
    /// What reads and writes it.
    pub engine: EngineName,
    /// Where credentials are looked for that systemd does not hand to the worker.
    pub credentials: CredentialStores,
    /// Directory for the engine's cache.
    pub cache: Option<PathBuf>,
    /// What a remote place asks for before it lets anybody in.
    #[serde(default)]
    pub secrets: Credentials,
    /// How a remote place is reached.
    #[serde(default)]
    pub reach: Reach,
    /// The room that it may use.
    #[serde(default)]
    pub room: Room,
    /// How long a run waits for the locks of others.
    #[serde(default)]
    pub lock_wait: SignedDuration,
    /// What people have decided about single snapshots.
    #[serde(default)]
    pub marks: Vec<SnapshotMark>,
}

impl RepositorySpec {
    /// Stands where none is opened, and none is known.
    pub fn none() -> Self {
        Self {
            name: RepositoryName::none(),
            url: "none:".to_owned(),
            password: PasswordSource::File("/dev/null".into()),
            engine: EngineName::Embedded,
            credentials: CredentialStores::default(),
            cache: None,
            secrets: Credentials::new(),
            reach: Reach::default(),
            room: Room::default(),
            lock_wait: SignedDuration::ZERO,
            marks: Vec::new(),
        }
    }

    /// The folder of a local repository; nothing for a remote one.
    pub fn local_path(&self) -> Option<PathBuf> {
        crate::config::local_path(&self.url)
    }

    /// The sources of what its place asks for.
    pub fn sources_of_secrets(&self) -> impl Iterator<Item = &PasswordSource> {
        self.secrets.values().filter_map(Secret::source)
    }
}

/// What a worker can do. `backup`, `restore`, `check`, `prune`, `forget`, `repair`, `copy` and
/// `move` are runs; the others answer a question on standard output,
/// one JSON record a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Work {
    /// Store sources as a snapshot.
    Backup(BackupWork),
    /// Write a snapshot back.
    Restore(RestoreWork),
    /// See whether the repository is whole. What is wrong is told as warnings, and fails the run as `corrupt`.
    Check(CheckWork),
    /// Remove what no snapshot needs.
    Prune(PruneWork),
    /// What that would do; answers a [`PruneRecord`](super::PruneRecord).
    PrunePlan(PruneWork),
    /// Mend what a check has found. What is lost is told as warnings, and makes the run `partial`.
    Repair(RepairWork),
    /// What that would do; answers [`RepairRecord`](super::RepairRecord)s.
    RepairPlan(RepairWork),
    /// Copy snapshots of a job into the repository, from another.
    Copy(Box<CopyWork>),
    /// Bring the repository to another place, or remove what that leaves at one.
    Move(Box<MoveWork>),
    /// Remove the snapshots of a job that its retention lets go; keeps their files in the run directory.
    Forget(ForgetWork),
    /// What that would do; answers [`DecisionRecord`](super::DecisionRecord)s.
    RetentionPreview(RetentionPreview),
    /// Bring forgotten snapshots back; answers [`UnforgetRecord`](super::UnforgetRecord)s.
    Unforget(UnforgetWork),
    /// Create the repository; answers a [`RepositoryRecord`](super::RepositoryRecord).
    Initialize,
    /// Open the repository; answers a [`RepositoryRecord`](super::RepositoryRecord).
    Test,
    /// Keep the password that stands on standard input; answers a [`StoredRecord`](super::StoredRecord).
    StorePassword(StorePasswordWork),
    /// List keys; answers [`KeyRecord`](super::KeyRecord)s.
    Keys,
    /// Make a key whose password stands on standard input; answers its [`KeyRecord`](super::KeyRecord).
    AddKey(AddKeyWork),
    /// Remove a key; answers what was its [`KeyRecord`](super::KeyRecord).
    RemoveKey(RemoveKeyWork),
    /// Make a key with another password, and keep that; answers a [`RotatedRecord`](super::RotatedRecord).
    RotateKey(RotateKeyWork),
    /// Remove what that replaces; answers a [`RotationEndRecord`](super::RotationEndRecord).
    EndRotation(EndRotationWork),
    /// What one needs to restore elsewhere; answers a [`RecoveryRecord`](super::RecoveryRecord).
    Recovery,
    /// Write the password into what standard input is; answers nothing. No repository is opened.
    Reveal,
    /// Remove the locks that dead processes of this machine left; answers nothing.
    RemoveDeadLocks,
    /// List locks; answers [`LockRecord`](super::LockRecord)s.
    Locks,
    /// Remove locks; answers [`LockRecord`](super::LockRecord)s of those that are removed.
    Unlock(UnlockWork),
    /// List snapshots; answers [`SnapshotRecord`](super::SnapshotRecord)s.
    Snapshots {
        /// Which.
        filter: SnapshotFilter,
    },
    /// Say what is in the repository, and whose it is; answers [`ContentsRecord`](super::ContentsRecord)s.
    Contents(ContentsWork),
    /// List files of a snapshot; answers [`EntryRecord`](super::EntryRecord)s.
    List(ListWork),
    /// What the repository stores, and for whom; answers a [`StatisticsRecord`](super::StatisticsRecord).
    Statistics(StatisticsWork),
    /// What a backup would add; answers an [`EstimateRecord`](super::EstimateRecord).
    Estimate(EstimateWork),
    /// Watch what a backup would store, for as long as somebody reads the answer: [`WatchRecord`](super::WatchRecord)s.
    /// No repository is opened.
    Watch(WatchWork),
    /// Look whether hosts answer; answers a [`ReachRecord`](super::ReachRecord) for each. No repository is opened.
    Reach {
        /// Each `host:port`.
        places: Vec<String>,
    },
}

impl Work {
    /// Whether it is the work of a run, and no question.
    pub fn is_run(&self) -> bool {
        matches!(
            self,
            Self::Backup(_)
                | Self::Restore(_)
                | Self::Check(_)
                | Self::Prune(_)
                | Self::Forget(_)
                | Self::Repair(_)
                | Self::Copy(_)
                | Self::Move(_)
        )
    }

    /// Whether standard input is for it.
    pub fn has_input(&self) -> bool {
        match self {
            Self::StorePassword(_) | Self::AddKey(_) | Self::Reveal => true,
            Self::RotateKey(work) => work.given,
            _ => false,
        }
    }

    /// Whether it keeps passwords, and removes those that are replaced: the folder of plain ones.
    pub fn secrets(&self) -> Option<&Path> {
        match self {
            Self::StorePassword(work) => Some(&work.secrets),
            Self::RotateKey(work) => Some(&work.secrets),
            Self::EndRotation(work) => Some(&work.secrets),
            _ => None,
        }
    }

    /// Whether it opens its repository, and so needs the password and what its place asks for.
    pub fn opens_repository(&self) -> bool {
        !matches!(self, Self::Watch(_) | Self::Reach { .. } | Self::Reveal)
    }

    /// The other repository that it opens.
    pub fn beside(&self) -> Option<&RepositorySpec> {
        match self {
            Self::Copy(work) => Some(&work.from),
            Self::Move(work) => Some(&work.other),
            _ => None,
        }
    }

    /// Whether it needs the password.
    pub fn needs_password(&self) -> bool {
        self.opens_repository() || matches!(self, Self::Reveal)
    }
}

/// A backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupWork {
    /// Absolute paths that must exist.
    pub sources: Vec<PathBuf>,
    /// Absolute paths that are stored where they exist.
    pub optional_sources: Vec<PathBuf>,
    /// Only what matches one of these; empty for everything.
    pub include: Vec<String>,
    /// Not what matches one of these.
    pub exclude: Vec<String>,
    /// Not what lies in a directory with a file of one of these names.
    pub exclude_if_present: Vec<String>,
    /// Not what lies in a tagged cache directory.
    pub exclude_caches: bool,
    /// No file larger than this many bytes.
    pub exclude_larger_than: Option<u64>,
    /// Stay on the file system of each source.
    pub one_file_system: bool,
    /// Tags beside the job's own.
    pub tags: Vec<String>,
    /// Host name in the snapshot; the machine's own where `None`.
    pub host: Option<String>,
    /// What others have made and it may be compared with.
    #[serde(default)]
    pub adopts: Vec<Adopts>,
    /// Free text in the snapshot.
    pub description: Option<String>,
    /// zstd level, 0 for none.
    pub compression: Option<i32>,
    /// What is checked afterwards.
    pub verify: Verify,
    /// What is known of the room that it needs.
    #[serde(default)]
    pub foreseen: Foreseen,
}

/// A restore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreWork {
    /// Id, unique prefix, or `latest`.
    pub snapshot: String,
    /// Which ones `snapshot` may name.
    pub filter: SnapshotFilter,
    /// Absolute paths in the snapshot; empty for all of it.
    pub paths: Vec<PathBuf>,
    /// Empty or missing directory.
    pub target: PathBuf,
}

/// A listing of files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListWork {
    /// Id, unique prefix, or `latest`.
    pub snapshot: String,
    /// Which ones `snapshot` may name.
    pub filter: SnapshotFilter,
    /// Absolute path in the snapshot.
    pub path: PathBuf,
    /// Also what lies below.
    pub recursive: bool,
}

/// What is watched, and when to tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchWork {
    /// The backup that would store it.
    pub backup: BackupWork,
    /// Directories that are passed over: our own change with each run.
    pub own: Vec<PathBuf>,
    /// A change is told once nothing has changed for so long,
    pub quiet: SignedDuration,
    /// or at last so long after it.
    pub longest: SignedDuration,
    /// What changed since then is news; everything is where `None`.
    pub since: Option<Timestamp>,
}

/// Where a password is kept, and what must hold first. What is kept already is never overwritten.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorePasswordWork {
    /// In what.
    pub keep: Keep,
    /// Folder of plain password files; made where it is missing.
    pub secrets: PathBuf,
    /// Keep it even if the repository cannot be asked whether it opens it.
    pub unchecked: bool,
}

/// In what a password is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// A credential where systemd runs and can encrypt, else a file.
    #[default]
    Auto,
    /// An encrypted credential of systemd.
    Credential,
    /// A file for its owner's eyes only.
    File,
}

/// A word that is no [`Keep`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a password is kept as `auto`, `credential` or `file`")]
pub struct UnknownKeep;

impl FromStr for Keep {
    type Err = UnknownKeep;
    fn from_str(word: &str) -> Result<Self, UnknownKeep> {
        match word {
            "auto" => Ok(Self::Auto),
            "credential" => Ok(Self::Credential),
            "file" => Ok(Self::File),
            _ => Err(UnknownKeep),
        }
    }
}

/// Which snapshots are meant. Empty matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SnapshotFilter {
    /// Only of this job.
    pub job: Option<JobName>,
    /// Only of this host.
    pub host: Option<String>,
    /// Only with all of these tags.
    pub tags: Vec<String>,
    /// The jobs that store into the repository, and what of others each takes for its own.
    pub owners: Vec<JobOwner>,
}

/// What a job takes for its own in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobOwner {
    /// The job.
    pub job: JobName,
    /// Host name in what it makes; the machine's own where `None`.
    pub host: Option<String>,
    /// What others have made.
    pub adopts: Vec<Adopts>,
}

/// The tag that marks the snapshots of a job.
pub fn job_tag(job: &JobName) -> String {
    format!("job={job}")
}

/// The job that a snapshot's tags name.
pub fn job_of_tags<'a>(tags: impl IntoIterator<Item = &'a str>) -> Option<JobName> {
    tags.into_iter()
        .find_map(|tag| tag.strip_prefix("job=")?.parse().ok())
}
