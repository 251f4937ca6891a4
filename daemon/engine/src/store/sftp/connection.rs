//! One connection: an `ssh` with its pipes, requests that are under way, and what it said when it ended.

use std::{
    collections::HashMap,
    path::Path,
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, ChildStdout},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    ErrorKind,
    store::{Fault, program, remote::Pulse},
};

use super::packet::{self, Reply, Request};

/// Requests that may wait to be sent.
const QUEUE: usize = 4;
/// How long an `ssh` that has closed its output may take to end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How `ssh` is called.
#[derive(Debug, Clone)]
pub(super) struct Login<'a> {
    pub(super) user: Option<&'a str>,
    pub(super) host: &'a str,
    pub(super) port: Option<u16>,
    pub(super) key: Option<&'a Path>,
    pub(super) known_hosts: Option<&'a Path>,
    pub(super) timeout: Duration,
}

/// An SFTP server at the other end of an `ssh`.
#[derive(Debug)]
pub(super) struct Connection {
    outgoing: mpsc::Sender<Bytes>,
    waiting: Arc<Mutex<Waiting>>,
    next: AtomicU32,
    extensions: Vec<String>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Debug, Default)]
struct Waiting {
    requests: HashMap<u32, oneshot::Sender<Result<Reply, Fault>>>,
    /// Why nothing comes any more.
    closed: Option<Fault>,
}

impl Connection {
    /// Starts `ssh` and greets the server.
    pub(super) async fn open(login: &Login<'_>) -> Result<Self, Fault> {
        let arguments = arguments(login);
        let mut command = program::command("ssh");
        command
            .args(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| program::absent("ssh", "openssh-client", &error))?;
        let (Some(mut stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Fault::new(ErrorKind::Other, "`ssh` has no pipes"));
        };
        let said = program::listen(&mut child);
        let hello = async {
            stdin.write_all(b"\0\0\0\x05\x01\0\0\0\x03").await.map_err(lost)?;
            packet::parse_version(receive(&mut stdout).await?)
        };
        let extensions = match hello.await {
            Ok(extensions) => extensions,
            Err(fault) => return Err(last_words(child, said, fault).await),
        };
        Pulse::current().beat();
        let (outgoing, queue) = mpsc::channel(QUEUE);
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let reader = tokio::spawn(read(child, said, stdout, Arc::clone(&waiting)));
        let writer = tokio::spawn(write(stdin, queue));
        Ok(Self {
            outgoing,
            waiting,
            next: AtomicU32::new(0),
            extensions,
            tasks: [reader, writer],
        })
    }

    pub(super) fn has(&self, extension: &str) -> bool {
        self.extensions.iter().any(|known| known == extension)
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.waiting).closed.is_some()
    }

    /// Sends a request and waits for its answer; `fill` adds its fields.
    pub(super) async fn request(
        &self,
        kind: u8,
        fill: impl FnOnce(Request) -> Request + Send,
    ) -> Result<Reply, Fault> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        {
            let mut waiting = lock(&self.waiting);
            if let Some(fault) = &waiting.closed {
                return Err(fault.clone());
            }
            waiting.requests.insert(id, answer);
        }
        // Should the writer be gone, the reader will say why.
        let _ = self.outgoing.send(fill(Request::new(kind, id)).finish()).await;
        let reply = answered
            .await
            .unwrap_or_else(|_| Err(Fault::network("the connection was closed")));
        Pulse::current().beat();
        reply
    }
}

