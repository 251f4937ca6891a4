//! A directory behind an SSH server.
//!
//! `ssh` makes the connection, so that its configuration, agents and known hosts are those that people have.

mod connection;
mod packet;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{ErrorKind, access::Options};

use super::{
    Entry, Fault, Found, Kind, Object, address,
    remote::{Answer, Service},
    throttle::{Direction, Throttle},
};

use connection::{Connection, Login};
use packet::{About, Reply, Request};

/// Bytes that go with one request: every server takes as many.
const PIECE: usize = 32 << 10;
/// Requests of one file, or lists of directories, that are under way together.
const AHEAD: usize = 16;

const RENAME_OVER: &str = "posix-rename@openssh.com";
const SYNC: &str = "fsync@openssh.com";
const SPACE: &str = "statvfs@openssh.com";

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

    /// Calls `with` an open file, which is closed whatever becomes of it.
    async fn with_file<T, F>(
        &self,
        path: &str,
        flags: u32,
        with: impl FnOnce(Arc<Connection>, Bytes) -> F + Send,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send,
    {
        let connection = self.connection().await?;
        let fill = |request: Request| request.bytes(path.as_bytes()).number(flags).mode(None);
        let handle = handle(connection.request(packet::OPEN, fill).await?)?;
        let result = with(Arc::clone(&connection), handle.clone()).await;
        let closed = connection
            .request(packet::CLOSE, |request| request.bytes(&handle))
            .await
            .and_then(done);
        let result = result?;
        closed.map(|()| result)
    }

    async fn about(&self, path: &str) -> Result<Option<About>> {
        let connection = self.connection().await?;
        let reply = connection
            .request(packet::STAT, |request| request.bytes(path.as_bytes()))
            .await?;
        match reply {
            Reply::About(about) => Ok(Some(about)),
            other => match done(other) {
                Err(fault) if fault.is_missing() => Ok(None),
                Err(fault) => Err(fault),
                Ok(()) => Err(Fault::senseless("it says nothing of a file")),
            },
        }
    }

    async fn length(&self, path: &str) -> Result<Option<u64>> {
        match self.about(path).await? {
            Some(about) => about
                .size
                .map(Some)
                .ok_or_else(|| Fault::senseless("it does not say how long a file is")),
            None => Ok(None),
        }
    }

    async fn names(&self, path: &str) -> Result<Vec<(String, About)>> {
        let connection = self.connection().await?;
        let reply = connection
            .request(packet::OPENDIR, |request| request.bytes(path.as_bytes()))
            .await?;
        let handle = handle(reply)?;
        let mut names = Vec::new();
        let end = loop {
            match connection
                .request(packet::READDIR, |request| request.bytes(&handle))
                .await?
            {
                Reply::Names(more) => names.extend(more),
                Reply::Status {
                    code: packet::END, ..
                } => break Ok(()),
                other => break done(other).and(Err(Fault::senseless("a list has no end"))),
            }
        };
        let closed = connection
            .request(packet::CLOSE, |request| request.bytes(&handle))
            .await
            .and_then(done);
        end.and(closed)?;
        names.retain(|(name, _)| name != "." && name != "..");
        Ok(names)
    }

    async fn entries(&self, path: &str) -> Result<Vec<Entry>> {
        let names = self.names(path).await?;
        let files = names.into_iter().filter(|(_, about)| !about.is_directory());
        files
            .map(|(name, about)| {
                let size = about
                    .size
                    .ok_or_else(|| Fault::senseless("it does not say how long a file is"))?;
                Ok(Entry {
                    name,
                    size,
                    modified: about.modified,
                })
            })
            .collect()
    }

    async fn list_kind(&self, kind: Kind) -> Result<Vec<Entry>> {
        let top = self.path(kind.directory());
        if kind != Kind::Pack {
            return self.entries(&top).await;
        }
        let directories = self.names(&top).await?.into_iter();
        let directories = directories.filter(|(name, _)| super::is_pack_directory(name));
        let lists: Vec<Vec<Entry>> = stream::iter(directories)
            .map(|(name, _)| {
                let path = format!("{top}/{name}");
                async move { self.entries(&path).await }
            })
            .buffer_unordered(AHEAD)
            .try_collect()
            .await?;
        Ok(lists.concat())
    }

    async fn read_file(&self, path: &str, part: Option<(u64, u64)>) -> Result<Bytes> {
        let (from, length) = match part {
            Some(part) => part,
            None => (0, self.length(path).await?.ok_or_else(Fault::missing)?),
        };
        self.with_file(path, packet::FOR_READING, |connection, handle| async move {
            let piece = PIECE.min(self.throttle.piece(Direction::Download));
            let starts = (0..length).step_by(piece);
            let pieces = stream::iter(starts).map(|start| {
                let wanted = (length - start).min(piece as u64);
                self.read_piece(&connection, &handle, from + start, wanted)
            });
            let mut content = BytesMut::new();
            let mut pieces = std::pin::pin!(pieces.buffered(AHEAD));
            while let Some(piece) = pieces.try_next().await? {
                content.extend_from_slice(&piece);
            }
            Ok(content.freeze())
        })
        .await
    }

    /// Some bytes; fewer only at the end of the file.
    async fn read_piece(
        &self,
        connection: &Connection,
        handle: &Bytes,
        from: u64,
        wanted: u64,
    ) -> Result<Bytes> {
        self.throttle
            .wait(Direction::Download, usize::try_from(wanted).unwrap_or(PIECE))
            .await;
        let mut got = BytesMut::new();
        while (got.len() as u64) < wanted {
            let left = wanted - got.len() as u64;
            let fill = |request: Request| {
                request
                    .bytes(handle)
                    .long(from + got.len() as u64)
                    .number(u32::try_from(left).unwrap_or(u32::MAX))
            };
            match connection.request(packet::READ, fill).await? {
                Reply::Data(data) if !data.is_empty() && data.len() as u64 <= left => {
                    got.extend_from_slice(&data);
                }
                Reply::Status {
                    code: packet::END, ..
                } => break,
                other => done(other).and(Err(Fault::senseless("it is not what was asked for")))?,
            }
        }
        Ok(got.freeze())
    }

    /// Under another name first, so that nobody sees half a file.
    async fn write_file(&self, object: &Object, content: &[Bytes]) -> Result<()> {
        let path = self.path(&object.path());
        let temporary = format!("{path}-tmp-");
        let mut written = self.fill_file(&temporary, content).await;
        if matches!(&written, Err(fault) if fault.is_missing()) {
            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            self.make_directories(directory).await?;
            written = self.fill_file(&temporary, content).await;
        }
        let written = match written {
            Ok(()) => self.rename(&temporary, &path).await,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = written {
            if fault.is_transient() {
                return Err(fault);
            }
            let full = self.is_full(content).await;
            let _ = self.remove_file(&temporary).await;
            return Err(if full {
                Fault::new(ErrorKind::NoSpace, "the file system of the server is full")
            } else {
                fault
            });
        }
        Ok(())
    }

    async fn fill_file(&self, path: &str, content: &[Bytes]) -> Result<()> {
        self.with_file(path, packet::FOR_WRITING, |connection, handle| async move {
            let piece = PIECE.min(self.throttle.piece(Direction::Upload));
            let mut pieces = Vec::new();
            let mut at = 0;
            for chunk in content {
                let mut chunk = chunk.clone();
                while !chunk.is_empty() {
                    let next = chunk.split_to(piece.min(chunk.len()));
                    let length = next.len() as u64;
                    pieces.push((at, next));
                    at += length;
                }
            }
            let (connection, handle) = (&connection, &handle);
            stream::iter(pieces)
                .map(|(at, data)| async move {
                    self.throttle.wait(Direction::Upload, data.len()).await;
                    let fill = |request: Request| request.bytes(handle).long(at).bytes(&data);
                    connection.request(packet::WRITE, fill).await.and_then(done)
                })
                .buffer_unordered(AHEAD)
                .try_collect::<()>()
                .await?;
            if connection.has(SYNC) {
                let fill = |request: Request| request.bytes(SYNC.as_bytes()).bytes(handle);
                connection.request(packet::EXTENDED, fill).await.and_then(done)?;
            }
            Ok(())
        })
        .await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<()> {
        let connection = self.connection().await?;
        if connection.has(RENAME_OVER) {
            let fill = |request: Request| {
                request
                    .bytes(RENAME_OVER.as_bytes())
                    .bytes(from.as_bytes())
                    .bytes(to.as_bytes())
            };
            return connection.request(packet::EXTENDED, fill).await.and_then(done);
        }
        // Others rename over nothing. Content gives files their names, so what is there is the same.
        match self.remove_file(to).await {
            Err(fault) if !fault.is_missing() => return Err(fault),
            _ => {}
        }
        let fill = |request: Request| request.bytes(from.as_bytes()).bytes(to.as_bytes());
        connection.request(packet::RENAME, fill).await.and_then(done)
    }

    async fn remove_file(&self, path: &str) -> Result<()> {
        let connection = self.connection().await?;
        connection
            .request(packet::REMOVE, |request| request.bytes(path.as_bytes()))
            .await
            .and_then(done)
    }

    /// A directory with all above it, for the owner alone.
    async fn make_directories(&self, path: &str) -> Result<()> {
        let mut missing = Vec::new();
        let mut at = path;
        while !at.is_empty() && self.about(at).await?.is_none() {
            missing.push(at);
            at = at.rsplit_once('/').map_or("", |(above, _)| above);
        }
        for path in missing.into_iter().rev() {
            self.make_directory(path).await?;
        }
        Ok(())
    }

    async fn make_directory(&self, path: &str) -> Result<()> {
        let connection = self.connection().await?;
        let fill = |request: Request| request.bytes(path.as_bytes()).mode(Some(0o700));
        let made = connection.request(packet::MKDIR, fill).await.and_then(done);
        // Somebody else may have made it meanwhile.
        match made {
            Err(fault) if fault.kind() == ErrorKind::Other && self.about(path).await?.is_some() => Ok(()),
            other => other,
        }
    }

    /// The protocol has no word for it: whether there is less room than these bytes need.
    async fn is_full(&self, content: &[Bytes]) -> bool {
        let needed: u64 = content.iter().map(|chunk| chunk.len() as u64).sum();
        self.room()
            .await
            .is_ok_and(|room| room.is_some_and(|room| room < needed + PIECE as u64))
    }

    async fn room(&self) -> Result<Option<u64>> {
        let connection = self.connection().await?;
        if !connection.has(SPACE) {
            return Ok(None);
        }
        let fill = |request: Request| request.bytes(SPACE.as_bytes()).bytes(self.host.path.as_bytes());
        match connection.request(packet::EXTENDED, fill).await? {
            Reply::Extended(mut about) => {
                let mut next = || packet::long(&mut about);
                // Block size, fragment size, blocks in all, free ones, those free for users.
                let (_, fragment, _, _, free) = (next()?, next()?, next()?, next()?, next()?);
                Ok(Some(fragment.saturating_mul(free)))
            }
            other => done(other).map(|()| None),
        }
    }
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
                Some(_) if self.names(&self.host.path).await?.is_empty() => Ok(Found::Nothing),
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

    fn reset(&self) {
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
