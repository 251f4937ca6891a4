//! Values on the command line that are more than text.

use std::str::FromStr;

use backupd_core::{
    config::{parse_duration, parse_size},
    run::{Operation, RunResult, Trigger},
};
use clap::builder::PossibleValuesParser;
use jiff::SignedDuration;

/// A size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

impl FromStr for Bytes {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        parse_size(text).map(Self)
    }
}

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period(pub(crate) SignedDuration);

impl FromStr for Period {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        parse_duration(text).map(Self)
    }
}

/// A text that is a JSON object; the text itself goes to the daemon.
pub(super) fn json_object(text: &str) -> Result<String, String> {
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("not a JSON object: {error}")),
    }
}

/// The words for what a run does.
pub(super) fn operation() -> PossibleValuesParser {
    PossibleValuesParser::new(Operation::ALL.iter().map(|word| word.as_str()))
}

/// The words for how a run ended.
pub(super) fn result() -> PossibleValuesParser {
    PossibleValuesParser::new(RunResult::ALL.iter().map(|word| word.as_str()))
}

/// The words for why a run began.
pub(super) fn trigger() -> PossibleValuesParser {
    PossibleValuesParser::new(Trigger::ALL.iter().map(|word| word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_an_object() {
        assert_eq!(json_object(r#"{"a":1}"#), Ok(r#"{"a":1}"#.to_owned()));
        assert!(json_object("[1]").is_err());
        assert!(json_object("{").is_err());
    }
}
