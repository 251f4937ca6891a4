//! A machine of its own for a test: a real systemd in a container, with the package installed.
//!
//! ```ignore
//! on_each_release!(the_daemon_answers);
//!
//! fn the_daemon_answers(release: Release) {
//!     let machine = Machine::boot(release);
//!     machine.run(["systemctl", "is-active", "backupd"]).well();
//! }
//! ```
//!
//! Each one starts from the same system; what it writes stays in memory and goes with it.

mod call;
mod capable;
mod cgroup;
mod container;
mod down;
mod files;
mod jobs;
mod package;
mod release;
mod setup;
mod user;

use std::cell::OnceCell;

pub use capable::if_capable;
pub use down::Down;
pub use jobs::Held;
pub use package::package;
pub use release::Release;
pub use setup::Setup;
pub use user::{ALICE, BOB, User};

use crate::Bus;

/// Tests of the functions named, each on every release: `NAME::debian_12`, `NAME::debian_13`.
#[macro_export]
macro_rules! on_each_release {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use $crate::machine::{Release, if_capable};

            #[test]
            fn debian_12() {
                if_capable(Release::Bookworm, super::$name);
            }

            #[test]
            fn debian_13() {
                if_capable(Release::Trixie, super::$name);
            }
        }
    )+};
}

/// See the module. It ends when this is dropped, and with the thread that booted it.
pub struct Machine {
    pub release: Release,
    // Before the container, without which it has nothing to hold.
    bus: OnceCell<Bus>,
    container: container::Container,
}

impl Machine {
    /// A machine that has booted, with the package installed before.
    pub fn boot(release: Release) -> Self {
        Setup::new(release).boot()
    }

    /// A machine that has booted, without the package.
    pub fn bare(release: Release) -> Self {
        Setup::new(release).bare().boot()
    }

    /// A connection to the system bus, as root.
    pub fn bus(&self) -> &Bus {
        self.bus.get_or_init(|| {
            let socket = self.path("/run/dbus/system_bus_socket");
            Bus::connect(&format!("unix:path={}", socket.display()))
        })
    }

    /// What there is to know when a test has failed.
    fn tell(&self) {
        eprintln!("--- machine with {:?}", self.release);
        for (what, arguments) in [
            (
                "units",
                &["systemctl", "--no-pager", "--full", "status", "backupd*"][..],
            ),
            (
                "journal",
                &[
                    "journalctl",
                    "--no-pager",
                    "--boot",
                    "--output=short-precise",
                    "--lines=300",
                ],
            ),
        ] {
            eprintln!("--- {what}\n{}", self.run(arguments).stdout);
        }
        eprintln!("--- console\n{}", self.container.console());
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.tell();
        }
    }
}
