//! Faults of configuration files, whoever found them.

use backupd_core::config;
use serde::Serialize;

use crate::{
    errors::{Done, Failure, SUCCESS},
    output::{Output, escape::escape, json},
};

/// A fault of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u64>,
    pub(crate) column: Option<u64>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl From<&backupd_dbus::Fault> for Fault {
    fn from(fault: &backupd_dbus::Fault) -> Self {
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let number = |number: Option<u32>| number.filter(|number| *number > 0).map(u64::from);
        Self {
            file: text(&fault.file),
            line: number(fault.line),
            column: number(fault.column),
            message: fault.message.clone().unwrap_or_default(),
            hint: text(&fault.hint),
        }
    }
}

impl From<&config::Fault> for Fault {
    fn from(fault: &config::Fault) -> Self {
        let number = |number: Option<usize>| number.and_then(|number| u64::try_from(number).ok());
        Self {
            file: Some(fault.file.to_string_lossy().into_owned()).filter(|file| !file.is_empty()),
            line: number(fault.line),
            column: number(fault.column),
            message: fault.message.clone(),
            hint: fault.hint.clone(),
        }
    }
}

impl Fault {
    /// `FILE:LINE:COLUMN: message` and a line of advice.
    pub(crate) fn lines(&self, output: &Output) -> Vec<String> {
        let palette = output.look.palette;
        let mut place = self.file.as_deref().map(escape).unwrap_or_default();
        for number in [self.line, self.column].into_iter().flatten() {
            if !place.is_empty() {
                place.push(':');
            }
            place.push_str(&number.to_string());
        }
        if !place.is_empty() {
            place.push_str(": ");
        }
        let place = output.look.paint(palette.strong, &place);
        let mut lines = vec![format!("{place}{}", output.look.degrade(&escape(&self.message)))];
        lines.extend(self.hint.as_deref().map(|hint| {
            format!(
                "  {}: {}",
                output.look.paint(palette.busy, "hint"),
                output.look.degrade(&escape(hint))
            )
        }));
        lines
    }
}

/// Tells faults; well is only what has none.
pub(crate) fn tell(output: &Output, faults: &[Fault], well: &str) -> Done {
    #[derive(Serialize)]
    struct Verdict<'a> {
        version: u32,
        valid: bool,
        faults: &'a [Fault],
    }
    if output.json {
        output.document(&Verdict {
            version: json::VERSION,
            valid: faults.is_empty(),
            faults,
        })?;
    } else if faults.is_empty() {
        output.line(output.look.paint(output.look.palette.good, well))?;
    } else {
        for fault in faults {
            output.lines(fault.lines(output))?;
        }
    }
    if faults.is_empty() {
        return Ok(SUCCESS);
    }
    // The faults are the message.
    Err(Failure {
        quiet: true,
        ..Failure::failed("the configuration has faults")
    })
}
