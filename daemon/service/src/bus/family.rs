//! The objects of one interface: they come, change and go, and the bus is told.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use serde::Serialize;
use tokio::time::Instant;
use zbus::{
    Connection, OwnedObjectPath, Type, Variant, fdo,
    names::InterfaceName,
    object_server::{Interface, SignalEmitter},
};

use super::objects::{Dictionary, Shown, difference};

/// A change of patient properties alone is told no more often.
const INTERVAL: Duration = Duration::from_millis(500);

/// See the module.
pub(super) struct Family<P> {
    interface: &'static str,
    /// Properties whose change may wait a little, since they change all the time.
    patient: &'static [&'static str],
    objects: BTreeMap<String, Object<P>>,
}

struct Object<P> {
    path: OwnedObjectPath,
    shown: Shown<P>,
    /// What was told last: the next change is told against it.
    told: Arc<P>,
    told_at: Instant,
    /// A change of patient properties waits until then.
    due: Option<Instant>,
}

impl<P: Serialize + Type + Send + Sync> Family<P> {
    pub(super) fn new(interface: &'static str, patient: &'static [&'static str]) -> Self {
        Self {
            interface,
            patient,
            objects: BTreeMap::new(),
        }
    }

    /// Shows an object as it is now; one that is new is made.
    pub(super) async fn show<I: Interface>(
        &mut self,
        connection: &Connection,
        path: OwnedObjectPath,
        properties: P,
        make: impl FnOnce(Shown<P>) -> I,
    ) -> zbus::Result<()> {
        let Some(object) = self.objects.get_mut(path.as_str()) else {
            let shown = Shown::new(properties);
            let object = Object {
                path: path.clone(),
                shown: shown.clone(),
                told: shown.all(),
                told_at: Instant::now(),
                due: None,
            };
            self.objects.insert(path.to_string(), object);
            connection.object_server().at(path, make(shown)).await?;
            return Ok(());
        };
        object.shown.set(properties);
        let changed = difference(&*object.told, &*object.shown.all())?;
        if changed.is_empty() {
            object.due = None;
            return Ok(());
        }
        let due = object.told_at + INTERVAL;
        if due > Instant::now() && changed.keys().all(|key| self.patient.contains(&key.as_str())) {
            object.due = Some(due);
            return Ok(());
        }
        object.tell(connection, self.interface, &changed).await
    }

    /// Takes an object off the bus.
    pub(super) async fn hide<I: Interface>(
        &mut self,
        connection: &Connection,
        path: OwnedObjectPath,
    ) -> zbus::Result<()> {
        if self.objects.remove(path.as_str()).is_some() {
            connection.object_server().remove::<I, _>(path).await?;
        }
        Ok(())
    }

    /// When something that waits is to be told.
    pub(super) fn due(&self) -> Option<Instant> {
        self.objects.values().filter_map(|object| object.due).min()
    }

    /// Tells what has waited long enough.
    pub(super) async fn tell_due(&mut self, connection: &Connection) -> zbus::Result<()> {
        let now = Instant::now();
        for object in self
            .objects
            .values_mut()
            .filter(|object| object.due.is_some_and(|due| due <= now))
        {
            let changed = difference(&*object.told, &*object.shown.all())?;
            object.tell(connection, self.interface, &changed).await?;
        }
        Ok(())
    }
}

impl<P> Object<P> {
    async fn tell(
        &mut self,
        connection: &Connection,
        interface: &'static str,
        changed: &Dictionary,
    ) -> zbus::Result<()> {
        self.told = self.shown.all();
        self.told_at = Instant::now();
        self.due = None;
        let emitter = SignalEmitter::new(connection, &self.path)?;
        let changed: HashMap<&str, Variant<'_>> = changed
            .iter()
            .map(|(name, value)| (name.as_str(), (**value).clone()))
            .collect();
        let interface = InterfaceName::from_static_str(interface)?;
        fdo::Properties::properties_changed(&emitter, interface, changed, (&[][..]).into()).await
    }
}
