//! Where the daemon's own words go: to the journal under systemd, else to standard error.

use std::{fmt, io::IsTerminal as _, time::Duration};

use tracing::{Event, Level, Subscriber, field::Field};
use tracing_subscriber::{
    Registry,
    filter::{Targets, filter_fn},
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{Writer, debug_fn},
    },
    layer::{Layer as _, SubscriberExt as _},
    registry::LookupSpan,
    reload,
    util::SubscriberInitExt as _,
};

use crate::journal::{self, JournalLayer};

/// A journal that takes longer has other troubles.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Changes the level of a running daemon.
#[derive(Clone)]
pub(crate) struct LogLevel {
    filter: reload::Handle<Targets, Registry>,
    journal: Option<journal::Writer>,
}

impl LogLevel {
    pub(crate) fn set(&self, level: &str) {
        if let Err(error) = self.filter.reload(filter(level)) {
            tracing::warn!(%error, "the log level cannot be changed");
        }
    }

    /// Waits for the last words, before the daemon ends.
    pub(crate) fn flush(&self) {
        if let Some(journal) = &self.journal {
            journal.flush(LAST_WORDS);
        }
    }
}

/// Other crates speak up only when something is wrong.
fn filter(level: &str) -> Targets {
    Targets::new()
        .with_default(Level::WARN)
        .with_target("backupd", level.parse().unwrap_or(Level::INFO))
        .with_target(crate::audit::TARGET, Level::INFO)
}

/// Starts logging.
pub(crate) fn start(level: &str) -> LogLevel {
    let (filter, handle) = reload::Layer::new(filter(level));
    let journal = journal_is_ours()
        .then(|| journal::Writer::start(journal::lost).ok())
        .flatten();
    let plain = journal.is_none().then(|| {
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .event_format(Lines)
            .fmt_fields(debug_fn(plain_field))
            .with_filter(filter_fn(|metadata| metadata.target() != crate::audit::TARGET))
    });
    let subscriber = tracing_subscriber::registry()
        .with(filter)
        .with(journal.clone().map(JournalLayer))
        .with(plain);
    // Fails only where a logger was set before, which nobody does.
    let _ = subscriber.try_init();
    LogLevel {
        filter: handle,
        journal,
    }
}

/// Whether standard error goes to the journal, by the device and inode that systemd names.
fn journal_is_ours() -> bool {
    use std::os::fd::AsFd as _;
    let Ok(named) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let Ok(stat) = rustix::fs::fstat(std::io::stderr().as_fd()) else {
        return false;
    };
    named == format!("{}:{}", stat.st_dev, stat.st_ino)
}

/// The id of a message and the fields of its run are for the journal; the text says what a person needs, but for
/// the run's id.
fn plain_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    match field.name() {
        "message" => write!(writer, "{value:?}"),
        "BACKUPD_RUN" => write!(writer, " run={value:?}"),
        name if name.chars().any(char::is_lowercase) => write!(writer, " {name}={value:?}"),
        _ => Ok(()),
    }
}

/// `backupd: message key=value`, with the level where it is worth a look; the reader of standard error adds
/// times where they are wanted.
struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
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
        let level = match *event.metadata().level() {
            Level::ERROR => "error: ",
            Level::WARN => "warning: ",
            Level::INFO => "",
            Level::DEBUG | Level::TRACE => "debug: ",
        };
        write!(writer, "backupd: {level}")?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
