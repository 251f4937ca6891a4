//! The recovery sheet, and what somebody can do who has nothing else.

use std::{fs, os::unix::fs::PermissionsExt as _};

use backupd_tests::Said;

use super::*;

fn sheet(bed: &Bed, arguments: &[&str]) -> Said {
    bed.ctl([&["repository", "recovery-sheet", "main"], arguments].concat())
}

/// Does what stands on it, in an empty directory, with stock restic and the password from the sheet alone.
fn follow(bed: &Bed, text: &str) -> PathBuf {
    let password = text.lines().find_map(|line| line.strip_prefix("  password    "));
    let commands: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| !line.starts_with(' '))
        .collect();
    assert!(commands.len() >= 4, "{text}");
    let directory = bed.path("elsewhere");
    fs::create_dir(&directory).unwrap();
    let mut command = bed.command("sh");
    command
        .args(["-ec", &commands.join("\n")])
        .current_dir(&directory)
        .env("RESTIC_PASSWORD", password.unwrap());
    bed.call(&mut command).well();
    directory
}

#[test]
fn who_has_the_sheet_restores_without_backupd() {
    let mut bed = bed();
    bed.ctl(["repository", "key", "rotate", "main"]).well();
    let text = sheet(&bed, &["--with-secret"]).well().stdout;
    let id = list(&bed)[0]["id"].as_str().unwrap().to_owned();
    assert!(text.contains(&id), "{text}");
    bed.stop();
    let directory = follow(&bed, &text);
    for target in ["restored", "restored-home"] {
        let source = bed.path("home").strip_prefix("/").unwrap().to_owned();
        let source = source.parent().unwrap().to_owned();
        let found = find(&directory.join(target).join(source), "a.txt");
        assert_eq!(fs::read_to_string(found).unwrap(), "the content of a");
    }
}

/// The file of that name below a directory.
fn find(directory: &std::path::Path, name: &str) -> PathBuf {
    let mut ahead = vec![directory.to_owned()];
    while let Some(path) = ahead.pop() {
        for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
            if entry.file_name() == name {
                return entry.path();
            }
            if entry.path().is_dir() {
                ahead.push(entry.path());
            }
        }
    }
    panic!("there is no `{name}` below `{}`", directory.display())
}

#[test]
fn a_secret_comes_only_where_it_was_asked_for() {
    let bed = bed();
    let unique = unique();
    key(&bed, &unique, &["rotate", "main"]).well();
    let kept = secret(&bed);
    let (monitor, traffic, _directory) = monitor(&bed);
    let without = sheet(&bed, &[]).well();
    assert!(without.stdout.contains("NOT on this sheet") && !without.stdout.contains(&unique));
    assert!(
        without.stderr.contains("the password is not on the sheet"),
        "{without:?}"
    );
    assert!(records(&bed, "repository-reveal").is_empty());

    let file = bed.path("sheet.txt");
    let path = file.to_str().unwrap();
    let said = sheet(&bed, &["--with-secret", "--output", path]).well();
    assert!(
        said.stderr.contains("KEEP THIS SHEET SAFE AND SECRET"),
        "{said:?}"
    );
    assert!(!said.stdout.contains(&unique) && !said.stderr.contains(&unique));
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(&format!("  password    {unique}\n")), "{text}");
    sheet(&bed, &["--with-secret", "--output", path])
        .with_code(1)
        .complains("exists, and is not overwritten");
    assert_eq!(records(&bed, "repository-reveal").len(), 1, "nobody was asked");
    sheet(&bed, &["--output", path, "--force"]).well();
    assert!(!fs::read_to_string(&file).unwrap().contains(&unique));
    let json = sheet(&bed, &["--with-secret", "--json"]).well().json();
    assert_eq!(
        (&json["type"], &json["password"]),
        (&"recovery-sheet".into(), &unique.as_str().into())
    );

    let log = fs::read_to_string(&traffic).unwrap();
    drop(monitor);
    assert!(log.contains("member=RevealPassword") && !log.contains(&unique));
    assert_nowhere(&bed, &unique, true, &[&kept]);
    assert!(!remembers(bed.daemon_pid(), &unique), "the daemon has read it");
    let read = records(&bed, "repository-reveal");
    assert_eq!(read.len(), 2);
    assert_eq!(read[0]["uid"], nix::unistd::getuid().as_raw());
}
