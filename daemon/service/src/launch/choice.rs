//! Which launcher it is.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use backupd_core::{config::LauncherChoice, unit::ServiceManager};
use futures_util::StreamExt as _;
use zbus::{Connection, fdo::DBusProxy};

use super::systemd::{NAME, Systemd};

/// A manager that has not joined its bus by then will not.
const SOON: Duration = Duration::from_secs(10);

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
    let silent = |error: zbus::Error| Unavailable::Silent(error.to_string());
    let bus = DBusProxy::new(connection).await.map_err(silent)?;
    let mut changes = bus
        .receive_name_owner_changed_with_args(&[(0, NAME)])
        .await
        .map_err(silent)?;
    let name = NAME.try_into().map_err(silent)?;
    let owned = bus.name_has_owner(name).await;
    if !owned.map_err(|error| silent(error.into()))? {
        // A bus that has just been started for us is joined by the manager a moment after us. A private one is not:
        // whoever runs on it is not of that manager's world.
        let joined = is_its_bus(manager) && tokio::time::timeout(SOON, changes.next()).await.is_ok();
        if !joined {
            return Err(Unavailable::NotOnBus);
        }
    }
    Systemd::new(connection).await.map_err(silent)
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
