//! One call of the program: its password goes in, its lines come out, and it ends when somebody asks.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError, SyncSender},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

use crate::{Access, Cancellation, EngineError, ErrorKind, Result, embedded};

use super::{locks::Note, message::Message};

/// How often it is seen to whether somebody asked to stop.
const LOOK: Duration = Duration::from_millis(50);
/// It removes its lock before it ends, over a network perhaps. Who is not done by then is killed.
const GRACE: Duration = Duration::from_secs(15);
/// Once it says something it has its lock, or has failed. Nobody waits longer for that.
const BEGINNING: Duration = Duration::from_secs(3);
/// So many lines may wait to be heard.
const LINES_AHEAD: usize = 256;
/// Once it has ended, programs that it has started have so long to close what they share with it.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// A longer line is no line.
const LONGEST: u64 = 64 << 20;
/// Of what it says in words so much is kept: the end.
const MOST_SAID: usize = 16 << 10;

/// How a call ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// What it said in words on either of its outputs; of very much, the end.
    pub(super) said: String,
}

/// What is done while it runs.
pub(super) trait Listener {
    /// It says something in JSON.
    fn message(&mut self, _message: Message) {}
    /// It says something in words.
    fn line(&mut self, _line: &str) {}
    /// Called often; an error ends it.
    fn look(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Nobody is interested.
pub(super) struct Nobody;

impl Listener for Nobody {}

/// Runs a call to its end. It is stopped once cancelled, and then all its lock files are gone or will be known as ours.
pub(super) fn run(
    command: &mut Command,
    access: &Access,
    cancellation: &Cancellation,
    listener: &mut dyn Listener,
) -> Result<Ended> {
    if cancellation.is_cancelled() {
        return Err(embedded::cancelled());
    }
    let password = access.password.reveal();
    if password.contains(['\n', '\r']) {
        return Err(EngineError::new(
            ErrorKind::InvalidRequest,
            format!(
                "the password of repository `{}` has more than one line, which restic cannot be given",
                access.name
            ),
        ));
    }
    let failed = |error: io::Error| {
        EngineError::new(
            ErrorKind::Other,
            format!("cannot start restic for repository `{}`", access.name),
        )
        .caused_by(error)
    };
    // A signal to all of our group is for us alone: we tell the program, once. When we are gone it writes to a broken pipe, and ends of that.
    command
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = Running(command.spawn().map_err(failed)?);
    let note = Note::take(access, running.0.id());
    if let Some(mut input) = running.0.stdin.take() {
        // One that ended before it read says why.
        let _ = input
            .write_all(password.as_bytes())
            .and_then(|()| input.write_all(b"\n"));
    }
    let (sender, lines) = mpsc::sync_channel(LINES_AHEAD);
    let outputs: [Option<Box<dyn Read + Send>>; 2] = [
        running.0.stdout.take().map(|output| Box::new(output) as _),
        running.0.stderr.take().map(|output| Box::new(output) as _),
    ];
    for output in outputs.into_iter().flatten() {
        let sender = sender.clone();
        thread::Builder::new()
            .name("restic".to_owned())
            .spawn(move || read(output, &sender))
            .map_err(failed)?;
    }
    drop(sender);
    let mut said = String::new();
    let mut stopping: Option<Stop> = None;
    let (began, mut at_work) = (Instant::now(), false);
    let mut ended: Option<Instant> = None;
    let mut looked = began;
    loop {
        match lines.recv_timeout(LOOK) {
            Ok(line) => at_work |= hear(&line, &mut said, listener),
            Err(RecvTimeoutError::Timeout) if matches!(running.0.try_wait(), Ok(Some(_))) => {
                if ended.get_or_insert_with(Instant::now).elapsed() > LAST_WORDS {
                    break;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if looked.elapsed() < LOOK {
            continue;
        }
        looked = Instant::now();
        match &mut stopping {
            Some(stop) if ended.is_none() && stop.since.elapsed() > GRACE && !stop.killed => {
                tracing::warn!("restic does not end when asked to, and is killed");
                running.kill();
                stop.killed = true;
            }
            Some(_) => {}
            None => {
                let why = if cancellation.is_cancelled() {
                    Some(embedded::cancelled())
                } else {
                    listener.look().err()
                };
                // Who is asked while it takes its lock leaves it there.
                if ended.is_none() && (at_work || began.elapsed() > BEGINNING) {
                    stopping = why.map(|why| Stop::ask(&running.0, why));
                }
            }
        }
    }
    let status = running.0.wait().map_err(failed)?;
    if status.success() {
        note.tear();
    }
    match stopping {
        // Who was asked too late has done all.
        Some(stop) if !status.success() => Err(stop.why),
        None if !status.success() && cancellation.is_cancelled() => Err(embedded::cancelled()),
        _ => Ok(Ended { status, said }),
    }
}

/// Somebody asked it to end.
struct Stop {
    why: EngineError,
    since: Instant,
    killed: bool,
}

impl Stop {
    fn ask(child: &Child, why: EngineError) -> Self {
        if let Ok(pid) = i32::try_from(child.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
        }
        Self {
            why,
            since: Instant::now(),
            killed: false,
        }
    }
}

/// Never outlives us, whatever happens here.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.kill();
            let _ = self.0.wait();
        }
    }
}

impl Running {
    /// With all that it has started. Not to be called once it was waited for: its number may be another's then.
    fn kill(&self) {
        if let Ok(pid) = i32::try_from(self.0.id()) {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

fn read(output: Box<dyn Read + Send>, lines: &SyncSender<Vec<u8>>) {
    let mut output = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        match output.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
            Ok(1..) => {
                if lines.send(line).is_err() {
                    return;
                }
            }
            Ok(0) | Err(_) => return,
        }
    }
}

/// Whether this says that it is at work.
fn hear(line: &[u8], said: &mut String, listener: &mut dyn Listener) -> bool {
    if line.starts_with(b"{")
        && let Some(message) = Message::read(line)
    {
        if let Message::ExitError { message } = &message {
            keep(said, message);
        }
        listener.message(message);
        return true;
    }
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end();
    if line.is_empty() || line == "reading repository password from stdin" {
        return false;
    }
    listener.line(line);
    keep(said, line);
    line != "create exclusive lock for repository"
}

fn keep(said: &mut String, line: &str) {
    said.push_str(line);
    said.push('\n');
    let surplus = said.len().saturating_sub(MOST_SAID);
    let surplus = (surplus..=said.len())
        .find(|at| said.is_char_boundary(*at))
        .unwrap_or_default();
    said.drain(..surplus);
}
