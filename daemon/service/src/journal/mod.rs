//! What the journal gets beside the text: the id of the message, and the run that it is about.
//!
//! The fields are `BACKUPD_RUN`, `BACKUPD_JOB`, `BACKUPD_REPOSITORY`, `BACKUPD_OPERATION`, `BACKUPD_ATTEMPT`,
//! `BACKUPD_RESULT`, and those that an entry adds.

mod layer;
pub(crate) mod messages;
mod settle;
mod writer;

/// An entry about a run: `of_run!(info, messages::RUN_STARTED, &run, "{} starts", title(&run))`.
macro_rules! of_run {
    ($level:ident, $id:expr, $run:expr, $($rest:tt)+) => {{
        let run: &backupd_core::run::Run = $run;
        tracing::$level!(
            MESSAGE_ID = $id,
            BACKUPD_RUN = %run.id,
            BACKUPD_JOB = run.job.as_ref().map(backupd_core::name::JobName::as_str),
            BACKUPD_REPOSITORY = run.repository.as_str(),
            BACKUPD_OPERATION = run.operation.as_str(),
            BACKUPD_ATTEMPT = run.attempts.last().map(|attempt| attempt.number),
            BACKUPD_RESULT = run.result.map(backupd_core::run::RunResult::as_str),
            $($rest)+
        )
    }};
}
pub(crate) use layer::{JournalLayer, lost};
pub(crate) use of_run;
pub(crate) use settle::settle;
pub(crate) use writer::Writer;

#[cfg(test)]
mod tests;
