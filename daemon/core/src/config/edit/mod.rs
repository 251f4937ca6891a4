//! Changes of configuration files that leave the rest of the text as the user wrote it, and new files.

mod marks;
mod place;
mod render;

use std::ops::Range;

use sha2::{Digest, Sha256};
use toml_edit::{Document, Item};

pub use self::marks::set_mark;
pub use self::place::{place_of, set_place};
use self::render::password_line;
pub use self::render::{JobDraft, RepositoryDraft, render_job, render_repository};
use super::{
    fault::Fault,
    place::Places,
    repository::{PASSWORD_KEYS, PasswordSource},
};
use crate::name::RepositoryName;

/// Names the content of a file: an edit that was made for another revision is refused.
pub fn revision(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let number = digest
        .iter()
        .take(8)
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{number:016x}")
}

/// Sets `enabled` in a job's file. Nothing else changes, not a byte; the text must be valid TOML.
///
/// The faults have no file: see [`Fault::in_file`].
#[allow(
    clippy::result_large_err,
    reason = "on the cold path, and boxed it would be a nuisance to all"
)]
pub fn set_enabled(text: &str, enabled: bool) -> Result<String, Fault> {
    let document = parse(text)?;
    let Some(item) = document.as_table().get("enabled") else {
        // A job is enabled unless its file says otherwise.
        return Ok(if enabled {
            text.to_owned()
        } else {
            insert(text, &document, "enabled = false")
        });
    };
    let span = item.as_bool().and_then(|_| item.span());
    span.and_then(|span| put(text, span, &enabled.to_string()))
        .ok_or_else(|| {
            let position = item.span().map(|span| Places::new(text).of(span.start));
            Fault::new("".as_ref(), "`enabled` is not a boolean")
                .at(position)
                .key("enabled")
                .hint("write `true` or `false`, without quotes")
        })
}

/// Sets the `repository` of a job's file. Nothing else changes, not a byte; the text must be valid TOML.
#[allow(
    clippy::result_large_err,
    reason = "on the cold path, and boxed it would be a nuisance to all"
)]
pub fn set_repository(text: &str, repository: &RepositoryName) -> Result<String, Fault> {
    let document = parse(text)?;
    let value = toml_edit::Value::from(repository.as_str()).to_string();
    let span = document
        .as_table()
        .get("repository")
        .and_then(|item| item.as_value()?.span());
    Ok(span
        .and_then(|span| put(text, span, &value))
        .unwrap_or_else(|| insert(text, &document, &format!("repository = {value}"))))
}

/// Lets a repository's file name another source of its password, in the place of the one that it names. Nothing
/// else changes, not a byte; a second source stays, and is a fault. The text must be valid TOML.
#[allow(
    clippy::result_large_err,
    reason = "on the cold path, and boxed it would be a nuisance to all"
)]
pub fn set_password(text: &str, source: &PasswordSource) -> Result<String, Fault> {
    let document = parse(text)?;
    let line = password_line(source);
    let table = document.as_table();
    let place = PASSWORD_KEYS.into_iter().find_map(|name| {
        let (key, item) = table.get_key_value(name)?;
        Some(key.span()?.start..item.as_value()?.span()?.end)
    });
    Ok(place
        .and_then(|place| put(text, place, &line))
        .unwrap_or_else(|| insert(text, &document, &line)))
}

#[allow(clippy::result_large_err, reason = "as above")]
fn parse(text: &str) -> Result<Document<&str>, Fault> {
    Document::parse(text).map_err(|error| {
        let position = error.span().map(|span| Places::new(text).of(span.start));
        Fault::new("".as_ref(), error.message()).at(position)
    })
}

/// The text with something else in a place.
fn put(text: &str, place: Range<usize>, new: &str) -> Option<String> {
    Some(format!(
        "{}{new}{}",
        text.get(..place.start)?,
        text.get(place.end..)?
    ))
}

/// Adds a line below the last plain key, so that it is in no `[table]` and parts no comment from its key.
fn insert(text: &str, document: &Document<&str>, line: &str) -> String {
    let ends = document.as_table().iter().filter_map(|(_, item)| match item {
        Item::Value(_) => item.span().map(|span| span.end),
        _ => None,
    });
    let start = if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let at = ends.max().map_or(start, |end| {
        text.get(end..)
            .and_then(|rest| rest.find('\n'))
            .map_or(text.len(), |newline| end + newline + 1)
    });
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let end_of_line = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let lead = if before.len() > start && !before.ends_with('\n') {
        end_of_line
    } else {
        ""
    };
    format!("{before}{lead}{line}{end_of_line}{after}")
}

#[cfg(test)]
mod tests;
