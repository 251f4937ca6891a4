//! Keys of the published format that this version does not serve.
//!
//! They are refused, each with what to do instead: a promise that is read and not kept would be a lie.

/// For a job's file; `NAME` is the job's.
pub(super) const JOB: [(&str, &str); 2] = [
    (
        "hooks",
        "remove it, and run the commands around `backupctl start NAME --wait` in a script or systemd unit",
    ),
    (
        "notify",
        "remove it, and act on the exit code of `backupctl start NAME --wait`, as `OnFailure=` of a systemd unit does",
    ),
];

/// For a repository's file.
pub(super) const REPOSITORY: [(&str, &str); 1] = [("lock", "remove it; locks are kept as restic keeps them")];
