//! Contents of files, in pieces of which several are under way together.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    ErrorKind, Space,
    store::{Fault, Object, throttle::Direction},
};

use super::{
    AHEAD, Result, Sftp,
    connection::Connection,
    done, handle,
    packet::{self, Reply, Request},
};

/// Bytes that go with one request: every server takes as many.
const PIECE: usize = 32 << 10;

const RENAME_OVER: &str = "posix-rename@openssh.com";
const SYNC: &str = "fsync@openssh.com";
const SPACE: &str = "statvfs@openssh.com";

impl Sftp {
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

    pub(super) async fn read_file(&self, path: &str, part: Option<(u64, u64)>) -> Result<Bytes> {
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
    pub(super) async fn write_file(&self, object: &Object, content: &[Bytes]) -> Result<()> {
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

    pub(super) async fn remove_file(&self, path: &str) -> Result<()> {
        let connection = self.connection().await?;
        connection
            .request(packet::REMOVE, |request| request.bytes(path.as_bytes()))
            .await
            .and_then(done)
    }

    /// The protocol has no word for it: whether there is less room than these bytes need.
    async fn is_full(&self, content: &[Bytes]) -> bool {
        let needed: u64 = content.iter().map(|chunk| chunk.len() as u64).sum();
        self.room()
            .await
            .is_ok_and(|room| room.is_some_and(|room| room.free < needed + PIECE as u64))
    }

    pub(super) async fn room(&self) -> Result<Option<Space>> {
        let connection = self.connection().await?;
        if !connection.has(SPACE) {
            return Ok(None);
        }
        let fill = |request: Request| request.bytes(SPACE.as_bytes()).bytes(self.host.path.as_bytes());
        match connection.request(packet::EXTENDED, fill).await? {
            Reply::Extended(mut about) => {
                let mut next = || packet::long(&mut about);
                // Block size, fragment size, blocks in all, free ones, those free for users.
                let (_, fragment, all, _, free) = (next()?, next()?, next()?, next()?, next()?);
                Ok(Some(Space {
                    free: fragment.saturating_mul(free),
                    total: Some(fragment.saturating_mul(all)),
                }))
            }
            // Before the repository is made.
            Reply::Status {
                code: packet::NO_SUCH_FILE,
                ..
            } => Ok(None),
            other => done(other).map(|()| None),
        }
    }
}
