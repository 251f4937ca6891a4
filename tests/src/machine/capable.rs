//! Whether this host can run machines at all.

use std::{env, path::Path, process::Command};

use super::{Release, cgroup};
use crate::skip;

/// With any value but an empty one: a host that cannot run machines fails the tests.
const REQUIRED: &str = "BACKUPD_REQUIRE_MACHINES";

const PROGRAMS: [&str; 7] = [
    "systemd-nspawn",
    "nsenter",
    "unshare",
    "setpriv",
    "chroot",
    "dpkg-deb",
    "dh",
];

/// Runs a test, or says why it cannot be run.
pub fn if_capable(release: Release, test: impl FnOnce(Release)) {
    match obstacle(release) {
        None => test(release),
        Some(why) => {
            assert!(
                env::var_os(REQUIRED).is_none_or(|value| value.is_empty()),
                "machines are required by `{REQUIRED}`, and {why}"
            );
            skip(&format!("no machine with {release:?}: {why}"));
        }
    }
}

fn obstacle(release: Release) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("only root can boot one".to_owned());
    }
    if let Some(missing) = PROGRAMS.into_iter().find(|program| !is_program(program)) {
        return Some(format!("`{missing}` is missing"));
    }
    if let Err(error) = cgroup::Cgroup::probe() {
        return Some(format!("control groups cannot be made: {error}"));
    }
    let tree = release.tree();
    if !tree.is_dir() {
        let codename = release.codename();
        return Some(format!(
            "it is not built, which `tests/system/tree.sh build {codename}` does"
        ));
    }
    let namespaces = Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "true"])
        .output();
    match namespaces {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("`unshare` cannot be run: {error}")),
    }
}

fn is_program(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|directory| directory.join(Path::new(name)).is_file())
}
