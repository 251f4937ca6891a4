//! Which launcher it is.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use backupd_core::{config::LauncherChoice, unit::ServiceManager};
use futures_util::StreamExt as _;
use zbus::{Connection, fdo::DBusProxy};

use super::systemd::{NAME, Systemd};
use crate::failure::Failure;

/// A manager that has not joined its bus, or answered, by then will not.
const SOON: Duration = Duration::from_secs(10);
/// How often it is asked, and how long it is left alone between.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// Why workers are not started through systemd.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unavailable {
    /// The settings do not want it.
    #[error("`launcher` is `child`")]
    Unwanted,
    /// Another init, or none.
    #[error("the machine was not booted with systemd")]
    NotBooted,
    /// The user has no service manager.
    #[error("the user has no service manager")]
    NoUserManager,
    /// It is somewhere, but not on our bus.
    #[error("systemd is not on our bus")]
    NotOnBus,
    /// It does not want to hear of us.
    #[error("systemd does not answer: {0}")]
    Silent(String),
}

/// The service manager, where it is wanted and there.
pub(crate) async fn choose(
    wanted: LauncherChoice,
    manager: ServiceManager,
    connection: &Connection,
) -> Result<Systemd, Unavailable> {
    if wanted == LauncherChoice::Child {
        return Err(Unavailable::Unwanted);
    }
    match manager {
        // As sd_booted(3) has it.
        ServiceManager::System if !Path::new("/run/systemd/system").is_dir() => {
            return Err(Unavailable::NotBooted);
        }
        ServiceManager::User if !has_user_manager() => return Err(Unavailable::NoUserManager),
        _ => {}
    }
    // One error, such as that of a manager that begins anew, says nothing of the next try.
    let mut tries = 1;
    loop {
        match reach(manager, connection).await {
            Err(Unavailable::Silent(reason)) if tries < TRIES => {
                tracing::warn!("systemd is asked again, for it does not answer: {reason}");
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

/// Whether children of ours can serve where systemd starts no workers, and if not, why the daemon has to end.
pub(crate) fn children_serve(
    wanted: LauncherChoice,
    reason: &Unavailable,
    confined: bool,
) -> Result<(), Failure> {
    match (wanted, reason) {
        (_, Unavailable::Unwanted) if confined => Err(Failure::Confined),
        (_, Unavailable::Unwanted) => Ok(()),
        // It is there: without an answer nobody knows whether it has workers of ours.
        (_, Unavailable::Silent(_)) => Err(Failure::Launcher(reason.clone())),
        (LauncherChoice::Auto, _) if !confined => Ok(()),
        _ => Err(Failure::Launcher(reason.clone())),
    }
}

/// Whether we are in the sandbox of our own system unit. A child would share it: it could not read what it is to back
/// up, would find an empty `/tmp`, and would end with us.
pub(crate) fn is_confined(manager: ServiceManager) -> bool {
    manager == ServiceManager::System
        && std::env::var_os("INVOCATION_ID").is_some()
        && std::fs::read_to_string("/proc/self/status").is_ok_and(|status| has_no_capability(&status))
}

/// Whether a process, by its `/proc/PID/status`, can never have one.
fn has_no_capability(status: &str) -> bool {
    let bounding = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    bounding.is_some_and(|set| u64::from_str_radix(set.trim(), 16) == Ok(0))
}

/// The manager, if it is on our bus and answers.
async fn reach(manager: ServiceManager, connection: &Connection) -> Result<Systemd, Unavailable> {
    let silent = |error: zbus::Error| Unavailable::Silent(error.to_string());
    let bus = DBusProxy::new(connection).await.map_err(silent)?;
    let mut changes = bus
        .receive_name_owner_changed_with_args(&[(0, NAME)])
        .await
        .map_err(silent)?;
    let name = NAME.try_into().map_err(silent)?;
    let owned = tokio::time::timeout(SOON, bus.name_has_owner(name))
        .await
        .map_err(|_| Unavailable::Silent("the bus does not say whether it is there".to_owned()))?;
    if !owned.map_err(|error| silent(error.into()))? {
        // A bus that has just been started for us is joined by the manager a moment after us. A private one is not:
        // whoever runs on it is not of that manager's world.
        let joined = is_its_bus(manager) && tokio::time::timeout(SOON, changes.next()).await.is_ok();
        if !joined {
            return Err(Unavailable::NotOnBus);
        }
    }
    tokio::time::timeout(SOON, Systemd::new(connection))
        .await
        .unwrap_or_else(|_| Err(zbus::Error::Failure(format!("not within {} s", SOON.as_secs()))))
        .map_err(silent)
}

fn runtime() -> Option<PathBuf> {
    std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)
}

fn has_user_manager() -> bool {
    runtime().is_some_and(|runtime| runtime.join("systemd").is_dir())
}

/// Whether our bus is the one that the manager is on, or will be.
fn is_its_bus(manager: ServiceManager) -> bool {
    match manager {
        ServiceManager::System => std::env::var_os("DBUS_SYSTEM_BUS_ADDRESS").is_none(),
        ServiceManager::User => std::env::var("DBUS_SESSION_BUS_ADDRESS").map_or(true, |address| {
            runtime()
                .is_some_and(|runtime| address.starts_with(&format!("unix:path={}/bus", runtime.display())))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_serve_where_there_is_no_systemd_and_never_in_the_sandbox_of_our_unit() {
        use LauncherChoice::{Auto, Child, Systemd};
        let silent = Unavailable::Silent("no".to_owned());
        let absent = [
            Unavailable::NotBooted,
            Unavailable::NoUserManager,
            Unavailable::NotOnBus,
        ];
        let serve = |wanted, reason: &Unavailable, confined| children_serve(wanted, reason, confined).is_ok();
        for reason in &absent {
            assert!(serve(Auto, reason, false), "{reason}");
            assert!(!serve(Auto, reason, true), "{reason}");
            assert!(!serve(Systemd, reason, false), "{reason}");
        }
        assert!(!serve(Auto, &silent, false));
        assert!(!serve(Systemd, &silent, false));
        assert!(serve(Child, &Unavailable::Unwanted, false));
        let refused = children_serve(Child, &Unavailable::Unwanted, true).unwrap_err();
        assert!(matches!(refused, Failure::Confined), "{refused}");
    }

    #[test]
    fn a_process_without_a_bounding_set_has_no_capability() {
        let status = |set| format!("Name:\tbackupd\nCapBnd:\t{set}\nCapAmb:\t0000000000000000\n");
        assert!(has_no_capability(&status("0000000000000000")));
        assert!(!has_no_capability(&status("0000000000000004")));
        assert!(!has_no_capability(""));
    }
}
