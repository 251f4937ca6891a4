//! Waiting for a descriptor to become readable: the only `unsafe` of the daemon.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd, RawFd},
};

use tokio::io::{Interest, unix::AsyncFd};

/// Owns what it watches, so that the descriptor stays open for as long as the runtime knows it.
pub(crate) struct Readiness<T: AsFd> {
    registered: AsyncFd<Registered>,
    watched: T,
}

/// A descriptor of our own for the same open file: nobody else can close it.
struct Registered(OwnedFd);

impl AsRawFd for Registered {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl<T: AsFd> Readiness<T> {
    /// Watches a nonblocking descriptor for something to read.
    pub(crate) fn new(watched: T) -> io::Result<Self> {
        Self::with_interest(watched, Interest::READABLE)
    }

    /// Watches a file of the kernel's that tells of changes as something urgent, and of nothing else.
    pub(crate) fn urgent(watched: T) -> io::Result<Self> {
        Self::with_interest(watched, Interest::PRIORITY)
    }

    fn with_interest(watched: T, interest: Interest) -> io::Result<Self> {
        let own = watched.as_fd().try_clone_to_owned()?;
        // SAFETY: `Registered` owns its descriptor and answers the same one at every call; it is closed only
        // when `AsyncFd` has deregistered and dropped it.
        #[allow(
            unsafe_code,
            reason = "tokio leaves it to the caller that the descriptor stays open"
        )]
        let registered =
            unsafe { AsyncFd::register_with_interest(Registered(own), interest) }.map_err(io::Error::from)?;
        Ok(Self { registered, watched })
    }

    /// What is watched.
    pub(crate) fn get(&self) -> &T {
        &self.watched
    }

    /// Waits until it is readable, lets `read` take what is there, and answers what that answered.
    ///
    /// `read` must read until there is nothing left.
    pub(crate) async fn drain<R>(&self, read: impl FnOnce(&T) -> R) -> io::Result<R> {
        let mut ready = self.registered.readable().await?;
        let outcome = read(&self.watched);
        ready.clear_ready();
        Ok(outcome)
    }

    /// Waits until it is readable, for one who will not read.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.registered.readable().await?.retain_ready();
        Ok(())
    }

    /// Waits until something urgent has happened since the last time.
    pub(crate) async fn happened(&self) -> io::Result<()> {
        let mut ready = self.registered.ready(Interest::PRIORITY).await?;
        ready.clear_ready();
        Ok(())
    }
}
