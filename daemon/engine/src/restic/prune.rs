//! Frees what no snapshot needs, by `restic prune`, which removes at once what it has written anew or found unused.

use std::time::Duration;

use crate::{
    Access, Cancellation, Engine, Observer, Phase, Progress, PruneReport, PruneRequest, Result, Unused,
    embedded::{
        Embedded,
        beside::{self, Claim},
    },
    store::Kind,
};

use super::{check::counted, child::Listener, command::command, failure, locks, program::Program};

pub(super) fn run(
    program: &Program,
    access: &Access,
    request: &PruneRequest,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<PruneReport> {
    program.version()?;
    beside::check_removable(access, cancellation)?;
    locks::tidy(access)?;
    beside::wait_for_lock(access, Claim::Exclusive, observer, cancellation)?;
    // It fails where something is missing that a snapshot needs, as the program would only later.
    let plan = plan(access, request, observer, cancellation)?;
    let before = beside::files(access, Kind::Pack)?;
    let mut command = command(program, access, "prune")?;
    command.arg("--max-unused").arg(match request.max_unused {
        Unused::Percent(percent) if percent < 100 => format!("{percent}%"),
        Unused::Percent(_) | Unused::Any => "unlimited".to_owned(),
        Unused::Bytes(bytes) => bytes.to_string(),
    });
    if let Some(bytes) = request.max_repack {
        command.arg("--max-repack-size").arg(bytes.to_string());
    }
    if request.repack_uncompressed {
        command.arg("--repack-uncompressed");
    }
    observer.phase(Phase::Prune);
    let mut listener = Prune {
        observer,
        repacked: 0,
    };
    let ended = locks::run(
        command,
        access,
        Claim::Exclusive,
        &mut listener,
        (observer, cancellation),
    )?;
    if !ended.status.success() {
        return Err(failure::explain(access, "prune", ended.status, &ended.said));
    }
    let after = beside::files(access, Kind::Pack)?;
    let gone = before.iter().filter(|(name, _)| !after.contains_key(*name));
    let come = after.iter().filter(|(name, _)| !before.contains_key(*name));
    let report = PruneReport {
        packs_removed: gone.clone().count() as u64,
        bytes_freed: gone.map(|(_, size)| size).sum(),
        bytes_written: come.map(|(_, size)| size).sum(),
        packs_repacked: listener.repacked,
        packs_recovered: 0,
        ..plan
    };
    observer.progress(Progress {
        files_done: report.packs_removed,
        files_total: report.packs_removed,
        bytes_done: report.bytes_written,
        bytes_total: report.bytes_written,
        ..Progress::default()
    });
    Ok(report)
}

/// As the embedded engine would do it at once; the program may choose other packs for the same end.
pub(super) fn plan(
    access: &Access,
    request: &PruneRequest,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<PruneReport> {
    let request = PruneRequest {
        keep_delete: Duration::ZERO,
        ..request.clone()
    };
    Embedded::new().prune_plan(access, &request, observer, cancellation)
}

struct Prune<'a> {
    observer: &'a dyn Observer,
    repacked: u64,
}

impl Listener for Prune<'_> {
    /// `[0:01] 50.00%  1 / 2 packs repacked`, `… 3 / 3 files deleted`.
    fn line(&mut self, line: &str) {
        let Some((done, total)) = counted(line) else {
            return;
        };
        if line.contains("packs repacked") {
            self.repacked = done;
        }
        self.observer.progress(Progress {
            files_done: done,
            files_total: total,
            ..Progress::default()
        });
    }
}
