//! The packages and `make install`: the same files, the same bytes each time, and nothing left behind.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use backupd_tests::{machine, programs::program};
use tempfile::TempDir;

/// What the scripts read of the checkout.
const PARTS: [&str; 9] = [
    "Cargo.toml",
    "CHANGELOG.md",
    "README.md",
    "dbus",
    "docs",
    "packaging",
    "scripts",
    "systemd",
    "LICENSE-MIT",
];

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn scratch() -> TempDir {
    tempfile::Builder::new()
        .prefix("bkd-")
        .tempdir_in("/tmp")
        .unwrap()
}

#[track_caller]
fn output(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let said = String::from_utf8_lossy(&stderr);
    let text = String::from_utf8(stdout).unwrap();
    assert!(status.success(), "{command:?}: {status}\n{text}\n{said}");
    text
}

/// Packs the programs under test with the scripts in `checkout`, and answers the package.
fn pack(kind: &str, checkout: &Path, into: &Path) -> PathBuf {
    output(
        Command::new(checkout.join("scripts/package.sh"))
            .args([kind, "--profile", "dev", "--output"])
            .arg(into)
            .env("BACKUPD_BIN_DIR", program("backupd").parent().unwrap())
            .env("SOURCE_DATE_EPOCH", "1767225600"),
    );
    let mut files = fs::read_dir(into).unwrap().map(|entry| entry.unwrap().path());
    files
        .find(|path| path.extension() == Some(OsStr::new(kind)))
        .unwrap()
}

/// The files below a directory, as an absolute path each.
fn files(directory: &Path) -> BTreeSet<String> {
    let text = output(
        Command::new("find")
            .arg(directory)
            .args(["!", "-type", "d", "-printf", "/%P\\n"]),
    );
    text.lines().map(str::to_owned).collect()
}

/// Packed from another directory, at another time, by another user's habits: the same bytes.
fn is_reproducible(kind: &str) {
    let scratch = scratch();
    let first = pack(kind, &checkout(), &scratch.path().join("first"));

    let elsewhere = scratch.path().join("a copy");
    fs::create_dir(&elsewhere).unwrap();
    for part in PARTS.iter().chain(&["LICENSE-APACHE"]) {
        output(
            Command::new("cp")
                .arg("-r")
                .arg(checkout().join(part))
                .arg(&elsewhere),
        );
    }
    output(Command::new("chmod").args(["-R", "go-rwx"]).arg(&elsewhere));
    let second = pack(kind, &elsewhere, &scratch.path().join("second"));

    assert_eq!(first.file_name(), second.file_name());
    assert!(
        fs::read(&first).unwrap() == fs::read(&second).unwrap(),
        "two packages of the same programs differ; `diffoscope` shows where"
    );
}

#[test]
fn the_debian_package_is_reproducible() {
    is_reproducible("deb");
}

#[test]
fn the_rpm_package_is_reproducible() {
    is_reproducible("rpm");
}

#[track_caller]
fn same(found: &BTreeSet<String>, wanted: &BTreeSet<String>) {
    let differ: Vec<&String> = found.symmetric_difference(wanted).collect();
    assert!(differ.is_empty(), "only one of them has {differ:#?}");
}

#[test]
fn packages_bring_what_is_installed() {
    let scratch = scratch();
    let root = scratch.path().join("root");
    install("install", &root, "/usr");
    let installed = files(&root);

    let deb = machine::package();
    let tree = scratch.path().join("deb");
    output(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&tree));
    // Debian compresses what is long, has one name for changelogs, and adds papers of its own.
    let papers = [
        "doc/backupd/copyright",
        "doc/backupd/CHANGELOG.md.Debian",
        "lintian/overrides/backupd",
    ];
    let in_deb: BTreeSet<String> = files(&tree)
        .into_iter()
        .map(|file| file.trim_end_matches(".gz").to_owned())
        .map(|file| file.replace("/backupd/changelog", "/backupd/CHANGELOG.md"))
        .filter(|file| !papers.iter().any(|paper| *file == format!("/usr/share/{paper}")))
        .collect();
    // Each has the hook of its package manager.
    let without = |hooks: &str| -> BTreeSet<String> {
        let others = |file: &&String| !file.starts_with(hooks);
        installed.iter().filter(others).cloned().collect()
    };
    same(&in_deb, &without("/etc/dnf/"));

    let rpm = pack("rpm", &checkout(), scratch.path());
    let listed = output(
        Command::new("rpm")
            .args([
                "-qp",
                "--nosignature",
                "--qf",
                "[%{FILEMODES:perms} %{FILENAMES}\\n]",
            ])
            .arg(&rpm),
    );
    let in_rpm: BTreeSet<String> = listed
        .lines()
        .filter(|line| !line.starts_with('d'))
        .map(|line| line.split_once(' ').unwrap().1.trim_end_matches(".gz"))
        .filter(|file| !file.starts_with("/usr/share/licenses/"))
        // zsh of these systems looks elsewhere.
        .map(|file| file.replace("/zsh/site-functions/", "/zsh/vendor-completions/"))
        .collect();
    same(&in_rpm, &without("/etc/apt/"));
}

