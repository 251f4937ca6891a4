//! A service manager's end of `$NOTIFY_SOCKET`.

use std::{
    io::ErrorKind,
    os::unix::net::UnixDatagram,
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::Bed;

/// Nothing takes so long on a machine that works.
const DEADLINE: Duration = Duration::from_mins(1);

/// See the module. The socket is gone when this is dropped.
pub struct NotifySocket {
    socket: UnixDatagram,
    path: PathBuf,
}

impl NotifySocket {
    /// Makes the socket, and daemons of the bed that start from now on tell it.
    pub fn new(bed: &mut Bed) -> Self {
        let path = bed.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let variable = ("NOTIFY_SOCKET".to_owned(), path.display().to_string());
        bed.variables.push(variable);
        Self { socket, path }
    }

    /// The next datagram; `None` when none came in time.
    fn next(&self, patience: Duration) -> Option<String> {
        self.socket
            .set_read_timeout(Some(patience.max(Duration::from_millis(1))))
            .unwrap();
        let mut buffer = [0; 4096];
        match self.socket.recv(&mut buffer) {
            Ok(length) => Some(String::from_utf8(buffer[..length].to_vec()).unwrap()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            Err(error) => panic!("the notify socket: {error}"),
        }
    }

    /// Waits for a datagram with this line; answers all that came, it included.
    pub fn wait_for(&self, beginning: &str) -> Vec<String> {
        let until = Instant::now() + DEADLINE;
        let mut said = Vec::new();
        while let Some(datagram) = self.next(until.saturating_duration_since(Instant::now())) {
            let found = datagram.lines().any(|line| line.starts_with(beginning));
            said.push(datagram);
            if found {
                return said;
            }
        }
        panic!("nobody said `{beginning}`, only {said:?}");
    }
}

impl Drop for NotifySocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
