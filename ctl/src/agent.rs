//! polkit's own agent for terminals, which asks for a password where no desktop does.

use std::{
    io,
    io::IsTerminal as _,
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    process::{Child, Command, Stdio},
    time::Duration,
};

use backupd_dbus::Interaction;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{FdFlags, fcntl_setfd},
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open},
};
use tokio::{net::unix::pipe, sync::OnceCell};

use crate::scope::Scope;

/// It registers in milliseconds; without it the daemon's refusal tells what is wrong.
const PATIENCE: Duration = Duration::from_secs(5);
/// It gives the terminal back in milliseconds.
const FAREWELL: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// An agent that is started when it is first needed, and ends with the value.
#[derive(Debug)]
pub(crate) struct Agent {
    wanted: bool,
    process: OnceCell<Option<Running>>,
}

impl Agent {
    /// An agent where one makes sense: polkit decides on the system bus alone, and never about root.
    pub(crate) fn new(scope: Scope, interaction: Interaction) -> Self {
        let root = rustix::process::geteuid().is_root();
        Self {
            wanted: wanted(scope, interaction, root, io::stdin().is_terminal()),
            process: OnceCell::new(),
        }
    }

    /// Has an agent at work, if it can be.
    pub(crate) async fn ready(&self) {
        if self.wanted {
            self.process
                .get_or_init(async || Running::start("pkttyagent").await.ok())
                .await;
        }
    }
}

/// What counts is where answers come from: the terminal on standard input.
fn wanted(scope: Scope, interaction: Interaction, root: bool, terminal: bool) -> bool {
    scope == Scope::System && interaction == Interaction::Allowed && !root && terminal
}

/// A process that is ended in good order, so that it leaves the terminal as it was.
#[derive(Debug)]
struct Running(Child);

impl Running {
    /// Answers when the agent is registered, which it tells by closing the pipe, or has ended without.
    async fn start(program: &str) -> io::Result<Self> {
        let (registered, notify) = io::pipe()?;
        // The agent inherits this end; here it is closed again before anything else is started.
        fcntl_setfd(&notify, FdFlags::empty())?;
        let child = Command::new(program)
            .arg("--process")
            .arg(std::process::id().to_string())
            .arg("--notify-fd")
            .arg(notify.as_fd().as_raw_fd().to_string())
            // A desktop's own agent is better, where there is one.
            .arg("--fallback")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        drop(notify);
        let running = Self(child?);
        let registered = pipe::Receiver::from_owned_fd(OwnedFd::from(registered))?;
        let _ = tokio::time::timeout(PATIENCE, registered.readable()).await;
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = Pid::from_child(&self.0);
        let ended = pidfd_open(pid, PidfdFlags::empty());
        let _ = kill_process(pid, Signal::TERM);
        // One that was stopped with its terminal has to wake up for that.
        let _ = kill_process(pid, Signal::CONT);
        if let Ok(ended) = ended {
            let _ = poll(&mut [PollFd::new(&ended, PollFlags::IN)], Some(&FAREWELL));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn an_agent_is_for_people_at_a_terminal_of_the_machines_daemon() {
        let allowed = Interaction::Allowed;
        assert!(wanted(Scope::System, allowed, false, true));
        assert!(!wanted(Scope::User, allowed, false, true));
        assert!(!wanted(Scope::System, Interaction::Forbidden, false, true));
        assert!(!wanted(Scope::System, allowed, true, true));
        assert!(!wanted(Scope::System, allowed, false, false));
    }

    /// A program in the place of the agent, which notes what becomes of it.
    fn program(directory: &tempfile::TempDir, lines: &str) -> String {
        let file = directory.path().join("agent");
        let text = format!("#!/bin/bash\ncd '{}'\n{lines}\n", directory.path().display());
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        file.display().to_string()
    }

    #[tokio::test]
    async fn it_is_waited_for_until_it_is_registered_and_ends_with_the_value() {
        let directory = tempfile::tempdir().unwrap();
        let program = program(
            &directory,
            // `wait` alone is left for a trap at once.
            "trap 'echo ended >end; kill $!; exit' TERM\necho \"$@\" >arguments\neval \"exec $4>&-\"\n\
             sleep infinity &\nwait",
        );
        let agent = Running::start(&program).await.unwrap();
        let arguments = fs::read_to_string(directory.path().join("arguments")).unwrap();
        let own = std::process::id();
        assert!(
            arguments.starts_with(&format!("--process {own} --notify-fd ")),
            "{arguments}"
        );
        assert!(arguments.trim_end().ends_with(" --fallback"), "{arguments}");
        drop(agent);
        assert_eq!(
            fs::read_to_string(directory.path().join("end")).unwrap(),
            "ended\n"
        );
    }

    #[tokio::test]
    async fn one_that_fails_or_is_absent_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let failing = program(&directory, "exit 127");
        assert!(Running::start(&failing).await.is_ok());
        assert!(Running::start("/nowhere/pkttyagent").await.is_err());
    }
}
