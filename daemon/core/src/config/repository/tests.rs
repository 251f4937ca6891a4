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

const PLACES: [(&str, PlaceKind); 12] = [
    ("sftp:backup@nas:/srv/backup", PlaceKind::Sftp),
    ("sftp://backup@nas:2222//srv/backup", PlaceKind::Sftp),
    ("sftp:nas:backup", PlaceKind::Sftp),
    ("rest:https://nas:8000/backup/", PlaceKind::Rest),
    ("s3:https://s3.example.com/bucket/path", PlaceKind::S3),
    ("s3:s3.amazonaws.com/bucket", PlaceKind::S3),
    ("s3:http://[::1]:9000/bucket", PlaceKind::S3),
    ("webdav:https://dav.example.com/backup", PlaceKind::WebDav),
    ("rclone:cloud:backup", PlaceKind::Rclone),
    ("azure:container:/backup", PlaceKind::Azure),
    ("gs:bucket:/", PlaceKind::Google),
    ("b2:bucket:backup", PlaceKind::Backblaze),
];

#[test]
fn addresses_are_those_of_restic() {
    for (url, kind) in PLACES {
        let more = match kind {
            PlaceKind::Azure => "credentials = { account_name = \"a\", account_sas_file = \"/s\" }",
            PlaceKind::Backblaze => "region = \"us-west-004\"",
            _ => "",
        };
        let text = format!("url = \"{url}\"\npassword_file = \"/p\"\n{more}\n");
        let repository = parse(&text).unwrap_or_else(|faults| panic!("{url}: {faults:#?}"));
        assert_eq!((&*repository.url, PlaceKind::of(url)), (url, kind));
        assert_eq!(repository.local_path(), None);
    }
}

#[test]
fn addresses_that_are_none_are_refused_and_never_repeated() {
    for (url, says) in [
        ("sftp:user:hunter2@host:/x", "holds a password"),
        ("sftp://user:hunter2@host//x", "holds a password"),
        ("sftp:-oProxyCommand=hunter2:/x", "names no host"),
        ("sftp:hunter2", "has no path"),
        (
            "rest:https://user:hunter2@host/x",
            "holds a user name or a password",
        ),
        (
            "s3:https://hunter2@host/bucket",
            "holds a user name or a password",
        ),
        ("webdav:ftp://hunter2", "is neither"),
        ("s3:https://hunter2", "names no bucket"),
        ("rclone::sftp,pass=hunter2:x", "names no remote"),
        ("swift:hunter2:/x", "`swift:` is not supported"),
        ("gs::/hunter2", "names no bucket"),
        ("gs:bucket:/../hunter2", "has no path in the bucket"),
        ("ssftp:hunter2:/x", "the value is not an absolute path"),
    ] {
        let faults = parse(&format!("url = \"{url}\"\npassword_file = \"/p\"\n")).expect_err(url);
        let [fault] = faults.as_slice() else {
            panic!("{faults:#?}")
        };
        assert!(fault.message.contains(says), "{url}: {}", fault.message);
        assert!(
            fault.hint.is_some() && !format!("{fault:?}").contains("hunter2"),
            "{fault:?}"
        );
    }
}

#[test]
fn credentials_name_the_sources_of_secrets() {
    let repository = parse(
        "url = \"s3:https://host/bucket\"\npassword_file = \"/p\"\ntimeout = \"30s\"\nretries = 2\n\
         region = \"eu-1\"\nca_file = \"/ca.pem\"\n\
         [credentials]\naccess_key_id = \"AKIA\"\nsecret_access_key_command = [\"pass\", \"s3\"]\n\
         [limit]\nupload = \"1 MiB/s\"\n\
         [[limit.times]]\nwindow = \"22:00-06:00\"\nupload = \"none\"\n",
    )
    .unwrap();
    let command = PasswordSource::Command(vec!["pass".into(), "s3".into()]);
    assert_eq!(
        repository.credentials["access_key_id"],
        Secret::Name("AKIA".into())
    );
    assert_eq!(repository.credentials["secret_access_key"], Secret::From(command));
    assert_eq!(repository.reach.limit.upload, Some(Rate::Bytes(1 << 20)));
    assert_eq!(repository.reach.limit.times[0].upload, Some(Rate::Unlimited));
    assert_eq!(repository.reach.retries, Some(2));
    let json = serde_json::to_value(&repository.reach).unwrap();
    assert_eq!(serde_json::from_value::<Reach>(json).unwrap(), repository.reach);

    let repository = parse(
        "url = \"sftp:nas:/x\"\npassword_file = \"/p\"\nssh = { key = \"/k\", known_hosts = \"/h\" }\n",
    )
    .unwrap();
    assert_eq!(repository.reach.ssh_key, Some("/k".into()));
}

