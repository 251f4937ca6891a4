//! Where the programs under test are.

use std::{env, path::PathBuf};

/// Names a directory with the programs, in place of the one that the tests were built in.
const VARIABLE: &str = "BACKUPD_BIN_DIR";

/// The program of that name: `backupd`, `backupd-worker` or `backupctl`.
pub fn program(name: &str) -> PathBuf {
    let directory = env::var_os(VARIABLE).map_or_else(beside_the_tests, PathBuf::from);
    // Programs start in the bed's directory, where a relative path would mean another place.
    let path = std::path::absolute(directory.join(name)).expect("a path can be made absolute");
    assert!(
        path.is_file(),
        "there is no `{}`: build the programs with\n    cargo build{} -p backupd -p backupd-worker -p \
         backupctl\nor name their directory in `{VARIABLE}`",
        path.display(),
        if path.parent().is_some_and(|parent| parent.ends_with("release")) {
            " --release"
        } else {
            ""
        }
    );
    path
}

/// Whether the programs are optimised: measures mean something only then.
pub fn is_release() -> bool {
    program("backupd")
        .parent()
        .is_some_and(|directory| directory.ends_with("release"))
}

/// `target/PROFILE`, where tests are in `deps` and other programs lie directly.
fn beside_the_tests() -> PathBuf {
    let own = env::current_exe().expect("a process knows its program");
    let directory = own.parent().expect("a program is in a directory");
    if directory.ends_with("deps") {
        directory.parent().expect("`deps` is in a directory").to_owned()
    } else {
        directory.to_owned()
    }
}
