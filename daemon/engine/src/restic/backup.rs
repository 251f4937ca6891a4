//! Stores the sources as one snapshot, by `restic backup`.

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
};

use crate::{
    Access, BackupReport, BackupRequest, Cancellation, Engine, EngineError, ErrorKind, Observer, Phase,
    Progress, Result, SnapshotQuery, Warning,
    embedded::{
        Embedded,
        beside::{self, Claim, Prospect},
    },
    store::Kind,
};

use super::{
    child::Listener,
    command::command,
    failure, locks,
    message::{Message, Status, Summary, Trouble},
    patterns,
    program::{Program, Version},
};

/// From here on the summary says how many bytes were written.
const SAYS_WRITTEN: Version = Version(0, 17, 0);
/// The snapshot is there, and something of the sources is not in it.
const INCOMPLETE: i32 = 3;
/// So many files are remembered, to be told of once.
const MOST_TOLD: usize = 10_000;

pub(super) fn run(
    program: &Program,
    access: &Access,
    request: &BackupRequest,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<BackupReport> {
    let version = program.version()?;
    if let Some(tag) = request.tags.iter().find(|tag| tag.contains(',')) {
        return Err(EngineError::new(
            ErrorKind::InvalidRequest,
            format!("restic takes no comma in a tag, and there is one in `{tag}`"),
        ));
    }
    let exclude = patterns::exclude(request)?;
    observer.phase(Phase::Open);
    locks::tidy(access)?;
    beside::wait_for_lock(access, Claim::Shared, observer, cancellation)?;
    let prospect = beside::before_backup(access, request, cancellation)?;
    for warning in &prospect.warnings {
        observer.warning(warning.clone());
    }
    observer.phase(Phase::Index);
    let before = if version < SAYS_WRITTEN {
        Some(beside::files(access, Kind::Index)?)
    } else {
        None
    };
    let mut command = command(program, access, "backup")?;
    command.args(["--json", "--host", &request.host]);
    command.args(request.tags.iter().map(|tag| format!("--tag={tag}")));
    command.args(exclude.iter().map(|pattern| format!("--exclude={pattern}")));
    command.args(
        request
            .exclude_if_present
            .iter()
            .map(|name| format!("--exclude-if-present={name}")),
    );
    if request.exclude_caches {
        command.arg("--exclude-caches");
    }
    if let Some(bytes) = request.exclude_larger_than {
        command.arg(format!("--exclude-larger-than={bytes}"));
    }
    if request.one_file_system {
        command.arg("--one-file-system");
    }
    match &prospect.parent {
        Some(parent) => command.args(["--parent", parent]),
        None => command.arg("--force"),
    };
    match request.compression {
        None => {}
        Some(0) => {
            command.args(["--compression", "off"]);
        }
        // It has two levels: its own, and the highest.
        Some(level) => {
            command.args(["--compression", if level > 10 { "max" } else { "auto" }]);
        }
    }
    command.arg("--").args(&prospect.sources);
    observer.phase(Phase::Scan);
    observer.phase(Phase::Backup);
    let mut listener = Backup {
        access,
        observer,
        prospect: &prospect,
        told: HashSet::new(),
        unreadable: 0,
        lost_source: None,
        summary: None,
    };
    let ended = locks::run(
        command,
        access,
        Claim::Shared,
        &mut listener,
        (observer, cancellation),
    )?;
    let is_incomplete = ended.status.code() == Some(INCOMPLETE);
    let Some(summary) = listener
        .summary
        .take()
        .filter(|_| ended.status.success() || is_incomplete)
    else {
        let error = failure::explain(access, "back up to", ended.status, &ended.said);
        return Err(if error.kind() == ErrorKind::Other && is_full(access) {
            EngineError::new(ErrorKind::NoSpace, error.to_string()).caused_by(error)
        } else {
            error
        });
    };
    let unreadable = listener.unreadable;
    if let Some(source) = listener.lost_source.take() {
        return Err(without(program, access, &source, &summary.snapshot_id, observer));
    }
    let report = report(access, &summary, unreadable, before.as_ref())?;
    observer.progress(Progress {
        files_done: report.files_new + report.files_changed + report.files_unmodified,
        files_total: report.files_new + report.files_changed + report.files_unmodified,
        bytes_done: report.bytes_processed,
        bytes_total: report.bytes_processed,
        bytes_added: report.bytes_added,
        unreadable,
        current: None,
    });
    Ok(report)
}

/// What is left of the sources looks whole to whoever restores it: the snapshot without one of them goes.
fn without(
    program: &Program,
    access: &Access,
    source: &Path,
    snapshot: &str,
    observer: &dyn Observer,
) -> EngineError {
    let removed = beside::find(access, snapshot, &SnapshotQuery::default(), &[])
        .and_then(|snapshot| super::forget::remove(program, access, &[snapshot.id], observer));
    let missing = format!(
        "the source `{}` went away while it was backed up",
        source.display()
    );
    match removed {
        Ok(()) => EngineError::new(ErrorKind::SourceMissing, missing),
        Err(error) => EngineError::new(
            ErrorKind::SourceMissing,
            format!("{missing}, and the snapshot `{snapshot}` without it could not be removed"),
        )
        .caused_by(error),
    }
}

/// An SFTP server says no more than that it failed. Who has no room for two packs had none for the one that was refused.
fn is_full(access: &Access) -> bool {
    const TWO_PACKS: u64 = 32 << 20;
    let room = Embedded::new().room(access, false);
    room.is_ok_and(|room| room.space.is_some_and(|space| space.free < TWO_PACKS))
}

struct Backup<'a> {
    access: &'a Access,
    observer: &'a dyn Observer,
    prospect: &'a Prospect,
    told: HashSet<PathBuf>,
    unreadable: u64,
    /// A source that went away after it was looked at.
    lost_source: Option<PathBuf>,
    summary: Option<Box<Summary>>,
}

