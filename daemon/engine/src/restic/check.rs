//! Looks for damage twice: `restic check` looks at the structure, and the embedded engine at all that was asked for.
//!
//! The program says in sentences that something is wrong; which snapshots are hurt, what helps, and where the next
//! check goes on is known from the other look.

use crate::{
    Access, Cancellation, CheckError, CheckReport, CheckRequest, Damage, Engine, ErrorKind, Observer,
    Progress, Result, Warning, embedded::Embedded,
};

use super::{
    child::{self, Listener},
    command::command,
    failure, locks,
    program::Program,
};

/// So many sentences are kept.
const MOST: usize = 100;

pub(super) fn run(
    program: &Program,
    access: &Access,
    request: &CheckRequest,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<CheckReport> {
    program.version()?;
    let mut report = Embedded::new().check(access, request, observer, cancellation)?;
    locks::tidy(access)?;
    let mut listener = Check {
        observer,
        errors: Vec::new(),
        total: 0,
    };
    let mut command = command(program, access, "check")?;
    let ended = child::run(&mut command, access, cancellation, &mut listener)?;
    if ended.status.success() {
        return Ok(report);
    }
    let error = failure::explain(access, "check", ended.status, &ended.said);
    // It wants to be alone. What was asked for is done; its own look is one more.
    if error.kind() == ErrorKind::Locked {
        observer.warning(Warning {
            path: "/".into(),
            reason: format!("restic's own check was left out: {}", error.chain()),
        });
        return Ok(report);
    }
    // What both see stands there already, and better.
    if report.errors_total > 0 {
        return Ok(report);
    }
    if !matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Other) || listener.total == 0 {
        return Err(error);
    }
    report.errors_total = listener.total;
    report.errors = listener.errors;
    Ok(report)
}

struct Check<'a> {
    observer: &'a dyn Observer,
    errors: Vec<CheckError>,
    total: u64,
}

impl Listener for Check<'_> {
    fn line(&mut self, line: &str) {
        if let Some((done, total)) = counted(line) {
            self.observer.progress(Progress {
                files_done: done,
                files_total: total,
                ..Progress::default()
            });
            return;
        }
        let Some(kind) = damage(line) else { return };
        self.total += 1;
        let error = CheckError {
            kind,
            id: id(line),
            path: None,
            message: format!("restic says: {}", line.trim()),
            snapshots: Vec::new(),
            snapshots_total: 0,
        };
        self.observer.warning(Warning {
            path: "/".into(),
            reason: error.message.clone(),
        });
        if self.errors.len() < MOST {
            self.errors.push(error);
        }
    }
}

/// `[0:00] 100.00%  1 / 1 snapshots`.
pub(super) fn counted(line: &str) -> Option<(u64, u64)> {
    let (_, rest) = line.strip_prefix('[')?.split_once("% ")?;
    let (done, rest) = rest.trim_start().split_once(" / ")?;
    let total = rest.split_ascii_whitespace().next()?;
    Some((done.trim().parse().ok()?, total.parse().ok()?))
}

/// What a sentence of the program is about; nothing for one that says no harm.
fn damage(line: &str) -> Option<Damage> {
    let line = line.trim();
    let says = |words: &[&str]| words.iter().any(|word| line.contains(word));
    if line.starts_with("error for tree") {
        Some(Damage::DamagedTree)
    } else if line.starts_with("error loading snapshot") {
        Some(Damage::DamagedSnapshot)
    } else if says(&["not found in index", "not found in repository"]) {
        Some(Damage::MissingBlob)
    } else if line.starts_with("error loading index") || line.starts_with("error: index") {
        Some(Damage::DamagedIndex)
    } else if line.starts_with("pack ") && says(&["does not exist", "not found"]) {
        Some(Damage::MissingPack)
    } else if line.starts_with("pack ") && says(&["size"]) {
        Some(Damage::PackSize)
    } else if says(&["contains errors", "is damaged"]) {
        Some(Damage::DamagedPack)
    } else {
        None
    }
}

/// The first full or short id in a sentence.
fn id(line: &str) -> String {
    line.split(|c: char| !c.is_ascii_alphanumeric())
        .find(|word| matches!(word.len(), 8..=64) && word.bytes().all(|c| c.is_ascii_hexdigit()))
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_sorted() {
        for (line, kind) in [
            ("error for tree 1a2b3c4d:", Some(Damage::DamagedTree)),
            ("  pack 1a2b3c4d5e: does not exist", Some(Damage::MissingPack)),
            (
                "pack 1a2b3c4d5e: unexpected file size: got 1, expected 2",
                Some(Damage::PackSize),
            ),
            (
                "  tree 1a2b3c4d: file \"x\" blob 5e6f7a8b not found in index",
                Some(Damage::MissingBlob),
            ),
            ("error loading index 1a2b: boo", Some(Damage::DamagedIndex)),
            ("no errors were found", None),
            (
                "1 additional files were found in the repo, which likely contain duplicate data.",
                None,
            ),
        ] {
            assert_eq!(damage(line), kind, "{line}");
        }
        assert_eq!(id("error for tree 1a2b3c4d:"), "1a2b3c4d");
        assert_eq!(counted("[0:00] 100.00%  1 / 12 snapshots"), Some((1, 12)));
        assert_eq!(counted("[0:00] nonsense"), None);
    }
}
