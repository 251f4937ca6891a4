//! From the engine's errors to failures: the class that decides what happens next, and words that help.

use std::{io, path::Path};

use backupd_core::{
    config::{EngineName, PlaceKind},
    failure::{Failure, FailureClass},
    protocol::{Spec, Work},
};
use backupd_engine::{Cancellation, EngineError, ErrorKind};

/// What an engine's error means for the attempt.
pub(crate) fn explain(error: &EngineError, spec: &Spec, cancellation: &Cancellation) -> Failure {
    // What breaks because it was told to stop is no fault of its own.
    if error.kind() == ErrorKind::Cancelled
        || (error.kind() == ErrorKind::Other && cancellation.is_cancelled())
    {
        return cancelled(spec);
    }
    Failure::new(class(error.kind()), about(spec, &error.chain())).hint(hint(error.kind(), spec))
}

/// Somebody asked the attempt to stop.
pub(crate) fn cancelled(spec: &Spec) -> Failure {
    Failure::new(FailureClass::Cancelled, about(spec, "stopped on request"))
}

/// The snapshot was stored, and looking at it again went wrong.
pub(crate) fn unverified(
    error: &EngineError,
    snapshot: &str,
    spec: &Spec,
    cancellation: &Cancellation,
) -> Failure {
    let mut failure = explain(error, spec, cancellation);
    let short = snapshot.get(..8).unwrap_or(snapshot);
    if failure.class == FailureClass::Cancelled {
        failure.message = about(
            spec,
            &format!("stopped on request while snapshot `{short}` was verified"),
        );
        return failure;
    }
    failure.message = about(
        spec,
        &format!(
            "snapshot `{short}` is stored but could not be verified: {}",
            error.chain()
        ),
    );
    // Whatever is not a matter of reaching the repository says that what was stored is not there.
    if matches!(
        failure.class,
        FailureClass::Engine | FailureClass::RepositoryNotFound | FailureClass::Corrupt
    ) || error.kind() == ErrorKind::SnapshotNotFound
    {
        failure.class = FailureClass::Corrupt;
        failure.hint = Some(hint(ErrorKind::Corrupt, spec));
    }
    failure
}

/// The engine, or the worker, broke.
pub(crate) fn panicked(place: Option<String>, spec: &Spec) -> Failure {
    let place = place.unwrap_or_else(|| "an unknown place".to_owned());
    Failure::new(
        FailureClass::Engine,
        about(spec, &format!("the worker met a fault of its own at {place}")),
    )
    .hint("the repository is consistent; start the run again, and report the fault with this message")
}

/// The answer to a question could not be written.
pub(crate) fn unanswered(error: &io::Error, spec: &Spec) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::new(
            FailureClass::Cancelled,
            about(spec, "whoever asked stopped reading the answer"),
        ),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Failure::new(
            FailureClass::NoSpace,
            about(spec, &format!("cannot write the answer: {error}")),
        )
        .hint("make room where the answer is written to"),
        _ => Failure::new(
            FailureClass::Engine,
            about(spec, &format!("cannot write the answer: {error}")),
        )
        .hint("ask again; if it stays so, report it with this message"),
    }
}

/// A sentence about this attempt; names that the sentence has already are not said twice.
pub(crate) fn about(spec: &Spec, what: &str) -> String {
    let repository = &spec.repository.name;
    let names_repository = what.contains(&format!("repository `{repository}`"));
    match (&spec.job, names_repository) {
        (Some(job), true) => format!("job `{job}`: {what}"),
        (Some(job), false) => format!("job `{job}`, repository `{repository}`: {what}"),
        (None, true) => what.to_owned(),
        (None, false) => format!("repository `{repository}`: {what}"),
    }
}

