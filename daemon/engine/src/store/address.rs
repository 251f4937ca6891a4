//! Addresses of repositories, as restic writes them.

use std::path::{Component, Path, PathBuf};

use url::Url;

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// A directory of this machine.
    Local(PathBuf),
    /// `sftp:user@host:/path` or `sftp://user@host:port//path`.
    Sftp(Host),
    /// `rest:http://host:8000/path/`.
    Rest(Url),
    /// `s3:https://host/bucket/path`; without a scheme HTTPS is meant.
    S3 {
        endpoint: String,
        bucket: String,
        path: String,
    },
    /// `azure:container:/path`.
    Azure(Bucket),
    /// `gs:bucket:/path`.
    Google(Bucket),
    /// `b2:bucket:path`.
    Backblaze(Bucket),
    /// `rclone:remote:path`.
    Rclone(String),
    /// `webdav:https://host/path`.
    WebDav(Url),
}

/// A bucket, or what its service calls so, and a path in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) path: String,
}

/// Where an SSH server is, and a path on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) user: Option<String>,
    pub(crate) name: String,
    pub(crate) port: Option<u16>,
    /// One that does not begin with `/` is below the user's home.
    pub(crate) path: String,
}

/// Why an address is none; it is not repeated, for a secret may be in it.
pub(crate) type Unusable = String;

impl Address {
    /// Reads an address.
    pub(crate) fn parse(text: &str) -> Result<Self, Unusable> {
        let Some((scheme, rest)) = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else {
            return local(text);
        };
        match scheme.to_ascii_lowercase().as_str() {
            "local" => local(rest),
            "sftp" => sftp(rest).map(Self::Sftp),
            "rest" => web(rest).map(Self::Rest),
            "webdav" => web(rest).map(Self::WebDav),
            "s3" => s3(rest),
            "azure" => bucket(rest).map(Self::Azure),
            "gs" => bucket(rest).map(Self::Google),
            "b2" => bucket(rest).map(Self::Backblaze),
            "rclone" => rclone(rest).map(Self::Rclone),
            _ => Err(format!("places of the kind `{scheme}:` are not served")),
        }
    }
}

fn local(path: &str) -> Result<Address, Unusable> {
    let root: PathBuf = Path::new(path).components().collect();
    if !root.is_absolute() || root.components().any(|part| part == Component::ParentDir) {
        return Err("its path is not absolute".to_owned());
    }
    Ok(Address::Local(root))
}

/// `host` ends at the first colon, or at the path in the form of a URL.
fn sftp(rest: &str) -> Result<Host, Unusable> {
    if rest.starts_with("//") {
        let url = Url::parse(&format!("sftp:{rest}")).map_err(|_| "its address is no URL".to_owned())?;
        refuse_password(&url)?;
        let user = percent_decoded(url.username());
        // As restic: after the `/` that ends the host the path begins.
        let path = url.path().strip_prefix('/').unwrap_or_default();
        return host(
            Some(user).filter(|user| !user.is_empty()),
            url.host_str().unwrap_or_default().trim_matches(['[', ']']),
            url.port(),
            &percent_decoded(path),
        );
    }
    let (login, path) = match rest.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        Some(parts) => parts,
        None => rest
            .split_once(':')
            .ok_or("its address has no path after the host")?,
    };
    let (user, name) = match login.rsplit_once('@') {
        Some((user, name)) => (Some(user.to_owned()), name),
        None => (None, login),
    };
    host(user, name, None, path)
}

/// No part of it may be taken for an option by `ssh`.
fn host(user: Option<String>, host: &str, port: Option<u16>, path: &str) -> Result<Host, Unusable> {
    let plain =
        |text: &str| !text.starts_with('-') && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    if host.is_empty() || !plain(host) {
        return Err("its address has no host".to_owned());
    }
    if user.as_deref().is_some_and(|user| !plain(user)) {
        return Err("its address has an impossible user name".to_owned());
    }
    let path = path.trim_end_matches('/');
    if path.is_empty() || path.split('/').any(|part| part == "..") || path.contains(char::is_control) {
        return Err("its address has no path after the host".to_owned());
    }
    Ok(Host {
        user,
        name: host.to_owned(),
        port,
        path: path.to_owned(),
    })
}

fn web(text: &str) -> Result<Url, Unusable> {
    let url = Url::parse(text).map_err(|_| "its address is no URL".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("its address is neither `http://…` nor `https://…`".to_owned());
    }
    refuse_password(&url)?;
    if !url.username().is_empty() {
        return Err("there is a user name in its address".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("there is more than a path in its address".to_owned());
    }
    Ok(url)
}

fn refuse_password(url: &Url) -> Result<(), Unusable> {
    match url.password() {
        Some(_) => Err("there is a password in its address".to_owned()),
        None => Ok(()),
    }
}

fn s3(rest: &str) -> Result<Address, Unusable> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let text = if rest.starts_with("http://") || rest.starts_with("https://") {
        rest.to_owned()
    } else {
        format!("https://{rest}")
    };
    let url = web(&text)?;
    let (name, path) = named(url.path())?;
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    Ok(Address::S3 {
        endpoint: format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default()),
        bucket: name,
        path,
    })
}

