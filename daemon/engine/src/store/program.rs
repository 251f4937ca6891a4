//! Programs that bring us to a place: started apart, with no more than they need to know.

use std::{
    io,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
    task::JoinHandle,
};

use crate::ErrorKind;

use super::Fault;

/// Of what a program says that much is kept: its end.
const MOST_SAID: usize = 4096;

/// The only variables that are handed on: ours may hold a password.
pub(crate) const VARIABLES: [&str; 15] = [
    "HOME",
    "KRB5CCNAME",
    "LANG",
    "LC_ALL",
    "LOGNAME",
    "PATH",
    "RUNTIME_DIRECTORY",
    "SSH_AUTH_SOCK",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "USER",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
];

/// A program that ends with us, and that nobody stops before us.
pub(super) fn command(name: &str) -> Command {
    let mut command = Command::new(name);
    command
        .env_clear()
        .envs(
            VARIABLES
                .iter()
                .filter_map(|name| Some((name, std::env::var_os(name)?))),
        )
        // A signal to all of our group is for us alone: locks are still to be removed through this.
        .process_group(0)
        .kill_on_drop(true)
        .stderr(Stdio::piped());
    command
}

/// Why a program could not be started.
pub(super) fn absent(name: &str, package: &str, error: &io::Error) -> Fault {
    let text = match error.kind() {
        io::ErrorKind::NotFound => {
            format!("the program `{name}` is needed for it and is not installed (Debian: `{package}`)")
        }
        _ => format!("the program `{name}` cannot be started: {error}"),
    };
    Fault::new(ErrorKind::InvalidRequest, text)
}

/// What a program says on its standard error.
#[derive(Debug)]
pub(super) struct Said {
    text: Arc<Mutex<Vec<u8>>>,
    task: Option<JoinHandle<()>>,
}

/// Listens until the program closes its standard error.
pub(super) fn listen(child: &mut Child) -> Said {
    let text = Arc::new(Mutex::new(Vec::new()));
    let task = child.stderr.take().map(|mut stderr| {
        let text = Arc::clone(&text);
        tokio::spawn(async move {
            let mut bytes = [0; 1024];
            while let Ok(count @ 1..) = stderr.read(&mut bytes).await {
                let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
                text.extend_from_slice(bytes.get(..count).unwrap_or_default());
                let surplus = text.len().saturating_sub(MOST_SAID);
                text.drain(..surplus);
            }
        })
    });
    Said { text, task }
}

impl Said {
    /// All that it said until its end, which is near.
    pub(super) async fn all(mut self) -> String {
        if let Some(task) = self.task.take() {
            let _ = tokio::time::timeout(std::time::Duration::from_secs(1), task).await;
        }
        self.so_far()
    }

    pub(super) fn so_far(&self) -> String {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&text).into_owned()
    }
}
