//! A directory behind an SSH server.
//!
//! `ssh` makes the connection, so that its configuration, agents and known hosts are those that people have.

mod connection;
mod directories;
mod files;
mod packet;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{ErrorKind, Space, access::Options};

use super::{
    Entry, Fault, Found, Kind, Object, address,
    remote::{Answer, Service},
    throttle::Throttle,
};

use connection::{Connection, Login};
use packet::Reply;

/// Requests of one file, or lists of directories, that are under way together.
const AHEAD: usize = 16;

/// A repository there.
#[derive(Debug)]
pub(crate) struct Sftp {
    host: address::Host,
    key: Option<PathBuf>,
    known_hosts: Option<PathBuf>,
    timeout: Duration,
    location: String,
    throttle: Arc<Throttle>,
    connection: Mutex<Option<Arc<Connection>>>,
    /// One of those that need a connection makes it.
    connecting: tokio::sync::Mutex<()>,
}

type Result<T> = std::result::Result<T, Fault>;

impl Sftp {
    pub(crate) fn new(
        host: address::Host,
        options: &Options,
        location: String,
        throttle: Arc<Throttle>,
    ) -> Self {
        Self {
            host,
            key: options.ssh_key.clone(),
            known_hosts: options.ssh_known_hosts.clone(),
            timeout: options.timeout,
            location,
            throttle,
            connection: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        }
    }

    fn current(&self) -> Option<Arc<Connection>> {
        let current = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        current.clone().filter(|connection| !connection.is_closed())
    }

    async fn connection(&self) -> Result<Arc<Connection>> {
        if let Some(connection) = self.current() {
            return Ok(connection);
        }
        let _one = self.connecting.lock().await;
        if let Some(connection) = self.current() {
            return Ok(connection);
        }
        let login = Login {
            user: self.host.user.as_deref(),
            host: &self.host.name,
            port: self.host.port,
            key: self.key.as_deref(),
            known_hosts: self.known_hosts.as_deref(),
            timeout: self.timeout,
        };
        let connection = Arc::new(Connection::open(&login).await?);
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&connection));
        Ok(connection)
    }

    fn path(&self, below: &str) -> String {
        if below.is_empty() {
            self.host.path.clone()
        } else {
            format!("{}/{below}", self.host.path)
        }
    }
}

/// How `ssh` is called to get there, for whoever calls it in our stead.
pub(crate) fn ssh_arguments(host: &address::Host, options: &Options) -> Vec<String> {
    connection::arguments(&Login {
        user: host.user.as_deref(),
        host: &host.name,
        port: host.port,
        key: options.ssh_key.as_deref(),
        known_hosts: options.ssh_known_hosts.as_deref(),
        timeout: options.timeout,
    })
}

fn handle(reply: Reply) -> Result<Bytes> {
    match reply {
        Reply::Handle(handle) => Ok(handle),
        other => done(other).and(Err(Fault::senseless("it has no handle in it"))),
    }
}

/// What a status means.
fn done(reply: Reply) -> Result<()> {
    let Reply::Status { code, text } = reply else {
        return Err(Fault::senseless("it has no status in it"));
    };
    let said = match text.trim() {
        text if text.is_empty() || text.contains(char::is_control) => format!("status {code}"),
        text => text.to_owned(),
    };
    match code {
        packet::OK => Ok(()),
        packet::NO_SUCH_FILE => Err(Fault::missing()),
        packet::PERMISSION_DENIED => Err(Fault::new(
            ErrorKind::PermissionDenied,
            format!("the server says: {said}"),
        )),
        packet::FAILURE if super::fault::says_full(&said) => Err(Fault::new(ErrorKind::NoSpace, said)),
        _ => Err(Fault::new(ErrorKind::Other, format!("the server says: {said}"))),
    }
}

impl Service for Sftp {
    fn location(&self) -> String {
        self.location.clone()
    }

    fn look(&self) -> Answer<'_, Found> {
        Box::pin(async {
            if self.about(&self.path("config")).await?.is_some() {
                return Ok(Found::Repository);
            }
            match self.about(&self.host.path).await? {
                None => Ok(Found::Nothing),
                Some(about) if !about.is_directory() => Ok(Found::SomethingElse),
                Some(_) if self.is_bare(&self.host.path).await? => Ok(Found::Nothing),
                Some(_) => Ok(Found::SomethingElse),
            }
        })
    }

    fn create(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            self.make_directories(&self.host.path).await?;
            for kind in Kind::IN_DIRECTORIES {
                self.make_directory(&self.path(kind.directory())).await?;
            }
            let packs = self.path(Kind::Pack.directory());
            let packs = &packs;
            stream::iter(0..=u8::MAX)
                .map(|first| async move { self.make_directory(&format!("{packs}/{first:02x}")).await })
                .buffer_unordered(AHEAD)
                .try_collect::<()>()
                .await
        })
    }

    fn list(&self, kind: Kind) -> Answer<'_, Vec<Entry>> {
        Box::pin(self.list_kind(kind))
    }

    fn size<'a>(&'a self, object: &'a Object) -> Answer<'a, Option<u64>> {
        Box::pin(async move { self.length(&self.path(&object.path())).await })
    }

    fn read<'a>(&'a self, object: &'a Object, part: Option<(u64, u64)>) -> Answer<'a, Bytes> {
        Box::pin(async move { self.read_file(&self.path(&object.path()), part).await })
    }

    fn write<'a>(&'a self, object: &'a Object, content: &'a [Bytes], _again: bool) -> Answer<'a, ()> {
        Box::pin(self.write_file(object, content))
    }

    fn remove<'a>(&'a self, object: &'a Object) -> Answer<'a, ()> {
        Box::pin(async move { self.remove_file(&self.path(&object.path())).await })
    }

    fn space(&self) -> Answer<'_, Option<Space>> {
        Box::pin(self.room())
    }

    fn remove_directories(&self) -> Answer<'_, ()> {
        Box::pin(self.remove_directories())
    }

    fn reset(&self) {
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
