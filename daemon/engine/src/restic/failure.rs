//! From how the program ended to why: by its exit code where that says it, by its words where it does not.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::{Access, EngineError, ErrorKind};

/// Words of the program, of the systems below it, and of servers; the first that fits decides.
const WORDS: [(&str, ErrorKind); 46] = [
    ("wrong password or no key found", ErrorKind::WrongPassword),
    ("an empty password is not a password", ErrorKind::WrongPassword),
    ("repository is already locked", ErrorKind::Locked),
    ("config file already exists", ErrorKind::RepositoryExists),
    (
        "repository master key and config already initialized",
        ErrorKind::RepositoryExists,
    ),
    ("no space left on device", ErrorKind::NoSpace),
    ("disk quota exceeded", ErrorKind::NoSpace),
    ("insufficient storage", ErrorKind::NoSpace),
    ("QuotaExceeded", ErrorKind::NoSpace),
    ("XMinioStorageFull", ErrorKind::NoSpace),
    ("unsupported repository version", ErrorKind::NotARepository),
    ("config or key", ErrorKind::Corrupt),
    ("no matching ID found", ErrorKind::SnapshotNotFound),
    ("no snapshot found", ErrorKind::SnapshotNotFound),
    ("x509: ", ErrorKind::Untrusted),
    ("Host key verification failed", ErrorKind::Untrusted),
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", ErrorKind::Untrusted),
    ("Permission denied (", ErrorKind::AccessRefused),
    ("401 Unauthorized", ErrorKind::AccessRefused),
    ("403 Forbidden", ErrorKind::AccessRefused),
    ("(401)", ErrorKind::AccessRefused),
    ("(403)", ErrorKind::AccessRefused),
    ("Access Denied", ErrorKind::AccessRefused),
    ("AccessDenied", ErrorKind::AccessRefused),
    ("InvalidAccessKeyId", ErrorKind::AccessRefused),
    ("SignatureDoesNotMatch", ErrorKind::AccessRefused),
    ("permission denied", ErrorKind::PermissionDenied),
    ("operation not permitted", ErrorKind::PermissionDenied),
    ("read-only file system", ErrorKind::PermissionDenied),
    ("ciphertext verification failed", ErrorKind::Corrupt),
    ("invalid data returned", ErrorKind::Corrupt),
    ("does not match id", ErrorKind::Corrupt),
    ("hash mismatch", ErrorKind::Corrupt),
    ("unable to load index", ErrorKind::Corrupt),
    ("not found in index", ErrorKind::Corrupt),
    ("not found in repository", ErrorKind::Corrupt),
    (
        "Is there a repository at the following location?",
        ErrorKind::RepositoryNotFound,
    ),
    ("repository does not exist", ErrorKind::RepositoryNotFound),
    ("connection re", ErrorKind::Network),
    ("no such host", ErrorKind::Network),
    ("unreachable", ErrorKind::Network),
    ("timeout", ErrorKind::Network),
    ("broken pipe", ErrorKind::Network),
    ("ssh command exited", ErrorKind::Network),
    ("server response unexpected", ErrorKind::Network),
    // For any of the reasons above it is that.
    ("unable to create lock", ErrorKind::Locked),
];

/// What stands before the reason and says nothing more.
const BEFORE: [&str; 2] = ["Fatal: ", "unable to create lock in backend: "];

/// The error of a call that did not end well; `doing` completes "cannot …".
pub(super) fn explain(access: &Access, doing: &str, status: ExitStatus, said: &str) -> EngineError {
    let kind = kind(status, said);
    let message = match status.signal() {
        Some(signal) => format!(
            "cannot {doing} repository `{}`: restic was ended by signal {signal}",
            access.name
        ),
        None => format!("cannot {doing} repository `{}`", access.name),
    };
    let error = EngineError::new(kind, message);
    match sentence(said) {
        Some(sentence) => error.caused_by(format!("restic says: {sentence}")),
        None if status.signal().is_some() => error,
        None => error.caused_by(format!("restic ended with {status} and did not say why")),
    }
}

