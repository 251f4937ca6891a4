//! What the objects of all interfaces have in common.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use backupd_core::{audit::Who, name::RunId};
use backupd_dbus::{Error, ManagerProperties, run_path, unescape};
use serde::Serialize;
use zbus::{
    Connection, OwnedObjectPath, OwnedVariant, Type,
    message::Header,
    wire::{LE, serialized::Context, to_bytes},
};

use super::{
    authority::{About, Action, Authority, Call},
    leave::{Leave, Open},
};
use crate::{audit::Refused, coordinator::Handle, ports::Caller};

/// `a{sv}` as it comes in.
pub(super) type Dictionary = HashMap<String, OwnedVariant>;

/// What an object of the bus shows.
pub(super) trait Shows: Send + Sync + 'static {
    /// The shape of it in the contract.
    type Properties: Serialize + Type;

    /// Made anew each time: the views are there anyway, and thousands of objects would hold the same twice.
    fn properties(&self) -> Self::Properties;
}

/// The newest published view of one object; clones show the same.
pub(super) struct Shown<V>(Arc<RwLock<Arc<V>>>);

impl<V> Clone for Shown<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<V: Shows> Shown<V> {
    pub(super) fn new(view: Arc<V>) -> Self {
        Self(Arc::new(RwLock::new(view)))
    }

    /// The view itself.
    pub(super) fn view(&self) -> Arc<V> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// One of its properties.
    pub(super) fn get<T: Default>(&self, member: impl FnOnce(V::Properties) -> Option<T>) -> T {
        member(self.view().properties()).unwrap_or_default()
    }

    /// Shows another one from now on.
    pub(super) fn set(&self, view: Arc<V>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = view;
    }
}

impl Shown<ManagerProperties> {
    /// One of them, without a copy of the others: each fault of thousands of files is among them.
    pub(super) fn member<T: Clone + Default>(
        &self,
        member: impl FnOnce(&ManagerProperties) -> &Option<T>,
    ) -> T {
        member(&self.view()).clone().unwrap_or_default()
    }
}

/// Where runs are.
const RUNS: &str = "/org/backupd/Backup1/run/";

/// What an object needs to serve a call.
#[derive(Clone)]
pub(super) struct Service {
    handle: Arc<Handle>,
    authority: Arc<dyn Authority>,
    pub(super) open: Open,
}

impl Service {
    pub(super) fn new(handle: Handle, authority: Arc<dyn Authority>) -> Self {
        Self {
            handle: Arc::new(handle),
            authority,
            open: Open::new(),
        }
    }

    /// Refuses a caller who may not do this to that, and one who has too many calls open. What it answers otherwise is
    /// to be kept until the call is answered.
    pub(super) async fn allow(
        &self,
        connection: &Connection,
        header: &Header<'_>,
        action: Action,
        about: &About,
    ) -> Result<Leave, Error> {
        self.allow_each(connection, header, action, std::slice::from_ref(about))
            .await
    }

    /// The same for what acts on several things: all of them must be allowed. There is at least one.
    pub(super) async fn allow_each(
        &self,
        connection: &Connection,
        header: &Header<'_>,
        action: Action,
        abouts: &[About],
    ) -> Result<Leave, Error> {
        let arrived = self.open.arrive(header)?;
        let mut caller = None;
        for about in abouts {
            caller = Some(self.check(connection, header, action, about).await?);
        }
        let nobody = || Error::NotAuthorized("there is nothing that could be allowed".to_owned());
        self.open
            .enter(arrived, &caller.ok_or_else(nobody)?, &self.handle)
    }

    async fn check(
        &self,
        connection: &Connection,
        header: &Header<'_>,
        action: Action,
        about: &About,
    ) -> Result<Caller, Error> {
        let call = Call {
            connection,
            header,
            action,
            about,
        };
        let answer = self.authority.check(call).await;
        if let Err(error) = &answer {
            self.note(call, error).await;
        }
        answer
    }

    /// Records a refused call.
    async fn note(&self, call: Call<'_>, error: &Error) {
        let text = |name: Option<&dyn ToString>| name.map(ToString::to_string).unwrap_or_default();
        let interface = text(call.header.interface().map(|name| name as _));
        let member = text(call.header.member().map(|name| name as _));
        let path = text(call.header.path().map(|path| path as _));
        let run = path.strip_prefix(RUNS).and_then(unescape).unwrap_or_default();
        let caller = self.authority.refused(call).await;
        let reason = zbus::DBusError::description(error).unwrap_or_default();
        let nobody = Who {
            uid: None,
            pid: None,
            bus_name: String::new(),
        };
        let refused = Refused {
            who: caller.as_ref().map_or(nobody, Who::from),
            kind: call.action.id(),
            call: format!("{}.{member}", interface.rsplit('.').next().unwrap_or_default()),
            about: [
                text(call.about.job.as_ref().map(|name| name as _)),
                text(call.about.repository.as_ref().map(|name| name as _)),
                run,
            ],
            reason: reason.lines().next().unwrap_or_default().to_owned(),
        };
        self.handle.refusals().take(refused).await;
    }
}

/// The object of a run.
pub(super) fn path_of_run(id: RunId) -> OwnedObjectPath {
    run_path(&id.to_string())
}

/// Properties as a dictionary.
pub(super) fn dictionary<P: Serialize + Type>(properties: &P) -> zbus::Result<Dictionary> {
    let bytes = to_bytes(Context::new(LE, 0), properties)?;
    Ok(bytes.deserialize::<Dictionary>()?.0)
}

/// The properties that differ.
pub(super) fn difference<V: Shows>(old: &V, new: &V) -> zbus::Result<Dictionary> {
    let old = dictionary(&old.properties())?;
    let mut changed = dictionary(&new.properties())?;
    changed.retain(|key, value| old.get(key) != Some(value));
    Ok(changed)
}
