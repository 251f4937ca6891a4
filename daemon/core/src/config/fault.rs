//! What is wrong with a configuration file, and where.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::place::Position;

/// One thing that is wrong with a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; nothing when the fault is of the file as a whole, as a missing key is.
    pub line: Option<usize>,
    /// The character in the line, from 1.
    pub column: Option<usize>,
    /// The key that the fault is about.
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault of a file as a whole.
    pub fn new(file: &Path, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            column: None,
            key: None,
            message: message.into(),
            hint: None,
        }
    }

    /// Says where in the file, if that is known.
    #[must_use]
    pub fn at(mut self, position: Option<Position>) -> Self {
        self.line = position.map(|position| position.line);
        self.column = position.map(|position| position.column);
        self
    }

    /// Says which key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Names the file afterwards, for functions that see only a text.
    #[must_use]
    pub fn in_file(mut self, file: &Path) -> Self {
        file.clone_into(&mut self.file);
        self
    }

    /// Brings faults into the order in which a reader meets them; those without a line come last in a file.
    pub(super) fn sort(faults: &mut [Self]) {
        let place = |fault: &Self| {
            (
                fault.line.unwrap_or(usize::MAX),
                fault.column.unwrap_or(usize::MAX),
            )
        };
        faults.sort_by(|a, b| a.file.cmp(&b.file).then_with(|| place(a).cmp(&place(b))));
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.as_os_str().is_empty() {
            write!(f, "{}:", self.file.display())?;
        }
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, "{number}:")?;
        }
        let lead = !self.file.as_os_str().is_empty() || self.line.is_some();
        write!(f, "{}{}", if lead { " " } else { "" }, self.message)?;
        self.hint
            .as_ref()
            .map_or(Ok(()), |hint| write!(f, "\nhint: {hint}"))
    }
}

impl std::error::Error for Fault {}

/// What is wrong with one value, before anyone knows where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Complaint {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<String> for Complaint {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

/// The longest text that a message repeats, in characters.
const MAX_ECHO: usize = 80;

/// A value in back-ticks, safe for one line of a terminal and not endless.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", shown(text, MAX_ECHO))
}

/// A text that is safe for one line of a terminal, cut off after so many characters.
pub(super) fn shown(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == most {
            shown.push('…');
            break;
        }
        if is_plain(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_unicode());
        }
    }
    shown
}

/// Whether a character shows as itself: no control code, and none that turns the direction of the text.
fn is_plain(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_shows_as_compilers_do() {
        let fault = Fault::new(Path::new("/etc/a.toml"), "it is wrong");
        assert_eq!(fault.to_string(), "/etc/a.toml: it is wrong");
        let fault = fault.at(Some(Position { line: 3, column: 7 })).hint("right it");
        assert_eq!(fault.to_string(), "/etc/a.toml:3:7: it is wrong\nhint: right it");
        assert_eq!(
            fault.in_file(Path::new("")).to_string(),
            "3:7: it is wrong\nhint: right it"
        );
        assert_eq!(
            Fault::new(Path::new(""), "it is wrong").to_string(),
            "it is wrong"
        );
    }

    #[test]
    fn echoed_values_stay_on_one_line() {
        assert_eq!(quoted("a\n\u{1b}[31m"), "`a\\u{a}\\u{1b}[31m`");
        assert_eq!(quoted("a\u{202e}b"), "`a\\u{202e}b`");
        assert_eq!(quoted(&"x".repeat(200)).chars().count(), MAX_ECHO + 3);
    }
}
