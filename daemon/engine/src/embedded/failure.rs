//! From the library's errors to ours: a kind to decide on, and sentences for people.

use std::{error::Error, fmt, io};

use rustic_core::RusticError;

use crate::{EngineError, ErrorKind, store::Fault};

/// What an error of the library, or of the system, says, without its banners and links.
#[derive(Debug, Clone)]
pub(super) struct Cause {
    kind: Option<ErrorKind>,
    text: String,
    below: Option<Box<Cause>>,
}

impl Cause {
    /// Reads an error and everything below it.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Self {
        let rustic = error
            .downcast_ref::<RusticError>()
            .or_else(|| error.downcast_ref::<Box<RusticError>>().map(AsRef::as_ref));
        if let Some(fault) = error.downcast_ref::<io::Error>().and_then(Fault::within) {
            return Self::said(fault.kind(), &fault.to_string());
        }
        let (kind, text) = match rustic {
            Some(error) => (rustic_kind(error), plain(&error.display_log())),
            None => (system_kind(error), error.to_string()),
        };
        Self {
            kind,
            text,
            below: error.source().map(|below| Box::new(Self::of(below))),
        }
    }

    /// A cause that we see ourselves.
    pub(super) fn said(kind: ErrorKind, text: &str) -> Self {
        Self {
            kind: Some(kind),
            text: text.to_owned(),
            below: None,
        }
    }

    /// The deepest text: what happened, without what it kept from happening.
    pub(super) fn deepest(&self) -> String {
        match &self.below {
            Some(below) => below.deepest(),
            None => without_number(&self.text),
        }
    }

    /// The first kind that the chain gives away; the deepest knows best.
    pub(super) fn kind(&self) -> Option<ErrorKind> {
        self.below.as_ref().and_then(|below| below.kind()).or(self.kind)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.below.as_deref().map(|below| below as _)
    }
}

/// An error whose kind the cause decides, where it knows; `fallback` otherwise.
pub(super) fn caused(message: impl Into<String>, cause: Cause, fallback: ErrorKind) -> EngineError {
    EngineError::new(cause.kind().unwrap_or(fallback), message).caused_by(cause)
}

/// As [`caused`], straight from an error of the system.
pub(super) fn system(message: impl Into<String>, error: &io::Error) -> EngineError {
    caused(message, Cause::of(error), ErrorKind::Other)
}

/// The operating system's reason, without the number that Rust adds.
pub(crate) fn reason(error: &io::Error) -> String {
    without_number(&error.to_string())
}

fn without_number(text: &str) -> String {
    let end = text.find(" (os error").unwrap_or(text.len());
    text.get(..end).unwrap_or(text).to_owned()
}

fn system_kind(error: &(dyn Error + 'static)) -> Option<ErrorKind> {
    if error.is::<serde_json::Error>() {
        return Some(ErrorKind::Corrupt);
    }
    match error.downcast_ref::<io::Error>()?.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(ErrorKind::NoSpace),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some(ErrorKind::PermissionDenied)
        }
        io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::InvalidData => Some(ErrorKind::Corrupt),
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::TimedOut
        | io::ErrorKind::StaleNetworkFileHandle => Some(ErrorKind::Network),
        _ => None,
    }
}

fn rustic_kind(error: &RusticError) -> Option<ErrorKind> {
    if error.is_incorrect_password() {
        return Some(ErrorKind::WrongPassword);
    }
    if error.is_code("C001") || error.is_code("C003") {
        return Some(ErrorKind::Corrupt);
    }
    // The library's error kinds have no getter: what is left is its text.
    let text = error.display_log();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["Config version", "Decryption not supported"]) {
        Some(ErrorKind::NotARepository)
    } else if says(&[
        "Failed to deserialize",
        "Couldn't deserialize",
        "Failed to decode",
        "is missing in index files",
        "does not match the expected size",
        "does not exist.",
        "not found in index",
        "Data is too short",
        "uncompressed data",
    ]) {
        Some(ErrorKind::Corrupt)
    } else {
        None
    }
}

/// The sentence in a library's log line: no prefix, no kind, no advice, no full stop.
fn plain(log: &str) -> String {
    let text = log.strip_prefix("Error: ").unwrap_or(log);
    let text = text.split(" (kind: related to").next().unwrap_or(text);
    let text = text
        .split(". ")
        .next()
        .unwrap_or(text)
        .trim()
        .trim_end_matches(['.', ':'])
        .replace('\n', ": ");
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use rustic_core::ErrorKind as Rustic;

    use super::*;

    #[test]
    fn banners_and_advice_are_dropped() {
        let inner = io::Error::from(io::ErrorKind::StorageFull);
        let error = RusticError::with_source(
            Rustic::Backend,
            "Failed to open the file `{path}`. Please check the file and try again.",
            inner,
        )
        .attach_context("path", "/x")
        .ask_report();
        let cause = Cause::of(&error);
        assert_eq!(cause.to_string(), "failed to open the file `/x`");
        assert_eq!(cause.kind(), Some(ErrorKind::NoSpace));
        let error = caused("cannot write", cause, ErrorKind::Other);
        assert!(!error.chain().contains("report"), "{}", error.chain());
    }

    #[test]
    fn reasons_are_the_systems_words() {
        assert_eq!(reason(&io::Error::from_raw_os_error(13)), "Permission denied");
    }
}
