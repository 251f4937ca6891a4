//! The attempt from its first event to the one before its last.

use std::{
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::Duration,
};

use backupd_core::{
    config::{EngineName, PasswordSource},
    failure::{Failure, FailureClass},
    name::RunId,
    protocol::{EventKind, RepositorySpec, Spec, Work},
    run::{EngineVersion, Phase, RunResult, Statistics},
};
use backupd_engine::{Access, Cancellation, Embedded, Engine, Options, Password, Restic, Secrets};
use tracing::{info, warn};

use crate::{
    VERSION,
    deadline::Deadline,
    events::EventLog,
    failure, log, password, place,
    progress::Progress,
    rundir::{Rejected, RunDir},
    surroundings,
    witness::Witness,
    work,
};

/// How a piece of work ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ended {
    pub(crate) result: RunResult,
    pub(crate) statistics: Option<Statistics>,
    pub(crate) failure: Option<Failure>,
}

impl Ended {
    /// All was done.
    pub(crate) fn success(statistics: Option<Statistics>) -> Self {
        Self {
            result: RunResult::Success,
            statistics,
            failure: None,
        }
    }

    /// Most was done.
    pub(crate) fn partial(statistics: Statistics, failure: Failure) -> Self {
        Self {
            result: RunResult::Partial,
            statistics: Some(statistics),
            failure: Some(failure),
        }
    }

    /// Nothing was done that can be relied on.
    pub(crate) fn failed(statistics: Option<Statistics>, failure: Failure) -> Self {
        let result = if failure.class == FailureClass::Cancelled {
            RunResult::Cancelled
        } else {
            RunResult::Failed
        };
        Self {
            result,
            statistics,
            failure: Some(failure),
        }
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::failed(None, failure)
    }
}

/// All that work needs.
pub(crate) struct Context<'a> {
    pub(crate) spec: &'a Spec,
    /// The run directory.
    pub(crate) directory: &'a Path,
    pub(crate) engine: &'a dyn Engine,
    pub(crate) access: &'a Access,
    /// The password that is to open it, where one was given.
    pub(crate) new_password: Option<Password>,
    pub(crate) events: &'a EventLog,
    pub(crate) witness: &'a Witness<'a>,
    pub(crate) cancellation: &'a Cancellation,
}

/// Does what the run directory asks for; `done` is left to the caller.
pub(crate) fn run(directory: &RunDir, events: &EventLog, cancellation: &Cancellation) -> RunResult {
    let ended = match directory.spec() {
        Ok(spec) => {
            if !spec.work.has_input()
                && !takes_password_from_environment(&spec)
                && let Err(error) = surroundings::close_input()
            {
                warn!("{error}");
            }
            let engine = engine(spec.repository.engine);
            hello(directory, events, spec.run, spec.attempt, Some(engine.as_ref()));
            info!(
                run = %spec.run,
                attempt = spec.attempt,
                job = spec.job.as_ref().map(tracing::field::display),
                repository = %spec.repository.name,
                "start"
            );
            surroundings::be_nice(&spec.resources);
            let deadline = Deadline::of(&spec, cancellation);
            let mut answer = io::BufWriter::new(io::stdout().lock());
            let ended = attempt(
                &spec,
                directory.path(),
                engine.as_ref(),
                events,
                cancellation,
                &mut answer,
            );
            deadline.judge(ended)
        }
        Err(rejected) => {
            let Rejected {
                run,
                attempt,
                failure,
            } = rejected;
            if let Some(run) = run {
                hello(directory, events, run, attempt, None);
            }
            failure.into()
        }
    };
    end(ended, events)
}

/// systemd hands it over by standard input.
fn takes_password_from_environment(spec: &Spec) -> bool {
    let mut passwords = std::iter::once(&spec.repository)
        .chain(spec.opened())
        .map(|repository| &repository.password);
    passwords.any(|password| matches!(password, PasswordSource::Environment(_)))
}

/// What reads and writes the repository.
fn engine(name: EngineName) -> Box<dyn Engine> {
    match name {
        EngineName::Embedded => Box::new(Embedded::new()),
        EngineName::Restic => Box::new(Restic::new()),
    }
}

/// The version of an engine, or why it cannot be used.
pub(crate) fn version(name: EngineName) -> Result<String, String> {
    match name {
        EngineName::Embedded => Ok(Embedded::new().version()),
        EngineName::Restic => Restic::new()
            .find()
            .map(|version| format!("restic {version}"))
            .map_err(|error| error.to_string()),
    }
}

fn hello(directory: &RunDir, events: &EventLog, run: RunId, attempt: u32, engine: Option<&dyn Engine>) {
    events.record(EventKind::Hello {
        pid: std::process::id(),
        run,
        attempt,
        program: format!("backupd-worker {VERSION}"),
        engine: engine.map(|engine| EngineVersion {
            name: engine.name().to_owned(),
            version: engine.version(),
        }),
    });
    if let Err(error) = directory.sync() {
        warn!("cannot sync the run directory: {error}");
    }
}

