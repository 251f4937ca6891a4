//! Calendar events as in systemd.time(7).

use jiff::{civil::DateTime, tz::TimeZone};

/// A calendar event, such as `Mon..Fri *-*-* 02:00:00`.
#[derive(Debug, Clone, PartialEq)]
pub struct CalendarEvent {
    zone: Option<TimeZone>,
}

impl CalendarEvent {
    /// The zone that the expression itself names.
    pub fn zone(&self) -> Option<&TimeZone> {
        self.zone.as_ref()
    }

    /// The first local time after `after`.
    pub fn next_after(&self, after: DateTime) -> Option<DateTime> {
        let _ = after;
        None
    }
}
