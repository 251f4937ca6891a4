//! Running the client and looking at what it says.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    path::Path,
    process::Stdio,
};

use nix::pty::openpty;
use tempfile::TempDir;
use tokio::process::Command;

use crate::{bus::Bus, fake::Fake};

/// The client, its bus, and a daemon that answers from fixed data.
pub(crate) struct World {
    pub(crate) bus: Bus,
    pub(crate) fake: Fake,
    pub(crate) home: TempDir,
}

/// What the client said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        let bus = Bus::start();
        let fake = Fake::start(&bus).await;
        Self {
            bus,
            fake,
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// A command in an environment where nothing of this machine counts.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        command(self.home.path(), &self.bus.address, arguments)
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments)).await
    }

    /// As [`Self::run`], with everything in one text to pin.
    pub(crate) async fn shown(&self, arguments: &[&str]) -> String {
        self.run(arguments).await.whole()
    }
}

impl World {
    /// Runs the client on a terminal where somebody types; answers its exit code and all that was drawn.
    pub(crate) async fn on_terminal(&self, arguments: &[&str], typed: &str) -> (i32, String) {
        let terminal = openpty(None, None).unwrap();
        let end = || Stdio::from(terminal.slave.try_clone().unwrap());
        let mut command = self.command(arguments);
        command
            .env("TERM", "xterm")
            .env("COLUMNS", "100")
            .env("PAGER", "sed s/^/paged:/")
            .stdin(end())
            .stdout(end())
            .stderr(end());
        let mut child = command.spawn().unwrap();
        drop((command, terminal.slave));
        let mut master = File::from(terminal.master);
        master.write_all(typed.as_bytes()).unwrap();
        let reader = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            // The end of a terminal is an error, as Linux has it.
            let _ = master.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let code = child.wait().await.unwrap().code().unwrap();
        (code, reader.await.unwrap())
    }
}

pub(crate) fn command(home: &Path, address: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backupctl"));
    command
        .args(["--user"])
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("DBUS_SESSION_BUS_ADDRESS", address)
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .current_dir(home)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

pub(crate) async fn said(command: Command) -> Said {
    let said = to_the_letter(command).await;
    Said {
        stdout: redact(&said.stdout),
        stderr: redact(&said.stderr),
        ..said
    }
}

/// With the times that it told.
pub(crate) async fn to_the_letter(mut command: Command) -> Said {
    let output = command.output().await.unwrap();
    Said {
        code: output.status.code().expect("the client was not killed"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Said {
    pub(crate) fn whole(&self) -> String {
        let mut whole = self.stdout.clone();
        if !self.stderr.is_empty() {
            whole.push_str("--- stderr\n");
            whole.push_str(&self.stderr);
        }
        if self.code != 0 {
            whole.extend(["--- exit ", &self.code.to_string(), "\n"]);
        }
        whole
    }

    /// Standard output as one JSON document.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }
}

/// Takes out what depends on the moment, and on who runs the tests.
pub(crate) fn redact(text: &str) -> String {
    let mut text = text.replace("backupctl --user ", "backupctl ");
    for (shape, name) in [
        ("9999-99-99T99:99:99.999999+99:99", "<time>"),
        ("9999-99-99T99:99:99+99:99", "<time>"),
        ("9999-99-99 99:99:99 UTC", "<time>"),
        ("9999-99-99 99:99:99", "<time>"),
        ("99:99:99 ", "<clock> "),
    ] {
        text = replace_shape(&text, shape, name);
    }
    text
}

/// Replaces all places that look like the shape, in which 9 stands for any digit.
fn replace_shape(text: &str, shape: &str, name: &str) -> String {
    let fits = |rest: &str| {
        rest.len() >= shape.len()
            && shape.bytes().zip(rest.bytes()).all(|(want, have)| match want {
                b'9' => have.is_ascii_digit(),
                want => want == have,
            })
    };
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if fits(rest) {
            replaced.push_str(name);
            rest = &rest[shape.len()..];
        } else {
            replaced.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    replaced
}
