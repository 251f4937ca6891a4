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
    name: Option<Name>,
    /// One of them.
    proofs: &'static [Proof],
    /// What may come with it.
    extra: Option<Proof>,
    /// Nobody gets in without.
    is_needed: bool,
}

const LOGINS: [Login; 4] = [
    Login {
        kinds: &[PlaceKind::Rest, PlaceKind::WebDav],
        name: Some(name!("username")),
        proofs: &[proof!("password")],
        extra: None,
        is_needed: false,
    },
    Login {
        kinds: &[PlaceKind::S3, PlaceKind::Backblaze],
        name: Some(name!("access_key_id")),
        proofs: &[proof!("secret_access_key")],
        extra: Some(proof!("session_token")),
        is_needed: false,
    },
    Login {
        kinds: &[PlaceKind::Azure],
        name: Some(name!("account_name")),
        proofs: &[proof!("account_key"), proof!("account_sas")],
        extra: None,
        is_needed: true,
    },
    Login {
        kinds: &[PlaceKind::Google],
        name: None,
        proofs: &[proof!("service_account"), proof!("access_token")],
        extra: None,
        is_needed: false,
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
    let name = login.name.as_ref().and_then(|name| reader.string(name.key));
    let proofs: Vec<(&Proof, source::Found)> = login
        .proofs
        .iter()
        .map(|proof| (proof, source::source(reader, proof.keys)))
        .collect();
    let extra = login
        .extra
        .as_ref()
        .map(|extra| source::source(reader, extra.keys));
    let keys = |proof: &Proof| [proof.keys.file, proof.keys.command, proof.keys.credential];
    if !is_ours {
        let names = login.name.iter().map(|name| name.key);
        let mut keys = names.chain(login.proofs.iter().flat_map(keys));
        let given = keys.find_map(|key| Some((key, reader.position_of(key)?)));
        if let Some((key, position)) = given.filter(|_| judges) {
            let complaint = Complaint::new(format!("`{key}` is without effect for this kind of place"));
            reader.fault(key, position, complaint.hint("remove it, or correct `url`"));
        }
        return;
    }
    let mut given = proofs.iter().filter(|(_, found)| found.is_given);
    let (first, second) = (given.next(), given.next());
    if let (Some((first, _)), Some((second, _))) = (first, second) {
        let position = keys(second)
            .into_iter()
            .find_map(|key| Some((key, reader.position_of(key)?)));
        if let Some((key, position)) = position {
            let message = format!("`{}` and `{}` exclude each other", first.name, second.name);
            reader.fault(
                key,
                position,
                Complaint::new(message).hint("remove one of the two"),
            );
        }
    }
    match (&login.name, &name, first) {
        (Some(wanted), Some(name), None) => {
            let complaint = Complaint::new(format!("`{}` is without a source of its secret", wanted.name));
            let ways: Vec<String> = login
                .proofs
                .iter()
                .map(|proof| format!("`{}_file = \"/etc/backupd/secrets/NAME\"`", proof.name))
                .collect();
            let hint = format!("write {}", ways.join(" or "));
            reader.fault(wanted.key, name.position, complaint.hint(hint));
        }
        (Some(wanted), None, given) if given.is_some() || (login.is_needed && judges) => {
            let message = format!("`{}` is missing", wanted.name);
            let hint = format!("write `{} = \"…\"` below `[credentials]`", wanted.name);
            reader.missing(wanted.key, &message, &hint);
        }
        _ => {}
    }
    if let (Some(wanted), Some(name)) = (&login.name, name) {
        found.insert(wanted.name.to_owned(), Secret::Name(name.value));
    }
    for (proof, source) in proofs {
        if let Some(source) = source.source {
            found.insert(proof.name.to_owned(), Secret::From(source));
        }
    }
    if let (Some(extra), Some(source)) = (&login.extra, extra.and_then(|found| found.source)) {
        found.insert(extra.name.to_owned(), Secret::From(source));
    }
}
