//! A login manager that does what a test says, on the bus of a bed.

use std::{
    io::{Read as _, pipe},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use zbus::{Connection, OwnedFd, connection::Builder, interface};

use crate::Bed;

/// Nothing takes so long on a machine that works.
const DEADLINE: Duration = Duration::from_mins(1);

/// `(what, mode)` of the locks that are held.
type Locks = Arc<(Mutex<Vec<(String, String)>>, Condvar)>;

struct Manager(Locks);

#[interface(name = "org.freedesktop.login1.Manager")]
impl Manager {
    fn inhibit(&self, what: String, who: &str, why: &str, mode: String) -> OwnedFd {
        assert!(who == "backupd" && !why.is_empty(), "{who}: {why}");
        let (mut ours, theirs) = pipe().unwrap();
        let (locks, lock) = (Arc::clone(&self.0), (what, mode));
        locks.0.lock().unwrap().push(lock.clone());
        locks.1.notify_all();
        // The lock is held until the other end is closed.
        std::thread::spawn(move || {
            let _ = ours.read(&mut [0]);
            let mut held = locks.0.lock().unwrap();
            let position = held.iter().position(|other| *other == lock).unwrap();
            held.remove(position);
            drop(held);
            locks.1.notify_all();
        });
        std::os::fd::OwnedFd::from(theirs).into()
    }
}

/// See the module. Gone from the bus when this is dropped.
pub struct Logind {
    runtime: tokio::runtime::Runtime,
    connection: Option<Connection>,
    locks: Locks,
}

impl Logind {
    /// Takes the name on the bed's bus, which is the system's bus too for daemons that start from now on.
    pub fn new(bed: &mut Bed) -> Self {
        let address = bed.address();
        bed.variables
            .push(("DBUS_SYSTEM_BUS_ADDRESS".to_owned(), address.clone()));
        Self::at(&address)
    }

    fn at(address: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let locks = Locks::default();
        let manager = Manager(Arc::clone(&locks));
        let connection = runtime.block_on(async {
            Builder::address(address)
                .serve_at("/org/freedesktop/login1", manager)
                .name("org.freedesktop.login1")
                .build()
                .await
                .unwrap()
        });
        Self {
            runtime,
            connection: Some(connection),
            locks,
        }
    }

    /// Another one takes its place, which knows of no locks.
    pub fn restart(self, bed: &Bed) -> Self {
        drop(self);
        Self::at(&bed.address())
    }

    /// Tells everybody that the machine goes to sleep, or that it is awake again.
    pub fn prepare_for_sleep(&self, start: bool) {
        let connection = self.connection.as_ref().unwrap();
        let (path, interface) = ("/org/freedesktop/login1", "org.freedesktop.login1.Manager");
        self.runtime
            .block_on(connection.emit_signal(None::<&str>, path, interface, "PrepareForSleep", &start))
            .unwrap();
    }

    /// Tells everybody that the machine goes down, or that it does not after all.
    pub fn prepare_for_shutdown(&self, start: bool) {
        let connection = self.connection.as_ref().unwrap();
        let (path, interface) = ("/org/freedesktop/login1", "org.freedesktop.login1.Manager");
        self.runtime
            .block_on(connection.emit_signal(None::<&str>, path, interface, "PrepareForShutdown", &start))
            .unwrap();
    }

    /// Waits until the locks of these modes are held, and no others.
    pub fn wait_for(&self, modes: &[&str]) {
        let locks: Vec<(&str, &str)> = modes.iter().map(|mode| ("sleep:shutdown", *mode)).collect();
        self.wait_for_locks(&locks);
    }

    /// Waits until these locks are held, and no others, in whatever order.
    pub fn wait_for_locks(&self, locks: &[(&str, &str)]) {
        let owned = |(what, mode): &(&str, &str)| ((*what).to_owned(), (*mode).to_owned());
        let mut wanted: Vec<(String, String)> = locks.iter().map(owned).collect();
        wanted.sort();
        let until = Instant::now() + DEADLINE;
        let mut held = self.locks.0.lock().unwrap();
        let is_wanted = |held: &[(String, String)]| {
            let mut held = held.to_vec();
            held.sort();
            held == wanted
        };
        while !is_wanted(&held) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "held are {held:?}, and not {wanted:?}");
            held = self.locks.1.wait_timeout(held, left).unwrap().0;
        }
    }
}

impl Drop for Logind {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let _ = self.runtime.block_on(connection.close());
        }
    }
}
