//! The one way in which the worker starts another program.

use std::{
    fs::File,
    io::{self, Read, Write as _},
    os::{fd::AsFd, unix::process::CommandExt},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use backupd_engine::Cancellation;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid},
    stdio,
};
use zeroize::Zeroizing;

/// How often a request to stop is looked for; the output itself wakes at once.
const TICK: Duration = Duration::from_millis(50);
/// What is waited for output after the end, for a grandchild may hold the pipe open.
const DRAIN: Duration = Duration::from_millis(500);
/// Between asking a process group to end and ending it.
const GRACE: Duration = Duration::from_millis(500);
/// What is read at once.
const CHUNK: usize = 4096;
/// What is kept of standard error: the end.
const TAIL: usize = 4096;

/// Variables that hold a secret by custom; no program that we start has a use for them.
const SECRET_VARIABLES: [&str; 3] = ["BACKUP_ENCRYPTION_KEY", "RESTIC_PASSWORD", "RUSTIC_PASSWORD"];

/// The variable in which this worker was given its password.
static SECRET_VARIABLE: OnceLock<String> = OnceLock::new();

/// Keeps a variable from every program that is started from now on.
pub(crate) fn keep_from_children(variable: &str) {
    let _ = SECRET_VARIABLE.set(variable.to_owned());
}

/// What a program may use up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long it may take.
    pub(crate) time: Duration,
    /// How many bytes it may print.
    pub(crate) output: usize,
}

/// A program that ran to its end.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    /// It may be a secret.
    pub(crate) stdout: Zeroizing<Vec<u8>>,
    /// Its last 4 KiB.
    pub(crate) stderr: Vec<u8>,
}

/// Why a program did not run to its end.
#[derive(Debug)]
pub(crate) enum Stopped {
    Start(io::Error),
    Broken(io::Error),
    TooLong,
    TooMuch,
    Cancelled,
}

/// A program that is started without a shell.
pub(crate) struct Program<'a> {
    pub(crate) name: &'a str,
    pub(crate) arguments: &'a [&'a str],
    /// What it reads from its standard input; at most what a pipe holds, 64 KiB.
    pub(crate) input: &'a [u8],
}

impl Program<'_> {
    fn stdin(&self) -> io::Result<Stdio> {
        if self.input.is_empty() {
            return Ok(Stdio::null());
        }
        let (reader, mut writer) = io::pipe()?;
        // A pipe that nobody reads yet must not hold us up: what does not fit is refused.
        rustix::io::ioctl_fionbio(&writer, true)?;
        writer.write_all(self.input)?;
        Ok(reader.into())
    }
}

/// Runs a program without a shell, and waits for it. It and all it started are ended when it takes too long,
/// prints too much, or the attempt is cancelled.
pub(crate) fn run(
    program: &Program<'_>,
    limits: Limits,
    cancellation: &Cancellation,
) -> Result<Finished, Stopped> {
    let mut command = Command::new(program.name);
    command
        .args(program.arguments)
        .process_group(0)
        .stdin(program.stdin().map_err(Stopped::Start)?)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for variable in SECRET_VARIABLES {
        command.env_remove(variable);
    }
    if let Some(variable) = SECRET_VARIABLE.get() {
        command.env_remove(variable);
    }
    let mut child = command.spawn().map_err(Stopped::Start)?;
    let outcome = follow(&mut child, limits, cancellation);
    if outcome.is_err() {
        end(&mut child);
    }
    outcome
}

fn follow(child: &mut Child, limits: Limits, cancellation: &Cancellation) -> Result<Finished, Stopped> {
    let until = Instant::now() + limits.time;
    let mut stdout = child.stdout.take().map(Pipe::new);
    let mut stderr = child.stderr.take().map(Pipe::new);
    // As long as it may get: a vector that grows leaves what it held behind.
    let mut printed = Zeroizing::new(Vec::with_capacity(limits.output + CHUNK));
    let mut complained = Vec::new();
    let mut exited: Option<(ExitStatus, Instant)> = None;
    loop {
        wait(&[stdout.as_ref().map(Pipe::fd), stderr.as_ref().map(Pipe::fd)]).map_err(Stopped::Broken)?;
        Pipe::take(&mut stdout, &mut printed).map_err(Stopped::Broken)?;
        Pipe::take(&mut stderr, &mut complained).map_err(Stopped::Broken)?;
        if printed.len() > limits.output {
            return Err(Stopped::TooMuch);
        }
        if complained.len() > TAIL {
            complained.drain(..complained.len() - TAIL);
        }
        if exited.is_none() {
            exited = child
                .try_wait()
                .map_err(Stopped::Broken)?
                .map(|status| (status, Instant::now()));
        }
        let drained = stdout.is_none() && stderr.is_none();
        if let Some((status, at)) = exited
            && (drained || at.elapsed() >= DRAIN)
        {
            return Ok(Finished {
                status,
                stdout: printed,
                stderr: complained,
            });
        }
        if cancellation.is_cancelled() {
            return Err(Stopped::Cancelled);
        }
        if Instant::now() >= until {
            return Err(Stopped::TooLong);
        }
    }
}

/// Reads our own standard input to its end.
pub(crate) fn read_input(limits: Limits, cancellation: &Cancellation) -> Result<Zeroizing<Vec<u8>>, Stopped> {
    let until = Instant::now() + limits.time;
    // Without the buffer of `io::stdin`, which would keep it.
    let input = stdio::stdin().try_clone_to_owned().map_err(Stopped::Broken)?;
    let mut input = Some(Pipe::new(File::from(input)));
    let mut bytes = Zeroizing::new(Vec::with_capacity(limits.output + CHUNK));
    while let Some(open) = &input {
        wait(&[Some(open.fd())]).map_err(Stopped::Broken)?;
        Pipe::take(&mut input, &mut bytes).map_err(Stopped::Broken)?;
        if bytes.len() > limits.output {
            return Err(Stopped::TooMuch);
        }
        if cancellation.is_cancelled() {
            return Err(Stopped::Cancelled);
        }
        if Instant::now() >= until {
            return Err(Stopped::TooLong);
        }
    }
    Ok(bytes)
}

