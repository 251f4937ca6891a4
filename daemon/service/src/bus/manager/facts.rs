//! What never changes of the manager's properties.

use backupd_dbus::ManagerProperties;
use jiff::Timestamp;

use crate::bus::properties::usec;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) scope: &'static str,
    pub(crate) launcher: &'static str,
    pub(crate) launcher_reason: String,
    pub(crate) started: Timestamp,
    pub(crate) configuration: String,
    pub(crate) state: String,
}

impl Facts {
    pub(in crate::bus) fn properties(&self) -> ManagerProperties {
        ManagerProperties {
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            scope: Some(self.scope.to_owned()),
            launcher: Some(self.launcher.to_owned()),
            launcher_reason: Some(self.launcher_reason.clone()),
            started_usec: Some(usec(Some(self.started))),
            configuration_directory: Some(self.configuration.clone()),
            state_directory: Some(self.state.clone()),
            ..ManagerProperties::default()
        }
    }
}
