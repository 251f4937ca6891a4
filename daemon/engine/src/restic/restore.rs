//! Writes a snapshot, or paths of it, back, by `restic restore`.

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::{
    Access, Cancellation, EngineError, ErrorKind, Observer, Phase, Progress, RestoreReport, RestoreRequest,
    Result, Warning,
    embedded::beside::{self, Claim},
};

use super::{
    child::Listener,
    command::command,
    failure, locks,
    message::{self, Message},
    patterns::escaped,
    program::Program,
};

/// What could not be written back as it was; it ends with an error, and all else is there.
const IGNORED: &str = "ignoring error for ";

pub(super) fn run(
    program: &Program,
    access: &Access,
    request: &RestoreRequest,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<RestoreReport> {
    program.version()?;
    observer.phase(Phase::Open);
    let snapshot = beside::find(access, &request.snapshot, &request.query, &request.paths)?;
    observer.phase(Phase::Index);
    locks::tidy(access)?;
    let target = beside::make_target(access, &request.target)?;
    observer.phase(Phase::Scan);
    let mut command = command(program, access, "restore")?;
    command.args(["--json", &snapshot.id, "--target"]).arg(&target);
    for path in &request.paths {
        let path: PathBuf = path.components().collect();
        let Some(path) = path.to_str().filter(|path| !path.contains(['\n', '\r'])) else {
            return Err(EngineError::new(
                ErrorKind::InvalidRequest,
                format!(
                    "restic cannot be asked for `{}`; restore a directory above it",
                    path.display()
                ),
            ));
        };
        command.arg(format!("--include={}", escaped(path)));
    }
    observer.phase(Phase::Restore);
    let mut listener = Restore {
        observer,
        files: snapshot.files.unwrap_or_default(),
        failed: 0,
        told: HashSet::new(),
        is_full: false,
    };
    let ended = locks::run(
        command,
        access,
        Claim::Shared,
        &mut listener,
        (observer, cancellation),
    )?;
    // It fails at its end for each thing that it has told of.
    let failed = listener.failed;
    if listener.is_full {
        return Err(EngineError::new(
            ErrorKind::NoSpace,
            format!(
                "there is no room left for all that is restored to `{}`",
                target.display()
            ),
        ));
    }
    if !ended.status.success() && (failed == 0 || !told_all(&ended.said)) {
        return Err(failure::explain(
            access,
            "restore from",
            ended.status,
            &ended.said,
        ));
    }
    let mut report = RestoreReport {
        snapshot: snapshot.id,
        failed,
        ..RestoreReport::default()
    };
    count(&target, &mut report);
    observer.progress(Progress {
        files_done: report.files,
        files_total: report.files,
        bytes_done: report.bytes,
        bytes_total: report.bytes,
        unreadable: failed,
        ..Progress::default()
    });
    Ok(report)
}

/// Whether what it says last is how many errors it has told of.
fn told_all(said: &str) -> bool {
    let last = said.lines().next_back().unwrap_or_default();
    last.contains("There were ") && last.contains(" errors")
}

struct Restore<'a> {
    observer: &'a dyn Observer,
    /// What the snapshot says; versions that say nothing on their way have no other total.
    files: u64,
    failed: u64,
    /// It may have more than one thing to say of a file.
    told: HashSet<PathBuf>,
    is_full: bool,
}

impl Restore<'_> {
    fn warn(&mut self, path: PathBuf, reason: String) {
        self.is_full |= reason.contains("o space left on device");
        if !self.told.insert(path.clone()) {
            return;
        }
        self.failed += 1;
        self.observer.warning(Warning { path, reason });
    }
}

impl Listener for Restore<'_> {
    fn message(&mut self, message: Message) {
        match message {
            Message::Status(status) => self.observer.progress(Progress {
                files_done: status.files_restored,
                files_total: status.total_files.max(self.files),
                bytes_done: status.bytes_restored,
                bytes_total: status.total_bytes,
                unreadable: self.failed,
                ..Progress::default()
            }),
            Message::Error(trouble) => self.warn(trouble.item.clone(), trouble.reason()),
            _ => {}
        }
    }

    fn line(&mut self, line: &str) {
        if let Some((path, reason)) = line.strip_prefix(IGNORED).and_then(|rest| rest.split_once(": ")) {
            self.warn(path.into(), message::plain(reason));
        }
    }
}

/// What is in the directory, which was empty before.
fn count(directory: &Path, report: &mut RestoreReport) {
    let mut ahead = vec![directory.to_owned()];
    let mut seen = HashSet::new();
    while let Some(directory) = ahead.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries.filter_map(std::result::Result::ok) {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                report.directories += 1;
                ahead.push(entry.path());
                continue;
            }
            report.files += 1;
            if metadata.is_file() && (metadata.nlink() == 1 || seen.insert(metadata.ino())) {
                report.bytes += metadata.len();
            }
        }
    }
}
