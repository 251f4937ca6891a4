//! Takes the keys of one TOML file, one after the other, and collects all that is wrong with it.

use std::{collections::BTreeSet, ops::Range, path::Path};

use toml::de::{DeTable, DeValue};

pub(super) use self::typed::{Located, Part, Scalar};
use super::{
    fault::{Complaint, Fault, quoted},
    origin::Origin,
    place::{Places, Position},
    words,
};

mod typed;

/// The largest file that is read, in bytes; ten thousand long patterns fit.
const MAX_SIZE: usize = 1 << 20;

/// One file, as far as its keys have not been taken yet.
pub(super) struct Reader<'a> {
    file: &'a Path,
    places: Places<'a>,
    /// The table whose keys are taken; the file itself, or one inside of it.
    table: DeTable<'a>,
    /// The key of that table; nothing for the file itself.
    scope: &'static str,
    known: Vec<&'static str>,
    origin: Origin,
    faults: Vec<Fault>,
    /// Lines where the syntax is broken: what the parser made of them is a guess, and not judged further.
    broken: BTreeSet<usize>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a Path, text: &'a str) -> Self {
        let too_large = text.len() > MAX_SIZE;
        let (table, errors) = DeTable::parse_recoverable(if too_large { "" } else { text });
        let mut reader = Self {
            file,
            places: Places::new(text),
            table: table.into_inner(),
            scope: "",
            known: Vec::new(),
            origin: Origin::default(),
            faults: Vec::new(),
            broken: BTreeSet::new(),
        };
        if too_large {
            reader.faults.push(Fault::new(
                file,
                format!("the file is larger than {MAX_SIZE} bytes"),
            ));
            // Whatever else could be said of the empty table is not so.
            reader.broken.insert(1);
        }
        for error in errors {
            let position = error.span().map(|span| reader.position(&span));
            let mut fault = Fault::new(file, error.message()).at(position);
            // The parser does not say which; only what can be nothing but a key is repeated.
            let written = error
                .span()
                .and_then(|span| text.get(span))
                .filter(|key| is_bare_key(key));
            if let Some(key) = written.filter(|_| error.message() == "duplicate key") {
                fault = Fault {
                    message: format!("duplicate key `{key}`"),
                    ..fault
                }
                .key(key);
            }
            // The parser sometimes stumbles twice at one place.
            if position.is_none_or(|position| reader.broken.insert(position.line)) {
                reader.faults.push(fault);
            }
        }
        reader
    }

    /// Writes down a fault at a place.
    pub(super) fn fault(&mut self, key: &str, position: Position, complaint: Complaint) {
        if self.broken.contains(&position.line) {
            return;
        }
        let mut fault = Fault::new(self.file, complaint.message)
            .at(Some(position))
            .key(key);
        fault.hint = complaint.hint;
        self.faults.push(fault);
    }

    /// Writes down that a required key is not there.
    pub(super) fn missing(&mut self, key: &str, message: &str, hint: &str) {
        // In a broken file the key may be in the broken part.
        if self.broken.is_empty() {
            self.faults
                .push(Fault::new(self.file, message).key(key).hint(hint));
        }
    }

    /// Refuses a key for a reason of its own; the value is not looked at.
    pub(super) fn refuse(&mut self, key: &'static str, message: &str, hint: &str) {
        if let Some((written, _)) = self.table.remove_entry(self.inner(key)) {
            let position = self.position(&written.span());
            self.fault(key, position, Complaint::new(message).hint(hint));
        }
    }

    /// Whether the key is in the file and not yet taken.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(self.inner(key))
    }

    /// Whether there are keys that were not yet taken, in the table that is being read.
    pub(super) fn has_others(&self) -> bool {
        !self.table.is_empty()
    }

    /// Whether anything was wrong with one of these keys so far.
    pub(super) fn has_faults_in(&self, keys: &[&str]) -> bool {
        self.faults
            .iter()
            .any(|fault| fault.key.as_deref().is_some_and(|key| keys.contains(&key)))
    }

    /// Where the value of a key stands that was taken.
    pub(super) fn position_of(&self, key: &str) -> Option<Position> {
        self.origin.of(key)
    }

    /// Ends the reading: gives the value with the places of its keys, or all the faults, in the file's order.
    pub(super) fn finish<T>(
        mut self,
        value: Option<T>,
        unsupported: &[(&'static str, &str)],
        name: &str,
    ) -> Result<(T, Origin), Vec<Fault>> {
        for (key, hint) in unsupported {
            let message = format!("`{key}` is not supported by this version");
            self.refuse(key, &message, &hint.replace("NAME", name));
        }
        self.unknown_keys(unsupported, name);
        match value {
            Some(value) if self.faults.is_empty() => Ok((value, self.origin.complete())),
            _ => {
                if self.faults.is_empty() {
                    self.faults
                        .push(Fault::new(self.file, "the file is not complete"));
                }
                Fault::sort(&mut self.faults);
                Err(self.faults)
            }
        }
    }

    fn unknown_keys(&mut self, unsupported: &[(&'static str, &str)], name: &str) {
        for (written, _) in std::mem::take(&mut self.table) {
            if self.is_guess(&written.span()) {
                continue;
            }
            let position = self.position(&written.span());
            let key = written.into_inner();
            let known = self.known.iter().map(|known| self.inner(known));
            let later = unsupported.iter().map(|(key, _)| *key);
            let hint = match words::nearest(&key, known.clone().chain(later)) {
                None => format!("the keys are {}", words::listed(known, "and")),
                Some(near) => unsupported.iter().find(|(key, _)| *key == near).map_or_else(
                    || format!("did you mean `{near}`?"),
                    |(_, hint)| {
                        let hint = hint.replace("NAME", name);
                        format!("if `{near}` is meant, this version does not support it: {hint}")
                    },
                ),
            };
            let key = match self.scope {
                "" => key.into_owned(),
                scope => format!("{scope}.{key}"),
            };
            let complaint = Complaint::new(format!("unknown key {}", quoted(&key)));
            self.fault(&key, position, complaint.hint(hint));
        }
    }

    /// Lets `read` take the keys of a table as `TABLE.KEY`; those that it leaves are faults.
    fn inside<T>(&mut self, key: &'static str, table: DeTable<'a>, read: impl FnOnce(&mut Self) -> T) -> T {
        let scope = std::mem::replace(&mut self.scope, key);
        let outer = std::mem::replace(&mut self.table, table);
        let known = std::mem::take(&mut self.known);
        let value = read(self);
        self.unknown_keys(&[], "");
        (self.scope, self.table, self.known) = (scope, outer, known);
        value
    }

    /// The name that a key has in the table it stands in.
    fn inner<'k>(&self, key: &'k str) -> &'k str {
        let inner = key.strip_prefix(self.scope);
        inner.and_then(|key| key.strip_prefix('.')).unwrap_or(key)
    }

    fn take(&mut self, key: &'static str) -> Option<(Position, DeValue<'a>)> {
        self.known.push(key);
        let (written, value) = self.table.remove_entry(self.inner(key))?;
        let position = self.position(&value.span());
        if self.is_guess(&written.span()) || self.is_guess(&value.span()) {
            return None;
        }
        self.origin.record(key, position);
        Some((position, value.into_inner()))
    }

    /// Whether the parser made this up to go on after broken syntax.
    fn is_guess(&self, span: &Range<usize>) -> bool {
        !self.broken.is_empty() && (span.is_empty() || self.broken.contains(&self.position(span).line))
    }

    fn position(&self, span: &Range<usize>) -> Position {
        self.places.of(span.start)
    }
}

fn is_bare_key(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}