/// The work, from which no panic gets out.
pub(crate) fn attempt(
    spec: &Spec,
    directory: &Path,
    engine: &dyn Engine,
    events: &EventLog,
    cancellation: &Cancellation,
    answer: &mut dyn Write,
) -> Ended {
    let progress = Progress::new(spec);
    let witness = Witness::new(events, &progress, spec.repository.lock_wait);
    let work = AssertUnwindSafe(|| work(spec, directory, engine, events, &witness, cancellation, answer));
    let ended = catch_unwind(work).unwrap_or_else(|_| failure::panicked(log::panicked_at(), spec).into());
    progress.finish();
    ended
}

fn work(
    spec: &Spec,
    directory: &Path,
    engine: &dyn Engine,
    events: &EventLog,
    witness: &Witness<'_>,
    cancellation: &Cancellation,
    answer: &mut dyn Write,
) -> Ended {
    match &spec.work {
        Work::Watch(work) => return work::watch(spec, work, cancellation, answer),
        Work::Reach { places } => return work::reach(spec, places, answer),
        _ => {}
    }
    witness.enter(Phase::Open);
    let repository = &spec.repository;
    let passwords = passwords(spec, events, cancellation);
    let Passwords { password, new } = match passwords {
        Ok(passwords) => passwords,
        Err(mut failure) => {
            failure.message = failure::about(spec, &failure.message);
            return failure.into();
        }
    };
    if cancellation.is_cancelled() {
        return failure::cancelled(spec).into();
    }
    let secrets = if spec.work.opens_repository() {
        password::secrets(repository, events, cancellation)
    } else {
        Ok(Secrets::default())
    };
    let secrets = match secrets {
        Ok(secrets) => secrets,
        Err(mut failure) => {
            failure.message = failure::about(spec, &failure.message);
            return failure.into();
        }
    };
    let access = access(spec, repository, password, secrets);
    let context = Context {
        spec,
        directory,
        engine,
        access: &access,
        new_password: new,
        events,
        witness,
        cancellation,
    };
    match &spec.work {
        Work::Backup(work) => work::with_room(&context, work::backup(&context, work)),
        Work::Restore(work) => work::restore(&context, work),
        Work::Check(work) => work::with_room(&context, work::check(&context, work)),
        Work::Prune(work) => work::with_room(&context, work::prune(&context, work)),
        Work::PrunePlan(work) => work::prune_plan(&context, work, answer),
        Work::Repair(work) => work::with_room(&context, work::repair(&context, *work)),
        Work::RepairPlan(work) => work::repair_plan(&context, *work, answer),
        Work::Copy(work) => work::with_room(&context, work::copy(&context, work)),
        Work::Move(work) => work::moving(&context, work),
        Work::Forget(work) => work::forget(&context, work),
        Work::RetentionPreview(preview) => work::retention_preview(&context, preview, answer),
        Work::Unforget(work) => work::unforget(&context, work, answer),
        Work::Initialize => work::initialize(&context, answer),
        Work::Test => work::test(&context, answer),
        Work::StorePassword(work) => work::store_password(&context, work, answer),
        Work::AddKey(work) => work::add_key(&context, work, answer),
        Work::RotateKey(work) => work::rotate(&context, work, answer),
        Work::Reveal => work::reveal(&context),
        Work::Keys => work::keys(&context, answer),
        Work::RemoveKey(work) => work::remove_key(&context, work, answer),
        Work::EndRotation(work) => work::end_rotation(&context, work, answer),
        Work::Recovery => work::recovery(&context, answer),
        Work::RemoveDeadLocks => work::remove_dead_locks(&context),
        Work::Locks => work::locks(&context, answer),
        Work::Unlock(work) => work::unlock(&context, work, answer),
        Work::Snapshots { filter } => work::snapshots(&context, filter, answer),
        Work::Contents(work) => work::contents(&context, work, answer),
        Work::List(work) => work::list(&context, work, answer),
        Work::Statistics(work) => work::statistics(&context, work, answer),
        Work::Estimate(work) => work::estimate(&context, work, answer),
        Work::Watch(work) => work::watch(spec, work, cancellation, answer),
        Work::Reach { places } => work::reach(spec, places, answer),
    }
}

/// How a repository is opened for this work.
pub(crate) fn access(
    spec: &Spec,
    repository: &RepositorySpec,
    password: Password,
    secrets: Secrets,
) -> Access {
    Access {
        name: repository.name.to_string(),
        url: repository.url.clone(),
        password,
        cache: repository.cache.clone(),
        secrets,
        options: Options {
            // A question is no run that anybody could look up.
            run: spec.work.is_run().then(|| spec.run.to_string()),
            // Whoever asks a question waits for its answer himself.
            lock_wait: if spec.work.is_run() {
                Duration::try_from(repository.lock_wait).unwrap_or_default()
            } else {
                Duration::ZERO
            },
            ..place::options(&repository.reach)
        },
    }
}

