//! Long output on a terminal goes through the user's pager.

use std::{
    env,
    io::{self, Write},
    process::{Child, ChildStdin, Command, Stdio},
};

use tokio::signal::unix::{SignalKind, signal};

/// A running pager.
pub(super) struct Pager {
    child: Child,
    input: Option<ChildStdin>,
}

impl Pager {
    /// Starts the pager; nothing if there is none, or none is wanted.
    pub(super) fn start() -> Option<Self> {
        let wanted = env::var("PAGER").unwrap_or_else(|_| "less".to_owned());
        let wanted = wanted.trim();
        if wanted.is_empty() || wanted == "cat" {
            return None;
        }
        // `PAGER` is a command line for the shell, as everywhere.
        let mut command = Command::new("sh");
        command.arg("-c").arg(wanted).stdin(Stdio::piped());
        if env::var_os("LESS").is_none() {
            // Short output is not paged, colours pass, the screen stays.
            command.env("LESS", "FRX");
        }
        let mut child = command.spawn().ok()?;
        // Ctrl-C is for the pager: it must not lose the one who writes to it, and the terminal with it.
        let _ = signal(SignalKind::interrupt());
        let input = child.stdin.take();
        Some(Self { child, input })
    }

    /// Ends the input and waits for the reader.
    pub(super) fn wait(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

impl Write for Pager {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.input {
            Some(input) => input.write(bytes),
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.input.as_mut().map_or(Ok(()), Write::flush)
    }
}
