//! What went wrong at a remote place, sorted where it is known best.

use std::{error::Error, fmt, io};

use crate::ErrorKind;

/// Why a request to a remote place came to nothing.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    kind: ErrorKind,
    text: String,
    transient: bool,
}

impl Fault {
    /// A fault that the same request would meet again.
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
            transient: false,
        }
    }

    /// Something on the way there, or a server that is not well: the same request may go through later.
    pub(crate) fn network(text: impl Into<String>) -> Self {
        Self {
            transient: true,
            ..Self::new(ErrorKind::Network, text)
        }
    }

    /// The file is not there.
    pub(crate) fn missing() -> Self {
        Self::new(ErrorKind::Corrupt, MISSING)
    }

    /// The server answers something that makes no sense, as others do that stand between it and us.
    pub(crate) fn senseless(text: impl fmt::Display) -> Self {
        Self::network(format!("the server's answer makes no sense: {text}"))
    }

    pub(crate) fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "the operation was cancelled")
    }

    /// What a status of HTTP means, with what the server said about it.
    pub(crate) fn status(status: http::StatusCode, said: &[u8]) -> Self {
        let mut text = format!("the server answers {}", status.as_u16());
        if let Some(reason) = status.canonical_reason() {
            text = format!("{text} ({reason})");
        }
        let said = String::from_utf8_lossy(said.get(..said.len().min(MOST_SAID)).unwrap_or_default());
        let full = says_full(&said);
        if let Some(line) = said.lines().map(str::trim).find(|line| is_plain(line)) {
            text = format!("{text}: {line}");
        }
        match status.as_u16() {
            404 => Self::missing(),
            _ if full => Self::new(ErrorKind::NoSpace, text),
            413 | 507 => Self::new(ErrorKind::NoSpace, text),
            401 | 403 => Self::new(ErrorKind::AccessRefused, text),
            408 | 425 | 429 | 500.. => Self::network(text),
            _ => Self::new(ErrorKind::Other, text),
        }
    }

    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(crate) fn is_missing(&self) -> bool {
        self.kind == ErrorKind::Corrupt && self.text == MISSING
    }

    /// Whether the same request may go through later.
    pub(crate) fn is_transient(&self) -> bool {
        self.transient
    }

    /// The first fault below an error of a library.
    pub(crate) fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(fault) = error.downcast_ref::<Self>() {
                return Some(fault);
            }
            if let Some(fault) = error.downcast_ref::<io::Error>().and_then(Self::within) {
                return Some(fault);
            }
            next = error.source();
        }
        None
    }

    /// The fault that an error of ours carries.
    pub(crate) fn within(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

const MISSING: &str = "it is not there";
/// Bytes of an answer that are looked at for a reason.
const MOST_SAID: usize = 1024;

/// Servers that have no status for it say it in words, as the last resort.
pub(crate) fn says_full(text: &str) -> bool {
    const WORDS: [&str; 8] = [
        "no space left",
        "remaining disk space",
        "disk quota exceeded",
        "QuotaExceeded",
        "quota is reached",
        "StorageFull",
        "insufficient storage",
        "storage limit exceeded",
    ];
    let text = text.to_lowercase();
    WORDS.iter().any(|words| text.contains(&words.to_lowercase()))
}

/// No markup, and nothing that a terminal would act on.
fn is_plain(line: &str) -> bool {
    !line.is_empty() && line.len() < 200 && !line.starts_with(['<', '{']) && !line.contains(char::is_control)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Fault {}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        let kind = match fault.kind {
            _ if fault.is_missing() => io::ErrorKind::NotFound,
            ErrorKind::NoSpace => io::ErrorKind::StorageFull,
            ErrorKind::PermissionDenied | ErrorKind::AccessRefused => io::ErrorKind::PermissionDenied,
            ErrorKind::Corrupt => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, fault)
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn statuses_are_sorted_and_words_are_the_last_resort() {
        let kind = |status, said: &str| {
            let fault = Fault::status(StatusCode::from_u16(status).unwrap(), said.as_bytes());
            (fault.kind(), fault.is_transient())
        };
        assert_eq!(kind(401, ""), (ErrorKind::AccessRefused, false));
        assert_eq!(kind(403, ""), (ErrorKind::AccessRefused, false));
        assert_eq!(kind(507, ""), (ErrorKind::NoSpace, false));
        assert_eq!(
            kind(500, "write x: no space left on device"),
            (ErrorKind::NoSpace, false)
        );
        assert_eq!(
            kind(403, "<Code>QuotaExceeded</Code>"),
            (ErrorKind::NoSpace, false)
        );
        // Garage, for a bucket's size or its number of files.
        assert_eq!(
            kind(403, "Forbidden: Bucket size quota is reached, maximum total size"),
            (ErrorKind::NoSpace, false)
        );
        assert_eq!(kind(503, ""), (ErrorKind::Network, true));
        assert_eq!(kind(418, ""), (ErrorKind::Other, false));
        assert!(Fault::status(StatusCode::NOT_FOUND, b"").is_missing());
    }

    #[test]
    fn what_the_server_said_is_told_unless_it_is_a_page() {
        let text = |said: &str| Fault::status(StatusCode::BAD_GATEWAY, said.as_bytes()).to_string();
        assert_eq!(
            text("upstream is gone\n"),
            "the server answers 502 (Bad Gateway): upstream is gone"
        );
        assert_eq!(text("<html>\x1b[2J"), "the server answers 502 (Bad Gateway)");
    }

    #[test]
    fn a_fault_is_found_below_what_wraps_it() {
        let error = io::Error::from(Fault::network("cut off"));
        assert!(Fault::below(&error).unwrap().is_transient());
        assert_eq!(io::Error::from(Fault::missing()).kind(), io::ErrorKind::NotFound);
    }
}
