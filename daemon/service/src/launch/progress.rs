//! The socket that workers send progress to. Datagrams may be lost.

use std::{
    io,
    path::{Path, PathBuf},
};

use backupd_core::protocol::Progress;
use tokio::net::UnixDatagram;

use crate::coordinator::Inbox;

/// More than any datagram of ours.
const LARGEST: usize = 4096;

/// A bound socket; its file goes when it is dropped.
pub(crate) struct ProgressSocket {
    socket: UnixDatagram,
    path: PathBuf,
}

impl ProgressSocket {
    /// Binds the socket, in place of one that an earlier daemon left.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(Self {
            socket: UnixDatagram::bind(path)?,
            path: path.to_owned(),
        })
    }

    /// Passes progress on for as long as the daemon lives.
    pub(crate) async fn serve(self, inbox: Inbox) -> io::Error {
        let mut buffer = vec![0; LARGEST];
        loop {
            match self.socket.recv(&mut buffer).await {
                Ok(length) => {
                    let datagram = buffer.get(..length).unwrap_or_default();
                    match serde_json::from_slice::<Progress>(datagram) {
                        Ok(progress) => inbox.progress(progress),
                        Err(error) => tracing::debug!(%error, "a datagram that is no progress"),
                    }
                }
                Err(error) => return error,
            }
        }
    }
}

impl Drop for ProgressSocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
