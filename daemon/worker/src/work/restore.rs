//! A restore: a snapshot, or paths of it, into an empty directory.

use backupd_core::{
    failure::{Failure, FailureClass},
    protocol::{EventKind, RestoreWork},
    run::Statistics,
};
use backupd_engine::RestoreRequest;

use super::{query, some_failed};
use crate::{
    attempt::{Context, Ended},
    failure,
};

/// Writes a snapshot back.
pub(crate) fn restore(context: &Context<'_>, work: &RestoreWork) -> Ended {
    let spec = context.spec;
    let request = RestoreRequest {
        snapshot: work.snapshot.clone(),
        query: query(&work.filter),
        paths: work.paths.clone(),
        target: work.target.clone(),
    };
    let report = match context
        .engine
        .restore(context.access, &request, context.witness, context.cancellation)
    {
        Ok(report) => report,
        Err(error) => return failure::explain(&error, spec, context.cancellation).into(),
    };
    context.events.record(EventKind::Snapshot {
        snapshot: report.snapshot.clone(),
    });
    let statistics = Statistics {
        files_restored: report.files,
        directories: report.directories,
        bytes_restored: report.bytes,
        ..Statistics::default()
    };
    if report.failed == 0 {
        return Ended::success(Some(statistics));
    }
    let message = some_failed(report.failed, "restored as they were");
    // Not `source-unreadable`: the sources of the job have no part in it.
    let failure = Failure::new(FailureClass::Engine, failure::about(spec, &message))
        .hint(format!("see them all with `backupctl log {}`", spec.run));
    Ended::partial(statistics, failure)
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

    fn run(engine: &Scripted) -> (Ended, Recorder) {
        let secrets = Secrets::new();
        let mut spec = secrets.spec();
        spec.work = Work::Restore(RestoreWork {
            snapshot: "latest".into(),
            filter: backupd_core::protocol::SnapshotFilter::default(),
            paths: vec![],
            target: "/target".into(),
        });
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
    fn what_could_not_be_restored_makes_it_partial() {
        let (ended, recorder) = run(&Scripted {
            unreadable: 2,
            ..Scripted::default()
        });
        assert_eq!(ended.result, RunResult::Partial);
        let failure = ended.failure.unwrap();
        assert!(
            failure.message.contains("2 files could not be restored"),
            "{}",
            failure.message
        );
        assert!(failure.hint.unwrap().contains("backupctl log 0"));
        assert_eq!(
            recorder.kinds(),
            ["phase", "phase", "warning", "warning", "snapshot"]
        );
    }

    #[test]
    fn a_full_target_is_told_by_its_name() {
        let (ended, _) = run(&Scripted {
            restore: Some(ErrorKind::NoSpace),
            ..Scripted::default()
        });
        let failure = ended.failure.unwrap();
        assert_eq!(failure.class, FailureClass::NoSpace);
        assert!(failure.hint.unwrap().contains("`/target`"));
    }
}
