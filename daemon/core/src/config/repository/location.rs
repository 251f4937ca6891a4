//! Where a repository is: a folder of this machine, or a place that restic's kinds of addresses name.

use crate::config::{
    fault::{Complaint, quoted},
    path, words,
};

/// The kinds of places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceKind {
    /// A folder: `/path` or `local:/path`.
    Local,
    /// `sftp:USER@HOST:/PATH` or `sftp://USER@HOST:PORT//PATH`.
    Sftp,
    /// restic's REST server: `rest:https://HOST:PORT/PATH/`.
    Rest,
    /// `s3:https://HOST/BUCKET/PATH`.
    S3,
    /// `webdav:https://HOST/PATH`.
    WebDav,
    /// What rclone reaches: `rclone:REMOTE:PATH`.
    Rclone,
    /// Azure Blob Storage: `azure:CONTAINER:/PATH`.
    Azure,
    /// Google Cloud Storage: `gs:BUCKET:/PATH`.
    Google,
    /// Backblaze B2: `b2:BUCKET:PATH`.
    Backblaze,
}

impl PlaceKind {
    /// Those that are not local, with what stands before the first `:`.
    pub const REMOTE: [(&'static str, Self); 8] = [
        ("sftp", Self::Sftp),
        ("rest", Self::Rest),
        ("s3", Self::S3),
        ("webdav", Self::WebDav),
        ("rclone", Self::Rclone),
        ("azure", Self::Azure),
        ("gs", Self::Google),
        ("b2", Self::Backblaze),
    ];

    /// The kind of an address that was checked.
    pub fn of(url: &str) -> Self {
        Self::REMOTE
            .into_iter()
            .find(|(name, _)| scheme(url).is_some_and(|scheme| scheme.eq_ignore_ascii_case(name)))
            .map_or(Self::Local, |(_, kind)| kind)
    }

    /// What its credentials call who logs in, if they do, and what shows it; nothing where there are none.
    pub fn login(self) -> Option<(Option<&'static str>, &'static str)> {
        match self {
            Self::Rest | Self::WebDav => Some((Some("username"), "password")),
            Self::S3 | Self::Backblaze => Some((Some("access_key_id"), "secret_access_key")),
            Self::Azure => Some((Some("account_name"), "account_key")),
            Self::Google => Some((None, "service_account")),
            Self::Local | Self::Sftp | Self::Rclone => None,
        }
    }

    /// An address of the kind, for hints.
    fn example(self) -> &'static str {
        match self {
            Self::Local => "/srv/backup",
            Self::Sftp => "sftp:backup@nas:/srv/backup",
            Self::Rest => "rest:https://nas:8000/backup/",
            Self::S3 => "s3:https://s3.example.com/bucket/path",
            Self::WebDav => "webdav:https://dav.example.com/backup",
            Self::Rclone => "rclone:remote:path",
            Self::Azure => "azure:container:/path",
            Self::Google => "gs:bucket:/path",
            Self::Backblaze => "b2:bucket:path",
        }
    }
}

/// Kinds that restic has and this version does not serve.
const LATER: [(&str, &str); 3] = [("swift", BY_RCLONE), ("opendal", BY_RCLONE), ("ftp", BY_RCLONE)];
const BY_RCLONE: &str = "rclone reaches it: `url = \"rclone:REMOTE:PATH\"`";