/// `bucket:path`, of which the path may be missing.
fn bucket(rest: &str) -> Result<Bucket, Unusable> {
    let (name, path) = rest.split_once(':').unwrap_or((rest, ""));
    if name.is_empty() || name.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control()) {
        return Err("its address has no bucket".to_owned());
    }
    if path.split('/').any(|part| part == "..") || path.contains(char::is_control) {
        return Err("there is no such path in a bucket".to_owned());
    }
    Ok(Bucket {
        name: name.to_owned(),
        path: path.trim_matches('/').to_owned(),
    })
}

/// The first part of a path, and what is behind it.
fn named(path: &str) -> Result<(String, String), Unusable> {
    let path = percent_decoded(path.trim_matches('/'));
    let (name, rest) = path.split_once('/').unwrap_or((&path, ""));
    if name.is_empty() {
        return Err("its address has no bucket after the host".to_owned());
    }
    Ok((name.to_owned(), rest.trim_matches('/').to_owned()))
}

fn rclone(rest: &str) -> Result<String, Unusable> {
    // What begins with `:` or has a comma in it sets options of a remote, such as passwords.
    let remote = rest.split_once(':').map(|(remote, _)| remote).unwrap_or_default();
    if remote.is_empty() || remote.starts_with('-') || remote.contains([',', '/']) {
        return Err("its address has no remote of rclone's configuration".to_owned());
    }
    Ok(rest.to_owned())
}

/// As RFC 3986 spells schemes; what else stands before a colon is part of a path.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|c| char::from(*c).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (first, digit(0), digit(1)) {
            bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(user: Option<&str>, host: &str, port: Option<u16>, path: &str) -> Address {
        Address::Sftp(Host {
            user: user.map(str::to_owned),
            name: host.to_owned(),
            port,
            path: path.to_owned(),
        })
    }

    #[test]
    fn addresses_are_read_as_restic_reads_them() {
        let s3 = |endpoint: &str, path: &str| Address::S3 {
            endpoint: endpoint.to_owned(),
            bucket: "backups".to_owned(),
            path: path.to_owned(),
        };
        let web = |url: &str| Url::parse(url).unwrap();
        let bucket = |path: &str| Bucket {
            name: "backups".to_owned(),
            path: path.to_owned(),
        };
        for (text, expected) in [
            ("/srv/backup/", Address::Local("/srv/backup".into())),
            ("local:/srv", Address::Local("/srv".into())),
            (
                "sftp:me@nas:/srv/restic",
                host(Some("me"), "nas", None, "/srv/restic"),
            ),
            ("sftp:nas:restic", host(None, "nas", None, "restic")),
            (
                "sftp://me@nas:2222//srv/a%20b/",
                host(Some("me"), "nas", Some(2222), "/srv/a b"),
            ),
            (
                "sftp://me@[::1]:2222/restic",
                host(Some("me"), "::1", Some(2222), "restic"),
            ),
            (
                "rest:https://nas:8000/me/",
                Address::Rest(web("https://nas:8000/me/")),
            ),
            (
                "s3:https://minio:9000/backups/a/b",
                s3("https://minio:9000", "a/b"),
            ),
            (
                "s3:http://127.0.0.1:9000/backups",
                s3("http://127.0.0.1:9000", ""),
            ),
            ("s3:s3.amazonaws.com/backups", s3("https://s3.amazonaws.com", "")),
            ("s3://s3.eu.example/backups/x/", s3("https://s3.eu.example", "x")),
            ("azure:backups:/a/b/", Address::Azure(bucket("a/b"))),
            ("gs:backups:/", Address::Google(bucket(""))),
            ("b2:backups:a", Address::Backblaze(bucket("a"))),
            ("b2:backups", Address::Backblaze(bucket(""))),
            ("rclone:cloud:a/b", Address::Rclone("cloud:a/b".to_owned())),
            (
                "webdav:https://dav.example/x",
                Address::WebDav(web("https://dav.example/x")),
            ),
        ] {
            assert_eq!(Address::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused_and_never_repeated() {
        for text in [
            "relative/hush",
            "/srv/../hush",
            "sftp:hush",
            "sftp:-oProxyCommand=hush:/x",
            "sftp:-me@nas:/hush",
            "sftp://me:hush@nas//x",
            "sftp:nas:",
            "sftp:nas:/a/../hush",
            "rest:https://me:hush@nas/",
            "rest:https://me@nas/hush",
            "rest:nas/hush",
            "rest:https://nas/?hush",
            "s3:https://key:hush@host/bucket",
            "s3:https://host",
            "rclone::sftp,pass=hush:",
            "rclone:hush",
            "azure::/hush",
            "gs:/hush",
            "b2:bucket:../hush",
            "gopher:hush",
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(
                !error.contains("hush") && !error.ends_with('.'),
                "{text}: {error}"
            );
        }
    }
}