fn class(kind: ErrorKind) -> FailureClass {
    match kind {
        ErrorKind::RepositoryNotFound | ErrorKind::NotARepository => FailureClass::RepositoryNotFound,
        ErrorKind::WrongPassword | ErrorKind::AccessRefused | ErrorKind::Untrusted => {
            FailureClass::Credentials
        }
        ErrorKind::Locked => FailureClass::Locked,
        ErrorKind::NoSpace => FailureClass::NoSpace,
        ErrorKind::Corrupt => FailureClass::Corrupt,
        ErrorKind::SourceMissing => FailureClass::SourceMissing,
        ErrorKind::SourceUnreadable => FailureClass::SourceUnreadable,
        ErrorKind::Network => FailureClass::Network,
        ErrorKind::RepositoryExists => FailureClass::RepositoryExists,
        ErrorKind::SnapshotNotFound | ErrorKind::PathNotFound => FailureClass::SnapshotNotFound,
        ErrorKind::PermissionDenied | ErrorKind::TargetUnusable | ErrorKind::InvalidRequest => {
            FailureClass::Configuration
        }
        ErrorKind::Cancelled => FailureClass::Cancelled,
        ErrorKind::Other => FailureClass::Engine,
    }
}

fn hint(kind: ErrorKind, spec: &Spec) -> String {
    let repository = &spec.repository.name;
    let job = spec
        .job
        .as_ref()
        .map_or_else(|| "NAME".to_owned(), ToString::to_string);
    let of_job = spec
        .job
        .as_ref()
        .map_or_else(String::new, |job| format!(" {job}"));
    match kind {
        ErrorKind::RepositoryNotFound => format!(
            "create it with `backupctl repository init {repository}`, or mount the disk it is on, \
             or correct `url`"
        ),
        ErrorKind::NotARepository => format!(
            "correct `url` of repository `{repository}`, or choose an empty directory and run \
             `backupctl repository init {repository}`"
        ),
        ErrorKind::RepositoryExists => {
            format!("it can be used as it is: `backupctl repository test {repository}`")
        }
        ErrorKind::WrongPassword => format!(
            "correct the {}, then test it: `backupctl repository test {repository}`",
            spec.repository.password
        ),
        ErrorKind::Locked => "wait until the other program has ended; \
             the lock of a program that is gone becomes stale by itself"
            .to_owned(),
        ErrorKind::NoSpace => match &spec.work {
            Work::Restore(work) => format!("make room on the file system of `{}`", work.target.display()),
            Work::Forget(_) => format!(
                "make room where {} is, and in backupd's own directory, where forgotten snapshots are kept",
                place(spec)
            ),
            Work::Backup(_) | Work::Copy(_) => room_hint(spec, &job),
            _ => format!("make room where {} is", place(spec)),
        },
        ErrorKind::Corrupt => damage_hint(spec),
        ErrorKind::SourceMissing => format!(
            "correct `sources` in `jobs.d/{job}.toml`, or move what may be absent to `optional_sources`"
        ),
        ErrorKind::SourceUnreadable => format!(
            "make the source readable for the user that backupd runs as, \
             or correct `sources` in `jobs.d/{job}.toml`"
        ),
        ErrorKind::PermissionDenied => match &spec.work {
            Work::Restore(work) => format!(
                "look at owner and mode of `{}` and of {}: \
                 the user that backupd runs as must write and read them",
                work.target.display(),
                place(spec)
            ),
            _ => format!(
                "look at owner and mode of {}: the user that backupd runs as must use it",
                place(spec)
            ),
        },
        ErrorKind::Network => format!(
            "see whether {} can be reached; transient failures are tried again",
            place(spec)
        ),
        ErrorKind::AccessRefused => access_hint(spec),
        ErrorKind::Untrusted => trust_hint(spec),
        ErrorKind::SnapshotNotFound => {
            let list = format!("list what is there: `backupctl snapshots{of_job}`");
            match &spec.work {
                Work::Restore(work) if work.filter.job.is_some() => format!(
                    "{list}; one of another job or machine is restored with \
                     `backupctl restore SNAPSHOT --repository {repository} --to DIR`"
                ),
                _ => list,
            }
        }
        ErrorKind::PathNotFound => "list what is in the snapshot: `backupctl ls SNAPSHOT`".to_owned(),
        ErrorKind::TargetUnusable => {
            "choose an empty or a new directory that is not inside a repository".to_owned()
        }
        ErrorKind::InvalidRequest if spec.repository.engine == EngineName::Restic => format!(
            "correct that, or remove `engine` from `repositories.d/{repository}.toml`: \
             the engine that is built in serves the same repository"
        ),
        ErrorKind::InvalidRequest if matches!(spec.work, Work::Backup(_)) => {
            format!("correct `jobs.d/{job}.toml`, then run `backupctl job validate {job}`")
        }
        ErrorKind::InvalidRequest => "correct the request".to_owned(),
        ErrorKind::Cancelled => "start it again when it suits".to_owned(),
        ErrorKind::Other => {
            format!(
                "test the repository: `backupctl repository test {repository}`; \
                 the worker's log says more"
            )
        }
    }
}

