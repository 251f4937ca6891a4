//! The run directory: its lock, its specification, its event file.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use backupd_core::{
    failure::{Failure, FailureClass},
    name::RunId,
    protocol::{
        EVENTS_FILE, EndRotationWork, LOCK_FILE, RotateKeyWork, SPEC_FILE, SPEC_VERSION, Spec,
        StorePasswordWork, Work,
    },
};

/// Whoever looks whether the worker lives holds the lock for a moment itself.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);

/// One directory for one attempt.
#[derive(Debug)]
pub(crate) struct RunDir(PathBuf);

/// A specification that cannot be worked on, with what could be read of it.
#[derive(Debug)]
pub(crate) struct Rejected {
    /// The run, where it could be read.
    pub(crate) run: Option<RunId>,
    /// Which try of it; 1 where it could not be read.
    pub(crate) attempt: u32,
    /// What is wrong.
    pub(crate) failure: Failure,
}

impl RunDir {
    /// Makes the path absolute, and sees that it is a directory.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let named = path.display();
        let path = std::path::absolute(path).map_err(|error| format!("run directory `{named}`: {error}"))?;
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => Ok(Self(path)),
            Ok(_) => Err(format!("run directory `{named}`: not a directory")),
            Err(error) => Err(format!("run directory `{named}`: {error}")),
        }
    }

    /// Where it is, as an absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Takes the lock that says that a worker lives. It lasts as long as the file is open.
    pub(crate) fn lock(&self) -> Result<File, String> {
        let path = self.0.join(LOCK_FILE);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| format!("cannot open `{}`: {error}", path.display()))?;
        let until = Instant::now() + LOCK_PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    thread::sleep(Duration::from_millis(10));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(format!(
                        "another worker is at `{}`: it holds `{LOCK_FILE}`",
                        self.0.display()
                    ));
                }
                Err(TryLockError::Error(error)) => {
                    return Err(format!("cannot lock `{}`: {error}", path.display()));
                }
            }
        }
    }

    /// Opens the event file. One with events in it belongs to an attempt that is over.
    pub(crate) fn events(&self) -> Result<File, String> {
        let path = self.0.join(EVENTS_FILE);
        let failed = |error| format!("cannot open `{}`: {error}", path.display());
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        if file.metadata().map_err(failed)?.len() > 0 {
            return Err(format!(
                "`{}` holds the events of an earlier attempt: each attempt has a directory of its own",
                path.display()
            ));
        }
        Ok(file)
    }

    /// Makes the names in the directory last.
    pub(crate) fn sync(&self) -> std::io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    /// Reads what to do.
    pub(crate) fn spec(&self) -> Result<Spec, Rejected> {
        let path = self.0.join(SPEC_FILE);
        let text = fs::read(&path).map_err(|error| rejected(None, 1, &format!("cannot be read: {error}")))?;
        parse(&text)
    }
}

fn rejected(run: Option<RunId>, attempt: u32, what: &str) -> Rejected {
    let failure = Failure::new(FailureClass::Configuration, format!("`{SPEC_FILE}` {what}")).hint(
        "daemon and worker must come from one package: after an upgrade, restart `backupd` \
             and start the job again",
    );
    Rejected {
        run,
        attempt,
        failure,
    }
}

fn parse(text: &[u8]) -> Result<Spec, Rejected> {
    let value: serde_json::Value =
        serde_json::from_slice(text).map_err(|error| rejected(None, 1, &format!("is no JSON: {error}")))?;
    let member = |name| value.get(name);
    let run = member("run").and_then(|run| run.as_str()?.parse().ok());
    let attempt = member("attempt")
        .and_then(serde_json::Value::as_u64)
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| *number > 0)
        .unwrap_or(1);
    let reject = |what: &str| rejected(run, attempt, what);
    match member("version").and_then(serde_json::Value::as_u64) {
        Some(version) if version == u64::from(SPEC_VERSION) => {}
        Some(version) => {
            return Err(reject(&format!(
                "is of version {version}; this worker reads version {SPEC_VERSION}"
            )));
        }
        None => return Err(reject("does not say its version")),
    }
    // Read from the text again: errors then name line and column.
    let spec: Spec = serde_json::from_slice(text).map_err(|error| reject(&format!("is wrong: {error}")))?;
    sensible(&spec).map_err(|what| reject(&what))?;
    Ok(spec)
}