impl Drop for Connection {
    /// `ssh` goes with the task that holds it.
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn lock(waiting: &Mutex<Waiting>) -> std::sync::MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nobody is asked anything, and no host is believed that is not known.
pub(super) fn arguments(login: &Login<'_>) -> Vec<String> {
    let mut arguments: Vec<String> = Vec::new();
    let mut option = |text: String| arguments.extend(["-o".to_owned(), text]);
    option("BatchMode=yes".to_owned());
    option("StrictHostKeyChecking=yes".to_owned());
    option("ClearAllForwardings=yes".to_owned());
    option(format!("ConnectTimeout={}", login.timeout.as_secs().max(1)));
    option("ServerAliveInterval=15".to_owned());
    if let Some(key) = login.key {
        option(format!("IdentityFile=\"{}\"", key.display()));
        option("IdentitiesOnly=yes".to_owned());
    }
    if let Some(hosts) = login.known_hosts {
        option(format!("UserKnownHostsFile=\"{}\"", hosts.display()));
        option("GlobalKnownHostsFile=none".to_owned());
    }
    if let Some(port) = login.port {
        option(format!("Port={port}"));
    }
    if let Some(user) = login.user {
        option(format!("User={user}"));
    }
    arguments.extend(["-s", "--", login.host, "sftp"].map(str::to_owned));
    arguments
}

async fn receive(stdout: &mut ChildStdout) -> Result<Bytes, Fault> {
    let length = stdout.read_u32().await.map_err(lost)?;
    if !(5..=packet::LARGEST).contains(&length) {
        return Err(Fault::senseless("a packet has an impossible length"));
    }
    let mut body = BytesMut::zeroed(length as usize);
    stdout.read_exact(&mut body).await.map_err(lost)?;
    Ok(body.freeze())
}

fn lost(_: std::io::Error) -> Fault {
    Fault::network("the connection was closed")
}

async fn write(mut stdin: ChildStdin, mut queue: mpsc::Receiver<Bytes>) {
    while let Some(packet) = queue.recv().await {
        if stdin.write_all(&packet).await.is_err() {
            return;
        }
    }
}

/// Hands answers to those that wait for them until there are no more.
async fn read(child: Child, said: program::Said, mut stdout: ChildStdout, waiting: Arc<Mutex<Waiting>>) {
    let fault = loop {
        match receive(&mut stdout).await.and_then(packet::parse) {
            Ok((id, reply)) => {
                if let Some(answer) = lock(&waiting).requests.remove(&id) {
                    let _ = answer.send(Ok(reply));
                }
            }
            Err(fault) => break fault,
        }
    };
    let fault = last_words(child, said, fault).await;
    let mut waiting = lock(&waiting);
    for (_, answer) in waiting.requests.drain() {
        let _ = answer.send(Err(fault.clone()));
    }
    waiting.closed = Some(fault);
}

/// `ssh` says best why it ended.
async fn last_words(mut child: Child, said: program::Said, fault: Fault) -> Fault {
    // Who answers nonsense may go on for ever.
    if tokio::time::timeout(LAST_WORDS, child.wait()).await.is_err() {
        let _ = child.start_kill();
        return fault;
    }
    explain(&said.all().await).unwrap_or(fault)
}

/// What `ssh` says in words alone.
fn explain(said: &str) -> Option<Fault> {
    let says = |words: &[&str]| words.iter().any(|words| said.contains(words));
    // The last line is the reason; those before may be a banner.
    let line = said
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty() && !line.contains(char::is_control))?;
    let fault = if says(&["REMOTE HOST IDENTIFICATION HAS CHANGED"]) {
        Fault::new(
            ErrorKind::Untrusted,
            "the host has another key than the one that is known",
        )
    } else if says(&["Host key verification failed", "host key is known for"]) {
        Fault::new(ErrorKind::Untrusted, "the host's key is not known")
    } else if says(&["Permission denied (", "Too many authentication failures"]) {
        Fault::new(
            ErrorKind::AccessRefused,
            format!("the server refuses access: {line}"),
        )
    } else if says(&["subsystem request failed"]) {
        Fault::new(ErrorKind::Other, "the server offers no SFTP")
    } else if says(&[
        "Bad owner or permissions",
        "Bad configuration option",
        "terminating, ",
    ]) {
        Fault::new(
            ErrorKind::InvalidRequest,
            format!("`ssh` cannot be used as it is set up: {line}"),
        )
    } else {
        Fault::network(line)
    };
    Some(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_says_is_sorted() {
        let kind = |said: &str| {
            let fault = explain(said).unwrap();
            (fault.kind(), fault.is_transient())
        };
        for (said, expected, transient) in [
            (
                "No ED25519 host key is known for [127.0.0.1]:1 and you have requested strict checking.\r\nHost key verification failed.\r\n",
                ErrorKind::Untrusted,
                false,
            ),
            (
                "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.\n",
                ErrorKind::Untrusted,
                false,
            ),
            (
                "me@nas: Permission denied (publickey).\n",
                ErrorKind::AccessRefused,
                false,
            ),
            (
                "ssh: connect to host nas port 22: Connection refused\n",
                ErrorKind::Network,
                true,
            ),
            (
                "ssh: Could not resolve hostname nas: Name or service not known\n",
                ErrorKind::Network,
                true,
            ),
            (
                "kex_exchange_identification: read: Connection reset by peer\n",
                ErrorKind::Network,
                true,
            ),
            ("subsystem request failed on channel 0\n", ErrorKind::Other, false),
        ] {
            assert_eq!(kind(said), (expected, transient), "{said}");
        }
        assert!(explain("\n").is_none());
    }

    #[test]
    fn hosts_are_never_believed_and_nobody_is_asked() {
        let login = Login {
            user: Some("me"),
            host: "nas",
            port: Some(2222),
            key: Some(Path::new("/a b/key")),
            known_hosts: Some(Path::new("/hosts")),
            timeout: Duration::from_secs(9),
        };
        let line = arguments(&login).join(" ");
        for part in [
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "IdentityFile=\"/a b/key\"",
            "UserKnownHostsFile=\"/hosts\"",
            "Port=2222",
            "User=me",
        ] {
            assert!(line.contains(part), "{line}");
        }
        assert!(line.ends_with("-s -- nas sftp"), "{line}");
    }
}
