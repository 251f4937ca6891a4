//! A repository's file: where snapshots are kept, and where its password comes from.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{
    care::{Care, KEEP_DELETE, care},
    fault::{Complaint, Fault, quoted},
    origin::Origin,
    path,
    place::Position,
    reader::Reader,
    unsupported, words,
};
use crate::{
    name::{CredentialName, RepositoryName},
    space::Room,
};

mod location;
mod marks;
mod patience;
mod reach;
mod room;
mod secrets;
mod source;

pub use location::PlaceKind;
pub use marks::SnapshotMark;
pub use patience::LOCK_WAIT;
pub use reach::{Limit, LimitTime, Rate, Reach};
pub use secrets::{Credentials, Secret};

use source::Keys;

/// Which engine reads and writes a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineName {
    /// The built-in one.
    #[default]
    Embedded,
    /// The restic program, which has to be installed.
    Restic,
}

impl EngineName {
    /// The word for it in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Restic => "restic",
        }
    }
}

impl FromStr for EngineName {
    type Err = UnknownEngine;

    fn from_str(word: &str) -> Result<Self, UnknownEngine> {
        match word {
            "embedded" => Ok(Self::Embedded),
            "restic" => Ok(Self::Restic),
            _ => Err(UnknownEngine),
        }
    }
}

/// There is no engine of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are the engines `embedded` and `restic`")]
pub struct UnknownEngine;

/// Where a secret, such as the password of a repository, comes from; never the secret itself.
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
    /// Where it is, as written. See [`PlaceKind`] and [`Repository::local_path`].
    pub url: String,
    /// Where its password comes from.
    pub password: PasswordSource,
    /// Who reads and writes it.
    pub engine: EngineName,
    /// One line for people.
    pub description: Option<String>,
    /// The room that it may use.
    pub room: Room,
    /// How it is cared for by itself.
    pub care: Care,
    /// What a remote place asks for.
    pub credentials: Credentials,
    /// How a remote place is reached.
    pub reach: Reach,
    /// How long a run waits for the locks of others.
    pub lock_wait: SignedDuration,
    /// What people have decided about single snapshots.
    pub marks: Vec<SnapshotMark>,
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
    let url = reader.parsed("url", location::check);
    let kind = url.as_ref().map(|url| PlaceKind::of(&url.value));
    let password = password(&mut reader);
    let engine = reader.parsed("engine", engine);
    let description = reader.string("description");
    let room = room::room(&mut reader);
    let care = care(&mut reader);
    let credentials = secrets::credentials(&mut reader, kind);
    let reach = reach::reach(&mut reader, kind);
    let lock_wait = patience::lock_wait(&mut reader);
    let marks = marks::marks(&mut reader);
    if let Some(engine) = engine
        .as_ref()
        .filter(|engine| engine.value == EngineName::Restic)
    {
        by_restic(&mut reader, engine.position, kind);
    }

    let repository = url.zip(password).map(|(url, password)| Repository {
        name: name.clone(),
        url: url.value,
        password,
        engine: engine.map_or_else(EngineName::default, |engine| engine.value),
        description: description.map(|text| text.value),
        room,
        care,
        credentials,
        reach,
        lock_wait,
        marks,
        origin: Origin::default(),
    });
    let (repository, origin) = reader.finish(repository, &unsupported::REPOSITORY, name.as_str())?;
    Ok(Repository { origin, ..repository })
}

/// It would have to stand in a file that restic can read.
const SERVICE_ACCOUNT: &str = "restic takes no key of a service account from backupd, but an `access_token`";

/// What restic cannot do, or does in its own way.
fn by_restic(reader: &mut Reader<'_>, engine: Position, kind: Option<PlaceKind>) {
    if kind == Some(PlaceKind::WebDav) {
        let hint = "remove the key, or use a remote of rclone: `url = \"rclone:REMOTE:PATH\"`";
        reader.fault(
            "engine",
            engine,
            Complaint::new("restic knows no WebDAV").hint(hint),
        );
    }
    for (key, message) in [
        (
            "endpoint",
            "restic knows no other address of a service than its own",
        ),
        ("credentials.service_account_file", SERVICE_ACCOUNT),
        ("credentials.service_account_command", SERVICE_ACCOUNT),
        ("credentials.service_account_credential", SERVICE_ACCOUNT),
    ] {
        if let Some(position) = reader.position_of(key) {
            let hint = "remove `engine`: the one that is built in serves it";
            reader.fault(key, position, Complaint::new(message).hint(hint));
        }
    }
    if let Some(position) = reader.position_of(KEEP_DELETE) {
        let message =
            "the engine `restic` removes at once what no snapshot needs, and knows no `keep_delete`";
        let hint = "remove the key; what is forgotten can be brought back until the next prune";
        reader.fault(KEEP_DELETE, position, Complaint::new(message).hint(hint));
    }
}

/// Keys of which exactly one says where the password comes from.
pub(super) const PASSWORD_KEYS: [&str; 3] = ["password_file", "password_command", "password_credential"];

fn password(reader: &mut Reader<'_>) -> Option<PasswordSource> {
    let [file, command, credential] = PASSWORD_KEYS;
    let keys = Keys {
        plain: "password",
        file,
        command,
        credential,
    };
    let found = source::source(reader, keys);
    if !found.is_given {
        let hint = "write `password_file = \"/etc/backupd/secrets/NAME\"`, a `password_credential` or a `password_command`";
        reader.missing("password_file", "the source of the password is missing", hint);
    }
    found.source
}

fn engine(word: &str) -> Result<EngineName, Complaint> {
    word.parse().map_err(|_: UnknownEngine| {
        let hint = words::advice(word, &["embedded", "restic"], "write");
        Complaint::new(format!("{} is no engine", quoted(word))).hint(hint)
    })
}

#[cfg(test)]
mod tests;
