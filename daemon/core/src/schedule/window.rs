//! Times of day in which runs may begin.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// Spans of local time, such as `22:00-06:00` or `Mon..Fri 18:00-08:00, Sat,Sun 00:00-24:00`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Window {
    text: String,
}

/// A text that is no window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WindowError(pub String);

impl Window {
    /// Whether it is open.
    pub fn contains(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let _ = (self, at, zone);
        true
    }

    /// When it opens next, after a time at which it is closed.
    pub fn opens_after(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let _ = (self, at, zone);
        None
    }

    /// When it closes next, after a time at which it is open; `None` where it never does.
    pub fn closes_after(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let _ = (self, at, zone);
        None
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Window {
    type Err = WindowError;
    fn from_str(text: &str) -> Result<Self, WindowError> {
        Ok(Self {
            text: text.to_owned(),
        })
    }
}

impl TryFrom<String> for Window {
    type Error = WindowError;
    fn try_from(text: String) -> Result<Self, WindowError> {
        text.parse()
    }
}

impl From<Window> for String {
    fn from(window: Window) -> Self {
        window.text
    }
}