/// Whether somebody else's lock was in the way.
pub(super) fn is_locked(status: ExitStatus, said: &str) -> bool {
    !status.success() && kind(status, said) == ErrorKind::Locked
}

/// Codes have meanings from 0.17 on.
fn kind(status: ExitStatus, said: &str) -> ErrorKind {
    match status.code() {
        Some(10) => ErrorKind::RepositoryNotFound,
        Some(11) => ErrorKind::Locked,
        Some(12) => ErrorKind::WrongPassword,
        _ => WORDS
            .iter()
            .find(|(words, _)| said.contains(words))
            .map_or(ErrorKind::Other, |(_, kind)| *kind),
    }
}

/// The line that says why, without what is before it, and without a repeated `Fatal`.
fn sentence(said: &str) -> Option<String> {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let tells = |line: &&str| WORDS.iter().any(|(words, _)| line.contains(words));
    let line = lines()
        .rev()
        .find(|line| line.contains("Fatal: "))
        .or_else(|| lines().find(tells))
        .or_else(|| lines().next_back())?;
    let sentence = BEFORE
        .iter()
        .fold(line, |line, before| line.rsplit(before).next().unwrap_or(line))
        .trim_end_matches('.');
    (!sentence.contains(char::is_control)).then(|| sentence.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(code: i32, said: &str) -> EngineError {
        let access = Access {
            name: "nas".to_owned(),
            ..crate::access::tests::access("/srv")
        };
        explain(&access, "back up to", ExitStatus::from_raw(code << 8), said)
    }

    #[test]
    fn codes_decide_before_words() {
        for (code, kind) in [
            (10, ErrorKind::RepositoryNotFound),
            (11, ErrorKind::Locked),
            (12, ErrorKind::WrongPassword),
        ] {
            assert_eq!(ended(code, "permission denied").kind(), kind);
        }
    }

    #[test]
    fn older_versions_are_understood_by_their_words() {
        for (said, kind) in [
            (
                "Fatal: wrong password or no key found\n",
                ErrorKind::WrongPassword,
            ),
            (
                "unable to create lock in backend: repository is already locked exclusively by PID 1 on a by b\n",
                ErrorKind::Locked,
            ),
            (
                "Fatal: unable to open config file: stat /x/config: no such file or directory\nIs there a repository at the following location?\n/x\n",
                ErrorKind::RepositoryNotFound,
            ),
            (
                "Fatal: unable to save snapshot: write /r/tmp: no space left on device",
                ErrorKind::NoSpace,
            ),
            (
                "Fatal: unable to open config file: Stat: x509: certificate signed by unknown authority",
                ErrorKind::Untrusted,
            ),
            (
                "unable to create lock in backend: write /r/locks/1-tmp-2: no space left on device",
                ErrorKind::NoSpace,
            ),
            ("unable to create lock in backend: whatever", ErrorKind::Locked),
            ("panic: runtime error", ErrorKind::Other),
            ("", ErrorKind::Other),
        ] {
            assert_eq!(ended(1, said).kind(), kind, "{said}");
        }
    }

    #[test]
    fn the_reason_is_one_sentence() {
        let error = ended(
            1,
            "using parent\nFatal: Fatal: create key in repository failed: boo.\n\n",
        );
        assert_eq!(
            error.chain(),
            "cannot back up to repository `nas`: restic says: create key in repository failed: boo"
        );
        let locked = ended(
            1,
            "unable to create lock in backend: repository is already locked by PID 7 on box by root (UID 0, GID 0)\nlock was created at 2026-11-26 (1s ago)\nstorage ID 1a2b\nthe `unlock` command can be used to remove stale locks\n",
        );
        assert_eq!(
            locked.chain(),
            "cannot back up to repository `nas`: restic says: repository is already locked by PID 7 on box by root (UID 0, GID 0)"
        );
        let killed = explain(
            &crate::access::tests::access("/srv"),
            "prune",
            ExitStatus::from_raw(9),
            "",
        );
        assert_eq!(
            killed.chain(),
            "cannot prune repository `test`: restic was ended by signal 9"
        );
    }
}
