//! Why a snapshot is kept or goes: for people as text, for programs as words and values.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::rules::Rule;
use crate::{config::format_duration, text};

/// Why a snapshot is kept. In JSON the word is the member `reason`, beside the values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum KeepReason {
    /// Its time has not come: nobody knows what it is older than.
    Future,
    /// Somebody pinned it.
    Pinned {
        /// The end of that, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// It has a tag that keeps it.
    Tag {
        /// Which.
        tag: String,
    },
    /// It is one of the newest.
    Last {
        /// Which of them; 1 is the newest.
        place: u32,
        /// So many are kept.
        of: u32,
    },
    /// It is that much younger than the newest, or less.
    Within {
        /// How much.
        span: SignedDuration,
    },
    /// It is the oldest of all, and a rule has found fewer days than it wants to keep: history is as long as can be.
    Oldest {
        /// Which rule; one that counts.
        rule: Rule,
    },
    /// No rule chooses, and so each is kept.
    NoKeepRule,
    /// It is one of the newest that always stay.
    Floor {
        /// So many do.
        of: u32,
    },
    /// It is the newest of its hour, day and so on.
    #[serde(untagged)]
    Newest {
        /// Which rule.
        #[serde(rename = "reason")]
        rule: Rule,
        /// Which hour or day: `2026-11-25 14:00+01`, `2026-11-25`, `2026-W48`, `2026-11`, `2026-Q4` or `2026`.
        bucket: String,
        /// How far back a rule goes that goes by time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        span: Option<SignedDuration>,
    },
}

/// Why a snapshot goes. In JSON the word is the member `reason`, beside the values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum ForgetReason {
    /// There are rules that choose, and none of them chose it.
    NoRule,
    /// It came with an end of its own, which is over.
    Expired {
        /// When that was.
        on: Timestamp,
    },
    /// Rules keep so many newer ones already.
    OverMaxCount {
        /// So many are kept at most.
        max: u32,
    },
    /// It and the newer ones that rules keep added too much to the repository.
    OverMaxSize {
        /// Bytes they may have added.
        max: u64,
    },
}

impl KeepReason {
    /// The word for programs; it never changes.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Future => "future",
            Self::Pinned { .. } => "pinned",
            Self::Tag { .. } => "tag",
            Self::Last { .. } => "last",
            Self::Within { .. } => "within",
            Self::Oldest { .. } => "oldest",
            Self::NoKeepRule => "no-keep-rule",
            Self::Floor { .. } => "floor",
            Self::Newest { rule, .. } => rule.as_str(),
        }
    }
}

impl ForgetReason {
    /// The word for programs; it never changes.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NoRule => "no-rule",
            Self::Expired { .. } => "expired",
            Self::OverMaxCount { .. } => "over-max-count",
            Self::OverMaxSize { .. } => "over-max-size",
        }
    }
}

impl fmt::Display for KeepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Future => f.write_str("ahead of the clock"),
            Self::Pinned { until: None } => f.write_str("pinned"),
            Self::Pinned { until: Some(until) } => write!(f, "pinned until {until}"),
            Self::Tag { tag } => write!(f, "tag {}", text::escape(tag)),
            Self::Last { place, of } => write!(f, "last {place} of {of}"),
            Self::Within { span } => write!(f, "within {}", format_duration(*span)),
            Self::Oldest { rule } => write!(f, "oldest, {} not full", rule.as_str()),
            Self::NoKeepRule => f.write_str("no rule lets it go"),
            Self::Floor { .. } => f.write_str("safety floor"),
            Self::Newest { rule, bucket, span } => {
                let word = rule.as_str().trim_start_matches("within-");
                write!(f, "{word} {bucket}")?;
                span.map_or(Ok(()), |span| write!(f, " within {}", format_duration(span)))
            }
        }
    }
}

impl fmt::Display for ForgetReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRule => f.write_str("no rule keeps it"),
            Self::Expired { on } => write!(f, "expired on {on}"),
            Self::OverMaxCount { max } => write!(f, "over max_count {max}"),
            Self::OverMaxSize { max } => write!(f, "over max_size {}", text::size(*max)),
        }
    }
}
