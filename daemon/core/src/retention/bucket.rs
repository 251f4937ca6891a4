//! Hours, days, weeks and so on, of which a rule keeps the newest snapshot each.

use std::fmt;

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::{Offset, TimeZone},
};

/// How long the time is of which one snapshot is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// An hour of the clock. The one that comes twice when the clock is set back is two.
    Hour,
    /// A local day, whether it has 23, 24 or 25 hours.
    Day,
    /// A week of ISO 8601, Monday to Sunday: the turn of the year does not part it.
    Week,
    /// A month of the calendar.
    Month,
    /// Three of them, the first from January on.
    Quarter,
    /// A year of the calendar.
    Year,
}

/// A moment by the clock of a zone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Local {
    time: DateTime,
    offset: Offset,
}

impl Local {
    pub(super) fn new(time: Timestamp, zone: &TimeZone) -> Self {
        let offset = zone.to_offset(time);
        Self {
            time: offset.to_datetime(time),
            offset,
        }
    }

    pub(super) fn day(self) -> Date {
        self.time.date()
    }
}

/// One hour, day, week and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Bucket {
    Hour { time: DateTime, offset: Offset },
    Day(Date),
    Week { year: i16, week: i8 },
    Month { year: i16, month: i8 },
    Quarter { year: i16, quarter: i8 },
    Year(i16),
}

impl Period {
    pub(super) fn bucket(self, local: Local) -> Bucket {
        let Local { time, offset } = local;
        let (year, month) = (time.year(), time.month());
        match self {
            Self::Hour => Bucket::Hour {
                time: time.date().at(time.hour(), 0, 0, 0),
                offset,
            },
            Self::Day => Bucket::Day(time.date()),
            Self::Week => {
                let week = time.date().iso_week_date();
                Bucket::Week {
                    year: week.year(),
                    week: week.week(),
                }
            }
            Self::Month => Bucket::Month { year, month },
            Self::Quarter => Bucket::Quarter {
                year,
                quarter: (month - 1) / 3 + 1,
            },
            Self::Year => Bucket::Year(year),
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hour { time, offset } => write!(f, "{} {:02}:00{offset}", time.date(), time.hour()),
            Self::Day(date) => write!(f, "{date}"),
            Self::Week { year, week } => write!(f, "{year:04}-W{week:02}"),
            Self::Month { year, month } => write!(f, "{year:04}-{month:02}"),
            Self::Quarter { year, quarter } => write!(f, "{year:04}-Q{quarter}"),
            Self::Year(year) => write!(f, "{year:04}"),
        }
    }
}
