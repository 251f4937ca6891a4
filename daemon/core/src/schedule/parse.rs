//! From texts to schedules.

use super::{CalendarEvent, Cron, When, plain};

/// Why a text says no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// A calendar event as in systemd.time(7).
pub fn parse_calendar(text: &str) -> Result<When, ExpressionError> {
    CalendarEvent::parse(text).map(When::Calendar)
}

/// Five fields as in crontab(5); six or seven as the `cron` crate has them.
pub fn parse_cron(text: &str) -> Result<When, ExpressionError> {
    Cron::parse(text).map(When::Cron)
}

/// What people say: `02:00`, `daily`, `weekdays at 18:00`, `every 4 hours`, or any calendar event.
pub fn parse_plain(text: &str) -> Result<When, ExpressionError> {
    plain::parse(text)
}
