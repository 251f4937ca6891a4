//! Object paths; names are escaped as systemd escapes unit names in paths, which is bijective.

use std::fmt::Write as _;

use zbus::OwnedObjectPath;

use crate::ROOT_PATH;

/// Escapes a name for one element of an object path: everything but letters and digits, and a digit at the
/// start, becomes `_` and two hex digits; an empty name becomes `_`.
pub fn escape(name: &str) -> String {
    if name.is_empty() {
        return "_".to_owned();
    }
    let mut escaped = String::with_capacity(name.len());
    for (index, byte) in name.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || (index > 0 && byte.is_ascii_digit()) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "_{byte:02x}");
        }
    }
    escaped
}

/// The name that was escaped; `None` for what [`escape`] cannot have written.
pub fn unescape(element: &str) -> Option<String> {
    if element == "_" {
        return Some(String::new());
    }
    let mut bytes = Vec::with_capacity(element.len());
    let mut rest = element.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'_' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let name = String::from_utf8(bytes).ok()?;
    (escape(&name) == element).then_some(name)
}

fn below(kind: &str, name: &str) -> OwnedObjectPath {
    // `escape` yields path characters alone, so this cannot fail; the root is the answer if it ever did.
    OwnedObjectPath::try_from(format!("{ROOT_PATH}/{kind}/{}", escape(name))).unwrap_or_default()
}

/// Path of a job's object.
pub fn job_path(name: &str) -> OwnedObjectPath {
    below("job", name)
}

/// Path of a repository's object.
pub fn repository_path(name: &str) -> OwnedObjectPath {
    below("repository", name)
}

/// Path of a run's object.
pub fn run_path(id: &str) -> OwnedObjectPath {
    below("run", id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_escaped_as_systemd_does() {
        assert_eq!(escape("home"), "home");
        assert_eq!(escape("db-1.x"), "db_2d1_2ex");
        assert_eq!(escape("1a"), "_31a");
        assert_eq!(escape(""), "_");
        assert_eq!(job_path("a-b").as_str(), "/org/backupd/Backup1/job/a_2db");
    }

    #[test]
    fn what_escape_cannot_have_written_is_no_name() {
        for wrong in ["_6", "_zz", "_61", "a_", "_2D"] {
            assert_eq!(unescape(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn escaping_is_bijective(name in ".*") {
            prop_assert_eq!(unescape(&escape(&name)), Some(name));
        }
    }
}
