//! How a repository is cared for.

use std::{fmt, str::FromStr};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::Moving;
use crate::{
    config::{format_size, parse_size},
    text::escape,
};

/// Reading everything over more checks than this would take longer than the disks live.
const MOST_PARTS: u32 = 1000;

/// What is to be done to a repository, as a run keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "care", rename_all = "kebab-case", deny_unknown_fields)]
pub enum CareWork {
    /// See whether it is whole.
    Check(CheckWork),
    /// Remove what no snapshot needs.
    Prune(PruneWork),
    /// Mend what a check has found.
    Repair(RepairWork),
    /// Bring it to another place.
    Move(Moving),
}

/// What is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case", deny_unknown_fields)]
pub enum RepairWork {
    /// The index: it says of all packs what is in them.
    Index {
        /// All packs are read, and what is whole in a damaged one is saved.
        read_data: bool,
    },
    /// Snapshots of which something is lost: what is left of them is stored in their place.
    Snapshots,
}

impl RepairWork {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Index { .. } => "index",
            Self::Snapshots => "snapshots",
        }
    }
}

/// A check: index, packs, snapshots and trees always, and as much of the stored data as is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckWork {
    /// How much of the data is read.
    pub read_data: ReadData,
    /// Where to begin: packs are read in the order of their ids, those after this one, and from the first again once
    /// the last was read. `End` begins with the first.
    pub after: ReadUpTo,
    /// Reading ends after so long by itself, and well: the next check goes on. All else is checked whole.
    pub max_runtime: Option<SignedDuration>,
}

/// How much of the stored data a check reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadData {
    /// Nothing.
    #[default]
    None,
    /// Everything.
    All,
    /// As much that so many checks read everything: packs in their order until a part of all bytes is reached, or the
    /// last pack.
    Part(u32),
    /// Packs in their order until so many bytes are reached, or the last pack; one at least.
    Bytes(u64),
}

/// Up to where the stored data was read; the next check goes on there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadUpTo {
    /// To the end: the next one begins with the first pack.
    #[default]
    End,
    /// All packs up to the one with this id, as 64 hex digits.
    Pack(String),
}

/// A prune.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PruneWork {
    /// How much of what no snapshot needs may stay, to be spared from writing anew what stands beside it.
    pub max_unused: MaxUnused,
    /// At most so many bytes are written anew in one run; no limit where `None`.
    pub max_repack: Option<u64>,
    /// How long packs that nobody needs stay, for those who began to read before.
    pub keep_delete: SignedDuration,
}

/// How much of a repository may be of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaxUnused {
    /// So many hundredths of what the repository stores.
    Percent(u8),
    /// So many bytes.
    Bytes(u64),
    /// However much: nothing is written anew.
    Unlimited,
}

impl Default for PruneWork {
    fn default() -> Self {
        Self {
            max_unused: MaxUnused::Percent(5),
            max_repack: None,
            keep_delete: SignedDuration::from_hours(23),
        }
    }
}

/// A text that says no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}\nhint: {hint}")]
pub struct UnknownAmount {
    /// What is wrong.
    pub message: String,
    /// What to write.
    pub hint: &'static str,
}

impl UnknownAmount {
    /// Of data to read.
    pub(crate) fn read_data(text: &str) -> Self {
        Self {
            message: format!("`{}` does not say how much data is read", escape(text)),
            hint: "write `none`, `all`, a part such as `1/12`, or a size such as `10 GiB`",
        }
    }

    /// Of what may stay unused.
    pub(crate) fn max_unused(text: &str) -> Self {
        Self {
            message: format!("`{}` does not say how much may be unused", escape(text)),
            hint: "write a part of the repository such as `5%`, a size such as `10 GiB`, or `unlimited`",
        }
    }
}

impl FromStr for ReadData {
    type Err = UnknownAmount;
    fn from_str(text: &str) -> Result<Self, UnknownAmount> {
        let wrong = || UnknownAmount::read_data(text);
        match text {
            "none" => return Ok(Self::None),
            "all" => return Ok(Self::All),
            _ => {}
        }
        let Some((one, parts)) = text.split_once('/') else {
            return match parse_size(text).map_err(|_| wrong())? {
                0 => Ok(Self::None),
                bytes => Ok(Self::Bytes(bytes)),
            };
        };
        match (one.trim(), parts.trim().parse::<u32>()) {
            ("1", Ok(1)) => Ok(Self::All),
            ("1", Ok(parts @ 2..=MOST_PARTS)) => Ok(Self::Part(parts)),
            ("1", Ok(parts)) if parts > 0 => Err(UnknownAmount {
                message: format!(
                    "with `{}` it takes more than {MOST_PARTS} checks to read everything",
                    escape(text)
                ),
                hint: "write a larger part, such as `1/52`",
            }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for ReadData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::All => f.write_str("all"),
            Self::Part(parts) => write!(f, "1/{parts}"),
            Self::Bytes(bytes) => f.write_str(&format_size(*bytes)),
        }
    }
}

impl FromStr for MaxUnused {
    type Err = UnknownAmount;
    fn from_str(text: &str) -> Result<Self, UnknownAmount> {
        let wrong = || UnknownAmount::max_unused(text);
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        match text.strip_suffix('%') {
            Some(percent) => {
                let percent: u8 = percent.trim().parse().map_err(|_| wrong())?;
                (percent < 100)
                    .then_some(Self::Percent(percent))
                    .ok_or_else(wrong)
            }
            None => parse_size(text).map(Self::Bytes).map_err(|_| wrong()),
        }
    }
}

impl fmt::Display for MaxUnused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Bytes(bytes) => f.write_str(&format_size(*bytes)),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}
