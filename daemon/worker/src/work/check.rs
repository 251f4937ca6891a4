//! A check: what is wrong is told one by one, and fails the run.

use std::{collections::BTreeMap, path::Path};

use backupd_core::{
    config::PlaceKind,
    failure::{Failure, FailureClass},
    protocol::{self, CheckWork, EventKind},
    run::Statistics,
};
use backupd_engine::{CheckReport, CheckRequest, Damage, ReadData, ReadUpTo, Remedy};
use jiff::SignedDuration;

use super::counted;
use crate::{
    attempt::{Context, Ended},
    failure,
};

/// Sees whether the repository is whole.
pub(crate) fn check(context: &Context<'_>, work: &CheckWork) -> Ended {
    let request = request(work);
    let report = match context
        .engine
        .check(context.access, &request, context.witness, context.cancellation)
    {
        Ok(report) => report,
        Err(error) => return failure::explain(&error, context.spec, context.cancellation).into(),
    };
    if let Some(up_to) = &report.read_up_to {
        let up_to = match up_to {
            ReadUpTo::End => protocol::ReadUpTo::End,
            ReadUpTo::Pack(pack) => protocol::ReadUpTo::Pack(pack.clone()),
        };
        context.events.record(EventKind::Read { up_to });
    }
    let statistics = Statistics {
        bytes_checked: report.bytes_read,
        errors_found: report.errors_total,
        bytes_repository: report.bytes_total,
        ..Statistics::default()
    };
    if report.errors_total == 0 {
        return Ended::success(Some(statistics));
    }
    tell_hurt(context, &report);
    Ended::failed(Some(statistics), damage(context, &report))
}

fn request(work: &CheckWork) -> CheckRequest {
    CheckRequest {
        read_data: match work.read_data {
            protocol::ReadData::None => ReadData::None,
            protocol::ReadData::All => ReadData::All,
            protocol::ReadData::Part(parts) => ReadData::Part(parts),
            protocol::ReadData::Bytes(bytes) => ReadData::Bytes(bytes),
        },
        after: match &work.after {
            protocol::ReadUpTo::End => None,
            protocol::ReadUpTo::Pack(pack) => Some(pack.clone()),
        },
        max_time: work.max_runtime.map(SignedDuration::unsigned_abs),
    }
}

/// The damage was told when it was found; who suffers from it is known now.
fn tell_hurt(context: &Context<'_>, report: &CheckReport) {
    for snapshot in &report.hurt {
        let path = Path::new("snapshots").join(snapshot);
        context
            .events
            .warning(Some(&path), "it cannot be restored as a whole");
    }
    let more = report.hurt_total.saturating_sub(report.hurt.len() as u64);
    if more > 0 {
        let reason = format!(
            "{} more cannot be restored as a whole",
            counted(more, "snapshot", "snapshots")
        );
        context.events.warning(Some(Path::new("snapshots")), &reason);
    }
}

fn damage(context: &Context<'_>, report: &CheckReport) -> Failure {
    let spec = context.spec;
    let hurt = match report.hurt_total {
        0 => "all snapshots can be restored as far as was looked".to_owned(),
        total => format!(
            "{} cannot be restored as a whole",
            counted(total, "snapshot", "snapshots")
        ),
    };
    let message = failure::about(spec, &format!("{}; {hurt}", harm(report)));
    let hint = remedy(context, report);
    let first = match PlaceKind::of(&spec.repository.url) {
        PlaceKind::S3 => failure::LAG,
        _ => "look whether the disk is well",
    };
    Failure::new(FailureClass::Corrupt, message).hint(format!(
        "see it all with `backupctl log {}`, {first} and keep a copy of the repository; {hint}",
        spec.run
    ))
}

/// "2 packs are damaged, 1 pack is missing". Which ones stands in the log.
fn harm(report: &CheckReport) -> String {
    let mut counts: BTreeMap<Damage, u64> = BTreeMap::new();
    for error in &report.errors {
        // To people it is one thing.
        let kind = match error.kind {
            Damage::PackSize => Damage::DamagedPack,
            kind => kind,
        };
        *counts.entry(kind).or_default() += 1;
    }
    let mut parts: Vec<String> = counts
        .into_iter()
        .map(|(kind, count)| in_words(kind, count))
        .collect();
    let more = report.errors_total.saturating_sub(report.errors.len() as u64);
    if more > 0 {
        parts.push(format!("{} more", counted(more, "fault", "faults")));
    }
    parts.join(", ")
}

fn in_words(kind: Damage, count: u64) -> String {
    let (one, many) = match kind {
        Damage::MissingPack => ("pack is missing", "packs are missing"),
        Damage::PackSize | Damage::DamagedPack => ("pack is damaged", "packs are damaged"),
        Damage::DamagedIndex => ("fault is in the index", "faults are in the index"),
        Damage::MissingBlob => ("piece of data is missing", "pieces of data are missing"),
        Damage::MarkedBlob => (
            "piece of data is about to be removed",
            "pieces of data are about to be removed",
        ),
        Damage::DamagedTree => ("directory is damaged", "directories are damaged"),
        Damage::DamagedSnapshot => ("file of a snapshot is damaged", "files of snapshots are damaged"),
    };
    counted(count, one, many)
}

/// What includes what.
fn weight(remedy: Remedy) -> u8 {
    match remedy {
        Remedy::Prune => 0,
        Remedy::Forget => 1,
        Remedy::Index => 2,
        Remedy::Snapshots => 3,
        Remedy::IndexAndSnapshots => 4,
    }
}