/// The password that opens the repository, and the one that is to do so.
struct Passwords {
    password: Password,
    new: Option<Password>,
}

fn passwords(spec: &Spec, events: &EventLog, cancellation: &Cancellation) -> Result<Passwords, Failure> {
    let repository = &spec.repository;
    if let Work::StorePassword(_) = &spec.work {
        let password = password::given(&repository.name, "set-password", cancellation)?;
        return Ok(Passwords { password, new: None });
    }
    let new = match &spec.work {
        Work::AddKey(_) => Some("key add"),
        Work::RotateKey(work) if work.given => Some("key rotate"),
        _ => None,
    };
    // Whoever asks for the other one has no use for standard input.
    let new = new.map(|command| {
        let new = password::given(&repository.name, command, cancellation);
        if let Err(error) = surroundings::close_input() {
            warn!("{error}");
        }
        new
    });
    Ok(Passwords {
        new: new.transpose()?,
        password: password::obtain(repository, events, cancellation)?,
    })
}

/// The events before the last, always in this order.
fn end(ended: Ended, events: &EventLog) -> RunResult {
    let Ended {
        result,
        statistics,
        failure,
    } = ended;
    let warnings = events.end_warnings();
    let statistics = statistics.or_else(|| (warnings > 0).then(Statistics::default));
    if let Some(statistics) = statistics {
        events.record(EventKind::Stats {
            statistics: Statistics {
                warnings,
                ..statistics
            },
        });
    }
    if let Some(failure) = failure {
        warn!(%result, class = %failure.class, "end: {failure}");
        events.record(EventKind::Failure { failure });
    } else {
        info!(%result, "end");
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Recorder, Scripted};
    use backupd_engine::{EngineError, ErrorKind};

    fn attempt_with(engine: &Scripted, spec: &Spec) -> (Ended, Recorder) {
        let recorder = Recorder::new();
        let ended = attempt(
            spec,
            Path::new("/no/run/directory"),
            engine,
            &recorder.log,
            &Cancellation::default(),
            &mut Vec::new(),
        );
        (ended, recorder)
    }

    #[test]
    fn a_panic_of_the_engine_is_a_failure() {
        let secrets = testing::Secrets::new();
        let engine = Scripted {
            panic: true,
            ..Scripted::default()
        };
        let (ended, recorder) = attempt_with(&engine, &secrets.spec());
        assert_eq!(ended.result, RunResult::Failed);
        assert_eq!(ended.failure.as_ref().unwrap().class, FailureClass::Engine);
        assert_eq!(end(ended, &recorder.log), RunResult::Failed);
        recorder.log.finish(RunResult::Failed).unwrap();
        assert_eq!(recorder.kinds(), ["phase", "failure", "done"]);
    }

    #[test]
    fn the_end_has_one_order() {
        let secrets = testing::Secrets::new();
        let engine = Scripted {
            unreadable: 2,
            ..Scripted::default()
        };
        let (ended, recorder) = attempt_with(&engine, &secrets.spec());
        let result = end(ended, &recorder.log);
        recorder.log.finish(result).unwrap();
        assert_eq!(result, RunResult::Partial);
        assert_eq!(
            recorder.kinds(),
            [
                "phase", "phase", "warning", "warning", "snapshot", "phase", "stats", "failure", "done"
            ]
        );
        assert!(recorder.text().contains("\"warnings\":2"));
    }

    #[test]
    fn a_cancelled_attempt_does_not_reach_the_engine() {
        let secrets = testing::Secrets::new();
        let recorder = Recorder::new();
        let cancellation = Cancellation::default();
        cancellation.cancel();
        let engine = Scripted {
            panic: true,
            ..Scripted::default()
        };
        let ended = attempt(
            &secrets.spec(),
            Path::new("/no/run/directory"),
            &engine,
            &recorder.log,
            &cancellation,
            &mut Vec::new(),
        );
        assert_eq!(ended.result, RunResult::Cancelled);
    }

    #[test]
    fn warnings_are_summed_in_a_failed_attempt_too() {
        let secrets = testing::Secrets::new();
        let engine = Scripted {
            unreadable: 1,
            backup: Some(ErrorKind::NoSpace),
            ..Scripted::default()
        };
        let (ended, recorder) = attempt_with(&engine, &secrets.spec());
        assert_eq!(ended.failure.as_ref().unwrap().class, FailureClass::NoSpace);
        end(ended, &recorder.log);
        assert_eq!(
            recorder.kinds(),
            ["phase", "phase", "warning", "stats", "failure"]
        );
    }

    #[test]
    fn failures_become_results() {
        let error = EngineError::new(ErrorKind::Cancelled, "x");
        let failure = failure::explain(&error, &testing::backup_spec(), &Cancellation::default());
        assert_eq!(Ended::from(failure).result, RunResult::Cancelled);
    }
}
