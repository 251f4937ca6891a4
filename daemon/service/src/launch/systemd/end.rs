//! How a unit ended, in words.

use std::path::Path;

use backupd_core::{
    config::{PasswordSource, format_size},
    failure::{Failure, FailureClass},
    protocol::{RepositorySpec, Spec, unloadable},
};

/// `EXIT_CREDENTIALS` of `systemd.exec(5)`.
const WITHOUT_CREDENTIAL: i32 = 243;

/// What systemd says of a service that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    /// `Result`: `success`, `exit-code`, `signal`, `core-dump`, `timeout`, `oom-kill`…
    pub(super) result: String,
    /// `ExecMainStatus`: an exit code or a signal.
    pub(super) status: i32,
}

impl End {
    /// The failure where systemd could not hand over a credential.
    pub(super) fn without_credential(&self, spec: &Spec) -> Option<Failure> {
        if (self.result.as_str(), self.status) != ("exit-code", WITHOUT_CREDENTIAL) {
            return None;
        }
        let credentials = spec.credentials(Path::exists);
        // systemd does not say which; one that is nowhere is the first to suspect.
        let (name, stored) = credentials
            .iter()
            .find(|(_, stored)| stored.is_none())
            .or_else(|| credentials.first())?;
        let is_own =
            |source: &PasswordSource| matches!(source, PasswordSource::Credential(own) if own == name);
        let has_it = |repository: &&RepositorySpec| {
            is_own(&repository.password) || repository.sources_of_secrets().any(is_own)
        };
        let repository = spec.opened().find(has_it).unwrap_or(&spec.repository);
        let of_password = is_own(&repository.password);
        Some(unloadable(&repository.name, name, stored.as_ref(), of_password))
    }

    /// In a few words, for a start that failed.
    pub(super) fn in_words(&self) -> String {
        match (self.result.as_str(), self.status) {
            ("exit-code", 203) => "the worker program cannot be executed (203/EXEC)".to_owned(),
            ("exit-code", 226) => "its sandbox could not be set up (226/NAMESPACE)".to_owned(),
            ("exit-code", WITHOUT_CREDENTIAL) => {
                "a credential could not be loaded (243/CREDENTIALS)".to_owned()
            }
            ("exit-code", status) => format!("it exited with {status}"),
            ("signal" | "core-dump", status) => format!("it was ended by {}", signal(status)),
            ("oom-kill", _) => "the kernel killed it: out of memory".to_owned(),
            (result, _) => format!("systemd says `{result}`"),
        }
    }

    /// Why a worker that left no word is gone; nothing where systemd knows no more than that it is.
    pub(super) fn failure(&self, spec: &Spec, journal: &str) -> Option<Failure> {
        let says_more = format!("`{journal}` shows what it did; start the run again");
        let interrupted =
            |message: String, hint: String| Some(Failure::new(FailureClass::Interrupted, message).hint(hint));
        if let Some(failure) = self.without_credential(spec) {
            return Some(failure);
        }
        match self.result.as_str() {
            "success" => None,
            "oom-kill" => {
                let file = spec.job.as_ref().map_or("NAME", |job| job.as_str());
                let (limit, hint) = match spec.resources.memory_max {
                    Some(most) => (
                        format!(", at its `memory_max` of {}", format_size(most)),
                        format!("raise `memory_max` in `jobs.d/{file}.toml`, and start the job again"),
                    ),
                    None => (
                        String::new(),
                        format!(
                            "free memory, or set `memory_high` in `jobs.d/{file}.toml`, and start the job again"
                        ),
                    ),
                };
                interrupted(
                    format!("the worker was killed by the kernel: out of memory{limit}"),
                    hint,
                )
            }
            "timeout" if spec.resources.max_runtime.is_some() => Some(
                Failure::new(
                    FailureClass::TimedOut,
                    "the worker did not end at its `max_runtime` and was killed",
                )
                .hint(says_more),
            ),
            "timeout" => interrupted(
                "the worker was told to stop, did not in time, and was killed".to_owned(),
                says_more,
            ),
            "signal" => interrupted(
                format!("the worker was killed by {}", signal(self.status)),
                says_more,
            ),
            "core-dump" => interrupted(
                format!("the worker crashed with {}", signal(self.status)),
                says_more,
            ),
            "exit-code" if self.status >= 200 => {
                interrupted(format!("the unit failed: {}", self.in_words()), says_more)
            }
            "exit-code" => interrupted(
                format!("the worker exited with {} and left no result", self.status),
                says_more,
            ),
            result => interrupted(format!("the worker's unit ended with `{result}`"), says_more),
        }
    }
}

fn signal(number: i32) -> String {
    nix::sys::signal::Signal::try_from(number)
        .map_or_else(|_| format!("signal {number}"), |signal| signal.to_string())
}
