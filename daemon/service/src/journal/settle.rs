//! Waiting until the journal has taken in what was said.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    time::Duration,
};

/// journald, by varlink; for root alone.
const SOCKET: &str = "/run/systemd/journal/io.systemd.journal";
/// A journal that takes longer has other troubles.
const LONGEST: Duration = Duration::from_secs(1);

/// Which unit an entry is of, the journal reads off the process that sent it. Of one that is gone by then it does not
/// know, and `journalctl -u` does not show why the daemon ended.
pub(crate) fn settle() {
    if let Err(error) = synchronize() {
        tracing::debug!(%error, "the journal was not waited for");
    }
}

fn synchronize() -> io::Result<()> {
    let mut journal = UnixStream::connect(SOCKET)?;
    journal.set_read_timeout(Some(LONGEST))?;
    journal.set_write_timeout(Some(LONGEST))?;
    journal.write_all(b"{\"method\":\"io.systemd.Journal.Synchronize\"}\0")?;
    // The answer ends with a zero, and says nothing.
    let mut answer = Vec::new();
    BufReader::new(journal).read_until(0, &mut answer)?;
    Ok(())
}