impl Listener for Backup<'_> {
    fn message(&mut self, message: Message) {
        match message {
            Message::Status(status) => self.observer.progress(self.progress(status)),
            Message::Error(trouble) => self.trouble(&trouble),
            Message::Summary(summary) => self.summary = Some(summary),
            _ => {}
        }
    }

    fn line(&mut self, line: &str) {
        if let Some(path) = line.strip_suffix(" does not exist, skipping") {
            self.lost_source = Some(path.into());
        }
    }

    fn look(&mut self) -> Result<()> {
        self.prospect.check_room(self.access)
    }
}

impl Backup<'_> {
    fn progress(&self, status: Status) -> Progress {
        Progress {
            files_done: status.files_done,
            files_total: status.total_files,
            bytes_done: status.bytes_done,
            bytes_total: status.total_bytes,
            bytes_added: 0,
            unreadable: self.unreadable,
            current: status.current_files.into_iter().next(),
        }
    }

    fn trouble(&mut self, trouble: &Trouble) {
        if trouble.during == "scan" || self.told.contains(&trouble.item) {
            return;
        }
        if self.told.len() < MOST_TOLD {
            self.told.insert(trouble.item.clone());
        }
        let vanished = trouble.is_vanished();
        if vanished && self.prospect.sources.contains(&trouble.item) {
            self.lost_source = Some(trouble.item.clone());
        }
        let reason = if vanished {
            "vanished before it was read".to_owned()
        } else {
            self.unreadable += 1;
            trouble.reason()
        };
        self.observer.warning(Warning {
            path: trouble.item.clone(),
            reason,
        });
    }
}

fn report(
    access: &Access,
    summary: &Summary,
    unreadable: u64,
    before: Option<&BTreeMap<String, u64>>,
) -> Result<BackupReport> {
    let snapshot = beside::find(access, &summary.snapshot_id, &SnapshotQuery::default(), &[])?;
    let bytes_stored = match (summary.data_added_packed, before) {
        (Some(bytes), _) => bytes,
        // What the index files say that came meanwhile; of others' backups at the same time, too.
        (None, Some(before)) => {
            let names: Vec<String> = beside::files(access, Kind::Index)?
                .into_keys()
                .filter(|name| !before.contains_key(name))
                .collect();
            beside::bytes_indexed(access, &names)?
        }
        (None, None) => summary.data_added,
    };
    Ok(BackupReport {
        snapshot,
        files_new: summary.files_new,
        files_changed: summary.files_changed,
        files_unmodified: summary.files_unmodified,
        files_unreadable: unreadable,
        directories: summary.dirs_new + summary.dirs_changed + summary.dirs_unmodified,
        bytes_processed: summary.total_bytes_processed,
        // It does not say how much it has read; this much was new in it.
        bytes_read: if summary.files_new + summary.files_changed == 0 {
            0
        } else {
            summary.data_added
        },
        bytes_added: summary.data_added,
        bytes_stored,
    })
}