fn remedy(context: &Context<'_>, report: &CheckReport) -> String {
    let repository = &context.spec.repository.name;
    let remedies = || report.errors.iter().map(|error| error.kind.remedy());
    let gravest = remedies().max_by_key(|remedy| weight(*remedy));
    if gravest != Some(Remedy::Index) && remedies().any(|remedy| remedy == Remedy::Index) {
        return format!(
            "then `backupctl repair index {repository} --read-data` writes a new index, and another check says what is lost \
             indeed"
        );
    }
    match gravest {
        Some(Remedy::Index) => {
            format!("all data is there: `backupctl repair index {repository}` writes a new index")
        }
        Some(Remedy::Snapshots) => format!(
            "then start a backup of each job, which stores again what the sources still have, and `backupctl repair \
             snapshots {repository}` takes out of the snapshots what is lost"
        ),
        Some(Remedy::Prune) => format!("the next prune mends it: `backupctl prune {repository}`"),
        Some(Remedy::Forget) => {
            format!("`backupctl repair snapshots {repository}` removes a snapshot that nobody can read")
        }
        Some(Remedy::IndexAndSnapshots) | None => format!(
            "then `backupctl repair index {repository} --read-data`, start a backup of each job, which stores again what \
             the sources still have, and `backupctl repair snapshots {repository}` takes out of the snapshots what is lost"
        ),
    }
}

#[cfg(test)]
mod tests {
    use backupd_core::{protocol::Work, run::RunResult};
    use backupd_engine::{CheckError, ErrorKind};

    use super::*;
    use crate::testing::{Recorder, Scripted, attempt};

    fn run(report: CheckReport, work: CheckWork) -> (Ended, Recorder, CheckRequest) {
        let engine = Scripted {
            checked: Some(report),
            ..Scripted::default()
        };
        let (ended, recorder, _) = attempt(&engine, Work::Check(work));
        let request = engine.check_asked.lock().unwrap().take().unwrap();
        (ended, recorder, request)
    }

    fn work() -> CheckWork {
        CheckWork {
            read_data: protocol::ReadData::Part(12),
            after: protocol::ReadUpTo::Pack("ab".repeat(32)),
            max_runtime: Some(SignedDuration::from_mins(5)),
        }
    }

    fn error(kind: Damage) -> CheckError {
        CheckError {
            kind,
            id: "c".repeat(64),
            path: None,
            message: format!("it is a {}", kind.as_str()),
            snapshots: Vec::new(),
            snapshots_total: 0,
        }
    }

    #[test]
    fn what_was_read_is_noted_and_the_next_goes_on() {
        let report = CheckReport {
            read_up_to: Some(ReadUpTo::Pack("cd".repeat(32))),
            bytes_read: 5,
            bytes_total: 50,
            ..CheckReport::default()
        };
        let (ended, recorder, request) = run(report, work());
        assert_eq!(ended.result, RunResult::Success);
        let sums = ended.statistics.unwrap();
        assert_eq!((sums.bytes_checked, sums.bytes_repository), (5, 50));
        assert_eq!(
            (
                request.read_data,
                request.after,
                request.max_time.unwrap().as_secs()
            ),
            (ReadData::Part(12), Some("ab".repeat(32)), 300)
        );
        assert_eq!(recorder.kinds(), ["phase", "phase", "read"]);
        assert!(recorder.text().contains(&"cd".repeat(32)));
    }

    #[test]
    fn damage_fails_the_run_and_says_who_suffers_and_what_helps() {
        let report = CheckReport {
            errors: [Damage::DamagedIndex, Damage::PackSize, Damage::DamagedPack]
                .map(error)
                .to_vec(),
            errors_total: 9,
            hurt: vec!["d".repeat(64)],
            hurt_total: 3,
            ..CheckReport::default()
        };
        let (ended, recorder, _) = run(report, work());
        assert_eq!(ended.result, RunResult::Failed);
        assert_eq!(ended.statistics.unwrap().errors_found, 9);
        let failure = ended.failure.unwrap();
        assert_eq!(failure.class, FailureClass::Corrupt);
        assert_eq!(
            failure.message,
            "job `home`, repository `nas`: 1 fault is in the index, 2 packs are damaged, 6 faults more; \
             3 snapshots cannot be restored as a whole"
        );
        let hint = failure.hint.unwrap();
        assert!(
            hint.contains("`backupctl repair index nas --read-data`") && hint.contains("another check"),
            "{hint}"
        );
        assert_eq!(recorder.kinds(), ["phase", "phase", "warning", "warning"]);
        assert!(recorder.text().contains("2 snapshots more"));
    }

    #[test]
    fn each_damage_has_a_remedy() {
        for (kind, named) in [
            (Damage::DamagedIndex, "repair index"),
            (Damage::MarkedBlob, "backupctl prune nas"),
            (Damage::DamagedSnapshot, "repair snapshots nas"),
            (Damage::DamagedTree, "repair snapshots nas"),
            (Damage::PackSize, "repair index nas --read-data"),
        ] {
            let report = CheckReport {
                errors: vec![error(kind)],
                errors_total: 1,
                ..CheckReport::default()
            };
            let failure = run(report, work()).0.failure.unwrap();
            assert!(failure.message.contains(": 1 "), "{}", failure.message);
            let hint = failure.hint.unwrap();
            assert!(hint.contains(named), "{kind:?}: {hint}");
        }
    }

    #[test]
    fn who_cannot_look_has_found_no_damage() {
        let engine = Scripted {
            maintain: Some(ErrorKind::Network),
            ..Scripted::default()
        };
        let (ended, recorder, _) = attempt(&engine, Work::Check(work()));
        assert_eq!(ended.failure.unwrap().class, FailureClass::Network);
        assert_eq!(recorder.kinds(), ["phase", "phase"]);
    }
}
