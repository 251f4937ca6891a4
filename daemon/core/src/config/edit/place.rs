//! Where a repository is and how it is reached, in its file.

use toml_edit::{DocumentMut, Item, Value};

use super::Fault;
use crate::config::{fault::quoted, place::Places};

/// The keys of a repository's file that are of its place.
const KEYS: [&str; 10] = [
    "url",
    "timeout",
    "retries",
    "ca_file",
    "region",
    "endpoint",
    "ssh",
    "rclone",
    "limit",
    "credentials",
];

/// The keys that say where a repository is and how it is reached, each on one line.
#[allow(
    clippy::result_large_err,
    reason = "on the cold path, and boxed it would be a nuisance to all"
)]
pub fn place_of(text: &str) -> Result<String, Fault> {
    let document = parse(text)?;
    let mut place = DocumentMut::new();
    for key in KEYS {
        if let Some(value) = document.get(key).and_then(one_line) {
            place.insert(key, Item::Value(value));
        }
    }
    Ok(place.to_string())
}

/// Lets a repository's file name another place, instead of the one that it names; `place` has keys as [`place_of`] answers
/// them, and no other ones. All else in the text stays as it is; both must be valid TOML.
#[allow(clippy::result_large_err, reason = "as above")]
pub fn set_place(text: &str, place: &str) -> Result<String, Fault> {
    let mut document = parse(text)?;
    let place = parse(place)?;
    if let Some((key, _)) = place.iter().find(|(key, _)| !KEYS.contains(key)) {
        return Err(
            Fault::new("".as_ref(), format!("{} is no key of a place", quoted(key)))
                .key(key)
                .hint(format!(
                    "a place has {}",
                    KEYS.map(|key| format!("`{key}`")).join(", ")
                )),
        );
    }
    for key in KEYS {
        match place.get(key).and_then(one_line) {
            None => drop(document.remove(key)),
            Some(value) => match document.get_mut(key) {
                // A comment behind it stays.
                Some(Item::Value(old)) => {
                    let decor = old.decor().clone();
                    *old = value;
                    *old.decor_mut() = decor;
                }
                _ => drop(document.insert(key, Item::Value(value))),
            },
        }
    }
    let changed = document.to_string();
    Ok(if text.contains("\r\n") {
        changed.replace("\r\n", "\n").replace('\n', "\r\n")
    } else {
        changed
    })
}

/// The value without comments and in as few lines as it has; of a `[table]` the one in braces.
fn one_line(item: &Item) -> Option<Value> {
    let mut value = item.clone().into_value().ok()?;
    if let Value::InlineTable(table) = &mut value {
        table.fmt();
        for (_, item) in table.iter_mut() {
            if let Value::InlineTable(below) = item {
                below.fmt();
            }
        }
    }
    value.decor_mut().clear();
    value.decor_mut().set_prefix(" ");
    Some(value)
}

#[allow(clippy::result_large_err, reason = "as above")]
fn parse(text: &str) -> Result<DocumentMut, Fault> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        let position = error.span().map(|span| Places::new(text).of(span.start));
        Fault::new("".as_ref(), error.message()).at(position)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse_repository;

    const FILE: &str =
        "# ours\nurl = \"/srv\" # the disk\npassword_file = \"/p\"\n\n[check]\ncalendar = \"weekly\"\n";

    #[test]
    fn a_place_takes_that_of_another_and_gives_it_back() {
        let server = r#"
            url = "s3:https://s3.example.com/bucket"
            region = "eu"
            limit = { upload = "1MiB/s", times = [{ window = "02:00-04:00", upload = "none" }] }

            # who
            [credentials]
            access_key_id = "AKIA" # ours
            secret_access_key_file = "/etc/s3"
        "#;
        let old = place_of(FILE).unwrap();
        assert_eq!(old, "url = \"/srv\"\n");
        let moved = set_place(FILE, server).unwrap();
        insta::assert_snapshot!(moved, @r#"
        # ours
        url = "s3:https://s3.example.com/bucket" # the disk
        password_file = "/p"
        region = "eu"
        limit = { upload = "1MiB/s", times = [{ window = "02:00-04:00", upload = "none" }] }
        credentials = { access_key_id = "AKIA", secret_access_key_file = "/etc/s3" }

        [check]
        calendar = "weekly"
        "#);
        let file = Path::new("/r.toml");
        let name = "nas".parse().unwrap();
        let repository = parse_repository(file, &name, &moved).unwrap();
        assert_eq!(repository.credentials.len(), 2);
        assert_eq!(repository.reach.limit.times.len(), 1);
        assert_eq!(set_place(&moved, &old).unwrap(), FILE);
        assert_eq!(
            place_of(&set_place(FILE, &place_of(&moved).unwrap()).unwrap()),
            place_of(&moved)
        );
        assert_eq!(set_place(FILE, &old).unwrap(), FILE);
    }

    #[test]
    fn what_is_of_no_place_is_refused() {
        let fault = set_place(FILE, "url = \"/new\"\npassword_file = \"/other\"").unwrap_err();
        assert_eq!(fault.key.as_deref(), Some("password_file"), "{fault}");
        assert!(set_place(FILE, "url = ").is_err());
        assert!(set_place("url = ", "url = \"/new\"").is_err());
    }

    #[test]
    fn line_ends_stay() {
        let windows = FILE.replace('\n', "\r\n");
        let moved = set_place(&windows, "url = \"/new\"\nretries = 3\n").unwrap();
        assert_eq!(moved.matches('\n').count(), moved.matches("\r\n").count());
        assert!(moved.contains("url = \"/new\" # the disk\r\n") && moved.contains("retries = 3\r\n"));
    }
}
