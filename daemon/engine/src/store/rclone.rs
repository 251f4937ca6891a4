//! What rclone reaches: it serves restic's protocol to us through pipes, as it does to restic.

use std::{
    path::PathBuf,
    pin::Pin,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::Deserialize;
use tokio::{
    process::{Child, Command},
    task::JoinHandle,
};

use crate::{ErrorKind, Space, access::Options};

use super::{
    Fault,
    fault::says_full,
    http::Http,
    program::{self, Said},
    remote::Answer,
    rest::Connect,
    throttle::Throttle,
};

/// How long it may take to say how much room there is.
const LONGEST_ABOUT: Duration = Duration::from_secs(15);
/// How long an rclone that closed its pipes may take to end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Starts rclone when it is needed first, and again when it ended.
#[derive(Debug)]
pub(crate) struct Rclone {
    /// `remote:path`.
    remote: String,
    config: Option<PathBuf>,
    throttle: Arc<Throttle>,
    running: Mutex<Option<Arc<Running>>>,
    starting: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Running {
    http: Http,
    program: tokio::sync::Mutex<Option<(Child, Said)>>,
    connection: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Rclone {
    pub(crate) fn new(remote: String, options: &Options, throttle: Arc<Throttle>) -> Self {
        Self {
            remote,
            config: options.rclone_config.clone(),
            throttle,
            running: Mutex::default(),
            starting: tokio::sync::Mutex::default(),
        }
    }

    fn current(&self) -> Option<Arc<Running>> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running
            .clone()
            .filter(|running| !running.connection.is_finished())
    }

    fn configure(&self, command: &mut Command) {
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
    }

    /// Many kinds of places do not say it, each in its own words: that is no fault.
    async fn about(&self) -> Result<Option<Space>, Fault> {
        let mut command = program::command("rclone");
        command.args(["about", "--json", "--ask-password=false"]);
        self.configure(&mut command);
        command
            .args(["--low-level-retries", "1", "--", &self.remote])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let output = command.output();
        let output = tokio::time::timeout(LONGEST_ABOUT, output).await;
        let said = output
            .ok()
            .and_then(Result::ok)
            .filter(|said| said.status.success());
        Ok(said.and_then(|said| space(&said.stdout)))
    }

    async fn start(&self) -> Result<Running, Fault> {
        let mut command = program::command("rclone");
        command.args([
            "serve",
            "restic",
            "--stdio",
            "--b2-hard-delete",
            "--ask-password=false",
        ]);
        self.configure(&mut command);
        // It retries by itself, beyond our patience.
        command
            .args(["--low-level-retries", "3", "--", &self.remote])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| program::absent("rclone", "rclone", &error))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Fault::new(ErrorKind::Other, "`rclone` has no pipes"));
        };
        let said = program::listen(&mut child);
        let pipes = TokioIo::new(tokio::io::join(stdout, stdin));
        let greeted = hyper::client::conn::http2::handshake(TokioExecutor::new(), pipes).await;
        let Ok((sender, connection)) = greeted else {
            return Err(last_words(child, said).await.unwrap_or_else(closed));
        };
        let connection = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Running {
            http: Http::through(sender, Arc::clone(&self.throttle)),
            program: tokio::sync::Mutex::new(Some((child, said))),
            connection,
        })
    }
}

impl Connect for Rclone {
    fn connect(&self) -> Answer<'_, Http> {
        Box::pin(async {
            if let Some(running) = self.current() {
                return Ok(running.http.clone());
            }
            let _one = self.starting.lock().await;
            if let Some(running) = self.current() {
                return Ok(running.http.clone());
            }
            let running = Arc::new(self.start().await?);
            *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&running));
            Ok(running.http.clone())
        })
    }

    fn explain(&self, fault: Fault) -> Pin<Box<dyn Future<Output = Fault> + Send + '_>> {
        Box::pin(async move {
            let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
            let ended = match running {
                Some(running) => running.program.lock().await.take(),
                None => None,
            };
            match ended {
                Some((child, said)) => last_words(child, said).await.unwrap_or(fault),
                None => fault,
            }
        })
    }

    /// Its answers have no reasons; its log does.
    fn refine(&self, fault: Fault) -> Fault {
        if !fault.is_transient() {
            return fault;
        }
        let said = self
            .current()
            .and_then(|running| Some(running.program.try_lock().ok()?.as_ref()?.1.so_far()));
        match said {
            Some(said) if says_full(&said) => {
                Fault::new(ErrorKind::NoSpace, "there is no room left behind `rclone`")
            }
            _ => fault,
        }
    }

    fn space(&self) -> Answer<'_, Option<Space>> {
        Box::pin(self.about())
    }

    fn reset(&self) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// What `rclone about --json` says.
fn space(said: &[u8]) -> Option<Space> {
    #[derive(Deserialize)]
    struct About {
        total: Option<u64>,
        free: Option<u64>,
    }
    let about: About = serde_json::from_slice(said).ok()?;
    Some(Space {
        free: about.free?,
        total: about.total,
    })
}

fn closed() -> Fault {
    Fault::network("`rclone` has closed the connection")
}

/// Why it ended, if it did.
async fn last_words(mut child: Child, said: Said) -> Option<Fault> {
    if tokio::time::timeout(LAST_WORDS, child.wait()).await.is_err() {
        let _ = child.start_kill();
        return None;
    }
    explain(&said.all().await)
}

/// What rclone says in words alone, behind the time and the level.
fn explain(said: &str) -> Option<Fault> {
    let line = said.lines().rev().find_map(|line| {
        let (_, text) = ["Failed to ", "ERROR : ", "CRITICAL: ", "Fatal error: ", "Error: "]
            .iter()
            .find_map(|mark| line.split_once(mark).map(|(_, text)| (mark, text.trim())))?;
        (!text.is_empty() && !text.contains(char::is_control)).then_some(text)
    })?;
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    Some(
        if says(&[
            "didn't find section in config file",
            "unknown command",
            "unknown flag",
        ]) {
            Fault::new(
                ErrorKind::InvalidRequest,
                format!("`rclone` cannot use it: {line}"),
            )
        } else {
            Fault::network(format!("`rclone` says: {line}"))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rclone_says_is_sorted() {
        let fault = explain(
            "2026/11/26 07:00:00 Failed to create file system for \"cloud:x\": didn't find section in config file\n",
        )
        .unwrap();
        assert_eq!(fault.kind(), ErrorKind::InvalidRequest);
        assert!(explain("2026/11/26 NOTICE: hello\n").is_none());
    }

    #[test]
    fn room_is_known_where_rclone_says_it() {
        let some = space(br#"{"total":17,"used":5,"trashed":1,"free":12}"#).unwrap();
        assert_eq!((some.free, some.total), (12, Some(17)));
        assert_eq!(space(br#"{"free":12}"#).unwrap().total, None);
        assert!(space(br#"{"used":5}"#).is_none() && space(b"").is_none());
    }
}
