//! A move of a repository to another place, and the end of what it leaves at one.

use backupd_core::{
    failure::Failure,
    protocol::{EventKind, Foreseen, MoveStep, MoveWork},
    run::Statistics,
};
use backupd_engine::{Access, EngineError, ErrorKind, MoveRequest, Remains};

use super::space;
use crate::{
    attempt::{Context, Ended, access},
    failure, password,
};

/// Does one step of a move.
pub(crate) fn moving(context: &Context<'_>, work: &MoveWork) -> Ended {
    let other = match other(context, work) {
        Ok(other) => other,
        Err(mut failure) => {
            failure.message = failure::about(context.spec, &failure.message);
            return failure.into();
        }
    };
    match work.step {
        MoveStep::Bring => bring(context, work, &other),
        MoveStep::Release => {
            let contents = work.contents.clone().unwrap_or_default();
            remove(context, work, &other, &Remains::Moved(contents))
        }
        MoveStep::GiveUp => remove(context, work, &other, &Remains::GivenUp),
    }
}

/// How the repository is opened at the other place: with the password that it has here.
fn other(context: &Context<'_>, work: &MoveWork) -> Result<Access, Failure> {
    let secrets = password::secrets(&work.other, context.events, context.cancellation)?;
    let password = context.access.password.clone();
    Ok(access(context.spec, &work.other, password, secrets))
}

fn bring(context: &Context<'_>, work: &MoveWork, other: &Access) -> Ended {
    let request = MoveRequest {
        allowance: space::allowance(context, &Foreseen::default()),
    };
    let moved = context.engine.move_to(
        context.access,
        other,
        &request,
        context.witness,
        context.cancellation,
    );
    match moved {
        Ok(report) => {
            context.events.record(EventKind::Moved {
                contents: report.contents,
            });
            Ended::success(Some(Statistics {
                bytes_stored: report.bytes_written,
                bytes_checked: report.bytes,
                ..Statistics::default()
            }))
        }
        Err(error) => failed(context, work, &error),
    }
}

fn remove(context: &Context<'_>, work: &MoveWork, other: &Access, why: &Remains) -> Ended {
    let removed =
        context
            .engine
            .remove_remains(context.access, other, why, context.witness, context.cancellation);
    match removed {
        Ok(report) => Ended::success(Some(Statistics {
            bytes_freed: report.bytes,
            ..Statistics::default()
        })),
        Err(error) => failed(context, work, &error),
    }
}

fn failed(context: &Context<'_>, work: &MoveWork, error: &EngineError) -> Ended {
    let failure = failure::explain(error, context.spec, context.cancellation);
    match hint(context.spec.repository.name.as_str(), work.step, error.kind()) {
        Some(hint) => failure.hint(hint).into(),
        None => failure.into(),
    }
}

/// What helps, where that is something else than for other work.
fn hint(name: &str, step: MoveStep, kind: ErrorKind) -> Option<String> {
    let again = format!("`backupctl repository move {name} --to …`");
    match (step, kind) {
        (MoveStep::Bring, ErrorKind::RepositoryExists | ErrorKind::TargetUnusable) => Some(
            "choose a place where nothing is yet: a folder that is empty or missing, or another path in the bucket"
                .to_owned(),
        ),
        (MoveStep::Bring, ErrorKind::NoSpace) => Some(format!(
            "make room there, and {again} goes on with what is missing; `--give-up` removes what is there"
        )),
        (MoveStep::Bring, ErrorKind::Corrupt) => Some(format!(
            "`backupctl check {name} --read-data all` says what is damaged, and how that is mended; then {again} goes on"
        )),
        (MoveStep::Release, ErrorKind::InvalidRequest) => Some(
            "`backupctl repository adopt NAME --url …`, with that address, shows what is there; once you need nothing of \
             it, remove it by hand"
                .to_owned(),
        ),
        (MoveStep::Bring | MoveStep::GiveUp, ErrorKind::InvalidRequest) => {
            Some("give another place with `--to`".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use backupd_core::{
        failure::FailureClass,
        protocol::{RepositorySpec, Work},
        run::RunResult,
    };
    use backupd_engine::MoveReport;

    use super::*;
    use crate::testing::{Scripted, attempt};

    fn work(step: MoveStep) -> Work {
        let own = crate::testing::backup_spec().repository;
        Work::Move(Box::new(MoveWork {
            step,
            other: RepositorySpec {
                url: "/srv/new".to_owned(),
                ..own
            },
            contents: Some("c".repeat(64)),
        }))
    }

    #[test]
    fn what_was_brought_is_told_with_the_snapshots_that_are_there() {
        let engine = Scripted {
            moved: MoveReport {
                bytes: 9,
                bytes_written: 7,
                contents: "d".repeat(64),
                ..MoveReport::default()
            },
            ..Scripted::default()
        };
        let (ended, recorder, _) = attempt(&engine, work(MoveStep::Bring));
        assert_eq!(ended.result, RunResult::Success);
        let sums = ended.statistics.unwrap();
        assert_eq!((sums.bytes_stored, sums.bytes_checked), (7, 9));
        assert!(recorder.text().contains(&"d".repeat(64)));
        assert_eq!(engine.move_asked.lock().unwrap().as_deref(), Some("/srv/new"));
    }

    #[test]
    fn what_helps_is_said() {
        for (step, kind, class, says) in [
            (
                MoveStep::Bring,
                ErrorKind::NoSpace,
                FailureClass::NoSpace,
                "--give-up",
            ),
            (
                MoveStep::Bring,
                ErrorKind::RepositoryExists,
                FailureClass::RepositoryExists,
                "nothing is yet",
            ),
            (
                MoveStep::Bring,
                ErrorKind::Corrupt,
                FailureClass::Corrupt,
                "check nas",
            ),
            (
                MoveStep::Release,
                ErrorKind::InvalidRequest,
                FailureClass::Configuration,
                "repository adopt",
            ),
            (MoveStep::GiveUp, ErrorKind::Locked, FailureClass::Locked, "wait"),
        ] {
            let engine = Scripted {
                maintain: Some(kind),
                ..Scripted::default()
            };
            let (ended, _, _) = attempt(&engine, work(step));
            let failure = ended.failure.unwrap();
            assert_eq!(failure.class, class, "{step:?}");
            assert!(failure.hint.unwrap().contains(says), "{step:?}");
        }
    }
}
