use insta::assert_snapshot;

use super::*;

const FILE: &str = "/etc/backupd/repositories.d/nas.toml";

fn parse(text: &str) -> Result<Repository, Vec<Fault>> {
    parse_repository(Path::new(FILE), &"nas".parse().unwrap(), text)
}

fn faults(text: &str) -> String {
    let faults = parse(text).expect_err("the text was accepted");
    let shown: Vec<String> = faults
        .into_iter()
        .map(|fault| fault.in_file(Path::new("")).to_string())
        .collect();
    shown.join("\n")
}

#[test]
fn a_repository_is_a_folder_and_a_password() {
    let repository = parse("url = \"/srv/restic/\"\npassword_file = \"/etc/pw\"\n").unwrap();
    assert_eq!(repository.url, "/srv/restic/");
    assert_eq!(repository.local_path(), Some(PathBuf::from("/srv/restic")));
    assert_eq!(repository.password, PasswordSource::File("/etc/pw".into()));
    assert_eq!(
        (repository.engine, repository.description),
        (EngineName::Embedded, None)
    );

    let text = "url = \"local:/srv/restic\"\npassword_command = [\"pass\", \"show\", \"a b\"]\nengine = \"embedded\"\n\
                description = \"the NAS\"\n";
    let repository = parse(text).unwrap();
    assert_eq!(repository.local_path(), Some(PathBuf::from("/srv/restic")));
    assert_eq!(
        repository.password,
        PasswordSource::Command(vec!["pass".into(), "show".into(), "a b".into()])
    );
    assert_eq!(repository.description.as_deref(), Some("the NAS"));
    let text = "url = \"/srv\"\npassword_credential = \"backupd-repository-nas\"\n";
    let credential = "backupd-repository-nas".parse().unwrap();
    assert_eq!(
        parse(text).unwrap().password,
        PasswordSource::Credential(credential)
    );
    assert!(serde_json::to_value(&repository).unwrap().get("origin").is_none());
}

