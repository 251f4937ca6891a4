//! A backup: store, then look at what was stored.

use std::{fs, io, path::PathBuf};

use backupd_core::{
    config::Verify,
    failure::{Failure, FailureClass},
    protocol::{BackupWork, EventKind, job_tag},
    run::{Phase, Statistics},
};
use backupd_engine::{BackupReport, BackupRequest, VerifyLevel};
use tracing::info;

use super::{series, some_failed, space};
use crate::{
    VERSION,
    attempt::{Context, Ended},
    failure, surroundings,
};

/// Stores the sources as a snapshot.
pub(crate) fn backup(context: &Context<'_>, work: &BackupWork) -> Ended {
    let spec = context.spec;
    let request = match request(context, work) {
        Ok(request) => request,
        Err(failure) => return failure.into(),
    };
    let report = match context
        .engine
        .backup(context.access, &request, context.witness, context.cancellation)
    {
        Ok(report) => report,
        Err(error) => return failure::explain(&error, spec, context.cancellation).into(),
    };
    // At once: from here on the snapshot exists, whatever becomes of the worker.
    context.events.record(EventKind::Snapshot {
        snapshot: report.snapshot.id.clone(),
    });
    let statistics = statistics(&report);
    if let Err(failure) = verify(context, work.verify, &report.snapshot.id) {
        return Ended::failed(Some(statistics), failure);
    }
    if report.files_unreadable == 0 {
        // Nothing at all is stored more often because something is not mounted than because somebody wants it.
        if statistics.files_new + statistics.files_changed + statistics.files_unmodified == 0 {
            let message = failure::about(spec, "the snapshot holds no files");
            let failure = Failure::new(FailureClass::Configuration, message).hint(
                "is the file system of the sources mounted, and do `include` and `exclude` leave anything?",
            );
            return Ended::partial(statistics, failure);
        }
        return Ended::success(Some(statistics));
    }
    let message = some_failed(report.files_unreadable, "read");
    let failure = Failure::new(FailureClass::SourceUnreadable, failure::about(spec, &message)).hint(format!(
        "see them all with `backupctl log {}`; make them readable, or exclude them",
        spec.run
    ));
    Ended::partial(statistics, failure)
}

/// What the engine is asked.
pub(super) fn request(context: &Context<'_>, work: &BackupWork) -> Result<BackupRequest, Failure> {
    let spec = context.spec;
    let host = work.host.clone().unwrap_or_else(surroundings::host);
    let tag = spec.job.as_ref().map(job_tag);
    let mut tags: Vec<String> = tag.iter().cloned().collect();
    for tag in &work.tags {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    let mut sources = work.sources.clone();
    sources.extend(
        work.optional_sources
            .iter()
            .filter(|path| may_be_there(path))
            .cloned(),
    );
    if sources.is_empty() {
        return Err(Failure::new(
            FailureClass::SourceMissing,
            failure::about(spec, "none of the sources exists, and all of them are optional"),
        )
        .hint("mount or create one of them, or correct `optional_sources` in the job's file"));
    }
    Ok(BackupRequest {
        sources,
        include: work.include.clone(),
        exclude: work.exclude.clone(),
        exclude_if_present: work.exclude_if_present.clone(),
        exclude_caches: work.exclude_caches,
        exclude_larger_than: work.exclude_larger_than,
        one_file_system: work.one_file_system,
        parent: spec
            .job
            .as_ref()
            .map(|job| series(job, Some(host.clone()), &work.adopts)),
        host,
        tags,
        description: work.description.clone(),
        compression: work.compression,
        program_version: format!("backupd {VERSION}"),
        allowance: space::allowance(context, &work.foreseen),
    })
}

/// Only what is known to be absent is left out: anything else is the engine's to tell of.
fn may_be_there(path: &PathBuf) -> bool {
    match fs::symlink_metadata(path) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            info!("an optional source is not there");
            false
        }
        _ => true,
    }
}

