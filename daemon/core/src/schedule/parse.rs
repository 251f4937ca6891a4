//! From texts to schedules.

use super::When;

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
    Err(wrong(text))
}

/// Five fields as in crontab(5); six or seven as the `cron` crate has them.
pub fn parse_cron(text: &str) -> Result<When, ExpressionError> {
    Err(wrong(text))
}

/// What people say: `02:00`, `daily`, `weekdays at 18:00`, `every 4 hours`, or any calendar event.
pub fn parse_plain(text: &str) -> Result<When, ExpressionError> {
    Err(wrong(text))
}

fn wrong(text: &str) -> ExpressionError {
    ExpressionError {
        message: format!("`{text}` is no time"),
        hint: None,
    }
}
