//! Lines for people on standard error. No secret and no panic's payload goes there.

use std::{
    env, io, panic,
    sync::{Mutex, PoisonError},
};

use tracing::{error, warn};
use tracing_subscriber::EnvFilter;

/// Where the last panic happened.
static PANICKED: Mutex<Option<String>> = Mutex::new(None);

/// Begins to log, and takes over what a panic says.
pub(crate) fn start() {
    let wanted = env::var("BACKUPD_LOG").ok().filter(|text| !text.is_empty());
    let filter = wanted.as_deref().map(str::parse::<EnvFilter>);
    let refused = matches!(filter, Some(Err(_)));
    let filter = filter
        .and_then(Result::ok)
        .unwrap_or_else(|| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false)
        // Otherwise a log that cannot be written ends in a panic.
        .log_internal_errors(false);
    // The journal knows the time itself.
    let started = if env::var_os("JOURNAL_STREAM").is_some() {
        lines.without_time().try_init()
    } else {
        lines.try_init()
    };
    if started.is_ok() && refused {
        warn!("`BACKUPD_LOG` is not understood; using `info`");
    }
    panic::set_hook(Box::new(|info| {
        // The payload may hold anything, a secret too; the place is enough to find the fault.
        let place = info.location().map_or_else(
            || "an unknown place".to_owned(),
            |place| format!("`{}:{}`", place.file(), place.line()),
        );
        error!("panic at {place}");
        *PANICKED.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
    }));
}

/// Where the last panic happened, in back-ticks.
pub(crate) fn panicked_at() -> Option<String> {
    PANICKED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
