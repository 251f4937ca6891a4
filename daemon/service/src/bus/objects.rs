//! What the objects of all interfaces have in common.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use backupd_core::name::RunId;
use backupd_dbus::{Error, run_path};
use serde::Serialize;
use zbus::{
    Connection, OwnedObjectPath, OwnedVariant, Type,
    message::Header,
    wire::{LE, serialized::Context, to_bytes},
};

use super::authority::{About, Action, Authority, Call};
use crate::{coordinator::Handle, ports::Caller};

/// `a{sv}` as it comes in.
pub(super) type Dictionary = HashMap<String, OwnedVariant>;

/// The newest published properties of one object; clones show the same.
pub(super) struct Shown<P>(Arc<RwLock<Arc<P>>>);

impl<P> Clone for Shown<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P> Shown<P> {
    pub(super) fn new(properties: P) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(properties))))
    }

    /// All of them.
    pub(super) fn all(&self) -> Arc<P> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// One of them.
    pub(super) fn get<T: Default>(&self, member: impl FnOnce(&P) -> Option<T>) -> T {
        member(&self.all()).unwrap_or_default()
    }

    /// Shows others from now on.
    pub(super) fn set(&self, properties: P) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(properties);
    }
}

/// What an object needs to serve a call.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) handle: Handle,
    authority: Arc<dyn Authority>,
}

impl Service {
    pub(super) fn new(handle: Handle, authority: Arc<dyn Authority>) -> Self {
        Self { handle, authority }
    }

    /// Refuses a caller who may not do this to that; says who it is otherwise.
    pub(super) async fn allow(
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
        self.authority.check(call).await
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

/// The members that differ.
pub(super) fn difference<P: Serialize + Type>(old: &P, new: &P) -> zbus::Result<Dictionary> {
    let old = dictionary(old)?;
    let mut changed = dictionary(new)?;
    changed.retain(|key, value| old.get(key) != Some(value));
    Ok(changed)
}