/// Checks an address; what follows its scheme may hold a secret, and is not repeated.
pub(super) fn check(text: &str) -> Result<String, Complaint> {
    let kind = PlaceKind::of(text);
    let Some(scheme) = scheme(text).filter(|scheme| *scheme != "local") else {
        return path::absolute(text.strip_prefix("local:").unwrap_or(text), "/srv/backup")
            .map(|_| text.to_owned());
    };
    let lower = scheme.to_ascii_lowercase();
    if let Some((_, hint)) = LATER.iter().find(|(name, _)| *name == lower) {
        return Err(Complaint::new(format!("`{lower}:` is not supported by this version")).hint(*hint));
    }
    if kind == PlaceKind::Local {
        // It may be a mistyped scheme, with a secret behind it.
        let near = words::nearest(&lower, PlaceKind::REMOTE.iter().map(|(name, _)| *name));
        return path::absolute_unseen(text, "/srv/backup")
            .map(|_| text.to_owned())
            .map_err(|complaint| match near {
                Some(near) => Complaint::new(complaint.message).hint(format!("did you mean `{near}:`?")),
                None => complaint,
            });
    }
    let rest = text.get(scheme.len() + 1..).unwrap_or_default();
    let wrong = |why: &str| {
        Err(Complaint::new(format!("the address {why}"))
            .hint(format!("write one such as `{}`", kind.example())))
    };
    if rest.chars().any(char::is_control) {
        return wrong("has a control character in it");
    }
    match kind {
        PlaceKind::Local => {}
        PlaceKind::Sftp => return sftp(rest, wrong).map(|()| text.to_owned()),
        PlaceKind::Rclone => {
            let (remote, _) = rest.split_once(':').unwrap_or_default();
            if remote.is_empty() || remote.starts_with('-') || remote.contains([',', '/']) {
                return wrong("names no remote of rclone's configuration");
            }
        }
        PlaceKind::Azure | PlaceKind::Google | PlaceKind::Backblaze => {
            let (bucket, path) = rest.split_once(':').unwrap_or((rest, ""));
            if bucket.is_empty() || bucket.contains(|c: char| c == '/' || c.is_whitespace()) {
                return wrong("names no bucket");
            }
            if path.split('/').any(|part| part == "..") {
                return wrong("has no path in the bucket");
            }
        }
        PlaceKind::Rest | PlaceKind::S3 | PlaceKind::WebDav => {
            let address = rest
                .strip_prefix("https://")
                .or_else(|| rest.strip_prefix("http://"));
            let address = match (kind, address) {
                // As restic has it: without a scheme HTTPS is meant.
                (PlaceKind::S3, None) => rest.strip_prefix("//").unwrap_or(rest),
                (_, None) => return wrong("is neither `http://…` nor `https://…`"),
                (_, Some(address)) => address,
            };
            let (host, path) = address.split_once('/').unwrap_or((address, ""));
            if host.contains('@') {
                return Err(user_info());
            }
            if host.is_empty() {
                return wrong("names no host");
            }
            if path.contains(['?', '#']) {
                return wrong("has more than a path behind the host");
            }
            if kind == PlaceKind::S3 && path.trim_matches('/').is_empty() {
                return wrong("names no bucket");
            }
        }
    }
    Ok(text.to_owned())
}

fn sftp(rest: &str, wrong: impl Fn(&str) -> Result<String, Complaint>) -> Result<(), Complaint> {
    let (login, path) = if let Some(url) = rest.strip_prefix("//") {
        url.split_once('/').unwrap_or((url, ""))
    } else if let Some(parts) = rest.split_once("]:") {
        parts
    } else {
        rest.split_once(':').unwrap_or((rest, ""))
    };
    let (user, host) = login
        .rsplit_once('@')
        .map_or(("", login), |(user, host)| (user, host));
    if user.contains(':') || (!rest.starts_with("//") && path.contains('@') && user.is_empty()) {
        return Err(Complaint::new("the address holds a password")
            .hint("remove it; `ssh` logs in with a key: name it with `ssh.key`"));
    }
    let unusable = |text: &str| text.starts_with('-') || text.contains(char::is_whitespace);
    if host.is_empty() || unusable(host) || unusable(user) {
        return wrong("names no host").map(drop);
    }
    if path.trim_matches('/').is_empty() || path.split('/').any(|part| part == "..") {
        return wrong("has no path behind the host").map(drop);
    }
    Ok(())
}

fn user_info() -> Complaint {
    Complaint::new("the address holds a user name or a password").hint(
        "remove them, and write `username` and `password_file` below `[credentials]`: secrets never stand in this file",
    )
}

/// What stands before the first `:`, unless it is part of a path.
fn scheme(text: &str) -> Option<&str> {
    text.split_once(':')
        .map(|(scheme, _)| scheme)
        .filter(|scheme| !scheme.contains('/'))
}

/// The name of a kind in messages.
pub(super) fn said(kind: PlaceKind) -> String {
    let name = PlaceKind::REMOTE.iter().find(|(_, one)| *one == kind);
    name.map_or_else(
        || "a folder of this machine".to_owned(),
        |(name, _)| quoted(&format!("{name}:")),
    )
}
