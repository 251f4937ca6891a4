//! The table `credentials`: what a remote place asks for before it lets anybody in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::{fault::Complaint, reader::Reader};

use super::{
    PasswordSource,
    location::{self, PlaceKind},
    source::{self, Keys},
};

/// One value that a place asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Secret {
    /// A name, which stands in the file.
    Name(String),
    /// A secret, which comes from elsewhere.
    From(PasswordSource),
}

impl Secret {
    /// Where it comes from; nothing where it stands in the file.
    pub fn source(&self) -> Option<&PasswordSource> {
        match self {
            Self::From(source) => Some(source),
            Self::Name(_) => None,
        }
    }
}

/// The values that a place asks for, by the names that its kind has for them.
pub type Credentials = BTreeMap<String, Secret>;

/// Who somebody is.
struct Name {
    name: &'static str,
    key: &'static str,
}

/// What shows it.
struct Proof {
    name: &'static str,
    keys: Keys,
}

macro_rules! name {
    ($name:literal) => {
        Name {
            name: $name,
            key: concat!("credentials.", $name),
        }
    };
}

macro_rules! proof {
    ($name:literal) => {
        Proof {
            name: $name,
            keys: Keys {
                plain: concat!("credentials.", $name),
                file: concat!("credentials.", $name, "_file"),
                command: concat!("credentials.", $name, "_command"),
                credential: concat!("credentials.", $name, "_credential"),
            },
        }
    };
}

/// A login as some kinds of places have it.
struct Login {
    kinds: &'static [PlaceKind],
    name: Name,
    proof: Proof,
    /// What may come with it.
    extra: Option<Proof>,
}

const LOGINS: [Login; 2] = [
    Login {
        kinds: &[PlaceKind::Rest, PlaceKind::WebDav],
        name: name!("username"),
        proof: proof!("password"),
        extra: None,
    },
    Login {
        kinds: &[PlaceKind::S3],
        name: name!("access_key_id"),
        proof: proof!("secret_access_key"),
        extra: Some(proof!("session_token")),
    },
];

/// Reads the table for a place of a kind; what another kind would need is a fault.
pub(super) fn credentials(reader: &mut Reader<'_>, kind: Option<PlaceKind>) -> Credentials {
    let given = reader.has("credentials");
    let has_login = |kind| LOGINS.iter().any(|login| login.kinds.contains(&kind));
    let judges = kind.is_some_and(has_login);
    let found = reader.table("credentials", |reader| {
        let mut found = Credentials::new();
        for login in &LOGINS {
            let is_ours = kind.is_none_or(|kind| login.kinds.contains(&kind));
            read(reader, login, is_ours, judges, &mut found);
        }
        found
    });
    let Some(kind) = kind else { return found };
    let position = reader.position_of("credentials");
    match LOGINS.iter().find(|login| login.kinds.contains(&kind)) {
        None if given => {
            if let Some(position) = position {
                let hint = match kind {
                    PlaceKind::Sftp => "remove it; `ssh` logs in with a key: name it with `ssh.key`",
                    PlaceKind::Rclone => "remove it; rclone has them in its own configuration",
                    _ => "remove it",
                };
                let message = format!("`credentials` is without effect for {}", location::said(kind));
                reader.fault("credentials", position, Complaint::new(message).hint(hint));
            }
        }
        _ => {}
    }
    found
}

/// `judges`: whether a key of another kind is a fault of its own.
fn read(reader: &mut Reader<'_>, login: &Login, is_ours: bool, judges: bool, found: &mut Credentials) {
    let name = reader.string(login.name.key);
    let proof = source::source(reader, login.proof.keys);
    let extra = login
        .extra
        .as_ref()
        .map(|extra| source::source(reader, extra.keys));
    if !is_ours {
        let keys = [
            login.name.key,
            login.proof.keys.file,
            login.proof.keys.command,
            login.proof.keys.credential,
        ];
        let given = keys.iter().find_map(|key| Some((*key, reader.position_of(key)?)));
        if let Some((key, position)) = given.filter(|_| judges) {
            let complaint = Complaint::new(format!("`{key}` is without effect for this kind of place"));
            reader.fault(key, position, complaint.hint("remove it, or correct `url`"));
        }
        return;
    }
    match (&name, proof.is_given) {
        (Some(name), false) => {
            let complaint =
                Complaint::new(format!("`{}` is without a source of its secret", login.name.name));
            let hint = format!(
                "write `{}_file = \"/etc/backupd/secrets/NAME\"`",
                login.proof.name
            );
            reader.fault(login.name.key, name.position, complaint.hint(hint));
        }
        (None, true) => {
            let message = format!("`{}` is missing", login.name.name);
            let hint = format!("write `{} = \"…\"` below `[credentials]`", login.name.name);
            reader.missing(login.name.key, &message, &hint);
        }
        _ => {}
    }
    if let Some(name) = name {
        found.insert(login.name.name.to_owned(), Secret::Name(name.value));
    }
    if let Some(source) = proof.source {
        found.insert(login.proof.name.to_owned(), Secret::From(source));
    }
    if let (Some(extra), Some(source)) = (&login.extra, extra.and_then(|found| found.source)) {
        found.insert(extra.name.to_owned(), Secret::From(source));
    }
}
