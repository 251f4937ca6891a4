//! `backupctl` at a terminal, where polkit's text agent asks for the password of an administrator.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    path::PathBuf,
    process::{Child, Stdio},
    sync::mpsc,
    time::Instant,
};

use backupd_tests::{
    Machine,
    machine::{ALICE, Release, Setup},
    on_each_release, wait,
};
use rustix::termios::{LocalModes, tcgetattr};

on_each_release!(a_password_is_asked_for_at_a_terminal);

/// A command at a terminal of its own.
pub(crate) struct Terminal {
    child: Child,
    pieces: mpsc::Receiver<Vec<u8>>,
    seen: String,
    /// As seen from outside.
    device: PathBuf,
}

impl Terminal {
    pub(crate) fn open(machine: &Machine, user: &str, command: &str) -> Self {
        let mut child = machine
            .command()
            // A session, without which polkit takes no agent for one that stands back for a desktop's.
            .args(["su", "--login", user, "--command"])
            .arg(format!(
                "script --quiet --return --command 'tty; {command}' /dev/null"
            ))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = child.stdout.take().unwrap();
        let (sender, pieces) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut terminal = Self {
            child,
            pieces,
            seen: String::new(),
            device: PathBuf::new(),
        };
        terminal.expect("\n");
        let device = terminal.seen.lines().next().unwrap().trim_end();
        terminal.device = machine.path(device);
        terminal
    }

    /// Waits until this stands there.
    pub(crate) fn expect(&mut self, text: &str) {
        let until = Instant::now() + wait::DEADLINE;
        while !self.seen.contains(text) {
            match self
                .pieces
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(piece) => self.seen.push_str(&String::from_utf8_lossy(&piece)),
                Err(error) => panic!("`{text}` does not come ({error}):\n{}", self.seen),
            }
        }
    }

    /// Answers when what is entered is not shown: the agent takes nothing that was entered before.
    pub(crate) fn enter_secret(&mut self, line: &str) {
        let device = File::open(&self.device).unwrap();
        let until = Instant::now() + wait::DEADLINE;
        // There is no event for that.
        while tcgetattr(&device).unwrap().local_modes.contains(LocalModes::ECHO) {
            assert!(Instant::now() < until, "it would be echoed:\n{}", self.seen);
            std::thread::yield_now();
        }
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
    }

    /// All that stood there, and the exit code.
    pub(crate) fn end(mut self) -> (String, Option<i32>) {
        while let Ok(piece) = self.pieces.recv_timeout(wait::DEADLINE) {
            self.seen.push_str(&String::from_utf8_lossy(&piece));
        }
        let code = self.child.wait().unwrap().code();
        (self.seen, code)
    }
}

fn a_password_is_asked_for_at_a_terminal(release: Release) {
    let machine = Setup::new(release)
        .prepare("echo root:the-right-one | chpasswd")
        .boot();
    machine.write_repository("main");
    machine.write_job("home", "");
    machine.backupctl(["config", "reload"]).well();
    let start = "backupctl --system start home";
    let question = "Authentication is required to start the backup job “home”";

    let mut terminal = Terminal::open(&machine, ALICE.name, start);
    terminal.expect(question);
    terminal.expect("Password: ");
    terminal.enter_secret("a-wrong-one");
    let (seen, code) = terminal.end();
    assert_eq!(code, Some(4), "{seen}");
    assert!(
        seen.contains("repository `main`): authentication failed"),
        "{seen}"
    );
    assert!(!seen.contains("a-wrong-one"), "it is echoed: {seen}");

    let mut terminal = Terminal::open(&machine, ALICE.name, start);
    terminal.expect("Password: ");
    terminal.enter_secret("the-right-one");
    let (seen, code) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");

    // Nobody is asked who does not want to be, and who only looks.
    let (seen, code) = Terminal::open(
        &machine,
        ALICE.name,
        "backupctl --system --no-ask-password start home",
    )
    .end();
    assert_eq!(code, Some(4), "{seen}");
    assert!(seen.contains("nobody could ask you"), "{seen}");
    let (seen, code) = Terminal::open(&machine, ALICE.name, "backupctl --system --no-pager history").end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(!seen.contains("AUTHENTICATING"), "{seen}");
    // The agent ends with the command.
    machine.run(["pgrep", "pkttyagent"]).with_code(1);
}
