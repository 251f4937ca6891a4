//! A repository's file: where snapshots are kept, and where its password comes from.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    care::{Care, care},
    fault::{Complaint, Fault, quoted},
    origin::Origin,
    path,
    reader::{Located, Reader},
    unsupported, words,
};
use crate::name::{CredentialName, InvalidCredentialName, RepositoryName};

/// Which engine reads and writes a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineName {
    /// The built-in one.
    #[default]
    Embedded,
}

impl EngineName {
    /// The word for it in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
        }
    }
}

/// Where the password of a repository comes from; never the password itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PasswordSource {
    /// What stands in a file, without the white space around it; absolute.
    File(PathBuf),
    /// What a program prints, without the white space around it: the program and its arguments, for which no shell is used.
    Command(Vec<String>),
    /// What systemd hands out under this name, without the white space around it.
    Credential(CredentialName),
    /// The value of the variable of this name in the daemon's environment. Not for files: the default
    /// repository made from `BACKUP_STORAGE_PATH` has its password there.
    Environment(String),
}

/// The source as people know it; of a command the program alone, for its arguments may be secret.
impl fmt::Display for PasswordSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "password file `{}`", path.display()),
            Self::Command(words) => {
                let program = words.first().map_or("", String::as_str);
                write!(f, "password command `{program}`")
            }
            Self::Credential(name) => write!(f, "credential `{name}`"),
            Self::Environment(variable) => write!(f, "environment variable `{variable}`"),
        }
    }
}

/// A repository, with all that its file says or leaves to the defaults.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Repository {
    /// Its name: the file's, without `.toml`.
    pub name: RepositoryName,
    /// Where it is, as written: `/path` or `local:/path`. See [`Repository::local_path`].
    pub url: String,
    /// Where its password comes from.
    pub password: PasswordSource,
    /// Who reads and writes it.
    pub engine: EngineName,
    /// One line for people.
    pub description: Option<String>,
    /// How it is cared for by itself.
    pub care: Care,
    /// Where the keys stand in the file.
    #[serde(skip)]
    pub origin: Origin,
}

impl Repository {
    /// The folder of a local repository, without needless `/`; nothing for a remote one.
    pub fn local_path(&self) -> Option<PathBuf> {
        local_path(&self.url)
    }
}

/// See [`Repository::local_path`].
pub fn local_path(url: &str) -> Option<PathBuf> {
    let path = Path::new(url.strip_prefix("local:").unwrap_or(url));
    path.is_absolute().then(|| path::normal(path))
}

/// Beginnings of the locations that the published format has and this version does not serve.
const REMOTE: [&str; 9] = [
    "sftp", "rest", "s3", "rclone", "opendal", "b2", "azure", "gs", "swift",
];

/// Reads a repository's file; on failure all that is wrong with it.
pub fn parse_repository(file: &Path, name: &RepositoryName, text: &str) -> Result<Repository, Vec<Fault>> {
    let mut reader = Reader::new(file, text);
    if !reader.has("url") {
        reader.missing(
            "url",
            "`url` is missing",
            "write where the repository is, such as `url = \"/srv/backup\"`",
        );
    }
    let url = reader.parsed("url", url);
    let password = password(&mut reader);
    let engine = reader.parsed("engine", engine);
    let description = reader.string("description");
    let care = care(&mut reader);

    let repository = url.zip(password).map(|(url, password)| Repository {
        name: name.clone(),
        url: url.value,
        password,
        engine: engine.map_or_else(EngineName::default, |engine| engine.value),
        description: description.map(|text| text.value),
        care,
        origin: Origin::default(),
    });
    let (repository, origin) = reader.finish(repository, &unsupported::REPOSITORY, name.as_str())?;
    Ok(Repository { origin, ..repository })
}

