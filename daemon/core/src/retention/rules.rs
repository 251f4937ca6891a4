//! What a job says of which snapshots are kept.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::bucket::Period;

/// So many of the newest snapshots stay where [`Rules::keep_minimum`] says nothing.
///
/// One: whatever else happens, what was stored last can be restored. More would contradict whoever writes
/// `keep_last = 1` or `max_count = 1`, and no longer be what `restic forget` keeps.
pub const DEFAULT_MINIMUM: u32 = 1;

/// Which snapshots of a job are kept: all that any of the `keep_…` rules names, as far as the limits let it.
///
/// A count of 0, a span that is not longer than nothing, and `None` are as good as not there. Where neither count nor
/// span is there, all snapshots are kept, as far as the limits let them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// The newest so many.
    #[serde(skip_serializing_if = "is_zero")]
    pub keep_last: u32,
    /// The newest of each hour, so many hours that have one.
    #[serde(skip_serializing_if = "is_zero")]
    pub keep_hourly: u32,
    /// The newest of each local day, so many days that have one.
    #[serde(skip_serializing_if = "is_zero")]
    pub keep_daily: u32,
    /// The newest of each ISO week, so many weeks that have one.
    #[serde(skip_serializing_if = "is_zero")]
    pub keep_weekly: u32,
    /// The newest of each month, so many months that have one.
    #[serde(skip_serializing_if = "is_zero")]
    pub keep_monthly: u32,
    /// The newest of each quarter, so many quarters that have one.
    #[serde(skip_serializing_if = "is_zero")]
    pub keep_quarterly: u32,
    /// The newest of each year, so many years that have one.
    #[serde(skip_serializing_if = "is_zero")]
    pub keep_yearly: u32,
    /// All that are younger than the newest by less than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_within: Option<SignedDuration>,
    /// The newest of each hour among those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_within_hourly: Option<SignedDuration>,
    /// The newest of each local day among those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_within_daily: Option<SignedDuration>,
    /// The newest of each ISO week among those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_within_weekly: Option<SignedDuration>,
    /// The newest of each month among those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_within_monthly: Option<SignedDuration>,
    /// The newest of each quarter among those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_within_quarterly: Option<SignedDuration>,
    /// The newest of each year among those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_within_yearly: Option<SignedDuration>,
    /// Those with one of these tags, whatever the limits say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keep_tags: Vec<String>,
    /// Of what counts, spans and the floor keep, no more than the newest so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_count: Option<u32>,
    /// Of what counts, spans and the floor keep, no more than the newest that together added so many bytes to the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u64>,
    /// The safety floor: the newest so many stay whatever else is said; [`DEFAULT_MINIMUM`] where `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_minimum: Option<u32>,
}

/// A rule that keeps the newest snapshot of each hour, day and so on. The words are those of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the variants are the keys of `Rules`")]
pub enum Rule {
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Quarterly,
    Yearly,
    WithinHourly,
    WithinDaily,
    WithinWeekly,
    WithinMonthly,
    WithinQuarterly,
    WithinYearly,
}

/// How far back a [`Rule`] goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// So many hours, days and so on that have a snapshot; at least 1.
    Count(u32),
    /// Less than this before the newest snapshot; longer than nothing.
    Span(SignedDuration),
}

impl Rule {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 12] = [
        Self::Hourly,
        Self::Daily,
        Self::Weekly,
        Self::Monthly,
        Self::Quarterly,
        Self::Yearly,
        Self::WithinHourly,
        Self::WithinDaily,
        Self::WithinWeekly,
        Self::WithinMonthly,
        Self::WithinQuarterly,
        Self::WithinYearly,
    ];

    /// The word for programs: the key without `keep_`, and `-` for `_`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
            Self::Yearly => "yearly",
            Self::WithinHourly => "within-hourly",
            Self::WithinDaily => "within-daily",
            Self::WithinWeekly => "within-weekly",
            Self::WithinMonthly => "within-monthly",
            Self::WithinQuarterly => "within-quarterly",
            Self::WithinYearly => "within-yearly",
        }
    }

    /// What it keeps one of.
    pub fn period(self) -> Period {
        match self {
            Self::Hourly | Self::WithinHourly => Period::Hour,
            Self::Daily | Self::WithinDaily => Period::Day,
            Self::Weekly | Self::WithinWeekly => Period::Week,
            Self::Monthly | Self::WithinMonthly => Period::Month,
            Self::Quarterly | Self::WithinQuarterly => Period::Quarter,
            Self::Yearly | Self::WithinYearly => Period::Year,
        }
    }
}

impl Rules {
    /// How far back a rule goes; nothing where it is not there.
    pub fn reach(&self, rule: Rule) -> Option<Reach> {
        let count = |count: u32| (count > 0).then_some(Reach::Count(count));
        let span = |span: Option<SignedDuration>| span.filter(SignedDuration::is_positive).map(Reach::Span);
        match rule {
            Rule::Hourly => count(self.keep_hourly),
            Rule::Daily => count(self.keep_daily),
            Rule::Weekly => count(self.keep_weekly),
            Rule::Monthly => count(self.keep_monthly),
            Rule::Quarterly => count(self.keep_quarterly),
            Rule::Yearly => count(self.keep_yearly),
            Rule::WithinHourly => span(self.keep_within_hourly),
            Rule::WithinDaily => span(self.keep_within_daily),
            Rule::WithinWeekly => span(self.keep_within_weekly),
            Rule::WithinMonthly => span(self.keep_within_monthly),
            Rule::WithinQuarterly => span(self.keep_within_quarterly),
            Rule::WithinYearly => span(self.keep_within_yearly),
        }
    }

    /// How long ago before the newest all snapshots are kept; nothing where that is not said.
    pub fn within(&self) -> Option<SignedDuration> {
        self.keep_within.filter(SignedDuration::is_positive)
    }

    /// Whether a count or a span says what is kept, so that the rest may go.
    pub fn choose(&self) -> bool {
        self.keep_last > 0
            || self.within().is_some()
            || Rule::ALL.into_iter().any(|rule| self.reach(rule).is_some())
    }

    /// Whether any snapshot may ever go by these rules, but for one that has expired.
    pub fn let_go(&self) -> bool {
        self.choose() || self.max_count.is_some() || self.max_size.is_some()
    }

    /// How many of the newest snapshots stay whatever else is said; at least 1.
    pub fn floor(&self) -> u32 {
        self.keep_minimum.unwrap_or(DEFAULT_MINIMUM).max(1)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}
