//! What the program is told of the world around it.

use std::{env, ffi::OsString};

use crate::store;

/// What it needs beside what every program of ours does: it speaks to servers itself.
const MORE: [&str; 7] = [
    "GOMAXPROCS",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// The only variables that are handed on: ours may hold a password.
pub(super) fn kept() -> impl Iterator<Item = (&'static str, OsString)> {
    let names = store::VARIABLES.iter().chain(&MORE);
    names.filter_map(|name| Some((*name, env::var_os(name)?)))
}
