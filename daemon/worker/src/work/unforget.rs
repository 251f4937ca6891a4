//! Brings snapshots back that a run has forgotten.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
};

use backupd_core::protocol::{UnforgetRecord, UnforgetWork};

use super::query::{ended, tell};
use crate::{
    attempt::{Context, Ended},
    failure,
};

/// Each attempt of the run has kept what it removed itself.
pub(crate) fn unforget(context: &Context<'_>, work: &UnforgetWork, answer: &mut dyn Write) -> Ended {
    // Why it is not there; nothing where it is.
    let mut snapshots: BTreeMap<String, Option<String>> = BTreeMap::new();
    for directory in work.directories.iter().filter(|directory| directory.is_dir()) {
        // Why another attempt has not kept one is of no interest.
        let named: Vec<String> = work
            .snapshots
            .iter()
            .filter(|id| is_kept(directory, id))
            .cloned()
            .collect();
        if named.is_empty() && !work.snapshots.is_empty() {
            continue;
        }
        let report = match context.engine.unforget(
            context.access,
            directory,
            &named,
            context.witness,
            context.cancellation,
        ) {
            Ok(report) => report,
            Err(error) => return failure::explain(&error, context.spec, context.cancellation).into(),
        };
        for id in report.restored.into_iter().chain(report.present) {
            snapshots.insert(id, None);
        }
        for lost in report.lost {
            snapshots.entry(lost.snapshot).or_insert(Some(lost.reason));
        }
    }
    for id in &work.snapshots {
        snapshots
            .entry(id.clone())
            .or_insert_with(|| Some("the run has not removed it".to_owned()));
    }
    let told = snapshots.into_iter().try_for_each(|(id, reason)| {
        let record = UnforgetRecord {
            id,
            present: reason.is_none(),
            reason,
        };
        tell(answer, &record)
    });
    ended(context, told.and_then(|()| io::Write::flush(answer)))
}

/// A full id is one name and no path.
fn is_kept(directory: &Path, id: &str) -> bool {
    !id.contains('/') && directory.join(id).is_file()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use backupd_core::{failure::FailureClass, protocol::Work, run::RunResult};
    use backupd_engine::{ErrorKind, Lost, UnforgetReport};

    use super::*;
    use crate::testing::{Scripted, attempt};

    fn id(letter: &str) -> String {
        letter.repeat(64)
    }

    fn lost(letter: &str) -> Lost {
        Lost {
            snapshot: id(letter),
            reason: "a prune has removed what it needs".to_owned(),
        }
    }

    fn records(answer: &str) -> Vec<UnforgetRecord> {
        answer
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn what_one_attempt_lost_another_may_have() {
        let place = tempfile::tempdir().unwrap();
        let directories = ["1", "2", "3"].map(|attempt| place.path().join(attempt));
        // The second attempt has removed nothing.
        for (directory, kept) in [(&directories[0], &["a", "b", "c"][..]), (&directories[2], &["b"])] {
            fs::create_dir(directory).unwrap();
            for letter in kept {
                fs::write(directory.join(id(letter)), "").unwrap();
            }
        }
        let engine = Scripted::default();
        engine.unforgotten.lock().unwrap().extend([
            UnforgetReport {
                restored: vec![id("a")],
                lost: vec![lost("b"), lost("c")],
                ..UnforgetReport::default()
            },
            UnforgetReport {
                present: vec![id("b")],
                ..UnforgetReport::default()
            },
        ]);
        let work = UnforgetWork {
            directories: directories.to_vec(),
            snapshots: vec![id("a"), id("b"), id("c"), id("d")],
        };
        let (ended, _, answer) = attempt(&engine, Work::Unforget(work));
        assert_eq!(ended.result, RunResult::Success);
        let records = records(&answer);
        let present: Vec<bool> = records.iter().map(|record| record.present).collect();
        assert_eq!(present, [true, true, false, false]);
        assert!(records[2].reason.as_ref().unwrap().contains("prune"));
        assert!(records[3].reason.as_ref().unwrap().contains("not removed"));
        let asked = engine.unforget_asked.lock().unwrap();
        assert_eq!(*asked, [vec![id("a"), id("b"), id("c")], vec![id("b")]]);
    }

    #[test]
    fn where_nothing_of_it_is_kept_nobody_is_asked() {
        let place = tempfile::tempdir().unwrap();
        let engine = Scripted {
            panic: true,
            ..Scripted::default()
        };
        let work = UnforgetWork {
            directories: vec![place.path().to_owned()],
            snapshots: vec!["../../etc/passwd".to_owned()],
        };
        let (ended, _, answer) = attempt(&engine, Work::Unforget(work));
        assert_eq!(ended.result, RunResult::Success);
        assert!(!records(&answer)[0].present);
    }

    #[test]
    fn a_run_that_removed_nothing_has_nothing_to_give_back() {
        let work = UnforgetWork {
            directories: vec!["/no/such/directory".into()],
            snapshots: Vec::new(),
        };
        let engine = Scripted {
            panic: true,
            ..Scripted::default()
        };
        let (ended, _, answer) = attempt(&engine, Work::Unforget(work));
        assert_eq!((ended.result, answer.as_str()), (RunResult::Success, ""));
    }

    #[test]
    fn what_keeps_the_engine_from_it_fails() {
        let place = tempfile::tempdir().unwrap();
        let engine = Scripted {
            maintain: Some(ErrorKind::Locked),
            ..Scripted::default()
        };
        let work = UnforgetWork {
            directories: vec![place.path().to_owned()],
            snapshots: Vec::new(),
        };
        let (ended, _, _) = attempt(&engine, Work::Unforget(work));
        assert_eq!(ended.failure.unwrap().class, FailureClass::Locked);
    }
}