#[test]
fn keys_of_another_kind_of_place_are_faults() {
    for (url, lines, says) in [
        (
            "/srv",
            "timeout = \"5s\"",
            "`timeout` is without effect for a folder of this machine",
        ),
        (
            "/srv",
            "[limit]\nupload = \"1 MiB/s\"",
            "`limit` is without effect",
        ),
        (
            "sftp:nas:/x",
            "region = \"eu\"",
            "`region` is without effect for `sftp:`",
        ),
        (
            "rest:https://h/",
            "[ssh]\nkey = \"/k\"",
            "`ssh` is without effect for `rest:`",
        ),
        (
            "sftp:nas:/x",
            "[credentials]\nusername = \"me\"\npassword_file = \"/p\"",
            "`credentials` is without effect",
        ),
        (
            "rest:https://h/",
            "[credentials]\nusername = \"me\"",
            "without a source of its secret",
        ),
        (
            "rest:https://h/",
            "[credentials]\npassword_file = \"/p\"",
            "`username` is missing",
        ),
        (
            "rest:https://h/",
            "[credentials]\nusername = \"me\"\npassword = \"hunter2\"",
            "`password` is refused",
        ),
        (
            "rest:https://h/",
            "[credentials]\naccess_key_id = \"me\"\nsecret_access_key_file = \"/p\"",
            "`credentials.access_key_id` is without effect",
        ),
        ("azure:c:/", "", "`account_name` is missing"),
        (
            "azure:c:/",
            "[credentials]\naccount_name = \"a\"",
            "`account_name` is without a source of its secret",
        ),
        (
            "azure:c:/",
            "[credentials]\naccount_name = \"a\"\naccount_key_file = \"/k\"\naccount_sas_file = \"/s\"",
            "`account_key` and `account_sas` exclude each other",
        ),
        ("b2:b:x", "", "`region` is missing"),
        (
            "gs:b:/",
            "region = \"eu\"",
            "`region` is without effect for `gs:`",
        ),
        (
            "gs:b:/",
            "endpoint = \"https://u:hunter2@h\"",
            "no address of a service",
        ),
        (
            "s3:https://h/b",
            "endpoint = \"https://h\"",
            "`endpoint` is without effect for `s3:`",
        ),
        ("s3:https://h/b", "[limit]\nupload = 5", "no bandwidth"),
        ("s3:https://h/b", "[limit]\nupload = \"5 MiB\"", "no bandwidth"),
        (
            "s3:https://h/b",
            "[limit]\nupload = \"10 B/s\"",
            "less than 1 KiB/s",
        ),
        (
            "s3:https://h/b",
            "[[limit.times]]\nupload = \"5 MiB/s\"",
            "the window is missing",
        ),
        (
            "s3:https://h/b",
            "[[limit.times]]\nwindow = \"08:00-09:00\"",
            "limits nothing",
        ),
        ("s3:https://h/b", "timeout = \"2h\"", "no sensible timeout"),
        ("s3:https://h/b", "retries = 101", "no number of retries"),
    ] {
        let faults = parse(&format!("url = \"{url}\"\npassword_file = \"/p\"\n{lines}\n")).expect_err(lines);
        let [fault] = faults.as_slice() else {
            panic!("{lines}: {faults:#?}")
        };
        assert!(fault.message.contains(says), "{lines}: {}", fault.message);
        assert!(!format!("{fault:?}").contains("hunter2"), "{fault:?}");
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
url = "SWIFT:me@nas:/srv"
password_file = "/a"
password_command = ["pass"]
password_credential = "nas"
engine = "Restic"
check = { calendar = "Sun 04:00" }
lock = 3
pasword = "hunter2"
"#), @r#"
    2:7: `swift:` is not supported by this version
    hint: rclone reaches it: `url = "rclone:REMOTE:PATH"`
    5:23: `password_file`, `password_command` and `password_credential` exclude each other
    hint: leave one of them
    6:10: `Restic` is no engine
    hint: did you mean `restic`?
    8:1: `lock` is not supported by this version
    hint: remove it; locks are kept as restic keeps them
    9:1: unknown key `pasword`
    hint: did you mean `password_file`?
    "#);
    assert_snapshot!(faults("url = \"/srv\"\npassword_file = \"/a\"\nengine = \"rustic\"\nlimit = 5\n[lock]"), @"
    3:10: `rustic` is no engine
    hint: did you mean `restic`?
    4:9: expected a table, found an integer
    hint: write `[limit]` and its keys below
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

#[test]
fn the_room_that_it_may_use_is_a_size() {
    let room = |lines: &str| {
        parse(&format!("url = \"/srv\"\npassword_file = \"/pw\"\n{lines}"))
            .unwrap()
            .room
    };
    assert_eq!(room(""), Room::default());
    let said = room("reserve = \"1 GiB\"\nquota = \"500 GB\"\n");
    assert_eq!((said.reserve, said.quota), (Some(1 << 30), Some(500_000_000_000)));
    assert_eq!(room("reserve = 0\n").reserve, Some(0));
    let wrong = [
        "reserve = \"much\"",
        "reserve = -1",
        "quota = \"1 kB\"",
        "quota = true",
    ];
    let wrong = wrong.map(|line| faults(&format!("{line}\nurl = \"/srv\"\npassword_file = \"/pw\"\n")));
    assert_snapshot!(wrong.join("\n"), @r"
    1:11: `much` is no size; write one such as `500 kB`, `100 MiB` or `2 GiB`
    1:11: the size `-1` is negative
    1:9: `quota` is 1 MiB at least
    hint: write how large the repository may become, such as `500 GiB`, or remove the key
    1:9: expected a string or an integer, found a boolean
    ");
}

#[test]
fn what_restic_cannot_do_is_refused() {
    assert_snapshot!(faults(r#"
url = "webdav:https://dav.example/x"
password_file = "/a"
engine = "restic"
prune = { calendar = "Sun 05:00", keep_delete = "2d" }
"#), @r#"
    4:10: restic knows no WebDAV
    hint: remove the key, or use a remote of rclone: `url = "rclone:REMOTE:PATH"`
    5:49: the engine `restic` removes at once what no snapshot needs, and knows no `keep_delete`
    hint: remove the key; what is forgotten can be brought back until the next prune
    "#);
    let google = "url = \"gs:b:/\"\npassword_file = \"/a\"\nengine = \"restic\"\nendpoint = \"https://h\"\n\
                  [credentials]\nservice_account_file = \"/k\"\n";
    let said = faults(google);
    assert!(
        said.contains("no other address") && said.contains("service account"),
        "{said}"
    );
    let text =
        "url = \"/srv\"\npassword_file = \"/a\"\nengine = \"restic\"\n[prune]\ncalendar = \"Sun 05:00\"\n";
    assert_eq!(parse(text).unwrap().engine, EngineName::Restic);
}

#[test]
fn locks_of_others_are_waited_for_as_long_as_is_said() {
    let base = "url = \"/srv/b\"\npassword_file = \"/p\"\n";
    assert_eq!(parse(base).unwrap().lock_wait, SignedDuration::from_mins(5));
    for (text, waited) in [
        ("0s", SignedDuration::ZERO),
        ("90m", SignedDuration::from_mins(90)),
        ("1d", SignedDuration::from_hours(24)),
    ] {
        let text = format!("{base}lock_wait = \"{text}\"\n");
        assert_eq!(parse(&text).unwrap().lock_wait, waited, "{text}");
    }
    for (value, said) in [
        ("5", "3:13: a number without a unit is no duration"),
        ("\"25h\"", "3:13: `25h` is longer than a day"),
        ("\"soon\"", "3:13: "),
    ] {
        let faults = faults(&format!("{base}lock_wait = {value}\n"));
        assert!(faults.contains(said), "{faults}");
    }
}
