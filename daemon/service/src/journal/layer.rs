//! Events as entries of the journal, in its native protocol.

use std::fmt;

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Layer};

use super::{messages, writer::Writer};

/// Sends each event to the journal.
pub(crate) struct JournalLayer(pub(crate) Writer);

impl<S: Subscriber> Layer<S> for JournalLayer {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut entry = Entry::of(event.metadata());
        event.record(&mut entry);
        self.0.put(entry.0);
    }
}

/// The entry that says how many before it are lost.
pub(crate) fn lost(count: u64) -> Vec<u8> {
    let mut entry = Entry(Vec::new());
    entry.field("PRIORITY", priority(Level::WARN));
    entry.field("SYSLOG_IDENTIFIER", "backupd");
    entry.field("MESSAGE_ID", messages::ENTRIES_LOST);
    entry.field(
        "MESSAGE",
        &format!("{count} messages are lost: the journal did not take them in time"),
    );
    entry.0
}

/// As journald names levels of syslog(3).
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        _ => "7",
    }
}

struct Entry(Vec<u8>);

impl Entry {
    fn of(metadata: &Metadata<'_>) -> Self {
        let mut entry = Self(Vec::with_capacity(512));
        entry.field("PRIORITY", priority(*metadata.level()));
        entry.field("SYSLOG_IDENTIFIER", "backupd");
        entry.field("TARGET", metadata.target());
        if let Some(file) = metadata.file() {
            entry.field("CODE_FILE", file);
        }
        if let Some(line) = metadata.line() {
            entry.field("CODE_LINE", &line.to_string());
        }
        entry
    }

    /// The name, eight bytes of length and the value, which may hold anything.
    fn field(&mut self, name: &str, value: &str) {
        let letters = name
            .bytes()
            .map(|byte| {
                if byte == b'.' {
                    b'_'
                } else {
                    byte.to_ascii_uppercase()
                }
            })
            .filter(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            // Names that begin so are the journal's own.
            .skip_while(|byte| *byte == b'_');
        self.0.extend(letters);
        self.0.push(b'\n');
        self.0.extend((value.len() as u64).to_le_bytes());
        self.0.extend(value.as_bytes());
        self.0.push(b'\n');
    }
}

impl Visit for Entry {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.field(field.name(), &format!("{value:?}"));
    }
}
