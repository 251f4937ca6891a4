//! What a call acts on.

use std::fmt;

use backupd_core::name::{JobName, RepositoryName};

/// The job and repository that a call acts on, as far as they are known. What is no name is left out: nobody has
/// it, so no rule can mean it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// The job.
    pub(crate) job: Option<JobName>,
    /// The repository.
    pub(crate) repository: Option<RepositoryName>,
}

impl About {
    /// Nothing in particular.
    pub(crate) fn nothing() -> Self {
        Self::default()
    }

    /// A job, which may have a repository; empty texts are none.
    pub(crate) fn job(job: &str, repository: Option<&str>) -> Self {
        Self {
            job: job.parse().ok(),
            repository: repository.and_then(|name| name.parse().ok()),
        }
    }

    /// A repository.
    pub(crate) fn repository(repository: &str) -> Self {
        Self {
            job: None,
            repository: repository.parse().ok(),
        }
    }
}

/// As the end of a sentence: ` (job `home`, repository `nas`)`, or nothing.
impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.job, &self.repository) {
            (None, None) => Ok(()),
            (Some(job), None) => write!(f, " (job `{job}`)"),
            (None, Some(repository)) => write!(f, " (repository `{repository}`)"),
            (Some(job), Some(repository)) => write!(f, " (job `{job}`, repository `{repository}`)"),
        }
    }
}
