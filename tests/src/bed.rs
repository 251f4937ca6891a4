//! The bed of a test: directories, a private bus, and what runs on it.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{
    Bus, Process,
    process::{send, with_argument},
    programs::program,
    wait,
};

/// The password of every repository, unless a test says otherwise.
pub const PASSWORD: &str = "correct-horse-battery-staple";

/// Runs a program with another `/run`, and, as systemd does, a standard error that it says is the journal's.
const AS_A_SERVICE: &str = "mount --bind \"$1\" /run; shift
JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2)
export JOURNAL_STREAM
exec \"$@\"";

/// Runs a program on what calls itself another machine.
const AS_A_MACHINE: &str = "hostname \"$1\"; shift
exec \"$@\"";

/// See the module. All of it is gone when this is dropped.
pub struct Bed {
    /// The daemon, while it runs.
    pub daemon: Option<Process>,
    bus_daemon: Option<Process>,
    bus: Option<Bus>,
    /// Variables for the daemon, beside those that say where things are.
    pub variables: Vec<(String, String)>,
    /// What the daemon finds in place of `/run`.
    pub run_directory: Option<PathBuf>,
    /// What the daemon takes for the machine's name.
    pub host: Option<String>,
    directory: TempDir,
}

impl Bed {
    /// Directories and a bus; no daemon yet.
    pub fn new() -> Self {
        // Short, for sockets are below it, and their paths may have 107 bytes.
        let directory = tempfile::Builder::new()
            .prefix("bkd-")
            .tempdir_in("/tmp")
            .unwrap();
        let mut bed = Self {
            daemon: None,
            bus_daemon: None,
            bus: None,
            variables: Vec::new(),
            run_directory: None,
            host: None,
            directory,
        };
        for name in [
            "home", "config", "state", "cache", "runtime", "data", "secrets", "log",
        ] {
            fs::create_dir(bed.path(name)).unwrap();
        }
        for name in ["backupd", "backupd/jobs.d", "backupd/repositories.d"] {
            fs::create_dir(bed.path("config").join(name)).unwrap();
        }
        fs::set_permissions(bed.path("runtime"), fs::Permissions::from_mode(0o700)).unwrap();
        bed.start_bus();
        bed
    }

    /// A bed with the repository `main`, the job `home` of a small source, and a daemon.
    pub fn with_job() -> Self {
        let mut bed = Self::new();
        bed.write_source("home", "a.txt", "the content of a");
        bed.write_repository("main");
        bed.write_job("home", "");
        bed.start();
        bed.init("main");
        bed
    }

    /// A path in the bed.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn configuration(&self) -> PathBuf {
        self.path("config/backupd")
    }

    pub fn state(&self) -> PathBuf {
        self.path("state/backupd")
    }

    /// The address of the bus.
    pub fn address(&self) -> String {
        format!("unix:path={}", self.path("bus").display())
    }

    /// A connection of the test's own.
    pub fn bus(&self) -> &Bus {
        self.bus.as_ref().expect("the bus is there")
    }

    fn start_bus(&mut self) {
        let configuration = self.path("bus.conf");
        fs::write(
            &configuration,
            format!(
                "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
                 \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
                 <busconfig><type>session</type><listen>{}</listen><auth>EXTERNAL</auth>\n\
                 <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>\
                 <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>\n",
                self.address()
            ),
        )
        .unwrap();
        let mut command = Command::new("dbus-daemon");
        command
            .arg("--nofork")
            .arg(format!("--config-file={}", configuration.display()));
        self.bus_daemon = Some(Process::start(
            "dbus-daemon",
            &mut command,
            &self.path("log/bus.log"),
        ));
        let address = self.address();
        // The socket is there a moment before it is listened on.
        self.bus = Some(wait::for_files("the bus", &[self.directory.path()], || {
            self.path("bus").exists().then(|| Bus::connect(&address))
        }));
    }

    /// Kills the bus.
    pub fn kill_bus(&mut self) {
        self.bus = None;
        if let Some(mut bus) = self.bus_daemon.take() {
            bus.kill();
        }
    }

    /// A new bus at the same address.
    pub fn restart_bus(&mut self) {
        let _ = fs::remove_file(self.path("bus"));
        self.start_bus();
    }

    /// A command with the bed's surroundings and nothing of the developer's.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env_clear().current_dir(self.directory.path());
        for (name, directory) in [
            ("HOME", "home"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_RUNTIME_DIR", "runtime"),
            ("XDG_DATA_HOME", "data"),
        ] {
            command.env(name, self.path(directory));
        }
        command
            .env("DBUS_SESSION_BUS_ADDRESS", self.address())
            // Nothing of the machine that the tests run on.
            .env(
                "DBUS_SYSTEM_BUS_ADDRESS",
                format!("unix:path={}", self.path("no-system-bus").display()),
            )
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .env("RUST_BACKTRACE", "1");
        command
    }

    /// The daemon's command, not started.
    pub fn daemon_command(&self) -> Command {
        let mut command = match (&self.run_directory, &self.host) {
            (Some(run), _) => self.unshared(&["--mount", "--propagation", "private"], AS_A_SERVICE, run),
            (None, Some(host)) => self.unshared(&["--uts"], AS_A_MACHINE, host),
            (None, None) => self.command(program("backupd")),
        };
        command.arg("--user").envs(self.variables.iter().cloned());
        command
    }

    /// The daemon by way of a script that changes what is around it; `argument` is for the script.
    fn unshared(&self, namespaces: &[&str], script: &str, argument: impl AsRef<OsStr>) -> Command {
        let mut command = self.command("unshare");
        command.args(namespaces);
        if !nix::unistd::geteuid().is_root() {
            command.args(["--map-current-user", "--keep-caps"]);
        }
        command
            .args(["sh", "-ec", script, "sh"])
            .arg(argument)
            .arg(program("backupd"));
        command
    }

    /// Processes of this bed, other than the test itself.
    pub fn processes(&self) -> Vec<(u32, String)> {
        let own = self.directory.path().to_string_lossy().into_owned();
        with_argument(&own)
    }

    /// What there is to know when a test has failed.
    fn tell(&self) {
        eprintln!(
            "--- bed {} (bus {})",
            self.directory.path().display(),
            self.address()
        );
        for log in ["log/daemon.log", "log/bus.log"] {
            let text = fs::read_to_string(self.path(log)).unwrap_or_default();
            eprintln!("--- {log}\n{text}");
        }
        let Ok(runs) = fs::read_dir(self.state().join("runs")) else {
            return;
        };
        for attempt in runs
            .flatten()
            .filter_map(|run| fs::read_dir(run.path()).ok())
            .flat_map(Iterator::flatten)
        {
            for name in ["events.jsonl", "worker.log"] {
                let path = attempt.path().join(name);
                if let Ok(text) = fs::read_to_string(&path) {
                    eprintln!("--- {}\n{text}", path.display());
                }
            }
        }
    }
}

impl Default for Bed {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.tell();
        }
        // The daemon first: it would start others.
        self.daemon = None;
        for (pid, _) in self.processes() {
            if pid != std::process::id() {
                send(pid, Signal::SIGKILL);
            }
        }
        self.bus = None;
        self.bus_daemon = None;
    }
}
