//! The single values of a job's file: each turns a text or number into what is meant, or says why not.

use std::{ops::RangeInclusive, path::PathBuf};

use jiff::SignedDuration;

use super::{MAX_COMPRESSION, Verify};
use crate::{
    config::{
        fault::{Complaint, quoted},
        path,
        reader::Scalar,
        units, words,
    },
    name::{JobName, NameError, RepositoryName},
    queue::Priority,
    schedule::Conflict,
};

pub(super) fn repository_name(text: &str) -> Result<RepositoryName, Complaint> {
    text.parse().map_err(|error: NameError| {
        Complaint::new(format!("{} is no repository name: {error}", quoted(text)))
            .hint("write the name of a file in `repositories.d`, without `.toml`")
    })
}

pub(super) fn source(text: &str) -> Result<PathBuf, Complaint> {
    path::absolute(text, "/home/alice/Documents")
}

pub(super) fn pattern(text: &str) -> Result<String, Complaint> {
    one_line("a pattern", text)
}

pub(super) fn host(text: &str) -> Result<String, Complaint> {
    one_line("a host name", text)
}

fn one_line(what: &str, text: &str) -> Result<String, Complaint> {
    if text.trim().is_empty() {
        return Err(Complaint::new(format!("{what} must not be empty")).hint("remove it"));
    }
    if text.contains(['\n', '\r']) {
        return Err(Complaint::new(format!("{what} must not have a line break")));
    }
    Ok(text.to_owned())
}

pub(super) fn plain_file_name(text: &str) -> Result<String, Complaint> {
    let text = one_line("a file name", text)?;
    if text.contains('/') || text == "." || text == ".." {
        return Err(Complaint::new(format!("{} is no plain file name", quoted(&text)))
            .hint("write the name of the marker file alone, such as `.nobackup`"));
    }
    Ok(text)
}

pub(super) fn tag(text: &str) -> Result<String, Complaint> {
    let text = one_line("a tag", text)?;
    if text.contains(',') {
        return Err(
            Complaint::new(format!("the tag {} has a comma in it", quoted(&text)))
                .hint("restic splits tags at commas: write two tags"),
        );
    }
    if text.starts_with("job=") {
        return Err(Complaint::new(format!("the tag {} is reserved", quoted(&text)))
            .hint("remove it: backupd tags each snapshot with `job=NAME` itself"));
    }
    Ok(text)
}

/// A tag of snapshots that others have made: it may be any that is no job's.
pub(super) fn adopted_tag(text: &str) -> Result<String, Complaint> {
    let text = one_line("a tag", text)?;
    if text.starts_with("job=") {
        let message = format!("what is tagged with {} is a job's own already", quoted(&text));
        return Err(Complaint::new(message).hint("name snapshots that no job has made"));
    }
    Ok(text)
}

pub(in crate::config) fn size(size: Scalar) -> Result<u64, Complaint> {
    match size {
        Scalar::Text(text) => units::parse_size(&text).map_err(Complaint::new),
        Scalar::Integer(number) => {
            u64::try_from(number).map_err(|_| Complaint::new(format!("the size `{number}` is negative")))
        }
    }
}

pub(super) fn bytes(limit: Scalar) -> Result<u64, Complaint> {
    let size = size(limit)?;
    if size == 0 {
        return Err(Complaint::new("a limit of 0 bytes would leave out every file")
            .hint("remove it, or write a size such as `100 MiB`"));
    }
    Ok(size)
}

pub(super) fn compression_level(level: Scalar) -> Result<i32, Complaint> {
    let hint = format!("write a level from 0 to {MAX_COMPRESSION}, `\"off\"` or `\"max\"`");
    let shown = match level {
        Scalar::Text(word) if word == "off" => return Ok(0),
        Scalar::Text(word) if word == "max" => return Ok(MAX_COMPRESSION),
        Scalar::Integer(number) if (0..=i64::from(MAX_COMPRESSION)).contains(&number) => {
            return i32::try_from(number).map_err(|error| Complaint::new(error.to_string()));
        }
        Scalar::Text(word) => quoted(&word),
        Scalar::Integer(number) => format!("`{number}`"),
    };
    Err(Complaint::new(format!("{shown} is no compression level")).hint(hint))
}

pub(super) fn verification(word: &str) -> Result<Verify, Complaint> {
    one_of(&Verify::WORDS, word, "is no way to verify a snapshot")
}

/// A duration; a number is answered with what a text without unit is answered with.
pub(in crate::config) fn duration(value: Scalar) -> Result<SignedDuration, Complaint> {
    let text = match value {
        Scalar::Text(text) => text,
        Scalar::Integer(number) => number.to_string(),
    };
    Ok(units::parse_duration(&text)?)
}

pub(super) fn max_age(value: Scalar) -> Result<SignedDuration, Complaint> {
    let age = duration(value)?;
    if age.is_zero() {
        return Err(Complaint::new("`max_age` must be longer than nothing")
            .hint("write how old the last good snapshot may be, such as `26h`"));
    }
    Ok(age)
}

pub(super) fn conflict(word: &str) -> Result<Conflict, Complaint> {
    one_of(&Conflict::WORDS, word, "is no way out of a conflict")
}

pub(super) fn priority(word: &str) -> Result<Priority, Complaint> {
    one_of(&Priority::WORDS, word, "is no priority")
}

pub(super) fn job_name(text: &str) -> Result<JobName, Complaint> {
    text.parse().map_err(|error: NameError| {
        Complaint::new(format!("{} is no job name: {error}", quoted(text)))
            .hint("write the name of a file in `jobs.d`, without `.toml`")
    })
}

/// Groups have names as jobs do.
pub(super) fn group_name(text: &str) -> Result<String, Complaint> {
    text.parse::<JobName>().map(String::from).map_err(|error| {
        Complaint::new(format!("{} is no group name: {error}", quoted(text)))
            .hint("write a name such as `nightly`")
    })
}

/// The value that a word stands for.
pub(super) fn one_of<T: Copy>(
    words: &[(&'static str, T)],
    word: &str,
    otherwise: &str,
) -> Result<T, Complaint> {
    let found = words.iter().find(|(known, _)| *known == word);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
        Complaint::new(format!("{} {otherwise}", quoted(word))).hint(words::advice(word, &known, "write"))
    })
}

/// A number in a range; `wrong` is what else it is, with what to write.
pub(super) fn ranged<T: TryFrom<i64> + PartialOrd>(
    value: Scalar,
    range: RangeInclusive<T>,
    (wrong, hint): (&str, &str),
) -> Result<T, Complaint> {
    let shown = match value {
        Scalar::Integer(number) => match T::try_from(number) {
            Ok(number) if range.contains(&number) => return Ok(number),
            _ => format!("`{number}`"),
        },
        Scalar::Text(text) => quoted(&text),
    };
    Err(Complaint::new(format!("{shown} {wrong}")).hint(hint))
}