/// What is wrong with a line that stands below a right one.
fn faults_of(first: &str, lines: &[&str]) -> String {
    let one = |line: &str| {
        let faults = parse(&format!("{first}\n{line}\n")).expect_err(line);
        let [fault] = faults.as_slice() else {
            panic!("{line}: not one fault: {faults:#?}")
        };
        assert_eq!(fault.line, Some(2), "{line}");
        let hint = fault
            .hint
            .as_ref()
            .map_or_else(String::new, |hint| format!("\n    hint: {hint}"));
        format!("{line}\n  {}: {}{hint}", fault.column.unwrap(), fault.message)
    };
    lines.iter().copied().map(one).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_wrong_url_is_answered_with_a_right_one() {
    let lines = [
        "url = \"srv\"",
        "url = \"local:srv\"",
        "url = \"~/b\"",
        "url = \"/a/../b\"",
        "url = \"\"",
        "url = 5",
    ];
    assert_snapshot!(faults_of("password_file = \"/pw\"", &lines), @r#"
    url = "srv"
      7: `srv` is not an absolute path
        hint: write the whole path, such as `/srv/backup`
    url = "local:srv"
      7: `srv` is not an absolute path
        hint: write the whole path, such as `/srv/backup`
    url = "~/b"
      7: `~/b` is not an absolute path
        hint: `~` is not expanded: write the whole path, such as `/srv/backup`
    url = "/a/../b"
      7: `/a/../b` has a `..` in it
        hint: write the path that is meant: with symbolic links on the way `..` leads elsewhere
    url = ""
      7: a path must not be empty
        hint: write one such as `/srv/backup`
    url = 5
      7: expected a string, found an integer
    "#);
}

#[test]
fn a_wrong_password_source_is_answered_with_a_right_one() {
    let lines = [
        "password_file = \"pw\"",
        "password_command = \"pass show\"",
        "password_command = []",
        "password_command = [1]",
        "password_command = [\"bin/pass\"]",
        "password_command = [\"pass show\"]",
        "password_command = [\"\"]",
        "password_credential = \"/etc/credstore/nas\"",
        "password_credential = \"a/b\"",
        "password_credential = \"\"",
        "password_credential = 5",
        "password = \"hunter2\"",
    ];
    assert_snapshot!(faults_of("url = \"/srv\"", &lines), @r#"
    password_file = "pw"
      17: the value is not an absolute path
        hint: write the whole path, such as `/etc/backupd/secrets/NAME`
    password_command = "pass show"
      20: expected a list of strings, found a string
        hint: write a list of the program and its arguments, such as `password_command = ["/usr/bin/pass", "show", "backup"]`
    password_command = []
      20: `password_command` must not be empty
        hint: write a list of the program and its arguments, such as `password_command = ["/usr/bin/pass", "show", "backup"]`
    password_command = [1]
      21: expected a list of strings, found an integer in it
    password_command = ["bin/pass"]
      21: the program is neither an absolute path nor a bare name
        hint: write it as `/usr/bin/pass` or `pass`
    password_command = ["pass show"]
      21: the program's name has a space in it
        hint: no shell is used: write each argument as an item of its own
    password_command = [""]
      21: the program must not be empty
    password_credential = "/etc/credstore/nas"
      23: the value is no name of a credential
        hint: write the name of its file alone; a plain file is named with `password_file`
    password_credential = "a/b"
      23: the value is no name of a credential
        hint: write the name of a file in `/etc/credstore.encrypted` or `/etc/credstore`
    password_credential = ""
      23: the value is no name of a credential
        hint: write the name of a file in `/etc/credstore.encrypted` or `/etc/credstore`
    password_credential = 5
      23: expected a string, found an integer
    password = "hunter2"
      1: `password` is refused: secrets never stand in this file
        hint: write the password into a file that only its owner can read, and name it with `password_file`
    "#);
}

#[test]
fn remote_repositories_are_for_later() {
    for scheme in REMOTE {
        let faults = parse(&format!(
            "url = \"{scheme}:user:hunter2@host/x\"\npassword_file = \"/p\"\n"
        ))
        .unwrap_err();
        let [fault] = faults.as_slice() else {
            panic!("{faults:#?}")
        };
        assert_eq!(
            fault.message,
            format!("`{scheme}:` is not supported: this version serves local repositories only")
        );
    }
}

#[test]
fn all_faults_of_a_file_come_at_once() {
    assert_snapshot!(faults(""), @r#"
    `url` is missing
    hint: write where the repository is, such as `url = "/srv/backup"`
    the source of the password is missing
    hint: write `password_file = "/etc/backupd/secrets/NAME"`, a `password_credential` or a `password_command`
    "#);
    assert_snapshot!(faults(r#"
url = "SFTP:me@nas:/srv"
password_file = "/a"
password_command = ["pass"]
password_credential = "nas"
engine = "restic"
check = { calendar = "Sun 04:00" }
lock = 3
pasword = "hunter2"
"#), @"
    2:7: `sftp:` is not supported: this version serves local repositories only
    hint: write the absolute path of a folder, such as `/srv/backup`
    5:23: `password_file`, `password_command` and `password_credential` exclude each other
    hint: leave one of them
    6:10: the engine `restic` is not supported: this version serves `embedded` only
    hint: remove the key; the repository is in restic's format all the same
    8:1: `lock` is not supported by this version
    hint: remove it; locks are kept as restic keeps them
    9:1: unknown key `pasword`
    hint: did you mean `password_file`?
    ");
    assert_snapshot!(faults("url = \"/srv\"\npassword_file = \"/a\"\nengine = \"rustic\"\nlimit = 5\n[lock]"), @"
    3:10: `rustic` is no engine
    hint: write `embedded`
    4:1: `limit` is not supported by this version
    hint: remove it; local repositories are not throttled
    5:2: `lock` is not supported by this version
    hint: remove it; locks are kept as restic keeps them
    ");
}

#[test]
fn no_secret_is_ever_echoed() {
    for text in [
        "password = \"hunter2\"",
        "password = [\"hunter2\"]",
        "password.value = \"hunter2\"",
        "password = \"hunter2",
        "password = hunter2",
        "password hunter2",
        "password = \"hunter2\"\npassword = \"hunter2\"",
        "pasword = \"hunter2\"",
        "[password]\nvalue = \"hunter2\"",
        "password_file = \"hunter2\"",
        "password_credential = \"hunter2:x\"",
        "password_credential = \"/hunter2\"",
        "password_file = \"~hunter2\"",
        "password_file = \"/../hunter2\"",
        "password_command = \"echo hunter2\"",
        "password_command = [\"echo hunter2\"]",
        "password_command = [\"./hunter2\"]",
        "url = \"rest:https://me:hunter2@host/\"",
        "url = \"https://me:hunter2@host/\"",
        "url = \"me:hunter2@host:/srv\"",
    ] {
        for fault in parse(text).unwrap_err() {
            assert!(
                !format!("{fault} {fault:?}").contains("hunter2"),
                "{text}: {fault}"
            );
        }
    }
}