/// One end of a pipe that is read only when something is there.
struct Pipe<R>(R);

impl<R: Read + AsFd> Pipe<R> {
    fn new(reader: R) -> Self {
        Self(reader)
    }

    fn fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Reads what is there; at the end the pipe is closed.
    fn take(pipe: &mut Option<Self>, into: &mut Vec<u8>) -> io::Result<()> {
        let Some(Self(reader)) = pipe else { return Ok(()) };
        if !ready(reader.as_fd())? {
            return Ok(());
        }
        let mut buffer = Zeroizing::new([0; CHUNK]);
        match reader.read(buffer.as_mut_slice()) {
            Ok(0) => *pipe = None,
            Ok(length) => into.extend_from_slice(buffer.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn ready(fd: std::os::fd::BorrowedFd<'_>) -> io::Result<bool> {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    match poll(&mut fds, Some(&Timespec::default())) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Waits until something can be read, or a tick has passed.
fn wait(pipes: &[Option<std::os::fd::BorrowedFd<'_>>]) -> io::Result<()> {
    let mut fds: Vec<_> = pipes
        .iter()
        .flatten()
        .map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN))
        .collect();
    let tick = Timespec {
        tv_sec: 0,
        tv_nsec: TICK.subsec_nanos().into(),
    };
    match poll(&mut fds, Some(&tick)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Ends the whole group: first asks, then kills. The leader is reaped last, so that its number stays ours.
fn end(child: &mut Child) {
    let group = Pid::from_child(child);
    let _ = kill_process_group(group, Signal::TERM);
    let until = Instant::now() + GRACE;
    let peek = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    while Instant::now() < until && matches!(waitid(WaitId::Pid(group), peek), Ok(None)) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = kill_process_group(group, Signal::KILL);
    let _ = child.wait();
}

/// The last line with something on it, fit for a log.
pub(crate) fn last_line(stderr: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    Some(
        line.chars()
            .filter(|letter| !letter.is_control())
            .take(200)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        time: Duration::from_secs(20),
        output: 64,
    };

    fn shell(script: &str, limits: Limits, cancellation: &Cancellation) -> Result<Finished, Stopped> {
        let program = Program {
            name: "/bin/sh",
            arguments: &["-c", script],
            input: b"",
        };
        run(&program, limits, cancellation)
    }

    #[test]
    fn output_and_complaints_stay_apart() {
        let done = shell("echo yes; echo no >&2; exit 3", LIMITS, &Cancellation::default()).unwrap();
        assert_eq!(done.status.code(), Some(3));
        assert_eq!(*done.stdout, b"yes\n");
        assert_eq!(done.stderr, b"no\n");
    }

    #[test]
    fn too_long_and_too_much_are_stopped_with_all_they_started() {
        let short = Limits {
            time: Duration::from_millis(100),
            ..LIMITS
        };
        let began = Instant::now();
        let stopped = shell("sleep 60 & sleep 60", short, &Cancellation::default());
        assert!(matches!(stopped, Err(Stopped::TooLong)));
        let stopped = shell("yes; sleep 60", LIMITS, &Cancellation::default());
        assert!(matches!(stopped, Err(Stopped::TooMuch)));
        let stubborn = shell(
            "trap '' TERM; while :; do sleep 1; done",
            short,
            &Cancellation::default(),
        );
        assert!(matches!(stubborn, Err(Stopped::TooLong)));
        assert!(began.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_cancelled_attempt_does_not_wait() {
        let cancellation = Cancellation::default();
        cancellation.cancel();
        let began = Instant::now();
        assert!(matches!(
            shell("sleep 60", LIMITS, &cancellation),
            Err(Stopped::Cancelled)
        ));
        assert!(began.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_grandchild_that_keeps_the_pipe_holds_nobody_up() {
        let began = Instant::now();
        let done = shell("echo yes; sleep 5 & exit 0", LIMITS, &Cancellation::default()).unwrap();
        assert_eq!(*done.stdout, b"yes\n");
        assert!(began.elapsed() < Duration::from_secs(4));
    }

    #[test]
    fn what_it_is_to_read_comes_through_a_pipe() {
        let input = vec![b'x'; 64 * 1024];
        let program = Program {
            name: "/usr/bin/wc",
            arguments: &["-c"],
            input: &input,
        };
        let done = run(&program, LIMITS, &Cancellation::default()).unwrap();
        assert_eq!(*done.stdout, b"65536\n");
    }

    #[test]
    fn variables_with_secrets_stay_here() {
        // A variable of cargo's stands for the secret: a test cannot set a variable of its own process.
        keep_from_children("CARGO_PKG_NAME");
        let done = shell("echo \"<$CARGO_PKG_NAME>\"", LIMITS, &Cancellation::default()).unwrap();
        assert_eq!(*done.stdout, b"<>\n");
    }

    #[test]
    fn an_absent_program_is_told_from_a_failing_one() {
        let program = Program {
            name: "/no/such/program",
            arguments: &[],
            input: b"",
        };
        let stopped = run(&program, LIMITS, &Cancellation::default());
        assert!(matches!(stopped, Err(Stopped::Start(error)) if error.kind() == io::ErrorKind::NotFound));
    }
}