/// What makes room for a backup.
fn room_hint(spec: &Spec, job: &str) -> String {
    let repository = &spec.repository.name;
    let or = match spec.repository.room.quota {
        Some(_) => format!("raise `quota` in `repositories.d/{repository}.toml`"),
        None => format!("make room where {} is", place(spec)),
    };
    format!(
        "`backupctl repository stats {repository}` shows what takes the room; see what the retention lets go with \
         `backupctl retention preview {job}`, apply it with `backupctl forget {job}`, and free that with \
         `backupctl prune {repository}`, which marks it first and removes it `keep_delete` later; or {or}"
    )
}

/// What looks like damage in an object store, and goes by.
pub(crate) const LAG: &str =
    "see whether a node of the store was away, which then lists for minutes what is gone";

fn damage_hint(spec: &Spec) -> String {
    let first = match PlaceKind::of(&spec.repository.url) {
        PlaceKind::S3 => format!("{LAG}; then "),
        _ => String::new(),
    };
    format!(
        "{first}look at the damage before anything else: `restic -r {} check --read-data`",
        url(spec)
    )
}

/// What its kind of place is let in by.
fn access_hint(spec: &Spec) -> String {
    let repository = &spec.repository.name;
    let what = match PlaceKind::of(&spec.repository.url) {
        PlaceKind::Sftp => {
            "see whether the server lets the key in: `ssh.key` names it, and the server's `authorized_keys` has to hold it"
        }
        PlaceKind::Rclone => "see whether rclone gets in: `rclone lsd REMOTE:`",
        _ => "correct `[credentials]`, or what the server allows them",
    };
    format!("{what}; then test it: `backupctl repository test {repository}`")
}

/// Who has to vouch for the server.
fn trust_hint(spec: &Spec) -> String {
    let repository = &spec.repository.name;
    match PlaceKind::of(&spec.repository.url) {
        PlaceKind::Sftp => {
            "compare the key of the host with what its administrator says, and put it into the file that \
             `ssh.known_hosts` names, or into that of the user that backupd runs as"
                .to_owned()
        }
        _ => format!(
            "see who answers there; a certificate of your own is trusted when `ca_file` of repository `{repository}` names it"
        ),
    }
}

/// The repository's place, where it is a path.
fn local(spec: &Spec) -> Option<&Path> {
    let url = &spec.repository.url;
    let path = Path::new(url.strip_prefix("local:").unwrap_or(url));
    path.is_absolute().then_some(path)
}

/// The repository's place for people; a remote one may carry a password and is not shown.
fn place(spec: &Spec) -> String {
    local(spec).map_or_else(
        || format!("repository `{}`", spec.repository.name),
        |path| format!("`{}`", path.display()),
    )
}

