//! `options a{sv}`: known keys are taken out with their types, and what is left is refused by name.

use std::collections::HashMap;

use backupd_core::config::nearest;
use backupd_dbus::Error;
use zbus::{OwnedFd, OwnedVariant, Variant};

use crate::coordinator::shown;

/// Options of one call.
pub(super) struct Options {
    left: HashMap<String, OwnedVariant>,
    known: Vec<&'static str>,
    faults: Vec<String>,
}

impl Options {
    pub(super) fn new(options: HashMap<String, OwnedVariant>) -> Self {
        Self {
            left: options,
            known: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Takes an option of a type; `kind` names the type for people.
    pub(super) fn take<T>(&mut self, key: &'static str, kind: &str) -> Option<T>
    where
        T: TryFrom<OwnedVariant>,
    {
        self.known.push(key);
        let value = self.left.remove(key)?;
        let signature = value.value_signature().to_string();
        if let Ok(value) = T::try_from(value) {
            return Some(value);
        }
        self.faults
            .push(format!("the option `{key}` is {kind}, not `{signature}`"));
        None
    }

    /// A file that the caller has opened.
    pub(super) fn descriptor(&mut self, key: &'static str) -> Option<OwnedFd> {
        self.known.push(key);
        let value = self.left.remove(key)?;
        let signature = value.value_signature().to_string();
        let file = match Variant::from(value) {
            Variant::Fd(file) => file.try_to_owned().ok().map(OwnedFd::from),
            _ => None,
        };
        if file.is_none() {
            self.faults.push(format!(
                "the option `{key}` is a file descriptor (`h`), not `{signature}`"
            ));
        }
        file
    }

    /// A text.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        self.take(key, "a string (`s`)")
    }

    /// Takes a text that is a word or a name of the domain.
    pub(super) fn parsed<T>(&mut self, key: &'static str) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        let text = self.text(key)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.faults.push(format!("`{key}`: {error}"));
                None
            }
        }
    }

    /// Whether every option was taken.
    pub(super) fn is_spent(&self) -> bool {
        self.left.is_empty()
    }

    /// Notes what is wrong with the value of an option.
    pub(super) fn fault(&mut self, message: String) {
        self.faults.push(message);
    }

    /// Ends the reading: every unknown key and every wrong value in one error.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        let mut unknown: Vec<&String> = self.left.keys().collect();
        unknown.sort();
        let only_unknown = self.faults.is_empty() && !unknown.is_empty();
        for key in unknown {
            let shown = shown(key);
            let advice = match nearest(key, self.known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if self.known.is_empty() => "this method has no options".to_owned(),
                None => format!("the options are `{}`", self.known.join("`, `")),
            };
            self.faults.push(format!("unknown option `{shown}`: {advice}"));
        }
        match self.faults.is_empty() {
            true => Ok(()),
            false if only_unknown => Err(Error::UnknownOption(self.faults.join("\n"))),
            false => Err(Error::InvalidArgument(self.faults.join("\n"))),
        }
    }
}
