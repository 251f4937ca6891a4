//! Names of jobs and repositories, and the ids of runs.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Longest name in bytes; leaves room for the bus path and for unit names made of it.
pub const MAX_NAME_LENGTH: usize = 64;

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("a name must not be empty")]
    Empty,
    /// More than [`MAX_NAME_LENGTH`] bytes.
    #[error("a name has at most {MAX_NAME_LENGTH} characters, this one has {0}")]
    TooLong(usize),
    /// Starts with something else than a letter or digit.
    #[error("a name starts with a letter or a digit, not with `{0}`")]
    Start(char),
    /// A character that would mean something to a shell, a path or a unit.
    #[error("a name is made of letters, digits, `-`, `_` and `.`, not of `{0}`")]
    Character(char),
}

fn check(text: &str) -> Result<(), NameError> {
    let first = text.chars().next().ok_or(NameError::Empty)?;
    if text.len() > MAX_NAME_LENGTH {
        return Err(NameError::TooLong(text.len()));
    }
    if let Some(wrong) = text
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || "-_.".contains(*c)))
    {
        return Err(NameError::Character(wrong));
    }
    if !first.is_ascii_alphanumeric() {
        return Err(NameError::Start(first));
    }
    Ok(())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Clones share the text: thousands of names stand in a dozen places each.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                check(text).map(|()| Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.as_str().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(
    /// The name of a job: the stem of its file in `jobs.d`.
    JobName
);
name_type!(
    /// The name of a repository: the stem of its file in `repositories.d`.
    RepositoryName
);

impl RepositoryName {
    /// Stands where there is no repository.
    pub(crate) fn none() -> Self {
        Self("none".into())
    }
}

/// The name of a systemd credential: a file name without `:` and beyond printable ASCII, as systemd has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CredentialName(String);

/// A text that is no name of a credential. It is not repeated: it may be a secret in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value is no name of a credential")]
pub struct InvalidCredentialName;

impl CredentialName {
    /// The credential in which the password of a repository is kept unless somebody names another.
    pub fn of_repository(name: &RepositoryName) -> Self {
        Self(format!("backupd-repository-{name}"))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CredentialName {
    type Error = InvalidCredentialName;
    fn try_from(text: String) -> Result<Self, InvalidCredentialName> {
        let valid = |c: char| matches!(c, ' '..='~') && !matches!(c, '/' | ':');
        let well = (1..=255).contains(&text.len()) && text != "." && text != ".." && text.chars().all(valid);
        well.then_some(Self(text)).ok_or(InvalidCredentialName)
    }
}

impl FromStr for CredentialName {
    type Err = InvalidCredentialName;
    fn from_str(text: &str) -> Result<Self, InvalidCredentialName> {
        text.to_owned().try_into()
    }
}

impl From<CredentialName> for String {
    fn from(name: CredentialName) -> String {
        name.0
    }
}

impl fmt::Display for CredentialName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of a run: a ULID, which sorts by the time it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(ulid::Ulid);

impl RunId {
    /// Makes an id from milliseconds since the epoch and 80 random bits.
    pub fn from_parts(milliseconds: u64, random: u128) -> Self {
        Self(ulid::Ulid::from_parts(milliseconds, random))
    }

    /// The milliseconds and the random bits it was made of.
    pub fn parts(self) -> (u64, u128) {
        (self.0.timestamp_ms(), self.0.random())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RunId {
    type Err = InvalidRunId;
    fn from_str(text: &str) -> Result<Self, InvalidRunId> {
        ulid::Ulid::from_string(text)
            .map(Self)
            .map_err(|_| InvalidRunId(text.to_owned()))
    }
}

/// A text that is no run id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no run id: those are 26 letters and digits, such as `01JD4ZV7K3Q8E6M2T9X5B0CWRN`")]
pub struct InvalidRunId(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_paths_shells_and_units() {
        for good in ["home", "db-1", "a.b_c", "9", &"x".repeat(64)] {
            assert_eq!(good.parse::<JobName>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "-x", "a/b", "a b", "ä", "a\0", "..", &"x".repeat(65)] {
            assert!(bad.parse::<JobName>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn names_of_credentials_are_those_of_systemd() {
        for good in [
            "backup",
            "backupd-repository-nas",
            "a.b+2",
            "with space",
            &"x".repeat(255),
        ] {
            assert_eq!(good.parse::<CredentialName>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "a/b", "a:b", "ä", "a\n", &"x".repeat(256)] {
            let error = bad.parse::<CredentialName>().unwrap_err();
            assert_eq!(
                error.to_string(),
                "the value is no name of a credential",
                "{bad:?}"
            );
        }
    }

    #[test]
    fn run_ids_survive_their_text() {
        let id = RunId::from_parts(1_700_000_000_000, 42);
        assert_eq!(id.to_string().parse::<RunId>().unwrap(), id);
        assert!("../etc".parse::<RunId>().is_err());
    }
}
