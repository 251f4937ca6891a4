//! Properties of another's service, which may come, go, and not answer.

use std::{collections::HashMap, time::Duration};

use futures_util::StreamExt as _;
use zbus::{
    Connection, OwnedVariant,
    fdo::{PropertiesChangedStream, PropertiesProxy},
    proxy::{CacheProperties, OwnerChangedStream},
};

/// A service that has not answered by then does not work.
const ANSWER: Duration = Duration::from_secs(5);

/// One interface of one object.
pub(super) struct Service {
    properties: PropertiesProxy<'static>,
    interface: &'static str,
    changes: PropertiesChangedStream,
    owners: OwnerChangedStream<'static>,
}

impl Service {
    /// Begins to listen; whether the service is there makes no difference.
    pub(super) async fn new(
        connection: &Connection,
        name: &'static str,
        path: &'static str,
        interface: &'static str,
    ) -> zbus::Result<Self> {
        let properties = PropertiesProxy::builder(connection)
            .destination(name)
            .path(path)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        let changes = properties
            .receive_properties_changed_with_args(&[(0, interface)])
            .await?;
        let owners = properties.inner().receive_owner_changed().await?;
        Ok(Self {
            properties,
            interface,
            changes,
            owners,
        })
    }

    /// All properties, if the service is there, can be started, and answers.
    pub(super) async fn read(&self) -> Option<Properties> {
        let interface = self.interface.try_into().ok()?;
        match tokio::time::timeout(ANSWER, self.properties.get_all(interface)).await {
            Ok(Ok(properties)) => Some(Properties(properties)),
            Ok(Err(error)) => {
                tracing::debug!(%error, "`{}` cannot be asked", self.interface);
                None
            }
            Err(_) => {
                tracing::debug!("`{}` does not answer", self.interface);
                None
            }
        }
    }

    /// Waits until properties may be others: some have changed, or somebody else serves them.
    pub(super) async fn changed(&mut self) -> zbus::Result<()> {
        let heard = tokio::select! {
            change = self.changes.next() => change.is_some(),
            owner = self.owners.next() => owner.is_some(),
        };
        if heard {
            Ok(())
        } else {
            Err(zbus::Error::Failure("the bus is gone".to_owned()))
        }
    }
}

/// What a service said.
#[derive(Debug, Default)]
pub(super) struct Properties(HashMap<String, OwnedVariant>);

impl Properties {
    /// Nothing where the service said nothing of it, or something else than it should.
    pub(super) fn get<T: TryFrom<OwnedVariant>>(&self, name: &str) -> Option<T> {
        T::try_from(self.0.get(name)?.clone()).ok()
    }
}
