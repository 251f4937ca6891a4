//! Directories, and what is known of files.

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    ErrorKind,
    store::{Entry, Fault, Kind, is_kind_directory, is_pack_directory},
};

use super::{
    AHEAD, Result, Sftp, done, handle,
    packet::{self, About, Reply, Request},
};

impl Sftp {
    pub(super) async fn about(&self, path: &str) -> Result<Option<About>> {
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

    pub(super) async fn length(&self, path: &str) -> Result<Option<u64>> {
        match self.about(path).await? {
            Some(about) => about
                .size
                .map(Some)
                .ok_or_else(|| Fault::senseless("it does not say how long a file is")),
            None => Ok(None),
        }
    }

    pub(super) async fn names(&self, path: &str) -> Result<Vec<(String, About)>> {
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

    pub(super) async fn list_kind(&self, kind: Kind) -> Result<Vec<Entry>> {
        let top = self.path(kind.directory());
        if kind != Kind::Pack {
            return self.entries(&top).await;
        }
        let directories = self.names(&top).await?.into_iter();
        let directories = directories.filter(|(name, _)| is_pack_directory(name));
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

    /// A directory with all above it, for the owner alone.
    pub(super) async fn make_directories(&self, path: &str) -> Result<()> {
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

    /// Removes a directory if nothing is in it.
    pub(super) async fn remove_if_empty(&self, path: &str) -> Result<()> {
        let connection = self.connection().await?;
        let removed = connection
            .request(packet::RMDIR, |request| request.bytes(path.as_bytes()))
            .await
            .and_then(done);
        match removed {
            // A server says no more than that it failed.
            Err(fault) if fault.is_missing() || fault.kind() == ErrorKind::Other => Ok(()),
            other => other,
        }
    }

    pub(super) async fn remove_directories(&self) -> Result<()> {
        let packs = self.path(Kind::Pack.directory());
        let packs = &packs;
        stream::iter(0..=u8::MAX)
            .map(|first| async move { self.remove_if_empty(&format!("{packs}/{first:02x}")).await })
            .buffer_unordered(AHEAD)
            .try_collect::<()>()
            .await?;
        for kind in Kind::IN_DIRECTORIES {
            self.remove_if_empty(&self.path(kind.directory())).await?;
        }
        self.remove_if_empty(&self.host.path).await
    }

    /// Whether nothing is there but the empty directories of a repository.
    pub(super) async fn is_bare(&self, path: &str) -> Result<bool> {
        let names = self.names(path).await?;
        let is_ours = |(name, about): &(String, About)| about.is_directory() && is_kind_directory(name);
        if !names.iter().all(is_ours) {
            return Ok(false);
        }
        for (name, _) in names {
            let path = format!("{path}/{name}");
            let below = self.names(&path).await?;
            if name != Kind::Pack.directory() {
                if !below.is_empty() {
                    return Ok(false);
                }
                continue;
            }
            for (name, about) in below {
                let is_pack_directory = about.is_directory() && is_pack_directory(&name);
                if !is_pack_directory || !self.names(&format!("{path}/{name}")).await?.is_empty() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    pub(super) async fn make_directory(&self, path: &str) -> Result<()> {
        let connection = self.connection().await?;
        let fill = |request: Request| request.bytes(path.as_bytes()).mode(Some(0o700));
        let made = connection.request(packet::MKDIR, fill).await.and_then(done);
        // Somebody else may have made it meanwhile.
        match made {
            Err(fault) if fault.kind() == ErrorKind::Other && self.about(path).await?.is_some() => Ok(()),
            other => other,
        }
    }
}
