//! What somebody is told who may not.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use backupd_core::name::{JobName, RepositoryName};
use backupd_dbus::Error;

use super::Call;
use crate::{journal::messages, ports::Caller};

/// Who was refused what.
macro_rules! log {
    ($level:ident, $id:expr, $call:expr, $caller:expr, $($why:tt)+) => {
        if is_told() {
            let (call, caller): (&Call<'_>, &Caller) = ($call, $caller);
            tracing::$level!(
                MESSAGE_ID = $id,
                BACKUPD_ACTION = call.action.id(),
                BACKUPD_JOB = call.about.job.as_ref().map(JobName::as_str),
                BACKUPD_REPOSITORY = call.about.repository.as_ref().map(RepositoryName::as_str),
                BACKUPD_CALLER_UID = caller.uid,
                BACKUPD_CALLER_PID = caller.pid,
                BACKUPD_CALLER_BUS_NAME = caller.bus_name,
                "user {} may not {}{}: {}",
                caller.uid,
                call.action.verb(),
                call.about,
                format_args!($($why)+)
            );
        }
    };
}

/// So many refusals are told in a minute. Anybody can be refused as often as they like, and what the journal drops
/// then is not theirs alone; the audit log counts them all.
const TOLD_A_MINUTE: u32 = 20;

fn is_told() -> bool {
    static TOLD: Mutex<Option<(Instant, u32)>> = Mutex::new(None);
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    let (since, count) = told
        .filter(|(since, _)| since.elapsed() < Duration::from_mins(1))
        .unwrap_or_else(|| (Instant::now(), 0));
    *told = Some((since, count.saturating_add(1)));
    count < TOLD_A_MINUTE
}

/// Why polkit, or what became of it, does not allow a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// A rule or the default says no.
    Forbidden,
    /// Somebody would have to authenticate, and nobody was asked.
    Challenge,
    /// The question was put aside.
    Dismissed,
    /// The question was not answered as it should be, or a rule says no.
    Failed,
    /// Too many questions are open already.
    Crowded,
    /// polkit said nothing for so long.
    Silent(Duration),
    /// polkit cannot be asked.
    Absent(String),
    /// These are the backups of that user alone.
    Foreign(u32),
}

/// The error of the contract, which names what was refused and what helps; the log has who it was.
pub(super) fn refused(call: &Call<'_>, caller: &Caller, why: &Refused) -> Error {
    let what = format!("{}{}", call.action.verb(), call.about);
    let action = call.action.id();
    let (reason, hint) = match why {
        Refused::Forbidden => (
            "polkit does not allow it".to_owned(),
            format!(
                "call `backupctl` with `sudo`, or have an administrator allow `{action}`: see backupd(8)"
            ),
        ),
        Refused::Challenge => (
            "you have to authenticate for that, and nobody could ask you".to_owned(),
            "call `backupctl` on a terminal without `--no-ask-password`, or with `sudo`".to_owned(),
        ),
        Refused::Dismissed => (
            "you were asked to authenticate and did not".to_owned(),
            "try again and answer, or call `backupctl` with `sudo`".to_owned(),
        ),
        Refused::Failed => (
            "authentication failed".to_owned(),
            format!(
                "try again, call `backupctl` with `sudo`, or have an administrator allow `{action}`: see backupd(8)"
            ),
        ),
        Refused::Crowded => (
            "too many calls wait for polkit already".to_owned(),
            "wait for the answers of earlier calls; root needs no polkit: call `backupctl` with `sudo`"
                .to_owned(),
        ),
        Refused::Silent(patience) => (
            format!("polkit, which decides, has not answered for {patience:?}"),
            "`systemctl status polkit` tells more; root needs no polkit: call `backupctl` with `sudo`"
                .to_owned(),
        ),
        Refused::Absent(error) => (
            format!("polkit, which decides, cannot be asked: {error}"),
            "`systemctl status polkit` tells more; root needs no polkit: call `backupctl` with `sudo`"
                .to_owned(),
        ),
        Refused::Foreign(owner) => (
            format!("these are the backups of user {owner}"),
            "your own are reached with `--user`, the machine's with `--system`".to_owned(),
        ),
    };
    let text = format!("you may not {what}: {reason}\nhint: {hint}");
    match why {
        Refused::Silent(_) | Refused::Absent(_) => {
            log!(warn, messages::POLKIT_TROUBLE, call, caller, "{reason}");
            Error::NotAuthorized(text)
        }
        _ => {
            log!(info, messages::REFUSED, call, caller, "{reason}");
            match why {
                Refused::Crowded => Error::LimitsExceeded(text),
                Refused::Challenge => Error::NotAuthorizedCanObtain(text),
                Refused::Dismissed => Error::NotAuthorizedDismissed(text),
                _ => Error::NotAuthorized(text),
            }
        }
    }
}
