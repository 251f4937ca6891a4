//! What the unit of a worker follows from: the settings, and what the file system says.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use backupd_core::{
    protocol::{RepositorySpec, Spec, Work},
    unit::{Request, Unit, unit},
};
use jiff::SignedDuration;

use super::base::Base;
use crate::ports::LaunchError;

/// A file system that has not answered by then, such as that of a server that is gone, will not.
const ANSWER: Duration = Duration::from_secs(10);

/// Stands for the id where there is no run yet.
const NO_RUN: &str = "RUN";

/// Homes of others. The daemon's own sandbox hides what is in them, so that what is missing there may be there all
/// the same.
const OTHERS_HOMES: [&str; 2] = ["/home", "/run/user"];

/// Directories that the daemon has its own of, with `PrivateTmp=`, and its workers have not.
const OWN_TMP: [&str; 2] = ["/tmp", "/var/tmp"];

/// What a worker reads or writes in a repository; who copied it there may have left each to somebody.
const PARTS: [&str; 6] = ["config", "data", "index", "keys", "locks", "snapshots"];

impl Base {
    /// The unit that does what the spec says in this run directory.
    pub(super) async fn unit(&self, spec: &Spec, directory: &Path) -> Result<Unit, LaunchError> {
        self.unit_named(spec, &spec.run.to_string(), directory).await
    }

    /// The unit that an attempt for this spec would be, with a word for its id.
    pub(super) async fn next_unit(&self, spec: &Spec) -> Result<Unit, LaunchError> {
        let attempt = format!("attempt-{}", spec.attempt);
        let directory = self.settings().runs.join(NO_RUN).join(attempt);
        self.unit_named(spec, NO_RUN, &directory).await
    }

    async fn unit_named(&self, spec: &Spec, id: &str, directory: &Path) -> Result<Unit, LaunchError> {
        let settings = self.settings();
        let repository = spec.repository.local_path();
        let mut foreign = false;
        for path in spec.opened().filter_map(RepositorySpec::local_path) {
            foreign |= look(path, ANSWER, is_foreign).await?;
        }
        let made: Vec<PathBuf> = match &spec.work {
            Work::Restore(work) => vec![work.target.clone()],
            Work::Initialize => repository.into_iter().collect(),
            Work::Move(work) => work.other.local_path().into_iter().collect(),
            work => {
                let encrypted = spec.repository.credentials.encrypted.first();
                let kept = work
                    .secrets()
                    .map(|secrets| [Some(secrets.to_owned()), encrypted.cloned()]);
                kept.into_iter().flatten().flatten().collect()
            }
        };
        let mut grounds = Vec::new();
        for path in made {
            grounds.push(look(path, ANSWER, ground).await?);
        }
        Ok(unit(&Request {
            manager: settings.manager,
            spec,
            id,
            worker: &settings.worker,
            directory,
            grace: SignedDuration::try_from(settings.grace).unwrap_or(SignedDuration::MAX),
            grounds: &grounds,
            credentials: spec.credentials(Path::exists),
            foreign,
        }))
    }
}

/// Looks at a path of the user's choice on a thread that may hang: the daemon's own must not.
async fn look<T: Send + 'static>(
    path: PathBuf,
    patience: Duration,
    at: impl FnOnce(&Path) -> T + Send + 'static,
) -> Result<T, LaunchError> {
    let looking = tokio::task::spawn_blocking({
        let path = path.clone();
        move || at(&path)
    });
    match tokio::time::timeout(patience, looking).await {
        Ok(Ok(seen)) => Ok(seen),
        _ => Err(LaunchError::Silent(path, patience)),
    }
}

/// The nearest directory above `path`, or itself, that is there as far as anybody can see.
fn ground(path: &Path) -> PathBuf {
    let seen = seen(path);
    // Of the homes themselves nobody sees what is in them: each belongs to one user, and is there.
    let hidden = OTHERS_HOMES.iter().find(|home| seen == Path::new(home));
    let one = hidden.and_then(|home| path.strip_prefix(home).ok()?.components().next());
    match one {
        Some(user) => seen.join(user),
        None => seen.to_owned(),
    }
}

/// Whether something at the path may be there that the daemon cannot see.
fn may_hide(path: &Path) -> bool {
    let seen = seen(path);
    seen != path
        && OTHERS_HOMES
            .iter()
            .chain(&OWN_TMP)
            .any(|hiding| seen == Path::new(hiding))
}

fn seen(path: &Path) -> &Path {
    path.ancestors()
        .find(|path| fs::metadata(path).is_ok_and(|found| found.is_dir()))
        .unwrap_or(Path::new("/"))
}

/// Whether the repository, or where it will be, belongs to somebody else than us, or a part of it does.
fn is_foreign(path: &Path) -> bool {
    let owned_by_other =
        |path: &Path| fs::metadata(path).is_ok_and(|found| found.uid() != rustix::process::getuid().as_raw());
    may_hide(path) || owned_by_other(seen(path)) || PARTS.iter().any(|part| owned_by_other(&path.join(part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ground_is_what_is_there() {
        let base = tempfile::tempdir().unwrap();
        let there = base.path();
        assert_eq!(ground(&there.join("a/b")), there);
        assert_eq!(ground(there), there);
        assert_eq!(ground(Path::new("/no-such-directory/x")), Path::new("/"));
        assert_eq!(
            ground(Path::new("/home/nobody-of-this-name/x/y")),
            Path::new("/home/nobody-of-this-name")
        );
    }

    #[tokio::test]
    async fn a_file_system_that_is_silent_stops_a_launch_and_not_the_daemon() {
        let (tell, told) = std::sync::mpsc::channel::<()>();
        let path = PathBuf::from("/mnt/gone");
        let silent = look(path.clone(), Duration::from_millis(1), move |_| told.recv()).await;
        let error = silent.err().unwrap().to_string();
        assert!(error.contains("`/mnt/gone` does not answer"), "{error}");
        drop(tell);
        assert_eq!(look(path, ANSWER, Path::is_absolute).await.ok(), Some(true));
    }

    #[test]
    fn a_home_that_nobody_sees_belongs_to_somebody_else() {
        let base = tempfile::tempdir().unwrap();
        assert!(!is_foreign(base.path()));
        assert!(!is_foreign(&base.path().join("new")));
        assert!(is_foreign(Path::new("/home/nobody-of-this-name/repository")));
        for there in OWN_TMP {
            assert!(is_foreign(&Path::new(there).join("nobody-made-this/repository")));
        }
    }

    #[test]
    fn one_part_that_belongs_to_somebody_else_is_enough() {
        let base = tempfile::tempdir().unwrap();
        let own = rustix::process::getuid();
        for part in ["locks", "config", "data"] {
            fs::write(base.path().join(part), "").unwrap();
        }
        assert!(!is_foreign(base.path()));
        // Only root gives files away.
        if own.is_root() {
            std::os::unix::fs::chown(base.path().join("locks"), Some(1000), None).unwrap();
            assert!(is_foreign(base.path()));
        }
    }
}
