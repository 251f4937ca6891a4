//! The types in which values are taken: texts, lists, numbers, tables.

use toml::de::{DeTable, DeValue};

use super::Reader;
use crate::config::{fault::Complaint, metadata, place::Position};

/// A value that was taken, with the key and the place it came from.
#[derive(Debug, Clone)]
pub(in crate::config) struct Located<T> {
    pub(in crate::config) key: &'static str,
    pub(in crate::config) position: Position,
    pub(in crate::config) value: T,
}

/// A number or a text, for values that can be written either way.
#[derive(Debug, Clone)]
pub(in crate::config) enum Scalar {
    Integer(i64),
    Text(String),
}

/// One of the things that a key says which can be written short or long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) enum Part {
    Text(String),
    /// The reader has its keys.
    Table,
}

impl Reader<'_> {
    /// A text.
    pub(in crate::config) fn string(&mut self, key: &'static str) -> Option<Located<String>> {
        let (position, value) = self.take(key)?;
        self.as_string(key, position, value, "a string", None)
    }

    /// A text that `check` turns into what is meant.
    pub(in crate::config) fn parsed<T>(
        &mut self,
        key: &'static str,
        check: impl FnOnce(&str) -> Result<T, Complaint>,
    ) -> Option<Located<T>> {
        let text = self.string(key)?;
        self.checked(text, |text| check(&text))
    }

    /// Applies a check to a value that was taken before.
    pub(in crate::config) fn checked<A, B>(
        &mut self,
        located: Located<A>,
        check: impl FnOnce(A) -> Result<B, Complaint>,
    ) -> Option<Located<B>> {
        let Located { key, position, value } = located;
        match check(value) {
            Ok(value) => Some(Located { key, position, value }),
            Err(complaint) => {
                self.fault(key, position, complaint);
                None
            }
        }
    }

    /// A list of texts; empty when the key is not there. Items that are wrong are left out, each with its fault.
    pub(in crate::config) fn strings(&mut self, key: &'static str) -> Vec<Located<String>> {
        let name = self.inner(key);
        let hint = format!("write a list in brackets, such as `{name} = [\"…\"]`");
        self.strings_or(key, &hint).unwrap_or_default()
    }

    /// The same, with a hint of its own for what is no list; nothing then, and when the key is not there.
    pub(in crate::config) fn strings_or(
        &mut self,
        key: &'static str,
        hint: &str,
    ) -> Option<Vec<Located<String>>> {
        let (position, value) = self.take(key)?;
        let DeValue::Array(items) = value else {
            self.expected(key, position, "a list of strings", &value, Some(hint.to_owned()));
            return None;
        };
        let mut strings = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            if self.is_guess(&item.span()) {
                continue;
            }
            let position = self.position(&item.span());
            self.origin.record_item(key, index, position);
            strings.extend(self.as_string(
                key,
                position,
                item.into_inner(),
                "a list of strings",
                Some("in it"),
            ));
        }
        Some(strings)
    }

    /// A list of texts, each of which `check` turns into what is meant.
    pub(in crate::config) fn parsed_list<T>(
        &mut self,
        key: &'static str,
        check: impl FnMut(&str) -> Result<T, Complaint>,
    ) -> Vec<Located<T>> {
        let strings = self.strings(key);
        self.checked_list(strings, check)
    }

    /// Applies a check to a list that was taken before.
    pub(in crate::config) fn checked_list<T>(
        &mut self,
        strings: Vec<Located<String>>,
        mut check: impl FnMut(&str) -> Result<T, Complaint>,
    ) -> Vec<Located<T>> {
        strings
            .into_iter()
            .filter_map(|text| self.checked(text, |text| check(&text)))
            .collect()
    }

    /// `true` or `false`.
    pub(in crate::config) fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        match self.take(key) {
            None => default,
            Some((_, DeValue::Boolean(value))) => value,
            Some((position, value)) => {
                let hint = "write `true` or `false`, without quotes".to_owned();
                self.expected(key, position, "a boolean", &value, Some(hint));
                default
            }
        }
    }

    /// A whole number or a text.
    pub(in crate::config) fn scalar(&mut self, key: &'static str) -> Option<Located<Scalar>> {
        let (position, value) = self.take(key)?;
        match value {
            DeValue::Integer(integer) => {
                let value = metadata::integer_value(&integer).map(Scalar::Integer);
                if value.is_none() {
                    self.fault(key, position, Complaint::new("the number is too large"));
                }
                value.map(|value| Located { key, position, value })
            }
            value => self
                .as_string(key, position, value, "a string or an integer", None)
                .map(|text| Located {
                    key,
                    position,
                    value: Scalar::Text(text.value),
                }),
        }
    }

    /// A number, whole or not.
    pub(in crate::config) fn number(&mut self, key: &'static str) -> Option<Located<f64>> {
        let (position, value) = self.take(key)?;
        let number = match &value {
            DeValue::Integer(integer) => metadata::integer_value(integer)
                .and_then(|number| i32::try_from(number).ok())
                .map(f64::from),
            DeValue::Float(float) => metadata::float_value(float),
            _ => {
                self.expected(key, position, "a number", &value, None);
                return None;
            }
        };
        if number.is_none() {
            self.fault(key, position, Complaint::new("the number is too large"));
        }
        number.map(|value| Located { key, position, value })
    }

    /// A table, whose keys `read` takes as `TABLE.KEY`; one that is not there is as good as an empty one.
    pub(in crate::config) fn table<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Self) -> T) -> T {
        let table = match self.take(key) {
            None => DeTable::new(),
            Some((_, DeValue::Table(table))) => table,
            Some((position, value)) => {
                let hint = format!("write `[{key}]` and its keys below");
                self.expected(key, position, "a table", &value, Some(hint));
                DeTable::new()
            }
        };
        self.inside(key, table, read)
    }

    /// Texts and tables: one of them, or a list. `read` is given each, and takes the keys of a table as `TABLE.KEY`.
    pub(in crate::config) fn each<T>(
        &mut self,
        key: &'static str,
        hint: &str,
        mut read: impl FnMut(&mut Self, Located<Part>) -> Option<T>,
    ) -> Vec<Located<T>> {
        let items = match self.take(key) {
            None => return Vec::new(),
            Some((_, DeValue::Array(items))) => items
                .into_iter()
                .filter(|item| !self.is_guess(&item.span()))
                .map(|item| (self.position(&item.span()), item.into_inner()))
                .collect(),
            Some(one) => vec![one],
        };
        let mut parts = Vec::with_capacity(items.len());
        for (index, (position, value)) in items.into_iter().enumerate() {
            self.origin.record_item(key, index, position);
            let value = match value {
                DeValue::Table(table) => self.inside(key, table, |reader| {
                    let value = Part::Table;
                    read(reader, Located { key, position, value })
                }),
                text @ DeValue::String(_) => {
                    self.as_string(key, position, text, "a string", None)
                        .and_then(|text| {
                            let value = Part::Text(text.value);
                            read(self, Located { key, position, value })
                        })
                }
                other => {
                    self.expected(
                        key,
                        position,
                        "a string or a table",
                        &other,
                        Some(hint.to_owned()),
                    );
                    None
                }
            };
            parts.extend(value.map(|value| Located { key, position, value }));
        }
        parts
    }

    /// A table with any content, as JSON.
    pub(in crate::config) fn free_table(
        &mut self,
        key: &'static str,
    ) -> serde_json::Map<String, serde_json::Value> {
        match self.take(key) {
            None => serde_json::Map::new(),
            Some((_, DeValue::Table(table))) => {
                let mut refused = Vec::new();
                let map = metadata::to_json(&table, &mut |offset, reason| refused.push((offset, reason)));
                for (offset, reason) in refused {
                    self.fault(key, self.places.of(offset), Complaint::new(reason));
                }
                map
            }
            Some((position, value)) => {
                self.expected(key, position, "a table", &value, None);
                serde_json::Map::new()
            }
        }
    }

    fn as_string(
        &mut self,
        key: &'static str,
        position: Position,
        value: DeValue<'_>,
        expected: &str,
        place: Option<&str>,
    ) -> Option<Located<String>> {
        match value {
            DeValue::String(text) if text.contains('\0') => {
                self.fault(key, position, Complaint::new("a NUL character cannot stand here"));
                None
            }
            DeValue::String(text) => Some(Located {
                key,
                position,
                value: text.into_owned(),
            }),
            value => {
                let found = place.map_or_else(String::new, |place| format!(" {place}"));
                let message = format!("expected {expected}, found {}{found}", kind(&value));
                self.fault(key, position, Complaint::new(message));
                None
            }
        }
    }

    fn expected(
        &mut self,
        key: &str,
        position: Position,
        what: &str,
        found: &DeValue<'_>,
        hint: Option<String>,
    ) {
        let message = format!("expected {what}, found {}", kind(found));
        self.fault(key, position, Complaint { message, hint });
    }
}

/// The type of a value, in words.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
