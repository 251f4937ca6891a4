//! The script behind the hooks of package managers, with a client that notes what it is told.

use std::{
    fs,
    io::Write as _,
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// What `dbus` takes of metadata.
const LONGEST_METADATA: usize = 4 * 1024;

/// Runs the script as apt does; answers the text that the client got as `--metadata`.
fn metadata_of(packages: &[String]) -> String {
    let scratch: TempDir = tempfile::Builder::new()
        .prefix("bkd-")
        .tempdir_in("/tmp")
        .unwrap();
    let (client, noted) = (scratch.path().join("backupctl"), scratch.path().join("noted"));
    let fake = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >'{}'\n", noted.display());
    fs::write(&client, fake).unwrap();
    fs::set_permissions(&client, fs::Permissions::from_mode(0o700)).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/hooks/before-upgrade");
    let script = fs::read_to_string(script).unwrap();
    let script = script.replace("/usr/bin/backupctl", &client.display().to_string());
    let socket = scratch.path().join("bus");
    let _bus = UnixListener::bind(&socket).unwrap();
    let mut hook = Command::new("sh")
        .args(["-c", &script, "before-upgrade", "apt"])
        .env("BACKUPD_BUS", &socket)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = hook.stdin.take().unwrap();
    write!(
        input,
        "VERSION 3\nAPT::Architecture=amd64\n\n{}",
        packages.concat()
    )
    .unwrap();
    drop(input);
    assert!(hook.wait().unwrap().success());
    let noted = fs::read_to_string(noted).unwrap();
    let mut arguments = noted.lines().skip_while(|argument| *argument != "--metadata");
    arguments.nth(1).unwrap().to_owned()
}

fn package(number: usize) -> String {
    format!(
        "libsome-package{number} 1:2.3.4-5ubuntu1 amd64 same < 1:2.3.4-5ubuntu1.1 amd64 same \
         /var/cache/apt/archives/libsome-package{number}.deb\n"
    )
}

#[test]
fn a_large_upgrade_is_counted_and_as_much_of_it_named_as_the_daemon_takes() {
    let packages: Vec<String> = (0..500).map(package).collect();
    let text = metadata_of(&packages);
    assert!(text.len() < LONGEST_METADATA, "{} bytes", text.len());
    let metadata: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(metadata["count"], 500);
    let named = metadata["packages"].as_array().unwrap();
    assert!(
        named.len() > 20,
        "the description names twenty, and {} are there",
        named.len()
    );
    assert_eq!(
        named[0],
        "libsome-package0 1:2.3.4-5ubuntu1 -> 1:2.3.4-5ubuntu1.1"
    );
}

#[test]
fn a_small_upgrade_is_named_as_a_whole_and_none_is_well() {
    let odd = "odd\\\"\u{1}\u{e4} - - none < 1 all none **REMOVE**\n".to_owned();
    let configured = "gone 1 all none = 1 all none **CONFIGURE**\n".to_owned();
    let metadata: Value = serde_json::from_str(&metadata_of(&[package(1), odd, configured])).unwrap();
    let named = [
        "libsome-package1 1:2.3.4-5ubuntu1 -> 1:2.3.4-5ubuntu1.1",
        "odd - -> 1",
    ];
    assert_eq!(metadata, serde_json::json!({"count": 2, "packages": named}));
    let metadata: Value = serde_json::from_str(&metadata_of(&[])).unwrap();
    assert_eq!(metadata, serde_json::json!({"count": 0, "packages": []}));
}
