//! Lines of crontab(5).

use jiff::civil::DateTime;

/// The times of a crontab.
#[derive(Debug, Clone, PartialEq)]
pub struct Cron {}

impl Cron {
    /// The first local time after `after`.
    pub fn next_after(&self, after: DateTime) -> Option<DateTime> {
        let _ = (self, after);
        None
    }
}
