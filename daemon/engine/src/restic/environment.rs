//! What the program is told of the world around it.

use std::ffi::OsString;

/// The only variables that are handed on: ours may hold a password.
const KEPT: [&str; 20] = [
    "GOMAXPROCS",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "KRB5CCNAME",
    "LANG",
    "LOGNAME",
    "NO_PROXY",
    "PATH",
    "RUNTIME_DIRECTORY",
    "SSH_AUTH_SOCK",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "USER",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

pub(super) fn kept() -> impl Iterator<Item = (&'static str, OsString)> {
    KEPT.iter()
        .filter_map(|name| Some((*name, std::env::var_os(name)?)))
}
