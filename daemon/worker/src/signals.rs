//! Signals: `SIGTERM` and `SIGINT` ask the attempt to stop; `SIGHUP` means nothing, for the daemon or the
//! terminal that started the worker may go.

use std::{io, thread};

use backupd_engine::Cancellation;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};
use tracing::info;

/// Watches in a thread of its own for as long as the process lives.
pub(crate) fn watch(cancellation: Cancellation) -> io::Result<()> {
    // Handlers, not `SIG_IGN`: a child then starts with the defaults.
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if signal == SIGHUP {
                continue;
            }
            let first = !cancellation.is_cancelled();
            cancellation.cancel();
            if first {
                info!("asked to stop");
            }
        }
    })?;
    Ok(())
}