/// What the types alone do not rule out.
fn sensible(spec: &Spec) -> Result<(), String> {
    if spec.attempt == 0 {
        return Err("counts attempts from 0; the first is 1".to_owned());
    }
    let absolute = |what: &str, paths: &[PathBuf]| match paths.iter().find(|path| !path.is_absolute()) {
        Some(path) => Err(format!(
            "has the {what} `{}`, which is not absolute",
            path.display()
        )),
        None => Ok(()),
    };
    match &spec.work {
        Work::Backup(work) => {
            if spec.job.is_none() {
                return Err("asks for a backup and names no job".to_owned());
            }
            absolute("source", &work.sources)?;
            absolute("source", &work.optional_sources)
        }
        Work::Restore(work) => {
            absolute("path", &work.paths)?;
            absolute("target", std::slice::from_ref(&work.target))
        }
        Work::Watch(work) => {
            if spec.job.is_none() {
                return Err("asks for a watch and names no job".to_owned());
            }
            absolute("source", &work.backup.sources)?;
            absolute("source", &work.backup.optional_sources)?;
            absolute("directory of ours", &work.own)
        }
        Work::Estimate(work) => {
            if spec.job.is_none() {
                return Err("asks for an estimate and names no job".to_owned());
            }
            absolute("source", &work.backup.sources)?;
            absolute("source", &work.backup.optional_sources)
        }
        Work::List(work) => absolute("path", std::slice::from_ref(&work.path)),
        Work::StorePassword(StorePasswordWork { secrets, .. })
        | Work::RotateKey(RotateKeyWork { secrets, .. })
        | Work::EndRotation(EndRotationWork { secrets, .. }) => {
            absolute("folder of secrets", std::slice::from_ref(secrets))
        }
        Work::Copy(_) if spec.job.is_none() => Err("asks for a copy and names no job".to_owned()),
        Work::Unforget(work) => absolute("directory", &work.directories),
        Work::Check(_)
        | Work::Prune(_)
        | Work::PrunePlan(_)
        | Work::Repair(_)
        | Work::RepairPlan(_)
        | Work::Forget(_)
        | Work::Copy(_)
        | Work::Move(_)
        | Work::RetentionPreview(_)
        | Work::Initialize
        | Work::Test
        | Work::RemoveDeadLocks
        | Work::Keys
        | Work::AddKey(_)
        | Work::RemoveKey(_)
        | Work::Recovery
        | Work::Reveal
        | Work::Locks
        | Work::Unlock(_)
        | Work::Snapshots { .. }
        | Work::Contents(_)
        | Work::Statistics(_)
        | Work::Reach { .. } => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_good_specification_survives() {
        let spec = testing::backup_spec();
        assert_eq!(parse(&serde_json::to_vec(&spec).unwrap()).unwrap(), spec);
    }

    #[test]
    fn what_is_wrong_is_named_and_the_run_is_kept() {
        let good = serde_json::to_value(testing::backup_spec()).unwrap();
        let changed = |pointer: &str, value: serde_json::Value| {
            let mut spec = good.clone();
            *spec.pointer_mut(pointer).unwrap() = value;
            spec.to_string()
        };
        for (text, named, known) in [
            ("not json".to_owned(), "no JSON", false),
            ("[]".to_owned(), "version", false),
            (changed("/version", 9.into()), "version 9", true),
            (changed("/attempt", 0.into()), "from 0", true),
            (changed("/job", serde_json::Value::Null), "no job", true),
            (changed("/work/sources/0", "home".into()), "`home`", true),
            (
                changed("/work/one_file_system", "yes".into()),
                "line 1 column",
                true,
            ),
            (changed("/repository/name", "a/b".into()), "is wrong", true),
        ] {
            let rejected = parse(text.as_bytes()).unwrap_err();
            assert!(
                rejected.failure.message.contains(named),
                "{}",
                rejected.failure.message
            );
            assert_eq!(rejected.failure.class, FailureClass::Configuration);
            assert_eq!(rejected.run.is_some(), known, "{text}");
        }
    }

    #[test]
    fn a_used_directory_is_not_used_again() {
        let directory = tempfile::tempdir().unwrap();
        let run = RunDir::open(directory.path()).unwrap();
        drop(run.events().unwrap());
        drop(run.events().unwrap());
        fs::write(directory.path().join(EVENTS_FILE), "{}\n").unwrap();
        assert!(run.events().unwrap_err().contains("earlier attempt"));
    }

    #[test]
    fn a_moment_of_somebody_elses_lock_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let run = RunDir::open(directory.path()).unwrap();
        let held = run.lock().unwrap();
        assert!(run.lock().unwrap_err().contains("another worker"));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| run.lock().is_ok());
            drop(held);
            assert!(waiting.join().unwrap());
        });
    }
}
