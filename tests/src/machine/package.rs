//! The package, made once of what was built, and a layer for each release in which it is installed.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process::Command,
};

use super::Release;
use crate::programs::program;

/// What the package is made of, below the root of the checkout.
const SOURCES: [&str; 6] = [
    "packaging",
    "systemd",
    "dbus",
    "docs",
    "scripts",
    "tests/src/machine",
];
/// How many packages are kept: those of other builds may be at work.
const KEPT: usize = 3;

/// The package of the programs under test.
pub fn package() -> PathBuf {
    let directory = directory();
    once(&directory.join("package"), |new| {
        fs::create_dir(new).unwrap();
        let mut command = Command::new(root().join("scripts/package.sh"));
        command
            .args(["deb", "--profile", "dev", "--output"])
            .arg(new)
            .env("BACKUPD_BIN_DIR", program("backupd").parent().unwrap());
        expect(&mut command);
        remove_old(directory.parent().unwrap());
    });
    let mut files = fs::read_dir(directory.join("package")).unwrap().flatten();
    files
        .find_map(|file| (file.path().extension()? == "deb").then(|| file.path()))
        .expect("there is a package")
}

/// What the package adds to a release.
pub(super) fn layer(release: Release) -> PathBuf {
    let tree = release.tree();
    let package = package();
    let layer = directory().join(tree.file_name().unwrap());
    once(&layer, |new| {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "private"])
            .args(["sh", "-c", include_str!("layer.sh"), "layer.sh"])
            .args([&tree, &package, new]);
        expect(&mut command);
    });
    layer
}

fn root() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap()
}

/// `target/tmp/machines/KEY`, where the key changes with what the package is made of.
fn directory() -> PathBuf {
    let programs = ["backupd", "backupd-worker", "backupctl"].map(program);
    let mut hasher = DefaultHasher::new();
    for path in &programs {
        hash(path, &mut hasher);
    }
    for source in SOURCES {
        hash(&root().join(source), &mut hasher);
    }
    let target = programs[0].ancestors().nth(2).unwrap();
    target.join(format!("tmp/machines/{:016x}", hasher.finish()))
}

fn hash(path: &Path, hasher: &mut DefaultHasher) {
    let data = fs::metadata(path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
    path.hash(hasher);
    if data.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(path).unwrap().flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            hash(&entry.path(), hasher);
        }
    } else {
        (data.len(), data.modified().unwrap()).hash(hasher);
    }
}

/// Makes it unless it is there, alone among all tests.
fn once(path: &Path, make: impl FnOnce(&Path)) {
    if path.exists() {
        return;
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let lock = File::create(path.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    if !path.exists() {
        let new = path.with_extension("new");
        let _ = fs::remove_dir_all(&new);
        make(&new);
        fs::rename(&new, path).unwrap();
    }
}

fn remove_old(all: &Path) {
    let mut found: Vec<_> = fs::read_dir(all)
        .unwrap()
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    found.sort();
    found.reverse();
    for (_, path) in found.into_iter().skip(KEPT) {
        let _ = fs::remove_dir_all(path);
    }
}

fn expect(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
