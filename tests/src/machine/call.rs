//! Commands in a machine.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::Instant,
};

use super::{Machine, User};
use crate::{Said, wait::DEADLINE};

impl Machine {
    /// Runs a command as root, to its end.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Said {
        Said::of(self.command().args(arguments))
    }

    /// Runs a shell script as root, that ends with its first failure.
    pub fn shell(&self, script: &str) -> Said {
        self.run(["sh", "-euc", script])
    }

    /// Runs a command as a user, who has no session; the user's manager is reached if it runs.
    pub fn run_as<A: AsRef<OsStr>>(&self, user: User, arguments: impl IntoIterator<Item = A>) -> Said {
        Said::of(self.command_as(user).args(arguments))
    }

    /// `backupctl` as root.
    pub fn backupctl<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Said {
        Said::of(self.command().arg("backupctl").args(arguments))
    }

    /// `backupctl` as a user, for the user's own daemon with `--user`.
    pub fn backupctl_as<A: AsRef<OsStr>>(&self, user: User, arguments: impl IntoIterator<Item = A>) -> Said {
        Said::of(self.command_as(user).arg("backupctl").args(arguments))
    }

    /// A command of root's; what is to be run comes as its arguments. It is killed after the deadline of all
    /// waits.
    pub fn command(&self) -> Command {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            // Who calls is known by the group, so it must be one inside.
            .arg("echo 0 >\"$1/cgroup.procs\"; shift; exec nsenter \"$@\"")
            .arg("call")
            .arg(self.container.cgroup.of_calls())
            .arg(format!("--target={}", self.container.leader))
            .args([
                "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd", "--",
            ])
            .args(["timeout", "--kill-after=5", &DEADLINE.as_secs().to_string()])
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("LANG", "C.UTF-8")
            .env("HOME", "/root")
            .env("USER", "root")
            .env("RUST_BACKTRACE", "1");
        command
    }

    /// The same, as a user.
    pub fn command_as(&self, user: User) -> Command {
        let mut command = self.command();
        command
            .args([
                "setpriv",
                "--reuid",
                user.name,
                "--regid",
                user.name,
                "--init-groups",
            ])
            .args(["env", "--chdir", &user.home()])
            .arg(format!("HOME={}", user.home()))
            .arg(format!("USER={}", user.name))
            .arg(format!("XDG_RUNTIME_DIR={}", user.runtime_directory()))
            .arg(format!(
                "DBUS_SESSION_BUS_ADDRESS=unix:path={}/bus",
                user.runtime_directory()
            ));
        command
    }

    /// What the journal has of a unit, or of all.
    pub fn journal(&self, unit: Option<&str>) -> String {
        let unit = unit.map(|unit| format!("--unit={unit}"));
        let arguments = ["journalctl", "--no-pager", "--boot", "--output=short-precise"];
        self.run(arguments.into_iter().chain(unit.as_deref()))
            .well()
            .stdout
    }

    /// Waits until the journal has an entry that matches all of these.
    pub fn wait_for_journal(&self, matches: &[&str]) {
        let mut command = self.command();
        command.args(["journalctl", "--boot", "--output=cat", "--lines=all", "--follow"]);
        let mut child = command.args(matches).stdout(Stdio::piped()).spawn().unwrap();
        let first = BufReader::new(child.stdout.take().unwrap()).lines().next();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(first.is_some(), "the journal never has {matches:?}");
    }

    /// A property of a unit.
    pub fn property(&self, unit: &str, name: &str) -> String {
        let said = self
            .run(["systemctl", "show", "--value", "--property", name, unit])
            .well();
        said.stdout.trim_end().to_owned()
    }

    /// Waits until a property of a unit is that. It is asked for again and again: without a bus nobody tells.
    pub fn wait_for_property(&self, unit: &str, name: &str, wanted: &str) {
        let until = Instant::now() + DEADLINE;
        loop {
            let found = self.property(unit, name);
            if found == wanted {
                return;
            }
            assert!(
                Instant::now() < until,
                "`{name}` of `{unit}` is `{found}`, and in vain waited for `{wanted}`"
            );
        }
    }
}