fn verify(context: &Context<'_>, level: Verify, snapshot: &str) -> Result<(), Failure> {
    let level = match level {
        Verify::None => return Ok(()),
        Verify::Snapshot => VerifyLevel::Snapshot,
        Verify::Structure => VerifyLevel::Structure,
    };
    let observer = context.witness.within(Phase::Verify);
    context
        .engine
        .verify(context.access, snapshot, level, &observer, context.cancellation)
        .map(|_| ())
        .map_err(|error| failure::unverified(&error, snapshot, context.spec, context.cancellation))
}

fn statistics(report: &BackupReport) -> Statistics {
    Statistics {
        files_new: report.files_new,
        files_changed: report.files_changed,
        files_unmodified: report.files_unmodified,
        files_unreadable: report.files_unreadable,
        directories: report.directories,
        bytes_processed: report.bytes_processed,
        bytes_read: report.bytes_read,
        bytes_added: report.bytes_added,
        bytes_stored: report.bytes_stored,
        ..Statistics::default()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use backupd_core::{protocol::Work, run::RunResult};
    use backupd_engine::{Cancellation, ErrorKind};

    use super::*;
    use crate::{
        attempt,
        testing::{Recorder, Scripted, Secrets},
    };

    fn run(engine: &Scripted, change: impl FnOnce(&mut BackupWork)) -> (Ended, Recorder) {
        let secrets = Secrets::new();
        let mut spec = secrets.spec();
        let Work::Backup(work) = &mut spec.work else {
            panic!()
        };
        change(work);
        let recorder = Recorder::new();
        let ended = attempt::attempt(
            &spec,
            Path::new("/no/run/directory"),
            engine,
            &recorder.log,
            &Cancellation::default(),
            &mut Vec::new(),
        );
        (ended, recorder)
    }

    #[test]
    fn the_request_is_filled_from_job_and_machine() {
        let engine = Scripted::default();
        run(&engine, |work| {
            work.tags = vec!["a".into(), "a".into()];
            work.optional_sources = vec!["/no/such".into(), "/etc".into(), "/etc/passwd/x".into()];
        });
        let request = engine.asked.lock().unwrap().clone().unwrap();
        assert_eq!(request.tags, ["job=home", "a"]);
        assert_eq!(request.sources, [PathBuf::from("/home"), PathBuf::from("/etc")]);
        assert_eq!(request.host, surroundings::host());
        let parent = request.parent.unwrap();
        assert_eq!((parent.host, &*parent.tag), (Some(request.host), "job=home"));
        assert!(request.program_version.starts_with("backupd "));
    }

    #[test]
    fn without_any_source_the_engine_is_not_asked() {
        let engine = Scripted {
            panic: true,
            ..Scripted::default()
        };
        let (ended, _) = run(&engine, |work| {
            work.sources.clear();
            work.optional_sources = vec!["/no/such".into()];
        });
        assert_eq!(ended.failure.unwrap().class, FailureClass::SourceMissing);
    }

    #[test]
    fn a_failed_verification_fails_the_attempt_and_keeps_the_snapshot() {
        let engine = Scripted {
            verify: Some(ErrorKind::Corrupt),
            unreadable: 1,
            ..Scripted::default()
        };
        let (ended, recorder) = run(&engine, |_| ());
        assert_eq!(ended.result, RunResult::Failed);
        assert_eq!(ended.failure.unwrap().class, FailureClass::Corrupt);
        assert_eq!(ended.statistics.unwrap().files_unreadable, 1);
        assert!(recorder.kinds().contains(&"snapshot".to_owned()));
    }

    #[test]
    fn verification_is_one_phase_and_may_be_left_out() {
        let (ended, recorder) = run(&Scripted::default(), |_| ());
        assert_eq!(ended.result, RunResult::Success);
        assert_eq!(recorder.phases(), [Phase::Open, Phase::Backup, Phase::Verify]);
        let never = Scripted {
            verify: Some(ErrorKind::Corrupt),
            ..Scripted::default()
        };
        let (ended, recorder) = run(&never, |work| work.verify = Verify::None);
        assert_eq!(ended.result, RunResult::Success);
        assert_eq!(recorder.phases(), [Phase::Open, Phase::Backup]);
    }
}
