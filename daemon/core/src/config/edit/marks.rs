//! What is said of single snapshots, in a repository's file.

use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::Fault;
use crate::{
    config::{place::Places, repository::SnapshotMark},
    retention::Pin,
};

const KEY: &str = "snapshots";

/// Says something else of a snapshot in a repository's file, or nothing any more. The rest of the text stays as it is; it
/// must be valid TOML.
#[allow(
    clippy::result_large_err,
    reason = "on the cold path, and boxed it would be a nuisance to all"
)]
pub fn set_mark(text: &str, mark: &SnapshotMark) -> Result<String, Fault> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        let position = error.span().map(|span| Places::new(text).of(span.start));
        Fault::new("".as_ref(), error.message()).at(position)
    })?;
    let item = document
        .entry(KEY)
        .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    match item {
        Item::ArrayOfTables(tables) => set_table(tables, mark),
        Item::Value(Value::Array(array)) => set_inline(array, mark),
        other => {
            let position = other.span().map(|span| Places::new(text).of(span.start));
            return Err(Fault::new("".as_ref(), "`snapshots` is no list of tables")
                .at(position)
                .key(KEY)
                .hint("write `[[snapshots]]` and the keys below"));
        }
    }
    let tables = document.get(KEY).and_then(Item::as_array_of_tables);
    if tables.is_some_and(ArrayOfTables::is_empty) {
        document.remove(KEY);
    }
    let changed = document.to_string();
    Ok(if text.contains("\r\n") {
        changed.replace("\r\n", "\n").replace('\n', "\r\n")
    } else {
        changed
    })
}

fn set_table(tables: &mut ArrayOfTables, mark: &SnapshotMark) {
    let index = tables.iter().position(|table| is_of(table, mark));
    match (index, mark.is_none()) {
        (Some(index), true) => drop(tables.remove(index)),
        (Some(index), false) => {
            if let Some(table) = tables.get_mut(index) {
                fill(table, mark);
            }
        }
        (None, true) => {}
        (None, false) => {
            let mut table = Table::new();
            fill(&mut table, mark);
            tables.push(table);
        }
    }
}

fn set_inline(array: &mut toml_edit::Array, mark: &SnapshotMark) {
    let same = |value: &Value| value.as_inline_table().is_some_and(|table| is_of(table, mark));
    let index = array.iter().position(same);
    match (index, mark.is_none()) {
        (Some(index), true) => drop(array.remove(index)),
        (Some(index), false) => {
            if let Some(table) = array.get_mut(index).and_then(Value::as_inline_table_mut) {
                fill(table, mark);
            }
        }
        (None, true) => {}
        (None, false) => {
            let mut table = InlineTable::new();
            fill(&mut table, mark);
            array.push(table);
        }
    }
}

fn is_of(table: &dyn TableLike, mark: &SnapshotMark) -> bool {
    table.get("id").and_then(Item::as_str) == Some(&mark.id)
}

fn fill(table: &mut dyn TableLike, mark: &SnapshotMark) {
    let text = |time: jiff::Timestamp| Value::from(format!("{time:.0}"));
    let until = match mark.pinned {
        Pin::Until(until) => Some(text(until)),
        Pin::No | Pin::Forever => None,
    };
    for (key, value) in [
        ("id", Some(Value::from(mark.id.as_str()))),
        ("pinned", (mark.pinned == Pin::Forever).then(|| Value::from(true))),
        ("pinned_until", until),
        ("expires", mark.expires.map(text)),
        ("note", mark.note.as_deref().map(Value::from)),
    ] {
        match value {
            None => drop(table.remove(key)),
            Some(value) => match table.get_mut(key) {
                // A comment behind it stays.
                Some(Item::Value(old)) => {
                    let decor = old.decor().clone();
                    *old = value;
                    *old.decor_mut() = decor;
                }
                _ => drop(table.insert(key, Item::Value(value))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(letter: char) -> SnapshotMark {
        SnapshotMark::none(letter.to_string().repeat(64))
    }

    fn pinned(letter: char, pinned: Pin) -> SnapshotMark {
        SnapshotMark {
            pinned,
            ..mark(letter)
        }
    }

    fn set(text: &str, mark: &SnapshotMark) -> String {
        let changed = set_mark(text, mark).unwrap();
        changed
            .replace(&"a".repeat(64), "AAA")
            .replace(&"b".repeat(64), "BBB")
    }

    const FILE: &str = "# ours\nurl = \"/srv\" # the disk\n\n[check]\ncalendar = \"weekly\"\n";

    #[test]
    fn what_is_said_stands_below_all_else_and_goes_without_a_trace() {
        let first = set_mark(FILE, &pinned('a', Pin::Forever)).unwrap();
        let until = Pin::Until("2027-01-31T00:00:00.5Z".parse().unwrap());
        let second = SnapshotMark {
            expires: Some("2027-06-01T00:00:00Z".parse().unwrap()),
            note: Some("before \"it\"".to_owned()),
            ..pinned('b', until)
        };
        insta::assert_snapshot!(set(&first, &second), @r#"
        # ours
        url = "/srv" # the disk

        [check]
        calendar = "weekly"

        [[snapshots]]
        id = "AAA"
        pinned = true

        [[snapshots]]
        id = "BBB"
        pinned_until = "2027-01-31T00:00:00Z"
        expires = "2027-06-01T00:00:00Z"
        note = 'before "it"'
        "#);
        let both = set_mark(&first, &second).unwrap();
        let one = set_mark(&both, &mark('b')).unwrap();
        assert_eq!(one, first);
        assert_eq!(set_mark(&one, &mark('a')).unwrap(), FILE);
        assert_eq!(set_mark(FILE, &mark('a')).unwrap(), FILE);
    }

    #[test]
    fn what_was_said_before_is_changed_where_it_stands() {
        let a = "a".repeat(64);
        let text = format!("{FILE}\n[[snapshots]] # mine\nid = \"{a}\"\npinned = true # for ever\n");
        let until = Pin::Until("2027-01-31T00:00:00Z".parse().unwrap());
        insta::assert_snapshot!(set(&text, &pinned('a', until)), @r#"
        # ours
        url = "/srv" # the disk

        [check]
        calendar = "weekly"

        [[snapshots]] # mine
        id = "AAA"
        pinned_until = "2027-01-31T00:00:00Z"
        "#);
        let inline = format!("snapshots = [{{ id = \"{a}\", pinned = true }}] # mine\n{FILE}");
        let changed = set(&inline, &pinned('b', Pin::Forever));
        let list = "snapshots = [{ id = \"AAA\", pinned = true }, { id = \"BBB\", pinned = true }] # mine\n";
        assert!(changed.starts_with(list), "{changed}");
        assert!(set(&inline, &mark('a')).starts_with("snapshots = [] # mine\n"));
    }

    #[test]
    fn lines_end_as_they_did_and_what_is_no_list_is_refused() {
        let windows = FILE.replace('\n', "\r\n");
        let changed = set_mark(&windows, &pinned('a', Pin::Forever)).unwrap();
        assert_eq!(changed.matches('\n').count(), changed.matches("\r\n").count());
        assert!(set_mark("snapshots = 5\n", &pinned('a', Pin::Forever)).is_err());
        assert!(set_mark("snapshots = [", &pinned('a', Pin::Forever)).is_err());
    }
}
