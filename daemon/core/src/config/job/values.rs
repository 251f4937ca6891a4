//! The single values of a job's file: each turns a text or number into what is meant, or says why not.

use std::path::PathBuf;

use jiff::SignedDuration;

use super::{MAX_COMPRESSION, Verify};
use crate::{
    config::{
        fault::{Complaint, quoted},
        path,
        reader::Scalar,
        units, words,
    },
    name::{NameError, RepositoryName},
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

pub(super) fn size(size: Scalar) -> Result<u64, Complaint> {
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
    let known = Verify::WORDS.map(|(word, _)| word);
    Verify::WORDS
        .iter()
        .find(|(known, _)| *known == word)
        .map(|(_, verify)| *verify)
        .ok_or_else(|| {
            Complaint::new(format!("{} is no way to verify a snapshot", quoted(word)))
                .hint(words::advice(word, &known, "write"))
        })
}

pub(super) fn duration(age: Scalar) -> Result<SignedDuration, Complaint> {
    let age = match age {
        Scalar::Text(text) => units::parse_duration(&text)?,
        // A number is answered with what a text without unit is answered with.
        Scalar::Integer(number) => units::parse_duration(&number.to_string())?,
    };
    if age.is_zero() {
        return Err(Complaint::new("`max_age` must be longer than nothing")
            .hint("write how old the last good snapshot may be, such as `26h`"));
    }
    Ok(age)
}
