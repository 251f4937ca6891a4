//! Where a secret comes from: a file, a program, or systemd. No value is repeated in a complaint: people put the
//! secret itself into the wrong key.

use std::path::PathBuf;

use crate::{
    config::{
        fault::Complaint,
        path,
        reader::{Located, Reader},
        words,
    },
    name::{CredentialName, InvalidCredentialName},
};

use super::PasswordSource;

/// The keys that name the source of one secret, of which one at most is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    /// That of the secret itself, which is refused.
    pub(super) plain: &'static str,
    pub(super) file: &'static str,
    pub(super) command: &'static str,
    pub(super) credential: &'static str,
}

impl Keys {
    fn all(self) -> [&'static str; 3] {
        [self.file, self.command, self.credential]
    }

    fn inner(key: &'static str) -> &'static str {
        key.rsplit('.').next().unwrap_or(key)
    }
}

/// What was found of a secret.
pub(super) struct Found {
    pub(super) source: Option<PasswordSource>,
    /// Whether a key says something of it, right or wrong.
    pub(super) is_given: bool,
}

/// One source at most.
pub(super) fn source(reader: &mut Reader<'_>, keys: Keys) -> Found {
    let plain = reader.has(keys.plain);
    let name = Keys::inner(keys.plain);
    if plain {
        let message = format!("`{name}` is refused: secrets never stand in this file");
        let hint = format!(
            "write the {} into a file that only its owner can read, and name it with `{}`",
            name.replace('_', " "),
            Keys::inner(keys.file)
        );
        reader.refuse(keys.plain, &message, &hint);
    }
    let given: Vec<&'static str> = keys.all().into_iter().filter(|key| reader.has(key)).collect();
    let file = reader.parsed(keys.file, file);
    let command = command(reader, keys.command);
    let credential = reader.parsed(keys.credential, |text| credential(text, Keys::inner(keys.file)));
    if let [_, .., last] = given.as_slice()
        && let Some(position) = reader.position_of(last)
    {
        let listed = words::listed(given.iter().map(|key| Keys::inner(key)), "and");
        let hint = if given.len() == 2 {
            "remove one of the two"
        } else {
            "leave one of them"
        };
        let complaint = Complaint::new(format!("{listed} exclude each other")).hint(hint);
        reader.fault(last, position, complaint);
    }
    let source = command
        .map(PasswordSource::Command)
        .or_else(|| file.map(|file| PasswordSource::File(file.value)))
        .or_else(|| credential.map(|name| PasswordSource::Credential(name.value)));
    Found {
        source,
        is_given: plain || !given.is_empty(),
    }
}

fn credential(text: &str, file_key: &str) -> Result<CredentialName, Complaint> {
    text.parse().map_err(|error: InvalidCredentialName| {
        Complaint::new(error.to_string()).hint(if text.starts_with('/') {
            format!("write the name of its file alone; a plain file is named with `{file_key}`")
        } else {
            "write the name of a file in `/etc/credstore.encrypted` or `/etc/credstore`".to_owned()
        })
    })
}

fn file(text: &str) -> Result<PathBuf, Complaint> {
    path::absolute_unseen(text, "/etc/backupd/secrets/NAME")
}

fn command(reader: &mut Reader<'_>, key: &'static str) -> Option<Vec<String>> {
    let name = Keys::inner(key);
    let hint = format!(
        "write a list of the program and its arguments, such as `{name} = [\"/usr/bin/pass\", \"show\", \"backup\"]`"
    );
    let words: Vec<Located<String>> = reader.strings_or(key, &hint)?;
    let position = reader.position_of(key)?;
    let Some(program) = words.first() else {
        if !reader.has_faults_in(&[key]) {
            let complaint = Complaint::new(format!("`{name}` must not be empty")).hint(hint);
            reader.fault(key, position, complaint);
        }
        return None;
    };
    if let Err(complaint) = check_program(&program.value) {
        reader.fault(key, program.position, complaint);
    }
    Some(words.into_iter().map(|word| word.value).collect())
}

fn check_program(program: &str) -> Result<(), Complaint> {
    if program.trim().is_empty() {
        return Err(Complaint::new("the program must not be empty"));
    }
    if program.contains(char::is_whitespace) && !program.starts_with('/') {
        return Err(Complaint::new("the program's name has a space in it")
            .hint("no shell is used: write each argument as an item of its own"));
    }
    if program.contains('/') && !program.starts_with('/') {
        return Err(
            Complaint::new("the program is neither an absolute path nor a bare name")
                .hint("write it as `/usr/bin/pass` or `pass`"),
        );
    }
    Ok(())
}
