//! A copy: what a job has stored in one repository, into another.

use backupd_core::{
    failure::Failure,
    protocol::{CopyWork, EventKind, Spec},
    run::Statistics,
};
use backupd_engine::{Access, CopyReport, CopyRequest, EngineError};

use super::{query, space};
use crate::{
    attempt::{Context, Ended, access},
    failure, password, surroundings,
};

/// Copies what the repository lacks.
pub(crate) fn copy(context: &Context<'_>, work: &CopyWork) -> Ended {
    let source = match source(context, work) {
        Ok(source) => source,
        Err(mut failure) => {
            failure.message = failure::about(context.spec, &failure.message);
            return failure.into();
        }
    };
    let mut query = query(&work.filter);
    // Those of another machine's job of the same name are for that machine to copy; what is adopted names its own host.
    let host = query.host.take().unwrap_or_else(surroundings::host);
    if let Some(series) = &mut query.series {
        series.host = Some(host);
    }
    let request = CopyRequest {
        snapshots: Vec::new(),
        query,
        compression: work.compression,
        allowance: space::allowance(context, &work.foreseen),
    };
    let copied = context.engine.copy(
        &source,
        context.access,
        &request,
        context.witness,
        context.cancellation,
    );
    match copied {
        Ok(report) => {
            if let Some(newest) = report.copied.iter().max_by_key(|copied| copied.time) {
                context.events.record(EventKind::Snapshot {
                    snapshot: newest.snapshot.clone(),
                });
            }
            Ended::success(Some(statistics(&report)))
        }
        Err(error) => {
            let spec = about(context.spec, work, &error);
            failure::explain(&error, &spec, context.cancellation).into()
        }
    }
}

/// How the repository is opened that is copied from.
fn source(context: &Context<'_>, work: &CopyWork) -> Result<Access, Failure> {
    let (events, cancellation) = (context.events, context.cancellation);
    let password = password::obtain(&work.from, events, cancellation)?;
    let secrets = password::secrets(&work.from, events, cancellation)?;
    Ok(access(context.spec, &work.from, password, secrets))
}

/// Of two repositories the one is to be looked at that an error names first: what helps is said of that.
fn about(spec: &Spec, work: &CopyWork, error: &EngineError) -> Spec {
    let text = error.chain();
    let place = |name: &str| text.find(&format!("`{name}`"));
    let (from, to) = (
        place(work.from.name.as_str()),
        place(spec.repository.name.as_str()),
    );
    let is_source = from.is_some_and(|from| to.is_none_or(|to| from < to));
    let mut spec = spec.clone();
    if is_source {
        spec.repository = work.from.clone();
    }
    spec
}

fn statistics(report: &CopyReport) -> Statistics {
    Statistics {
        snapshots_copied: report.copied.len() as u64,
        snapshots_present: report.there_already,
        bytes_read: report.bytes_read,
        bytes_stored: report.bytes_stored,
        ..Statistics::default()
    }
}

#[cfg(test)]
mod tests {
    use backupd_core::{
        config::PasswordSource,
        failure::FailureClass,
        protocol::{Foreseen, RepositorySpec, SnapshotFilter, Work},
        run::RunResult,
    };
    use backupd_engine::{CopiedSnapshot, ErrorKind};

    use super::*;
    use crate::testing::{Scripted, Secrets, attempt, snapshot};

    fn work(secrets: &Secrets) -> Work {
        Work::Copy(Box::new(CopyWork {
            from: RepositorySpec {
                name: "disk".parse().unwrap(),
                url: "/srv/disk".to_owned(),
                ..secrets.spec().repository
            },
            filter: SnapshotFilter {
                job: Some("home".parse().unwrap()),
                ..SnapshotFilter::default()
            },
            compression: Some(3),
            foreseen: Foreseen::default(),
        }))
    }

    #[test]
    fn it_asks_for_the_snapshots_of_the_job_and_tells_the_newest() {
        let copied = |id: &str, second| CopiedSnapshot {
            source: "a".repeat(64),
            snapshot: id.repeat(64),
            time: snapshot().time + jiff::SignedDuration::from_secs(second),
        };
        let engine = Scripted {
            copied: CopyReport {
                copied: vec![copied("b", 1), copied("c", 9), copied("d", 5)],
                there_already: 4,
                bytes_read: 7,
                bytes_stored: 6,
                blobs: 3,
            },
            ..Scripted::default()
        };
        let (ended, recorder, _) = attempt(&engine, work(&Secrets::new()));
        assert_eq!(ended.result, RunResult::Success, "{ended:?}");
        let sums = ended.statistics.unwrap();
        assert_eq!((sums.snapshots_copied, sums.snapshots_present), (3, 4));
        assert_eq!((sums.bytes_read, sums.bytes_stored), (7, 6));
        assert!(recorder.text().contains(&"c".repeat(64)));
        let (source, request) = engine.copy_asked.lock().unwrap().take().unwrap();
        assert_eq!(source, "disk");
        let series = request.query.series.unwrap();
        assert_eq!(
            (series.host, request.query.host),
            (Some(surroundings::host()), None)
        );
        assert_eq!((&*series.tag, request.compression), ("job=home", Some(3)));
    }

    #[test]
    fn what_helps_is_said_of_the_repository_that_is_in_trouble() {
        let secrets = Secrets::new();
        for (message, hint) in [
            (
                "no key of repository `disk` opens with this password",
                "repository test disk",
            ),
            (
                "no key of repository `nas` opens with this password",
                "repository test nas",
            ),
        ] {
            let engine = Scripted {
                maintain: Some(ErrorKind::WrongPassword),
                said: message,
                ..Scripted::default()
            };
            let (ended, _, _) = attempt(&engine, work(&secrets));
            let failure = ended.failure.unwrap();
            assert_eq!(failure.class, FailureClass::Credentials);
            assert!(failure.hint.unwrap().contains(hint), "{message}");
        }
    }

    #[test]
    fn a_password_that_is_missing_is_that_of_its_repository() {
        let secrets = Secrets::new();
        let Work::Copy(mut copy) = work(&secrets) else {
            panic!()
        };
        copy.from.password = PasswordSource::File("/no/such/file".into());
        let engine = Scripted {
            panic: true,
            ..Scripted::default()
        };
        let (ended, _, _) = attempt(&engine, Work::Copy(copy));
        let failure = ended.failure.unwrap();
        assert_eq!(failure.class, FailureClass::Credentials);
        assert!(failure.message.contains("`disk`"), "{}", failure.message);
    }
}