fn url(text: &str) -> Result<String, Complaint> {
    if let Some(remote) = REMOTE
        .iter()
        .find(|name| scheme(text).is_some_and(|s| s.eq_ignore_ascii_case(name)))
    {
        // What follows may be a user name and a password, so only the beginning is repeated.
        return Err(Complaint::new(format!(
            "`{remote}:` is not supported: this version serves local repositories only"
        ))
        .hint("write the absolute path of a folder, such as `/srv/backup`"));
    }
    let local = text.strip_prefix("local:").unwrap_or(text);
    // An unknown scheme may be followed by a secret too.
    let check = if scheme(local).is_some() {
        path::absolute_unseen
    } else {
        path::absolute
    };
    check(local, "/srv/backup").map(|_| text.to_owned())
}

/// What stands before the first `:`, unless it is part of a path.
fn scheme(text: &str) -> Option<&str> {
    text.split_once(':')
        .map(|(scheme, _)| scheme)
        .filter(|scheme| !scheme.contains('/'))
}

/// Keys of which exactly one says where the password comes from.
pub(super) const PASSWORD_KEYS: [&str; 3] = ["password_file", "password_command", "password_credential"];

/// Exactly one source of the password. No value is repeated here: people put the secret into the wrong key.
fn password(reader: &mut Reader<'_>) -> Option<PasswordSource> {
    let plain = reader.has("password");
    reader.refuse(
        "password",
        "`password` is refused: secrets never stand in this file",
        "write the password into a file that only its owner can read, and name it with `password_file`",
    );
    let given: Vec<&str> = PASSWORD_KEYS.into_iter().filter(|key| reader.has(key)).collect();
    let file = reader.parsed("password_file", password_file);
    let command = command(reader);
    let credential = reader.parsed("password_credential", credential);
    if let [_, .., last] = given.as_slice()
        && let Some(position) = reader.position_of(last)
    {
        let keys = words::listed(given.iter().copied(), "and");
        let hint = if given.len() == 2 {
            "remove one of the two"
        } else {
            "leave one of them"
        };
        let complaint = Complaint::new(format!("{keys} exclude each other")).hint(hint);
        reader.fault(last, position, complaint);
    }
    if given.is_empty() && !plain {
        let hint = "write `password_file = \"/etc/backupd/secrets/NAME\"`, a `password_credential` or a `password_command`";
        reader.missing("password_file", "the source of the password is missing", hint);
    }
    command
        .map(PasswordSource::Command)
        .or_else(|| file.map(|file| PasswordSource::File(file.value)))
        .or_else(|| credential.map(|name| PasswordSource::Credential(name.value)))
}

fn credential(text: &str) -> Result<CredentialName, Complaint> {
    text.parse().map_err(|error: InvalidCredentialName| {
        Complaint::new(error.to_string()).hint(if text.starts_with('/') {
            "write the name of its file alone; a plain file is named with `password_file`"
        } else {
            "write the name of a file in `/etc/credstore.encrypted` or `/etc/credstore`"
        })
    })
}

fn password_file(text: &str) -> Result<PathBuf, Complaint> {
    path::absolute_unseen(text, "/etc/backupd/secrets/NAME")
}

fn command(reader: &mut Reader<'_>) -> Option<Vec<String>> {
    let hint = "write a list of the program and its arguments, \
                such as `password_command = [\"/usr/bin/pass\", \"show\", \"backup\"]`";
    let words: Vec<Located<String>> = reader.strings_or("password_command", hint)?;
    let position = reader.position_of("password_command")?;
    let Some(program) = words.first() else {
        if !reader.has_faults_in(&["password_command"]) {
            let complaint = Complaint::new("`password_command` must not be empty").hint(hint);
            reader.fault("password_command", position, complaint);
        }
        return None;
    };
    if let Err(complaint) = check_program(&program.value) {
        reader.fault("password_command", program.position, complaint);
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

fn engine(word: &str) -> Result<EngineName, Complaint> {
    match word {
        "embedded" => Ok(EngineName::Embedded),
        "restic" => Err(Complaint::new(
            "the engine `restic` is not supported: this version serves `embedded` only",
        )
        .hint("remove the key; the repository is in restic's format all the same")),
        _ => Err(
            Complaint::new(format!("{} is no engine", quoted(word))).hint(words::advice(
                word,
                &["embedded"],
                "write",
            )),
        ),
    }
}

#[cfg(test)]
mod tests;
