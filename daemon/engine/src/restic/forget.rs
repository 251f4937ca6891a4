//! Removes snapshots, by `restic forget`, once their files are kept elsewhere.

use crate::{
    Access, Cancellation, ForgetReport, ForgetRequest, Observer, Phase, Progress, Result,
    embedded::beside::{self, Claim},
};

use super::{child::Nobody, command::command, failure, locks, program::Program};

/// So many ids are named in one call: each opens the repository and lists all of them anew. They take 365 KB of the 2 MiB
/// that arguments may have.
const AT_ONCE: usize = 5000;

pub(super) fn run(
    program: &Program,
    access: &Access,
    request: &ForgetRequest,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<ForgetReport> {
    program.version()?;
    observer.phase(Phase::Open);
    locks::tidy(access)?;
    beside::wait_for_lock(access, Claim::Exclusive, observer, cancellation)?;
    observer.phase(Phase::Forget);
    let report = beside::keep(access, request, cancellation)?;
    remove(program, access, &report.forgotten, observer)?;
    let count = report.forgotten.len() as u64;
    observer.progress(Progress {
        files_done: count,
        files_total: count,
        ..Progress::default()
    });
    Ok(report)
}

/// From here on nobody is asked whether to go on.
pub(super) fn remove(
    program: &Program,
    access: &Access,
    snapshots: &[String],
    observer: &dyn Observer,
) -> Result<()> {
    for some in snapshots.chunks(AT_ONCE) {
        let mut command = command(program, access, "forget")?;
        command.arg("--").args(some);
        let watch = (observer, &Cancellation::default());
        let ended = locks::run(command, access, Claim::Exclusive, &mut Nobody, watch)?;
        if !ended.status.success() {
            return Err(failure::explain(
                access,
                "remove snapshots from",
                ended.status,
                &ended.said,
            ));
        }
    }
    Ok(())
}