pub(crate) fn url(spec: &Spec) -> String {
    local(spec).map_or_else(|| "URL".to_owned(), |path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const KINDS: &[(ErrorKind, FailureClass, &str)] = &[
        (
            ErrorKind::RepositoryNotFound,
            FailureClass::RepositoryNotFound,
            "backupctl repository init nas",
        ),
        (
            ErrorKind::RepositoryExists,
            FailureClass::RepositoryExists,
            "backupctl repository test nas",
        ),
        (
            ErrorKind::NotARepository,
            FailureClass::RepositoryNotFound,
            "`url`",
        ),
        (
            ErrorKind::WrongPassword,
            FailureClass::Credentials,
            "password file `/secret`",
        ),
        (ErrorKind::Locked, FailureClass::Locked, "wait"),
        (ErrorKind::NoSpace, FailureClass::NoSpace, "`/srv/nas`"),
        (
            ErrorKind::Corrupt,
            FailureClass::Corrupt,
            "restic -r /srv/nas check",
        ),
        (
            ErrorKind::SourceMissing,
            FailureClass::SourceMissing,
            "optional_sources",
        ),
        (
            ErrorKind::SourceUnreadable,
            FailureClass::SourceUnreadable,
            "jobs.d/home.toml",
        ),
        (
            ErrorKind::PermissionDenied,
            FailureClass::Configuration,
            "`/srv/nas`",
        ),
        (ErrorKind::Network, FailureClass::Network, "reached"),
        (
            ErrorKind::AccessRefused,
            FailureClass::Credentials,
            "`[credentials]`",
        ),
        (ErrorKind::Untrusted, FailureClass::Credentials, "`ca_file`"),
        (
            ErrorKind::SnapshotNotFound,
            FailureClass::SnapshotNotFound,
            "backupctl snapshots home",
        ),
        (
            ErrorKind::PathNotFound,
            FailureClass::SnapshotNotFound,
            "backupctl ls",
        ),
        (ErrorKind::TargetUnusable, FailureClass::Configuration, "empty"),
        (
            ErrorKind::InvalidRequest,
            FailureClass::Configuration,
            "backupctl job validate home",
        ),
        (ErrorKind::Other, FailureClass::Engine, "log"),
    ];

    #[test]
    fn every_kind_has_its_class_and_a_way_out() {
        let spec = testing::backup_spec();
        for (kind, class, hint) in KINDS {
            let error = EngineError::new(*kind, "it did not work");
            let failure = explain(&error, &spec, &Cancellation::default());
            assert_eq!(failure.class, *class, "{kind:?}");
            assert_eq!(failure.message, "job `home`, repository `nas`: it did not work");
            assert!(
                failure.hint.as_ref().unwrap().contains(hint),
                "{kind:?}: {:?}",
                failure.hint
            );
            assert!(!failure.hint.unwrap().ends_with('.'));
        }
    }

    #[test]
    fn a_stop_that_was_asked_for_is_no_fault() {
        let spec = testing::backup_spec();
        let cancellation = Cancellation::default();
        cancellation.cancel();
        let class = |kind| explain(&EngineError::new(kind, "x"), &spec, &cancellation).class;
        assert_eq!(class(ErrorKind::Cancelled), FailureClass::Cancelled);
        assert_eq!(class(ErrorKind::Other), FailureClass::Cancelled);
        assert_eq!(class(ErrorKind::NoSpace), FailureClass::NoSpace);
    }

    #[test]
    fn names_are_said_once_and_a_remote_place_never() {
        let mut spec = testing::backup_spec();
        assert_eq!(
            about(&spec, "repository `nas` is gone"),
            "job `home`: repository `nas` is gone"
        );
        spec.job = None;
        assert_eq!(about(&spec, "gone"), "repository `nas`: gone");
        spec.repository.url = "rest:https://me:hush@host/".into();
        for (kind, ..) in KINDS {
            assert!(!hint(*kind, &spec).contains("hush"));
        }
        assert!(!hint(ErrorKind::Corrupt, &spec).contains(LAG));
        spec.repository.url = "s3:https://host/bucket".into();
        assert!(hint(ErrorKind::Corrupt, &spec).contains(LAG));
    }

    #[test]
    fn a_failed_verification_means_damage_unless_the_repository_was_out_of_reach() {
        let spec = testing::backup_spec();
        let class = |kind| {
            let error = EngineError::new(kind, "x");
            let failure = unverified(&error, &"ab".repeat(32), &spec, &Cancellation::default());
            assert!(failure.message.contains("`abababab`"), "{}", failure.message);
            failure.class
        };
        for kind in [
            ErrorKind::Corrupt,
            ErrorKind::Other,
            ErrorKind::SnapshotNotFound,
            ErrorKind::NotARepository,
        ] {
            assert_eq!(class(kind), FailureClass::Corrupt, "{kind:?}");
        }
        assert_eq!(class(ErrorKind::Network), FailureClass::Network);
        assert_eq!(class(ErrorKind::Cancelled), FailureClass::Cancelled);
    }
}