#[test]
fn the_debian_package_is_as_debian_has_them() {
    if Command::new("lintian").arg("--version").output().is_err() {
        eprintln!("skipped: `lintian` is not installed");
        return;
    }
    let said = Command::new("lintian")
        .args([
            "--allow-root",
            "--fail-on",
            "error,warning",
            "--tag-display-limit",
            "0",
        ])
        .arg(machine::package())
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
}

#[track_caller]
fn install(what: &str, root: &Path, prefix: &str) {
    let mut command = Command::new(checkout().join("scripts/install.sh"));
    output(
        command
            .arg(what)
            .arg(root)
            .arg(prefix)
            .arg(program("backupd").parent().unwrap()),
    );
}

#[test]
fn what_was_installed_can_be_removed() {
    for prefix in ["/usr", "/usr/local"] {
        let scratch = scratch();
        install("install", scratch.path(), prefix);
        let units = scratch.path().join(format!("{}/lib/systemd", &prefix[1..]));
        assert!(units.join("system/backupd.service").is_file());
        let text = output(Command::new("grep").args(["-rh", "bin/\\|libexec/"]).arg(&units));
        for line in text.lines().filter(|line| line.contains("backup")) {
            assert!(line.contains(&format!("{prefix}/")), "{line}");
        }
        install("uninstall", scratch.path(), prefix);
        assert_eq!(files(scratch.path()), BTreeSet::new(), "{prefix}");
    }
}

/// What `dpkg --purge` does with a directory of the daemon.
fn purge(directory: &Path) -> String {
    purge_by("remove", directory)
}

/// The same, with the function of its script for that.
fn purge_by(function: &str, directory: &Path) -> String {
    let script = fs::read_to_string(checkout().join("packaging/debian/backupd.postrm")).unwrap();
    let (functions, _) = script.split_once("\nif [ \"$1\" = purge ]").unwrap();
    let script = format!("{functions}\n{function} \"$1\"\n");
    output(Command::new("sh").args(["-c", &script, "-"]).arg(directory))
}

#[test]
fn purging_keeps_passwords() {
    let scratch = scratch();
    let configuration = scratch.path().join("the etc");
    let files = [
        "backupd.toml",
        "jobs.d/home.toml",
        ".hidden",
        "secrets/main",
        "mine/keys/1",
        "mine/data/x",
    ];
    for file in files {
        let path = configuration.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    let said = purge_by("remove_configuration", &configuration);
    assert!(said.contains("the etc/secrets stays: "), "{said}");
    assert!(said.contains("the etc/mine is a repository and stays"), "{said}");
    let kept = ["/mine/data/x", "/mine/keys/1", "/secrets/main"];
    assert_eq!(self::files(&configuration), kept.map(str::to_owned).into());

    fs::remove_dir_all(configuration.join("mine")).unwrap();
    fs::remove_file(configuration.join("secrets/main")).unwrap();
    fs::write(configuration.join("backupd.toml"), "").unwrap();
    assert_eq!(purge_by("remove_configuration", &configuration), "");
    assert!(!configuration.exists());
    assert_eq!(purge_by("remove_configuration", &configuration), "");
}

#[test]
fn purging_passes_by_repositories() {
    let scratch = scratch();
    let state = scratch.path().join("a state");
    let kept = [
        "mine/config",
        "mine/keys/1",
        "mine/data/00/x",
        "deep/er/my\nown/config",
        "deep/er/my\nown/keys/2",
        "no-config/keys/3",
        "no-config/data/00/y",
    ];
    let gone = [
        "backupd.db",
        "runs/1/attempt-1/spec.json",
        "keys/no-repository",
        "deep/note",
        "mine-not/config",
    ];
    for file in kept.iter().chain(&gone) {
        let path = state.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    for empty in ["mine/locks", "deep/er/my\nown/data", "runs/2"] {
        fs::create_dir_all(state.join(empty)).unwrap();
    }
    let said = purge(&state);
    assert!(said.contains("a state/mine is a repository and stays"), "{said}");
    for file in kept {
        assert_eq!(fs::read_to_string(state.join(file)).unwrap(), file);
    }
    assert!(state.join("mine/locks").is_dir());
    for file in gone {
        assert!(!state.join(file).exists(), "{file}");
    }
    assert!(!state.join("runs").exists());

    for directory in ["mine", "deep", "no-config"] {
        fs::remove_dir_all(state.join(directory)).unwrap();
    }
    fs::create_dir_all(state.join("runs/3")).unwrap();
    assert_eq!(purge(&state), "");
    assert!(!state.exists());
    // Nothing there is nothing to do.
    assert_eq!(purge(&state), "");
}
