//! What most people want of a job for a purpose, to begin with.

use std::{fmt, path::Path, str::FromStr};

use super::edit::JobDraft;
use crate::retention::Rules;

/// What a job is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// The files of people.
    Home,
    /// What makes this machine what it is.
    System,
    /// Dumps of databases.
    Databases,
    /// What somebody works on all day.
    Documents,
}

impl Template {
    /// All of them, with the words for them.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("home", Self::Home),
        ("system", Self::System),
        ("databases", Self::Databases),
        ("documents", Self::Documents),
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::System => "system",
            Self::Databases => "databases",
            Self::Documents => "documents",
        }
    }

    /// What a draft does not say is as the template has it. `home` is the directory of the person whose job it is; a job of
    /// the machine has none.
    pub fn fill(self, draft: &mut JobDraft, home: Option<&Path>) {
        if draft.sources.is_empty() && draft.optional_sources.is_empty() {
            (draft.sources, draft.optional_sources) = self.sources(home);
        }
        if draft.exclude.is_empty() {
            draft.exclude = owned(self.exclude());
        }
        if self != Self::Databases {
            draft.exclude_caches.get_or_insert(true);
        }
        if draft.schedule.is_empty() {
            draft.schedule = owned(&[self.schedule()]);
        }
        draft.retention.get_or_insert_with(|| self.retention());
        let description = self.description();
        draft.description.get_or_insert_with(|| description.to_owned());
        draft.package_upgrade |= self == Self::System;
        draft.path_change |= self == Self::Documents;
    }

    /// What must be there, and what is taken where it is.
    fn sources(self, home: Option<&Path>) -> (Vec<String>, Vec<String>) {
        let below = |home: &Path, names: &[&str]| -> Vec<String> {
            let paths = names.iter().map(|name| home.join(name));
            paths.map(|path| path.to_string_lossy().into_owned()).collect()
        };
        match (self, home) {
            (Self::Home, Some(home)) => (vec![home.to_string_lossy().into_owned()], Vec::new()),
            (Self::Home, None) => (owned(&["/home"]), owned(&["/root"])),
            (Self::System, _) => (
                owned(&["/etc"]),
                owned(&["/opt", "/root", "/srv", "/usr/local", "/var/lib", "/var/spool"]),
            ),
            (Self::Databases, _) => (owned(&["/var/backups/databases"]), Vec::new()),
            (Self::Documents, Some(home)) => (
                Vec::new(),
                below(home, &["Desktop", "Documents", "Music", "Pictures", "Videos"]),
            ),
            (Self::Documents, None) => (owned(&["/srv/documents"]), Vec::new()),
        }
    }

    fn exclude(self) -> &'static [&'static str] {
        match self {
            Self::Home => &[
                "**/.cache",
                "**/.local/share/Trash",
                "**/.Trash-*",
                "**/node_modules",
                "**/.venv",
                "**/target/debug",
                "**/target/release",
                "**/.gvfs",
                "**/.thumbnails",
                "*.tmp",
            ],
            Self::System => &[
                "/var/lib/backupd",
                "/var/lib/containerd",
                "/var/lib/containers",
                "/var/lib/docker",
                "/var/lib/machines",
                "/var/lib/systemd/coredump",
                "/srv/backup",
                "*.tmp",
            ],
            Self::Databases => &["*.tmp", "*.partial"],
            Self::Documents => &["**/.Trash-*", ".~lock.*", "~$*", "*.tmp"],
        }
    }

    fn schedule(self) -> &'static str {
        match self {
            Self::Home => "daily at 12:30",
            Self::System => "daily at 02:30",
            Self::Databases => "every 4h",
            Self::Documents => "daily at 18:00",
        }
    }

    fn retention(self) -> Rules {
        let years = Rules {
            keep_daily: 14,
            keep_weekly: 8,
            keep_monthly: 12,
            keep_yearly: 5,
            ..Rules::default()
        };
        match self {
            Self::Home => years,
            Self::System => Rules {
                keep_daily: 7,
                keep_weekly: 5,
                keep_monthly: 6,
                ..Rules::default()
            },
            Self::Databases => Rules {
                keep_last: 12,
                ..years
            },
            Self::Documents => Rules {
                keep_last: 10,
                keep_hourly: 48,
                ..years
            },
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Home => "The files of people",
            Self::System => "Configuration and data of this machine",
            Self::Databases => "Dumps of databases: the files of a database at work are not whole",
            Self::Documents => "Documents and pictures, also soon after they change",
        }
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the templates are `home`, `system`, `databases` and `documents`")]
pub struct UnknownTemplate;

impl FromStr for Template {
    type Err = UnknownTemplate;
    fn from_str(word: &str) -> Result<Self, UnknownTemplate> {
        let known = Self::WORDS.into_iter().find(|(known, _)| *known == word);
        known.map(|(_, template)| template).ok_or(UnknownTemplate)
    }
}

#[cfg(test)]
mod tests;
