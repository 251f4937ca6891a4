//! Events as people read them: in `backupctl log` and in the journal, in the same words.

use super::{EventKind, ReadUpTo};
use crate::{
    failure::Failure,
    run::{EngineVersion, Statistics},
    text::{count, escape, size},
};

impl EventKind {
    /// The word for what happened.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Phase { .. } => "phase",
            Self::Warning { .. } => "warning",
            Self::Snapshot { .. } => "snapshot",
            Self::Locked { .. } => "locked",
            Self::Read { .. } => "read",
            Self::Moved { .. } => "moved",
            Self::Stats { .. } => "stats",
            Self::Failure { .. } => "failure",
            Self::Done { .. } => "done",
        }
    }

    /// What there is to say beside the word, in one line without control characters.
    pub fn text(&self) -> String {
        match self {
            Self::Hello {
                attempt,
                program,
                engine,
                ..
            } => hello(*attempt, program, engine.as_ref()),
            Self::Phase { phase } => phase.to_string(),
            Self::Warning {
                path: Some(path),
                reason,
                ..
            } => format!("{}: {}", escape(path), escape(reason)),
            Self::Warning { reason, .. } => escape(reason),
            Self::Snapshot { snapshot } => escape(snapshot),
            Self::Locked { by: Some(by) } => {
                format!("{}, waiting until {:.0}", escape(&by.words()), by.until)
            }
            Self::Locked { by: None } => "not any more".to_owned(),
            Self::Read {
                up_to: ReadUpTo::Pack(pack),
            } => format!("up to pack {}", escape(pack)),
            Self::Read { up_to: ReadUpTo::End } => "to the end".to_owned(),
            Self::Moved { .. } => "all of it is at the new place, and was read there".to_owned(),
            Self::Stats { statistics } => sums(statistics),
            Self::Failure { failure } => said(failure),
            Self::Done { result } => result.to_string(),
        }
    }
}

fn hello(attempt: u32, program: &str, engine: Option<&EngineVersion>) -> String {
    let engine = engine
        .map(|engine| format!(", engine {} {}", escape(&engine.name), escape(&engine.version)))
        .unwrap_or_default();
    format!("{}{engine}, attempt {attempt}", escape(program))
}

/// The sums that are not zero, by their own names.
fn sums(statistics: &Statistics) -> String {
    let Ok(serde_json::Value::Object(sums)) = serde_json::to_value(statistics) else {
        return String::new();
    };
    let told = sums.iter().filter_map(|(name, value)| {
        let number = value.as_u64().filter(|number| *number > 0)?;
        let shown = if name.starts_with("bytes") {
            size(number)
        } else {
            count(number)
        };
        Some(format!("{} {shown}", name.replace('_', " ")))
    });
    told.collect::<Vec<_>>().join(", ")
}

fn said(failure: &Failure) -> String {
    let hint = failure
        .hint
        .as_ref()
        .map(|hint| format!("; hint: {}", escape(hint)))
        .unwrap_or_default();
    format!("{} ({}){hint}", escape(&failure.message), failure.class)
}
