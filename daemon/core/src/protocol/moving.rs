//! How a repository gets to another place.

use serde::{Deserialize, Serialize};

use super::RepositorySpec;

/// What is done to get a repository to another place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MoveStep {
    /// It is brought there. What is at the place before stays.
    Bring,
    /// What is at the place before is removed.
    Release,
    /// What a move that came to no end has left at the other place is removed.
    GiveUp,
}

/// A step of a move, as a run keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moving {
    /// What is done.
    pub step: MoveStep,
    /// The address at which the repository was when this was asked for.
    pub from: String,
    /// The other place: the keys of a repository's file that say where it is and how it is reached, as TOML.
    pub place: String,
    /// Tells the snapshots that are at the place before: known once they were brought elsewhere.
    pub contents: Option<String>,
}

/// A step of a move.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveWork {
    /// What is done.
    pub step: MoveStep,
    /// The same repository at the other place.
    pub other: RepositorySpec,
    /// For a release: what was told of its snapshots when they were brought elsewhere.
    pub contents: Option<String>,
}
