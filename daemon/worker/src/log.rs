//! Lines for people on standard error. No secret and no panic's payload goes there.

use std::{
    env, fmt, io, panic,
    sync::{Mutex, PoisonError},
};

use tracing::{Event, Level, Subscriber, error, warn};
use tracing_subscriber::{
    EnvFilter,
    fmt::{FmtContext, FormatEvent, FormatFields, format, format::Writer},
    registry::LookupSpan,
};

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
    let started = if env::var_os("JOURNAL_STREAM").is_some() {
        lines.event_format(ForJournal).try_init()
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

/// The journal knows the time itself, and takes the level from what stands before a line: see `sd-daemon(3)`.
struct ForJournal;

impl<S, N> FormatEvent<S, N> for ForJournal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "<{}>", priority(*event.metadata().level()))?;
        format()
            .without_time()
            .with_level(false)
            .with_target(false)
            .format_event(context, writer, event)
    }
}

/// As `syslog(3)` counts.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

/// Where the last panic happened, in back-ticks.
pub(crate) fn panicked_at() -> Option<String> {
    PANICKED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_for_the_journal_have_their_level() {
        let kept = Arc::default();
        let writer = Arc::clone(&kept);
        let lines = tracing_subscriber::fmt()
            .with_writer(move || Kept(Arc::clone(&writer)))
            .with_ansi(false)
            .event_format(ForJournal)
            .finish();
        tracing::subscriber::with_default(lines, || {
            error!("a fault");
            warn!(path = "/x", "left out");
            tracing::info!("said");
        });
        let text = String::from_utf8(kept.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "<3>a fault\n<4>left out path=\"/x\"\n<6>said\n");
    }
}
