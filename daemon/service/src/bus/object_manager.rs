//! `org.freedesktop.DBus.ObjectManager` of the root.
//!
//! That of zbus makes a tree of variants of all objects before it writes a byte: with ten thousand jobs this alone
//! takes more than all the rest of the daemon. This one writes each object straight from what is shown of it.

use std::collections::{BTreeMap, HashMap};

use backupd_dbus::{JOB_INTERFACE, REPOSITORY_INTERFACE, RUN_INTERFACE};
use serde::{Serialize, Serializer, ser::SerializeMap};
use zbus::{
    ObjectPath, Signature, Type, Variant, fdo, interface, names::InterfaceName, object_server::SignalEmitter,
};

use super::{family::Objects, objects::Shows};
use crate::coordinator::{JobView, RepositoryView, RunView};

/// See the module.
pub(super) struct ObjectManager {
    pub(super) managed: Managed,
}

/// All objects below the root: `a{oa{sa{sv}}}`.
#[derive(Clone)]
pub(super) struct Managed {
    pub(super) repositories: Objects<RepositoryView>,
    pub(super) runs: Objects<RunView>,
    pub(super) jobs: Objects<JobView>,
}

#[interface(name = "org.freedesktop.DBus.ObjectManager", introspection_docs = false)]
impl ObjectManager {
    /// Each object below this one, with its interface and the properties of that.
    fn get_managed_objects(&self) -> Managed {
        self.managed.clone()
    }

    /// An object has come.
    #[zbus(signal)]
    pub(super) async fn interfaces_added(
        emitter: &SignalEmitter<'_>,
        object_path: ObjectPath<'_>,
        interfaces_and_properties: HashMap<InterfaceName<'_>, HashMap<&str, Variant<'_>>>,
    ) -> zbus::Result<()>;

    /// An object has gone.
    #[zbus(signal)]
    pub(super) async fn interfaces_removed(
        emitter: &SignalEmitter<'_>,
        object_path: ObjectPath<'_>,
        interfaces: &[InterfaceName<'_>],
    ) -> zbus::Result<()>;
}

impl Type for Managed {
    const SIGNATURE: &'static Signature = fdo::ManagedObjects::SIGNATURE;
}

impl Serialize for Managed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        write(&mut map, REPOSITORY_INTERFACE, &self.repositories)?;
        write(&mut map, RUN_INTERFACE, &self.runs)?;
        write(&mut map, JOB_INTERFACE, &self.jobs)?;
        map.end()
    }
}

fn write<M: SerializeMap, V: Shows>(
    map: &mut M,
    interface: &str,
    objects: &Objects<V>,
) -> Result<(), M::Error> {
    for (path, object) in objects.read().iter() {
        map.serialize_entry(
            path,
            &BTreeMap::from([(interface, object.shown.view().properties())]),
        )?;
    }
    Ok(())
}
