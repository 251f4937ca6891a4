//! The objects of one interface: they come, change and go, and the bus is told.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use backupd_dbus::ROOT_PATH;
use tokio::time::Instant;
use zbus::{
    Connection, OwnedObjectPath, Variant, fdo,
    names::InterfaceName,
    object_server::{Interface, SignalEmitter},
};

use super::{
    object_manager::ObjectManager,
    objects::{Dictionary, Shown, Shows, dictionary, difference},
};

/// A change of patient properties alone is told no more often.
const INTERVAL: Duration = Duration::from_millis(500);

/// See the module.
pub(super) struct Family<V> {
    interface: InterfaceName<'static>,
    /// Properties whose change may wait a little, since they change all the time.
    patient: &'static [&'static str],
    objects: Objects<V>,
    /// Whether anybody is told of objects that come.
    announces: bool,
}

/// The objects of a family by path; clones are the same ones. Nothing is waited for while they are locked.
pub(super) struct Objects<V>(Arc<RwLock<HashMap<OwnedObjectPath, Object<V>>>>);

pub(super) struct Object<V> {
    pub(super) shown: Shown<V>,
    /// What was told last: the next change is told against it.
    told: Arc<V>,
    told_at: Instant,
    /// A change of patient properties waits until then.
    due: Option<Instant>,
}

impl<V: Shows> Family<V> {
    pub(super) fn new(interface: &'static str, patient: &'static [&'static str]) -> Self {
        Self {
            interface: InterfaceName::from_static_str_unchecked(interface),
            patient,
            objects: Objects(Arc::default()),
            announces: false,
        }
    }

    /// All that there are.
    pub(super) fn objects(&self) -> Objects<V> {
        self.objects.clone()
    }

    /// From now on it is told that objects come. Before the daemon has its name nobody could hear it.
    pub(super) fn announce(&mut self) {
        self.announces = true;
    }

    /// Shows an object as it is now; one that is new is made.
    pub(super) async fn show<I: Interface>(
        &mut self,
        connection: &Connection,
        path: OwnedObjectPath,
        view: Arc<V>,
        make: impl FnOnce(Shown<V>) -> I,
    ) -> zbus::Result<()> {
        let known = self.objects.write().get_mut(&path).map(|object| {
            object.shown.set(Arc::clone(&view));
            object.change(self.patient)
        });
        match known {
            Some(changed) => self.tell(connection, &path, &changed?).await,
            None => self.add(connection, path, view, make).await,
        }
    }

    async fn add<I: Interface>(
        &mut self,
        connection: &Connection,
        path: OwnedObjectPath,
        view: Arc<V>,
        make: impl FnOnce(Shown<V>) -> I,
    ) -> zbus::Result<()> {
        let shown = Shown::new(Arc::clone(&view));
        let interface = make(shown.clone());
        connection.object_server().at(&path, interface).await?;
        let object = Object {
            shown,
            told: Arc::clone(&view),
            told_at: Instant::now(),
            due: None,
        };
        self.objects.write().insert(path.clone(), object);
        if !self.announces {
            return Ok(());
        }
        let properties = dictionary(&view.properties())?;
        let interfaces = HashMap::from([(self.interface.as_ref(), borrowed(&properties))]);
        let emitter = SignalEmitter::new(connection, ROOT_PATH)?;
        ObjectManager::interfaces_added(&emitter, path.as_ref(), interfaces).await
    }

    /// Takes an object off the bus.
    pub(super) async fn hide<I: Interface>(
        &mut self,
        connection: &Connection,
        path: OwnedObjectPath,
    ) -> zbus::Result<()> {
        if self.objects.write().remove(&path).is_none() {
            return Ok(());
        }
        connection.object_server().remove::<I, _>(&path).await?;
        let emitter = SignalEmitter::new(connection, ROOT_PATH)?;
        ObjectManager::interfaces_removed(&emitter, path.as_ref(), &[self.interface.as_ref()]).await
    }

    /// When something that waits is to be told.
    pub(super) fn due(&self) -> Option<Instant> {
        self.objects.read().values().filter_map(|object| object.due).min()
    }

    /// Tells what has waited long enough.
    pub(super) async fn tell_due(&mut self, connection: &Connection) -> zbus::Result<()> {
        let now = Instant::now();
        let due = |object: &Object<V>| object.due.is_some_and(|due| due <= now);
        let changes: Vec<_> = self
            .objects
            .write()
            .iter_mut()
            .filter(|(_, object)| due(object))
            .map(|(path, object)| (path.clone(), object.change(&[])))
            .collect();
        for (path, changed) in changes {
            self.tell(connection, &path, &changed?).await?;
        }
        Ok(())
    }

    async fn tell(
        &self,
        connection: &Connection,
        path: &OwnedObjectPath,
        changed: &Dictionary,
    ) -> zbus::Result<()> {
        if changed.is_empty() {
            return Ok(());
        }
        let emitter = SignalEmitter::new(connection, path)?;
        let interface = self.interface.as_ref();
        fdo::Properties::properties_changed(&emitter, interface, borrowed(changed), (&[][..]).into()).await
    }
}

impl<V> Clone for Objects<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<V> Objects<V> {
    pub(super) fn read(&self) -> RwLockReadGuard<'_, HashMap<OwnedObjectPath, Object<V>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<OwnedObjectPath, Object<V>>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Shows> Object<V> {
    /// What is to be told now, and counts as told; nothing where patient properties alone changed not long ago.
    fn change(&mut self, patient: &[&str]) -> zbus::Result<Dictionary> {
        let view = self.shown.view();
        let changed = difference(&*self.told, &*view)?;
        self.due = None;
        if changed.is_empty() {
            return Ok(changed);
        }
        let due = self.told_at + INTERVAL;
        if due > Instant::now() && changed.keys().all(|key| patient.contains(&key.as_str())) {
            self.due = Some(due);
            return Ok(Dictionary::new());
        }
        self.told = view;
        self.told_at = Instant::now();
        Ok(changed)
    }
}

/// As signals take it.
fn borrowed(properties: &Dictionary) -> HashMap<&str, Variant<'_>> {
    properties
        .iter()
        .map(|(name, value)| (name.as_str(), (**value).clone()))
        .collect()
}
