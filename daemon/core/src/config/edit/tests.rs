use std::path::Path;

use insta::assert_snapshot;
use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::config::{
    Adopts, Credentials, EngineName, PasswordSource, Rate, Reach, Secret, Verify, parse_job, parse_repository,
};
use crate::retention::Rules;

#[test]
fn a_revision_is_the_beginning_of_the_sha_256() {
    assert_eq!(revision(""), "e3b0c44298fc1c14");
    assert_eq!(revision("abc"), "ba7816bf8f01cfea");
}

#[test]
fn enabling_changes_one_word() {
    for (text, off, on) in [
        ("enabled = true # why\n", Some("enabled = false # why\n"), None),
        (
            "a = 1\n  enabled=false\n# end",
            None,
            Some("a = 1\n  enabled=true\n# end"),
        ),
        ("", Some("enabled = false\n"), None),
        ("# a job\n", Some("enabled = false\n# a job\n"), None),
        ("a = 1", Some("a = 1\nenabled = false\n"), None),
        (
            "a = 1 # one\n\n# two\n[metadata]\nx = 1\n",
            Some("a = 1 # one\nenabled = false\n\n# two\n[metadata]\nx = 1\n"),
            None,
        ),
        (
            "a = [\n  1, # one\n] # list\r\n",
            Some("a = [\n  1, # one\n] # list\r\nenabled = false\r\n"),
            None,
        ),
        ("\u{feff}# x\n", Some("\u{feff}enabled = false\n# x\n"), None),
        (
            "m.x = 1\nm.y = 2\n",
            Some("enabled = false\nm.x = 1\nm.y = 2\n"),
            None,
        ),
        (
            "[metadata]\nenabled = true\n",
            Some("enabled = false\n[metadata]\nenabled = true\n"),
            None,
        ),
    ] {
        assert_eq!(set_enabled(text, false).unwrap(), off.unwrap_or(text), "{text}");
        assert_eq!(set_enabled(text, true).unwrap(), on.unwrap_or(text), "{text}");
    }
}

#[test]
fn what_is_no_toml_is_not_edited() {
    let show = |text| {
        set_enabled(text, true)
            .unwrap_err()
            .in_file(Path::new("a.toml"))
            .to_string()
    };
    assert_snapshot!(show("a = 1\nb = = 2\n"), @"a.toml:2:5: extra `=`, expected nothing");
    assert_snapshot!(show("enabled = \"yes\"\n"), @"
    a.toml:1:11: `enabled` is not a boolean
    hint: write `true` or `false`, without quotes
    ");
    assert_snapshot!(show("[enabled]\n"), @"
    a.toml:1:1: `enabled` is not a boolean
    hint: write `true` or `false`, without quotes
    ");
}

#[test]
fn a_new_file_explains_itself() {
    assert_snapshot!(render_job(&JobDraft::default()), @r#"
    # Where the snapshots go: the name of a file in `repositories.d`.
    #repository = "nas"

    # What is backed up; one of `optional_sources` may be missing.
    #sources = ["/home"]

    # What is left out.
    #exclude = ["**/.cache", "*.tmp"]

    # When it starts by itself: a time, `daily`, `weekdays at 18:00`, `every 4h`, or a list of them.
    #schedule = "02:00"

    # The job is late when its last good snapshot is older than this; `schedule` tells unless it is given.
    #max_age = "26h"

    # Which snapshots are kept; all of them without this. `backupctl retention preview` shows what goes.
    #retention = { keep_daily = 7, keep_weekly = 5, keep_monthly = 12 }
    "#);
    assert_snapshot!(render_repository(&RepositoryDraft::default()), @r#"
    # Where the repository is: the absolute path of a folder, or an address as restic writes it.
    #url = "/srv/backup"

    # Where its password comes from; secrets never stand in this file.
    #password_file = "/etc/backupd/secrets/NAME"
    "#);
    let draft = JobDraft {
        description: Some("What \"Alice\" made".into()),
        repository: Some("nas".parse().unwrap()),
        sources: vec!["/home".into()],
        exclude: (1..9)
            .map(|number| format!("/home/alice/scratch-{number}"))
            .collect(),
        exclude_larger_than: Some(1 << 30),
        schedule: vec!["weekdays at 18:00".into()],
        tags: vec!["daily".into()],
        verify: Some(Verify::None),
        enabled: Some(false),
        max_age: Some(SignedDuration::from_hours(26)),
        metadata: serde_json::from_str(r#"{"owner": "alice", "a b": {"x": [1, null, 0.5]}}"#).unwrap(),
        ..JobDraft::default()
    };
    assert_snapshot!(render_job(&draft), @r#"
    description = 'What "Alice" made'

    # Where the snapshots go: the name of a file in `repositories.d`.
    repository = "nas"

    # What is backed up; one of `optional_sources` may be missing.
    sources = ["/home"]

    # What is left out.
    exclude = [
        "/home/alice/scratch-1",
        "/home/alice/scratch-2",
        "/home/alice/scratch-3",
        "/home/alice/scratch-4",
        "/home/alice/scratch-5",
        "/home/alice/scratch-6",
        "/home/alice/scratch-7",
        "/home/alice/scratch-8",
    ]
    exclude_larger_than = "1 GiB"

    # When it starts by itself: a time, `daily`, `weekdays at 18:00`, `every 4h`, or a list of them.
    schedule = "weekdays at 18:00"

    # How it is stored.
    tags = ["daily"]
    verify = "none"

    # The job is late when its last good snapshot is older than this; `schedule` tells unless it is given.
    max_age = "26h"

    # Which snapshots are kept; all of them without this. `backupctl retention preview` shows what goes.
    #retention = { keep_daily = 7, keep_weekly = 5, keep_monthly = 12 }

    # A job that is not enabled is never started.
    enabled = false

    # Notes of your own; backupd only keeps them.
    [metadata]
    "a b" = { x = [1, 0.5] }
    owner = "alice"
    "#);
    let draft = RepositoryDraft {
        url: Some("/srv/backup".into()),
        password: Some(PasswordSource::Command(vec!["pass".into(), "show".into()])),
        engine: Some(EngineName::Embedded),
        ..RepositoryDraft::default()
    };
    assert_snapshot!(render_repository(&draft), @r#"
    # Where the repository is: the absolute path of a folder, or an address as restic writes it.
    url = "/srv/backup"

    # Where its password comes from; secrets never stand in this file.
    password_command = ["pass", "show"]

    # Who reads and writes it.
    engine = "embedded"
    "#);
}

#[test]
fn what_is_written_of_a_remote_place_is_read_back() {
    let credentials = Credentials::from([
        ("access_key_id".to_owned(), Secret::Name("AKIA".into())),
        (
            "secret_access_key".to_owned(),
            Secret::From(PasswordSource::File("/etc/backupd/secrets/s3".into())),
        ),
    ]);
    let mut reach = Reach {
        retries: Some(2),
        region: Some("eu-1".into()),
        ..Reach::default()
    };
    reach.limit.upload = Some(Rate::Bytes(5 << 20));
    let draft = RepositoryDraft {
        url: Some("s3:https://host/bucket".into()),
        password: Some(PasswordSource::File("/p".into())),
        credentials: credentials.clone(),
        reach: reach.clone(),
        ..RepositoryDraft::default()
    };
    let text = render_repository(&draft);
    let read = parse_repository(Path::new("x.toml"), &"x".parse().unwrap(), &text);
    let read = read.unwrap_or_else(|faults| panic!("{text}\n{faults:#?}"));
    assert_eq!((read.credentials, read.reach), (credentials, reach), "{text}");
    assert!(text.contains("limit = { upload = \"5 MiB/s\" }"), "{text}");
}

#[test]
fn another_password_source_changes_one_line() {
    let credential = PasswordSource::Credential("backupd-repository-nas".parse().unwrap());
    let line = "password_credential = \"backupd-repository-nas\"";
    for (text, expected) in [
        (
            "# nas\nurl = \"/srv\" # here\npassword_file = \"/pw\" # old\n\n# end\n",
            format!("# nas\nurl = \"/srv\" # here\n{line} # old\n\n# end\n"),
        ),
        (
            "password_command = [\n  'pass', # one\n  'show',\n]\r\nurl = '/srv'",
            format!("{line}\r\nurl = '/srv'"),
        ),
        (
            "  \"password_credential\"='x'\nurl='/srv'\n",
            format!("  {line}\nurl='/srv'\n"),
        ),
        ("url = '/srv'\n# end\n", format!("url = '/srv'\n{line}\n# end\n")),
    ] {
        let edited = set_password(text, &credential).unwrap();
        assert_eq!(edited, expected, "{text}");
        assert_eq!(set_password(&edited, &credential).unwrap(), edited);
        let repository = parse_repository(Path::new("x"), &"nas".parse().unwrap(), &edited).unwrap();
        assert_eq!(repository.password, credential);
    }
    let file = PasswordSource::File("/etc/a \"b\"".into());
    let edited = set_password("password_credential = 'x'\n", &file).unwrap();
    assert_eq!(edited, "password_file = '/etc/a \"b\"'\n");
    assert_snapshot!(set_password("a = = 1", &file).unwrap_err().in_file(Path::new("a.toml")), @"a.toml:1:5: extra `=`, expected nothing");
}

/// A text with anything in it that a value may hold.
fn words() -> impl Strategy<Value = String> {
    "[^\0\n\r,]{0,12}[a-z\"'\\\\#]"
}

fn paths(prefix: &'static str) -> impl Strategy<Value = Vec<String>> {
    prop::collection::btree_set("[^\0/]{0,8}[a-zä\"'\\\\# ]", 1..12).prop_map(move |names| {
        names
            .into_iter()
            .map(|name| format!("/{prefix}/{name}"))
            .collect()
    })
}

fn metadata() -> impl Strategy<Value = serde_json::Map<String, serde_json::Value>> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(serde_json::Value::from),
        words().prop_map(serde_json::Value::from),
    ];
    let value = leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[^\0]{0,6}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[^\0]{0,6}", value, 0..4).prop_map(|map| map.into_iter().collect())
}

proptest! {
    #[test]
    fn a_rendered_job_reads_back(
        (sources, optional_sources) in (paths("a"), paths("b")),
        exclude in prop::collection::vec(words(), 0..12),
        tag in words().prop_filter("ours", |tag| !tag.starts_with("job=")),
        (host, description) in (prop::option::of(words()), prop::option::of("[^\0]*")),
        (flag, other) in (prop::option::of(any::<bool>()), prop::option::of(any::<bool>())),
        compression in prop::option::of(0..=22),
        verify in prop::option::of(prop::sample::select(Verify::WORDS.map(|(_, verify)| verify).to_vec())),
        size in prop::option::of(1..i64::MAX.unsigned_abs()),
        age in prop::option::of((0..10_000_000_i64, 1..1_000_000_000_i32)),
        metadata in metadata(),
        adopted in prop::collection::btree_set((words(), prop::option::of("/[a-z\"'# ]{1,8}"), prop::option::of(prop::collection::vec(words().prop_filter("a job's", |tag| !tag.starts_with("job=")), 0..3))), 0..3),
        keep in prop::option::of((1..9_u32, 1..9_u32, 20..99_u32)),
        schedule in prop::sample::subsequence(vec!["02:00", "weekdays at 18:00", "every 4h", "*-*~01"], 0..=4),
    ) {
        let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let draft = JobDraft {
            schedule: strings(&schedule),
            groups: strings(&["nightly", "all"]),
            after: strings(&["db"]),
            repository: Some("nas".parse().unwrap()),
            sources, optional_sources, exclude, host, description, compression, verify, metadata,
            tags: vec![tag],
            include: vec!["*.x".into()],
            exclude_if_present: vec![".no".into()],
            exclude_caches: flag,
            one_file_system: other,
            enabled: other,
            exclude_larger_than: size,
            max_age: age.map(|(seconds, nanoseconds)| SignedDuration::new(seconds, nanoseconds)),
            retention: keep.map(|(keep_last, keep_daily, max_count)| Rules {
                keep_last,
                keep_daily,
                max_count: Some(max_count),
                keep_within: Some(SignedDuration::from_hours(48)),
                max_size: Some(1 << 30),
                ..Rules::default()
            }),
            package_upgrade: flag == Some(true),
            path_change: other == Some(true),
            adopts: adopted.iter().map(|(host, paths, tags)| Adopts { host: host.clone(), paths: paths.clone().map(|path| vec![path.into()]), tags: tags.clone() }).collect(),
        };
        let text = render_job(&draft);
        let job = parse_job(Path::new("x"), &"x".parse().unwrap(), &text);
        let job = job.map_err(|faults| TestCaseError::fail(format!("{faults:?}\n{text}")))?;
        let paths = |paths: &[std::path::PathBuf]| -> Vec<String> {
            paths.iter().map(|path| path.to_str().unwrap().to_owned()).collect()
        };
        let read = JobDraft {
            repository: Some(job.repository),
            sources: paths(&job.sources),
            optional_sources: paths(&job.optional_sources),
            schedule: job.schedules.into_iter().map(|schedule| schedule.text).collect(),
            groups: job.groups,
            after: job.after.iter().map(ToString::to_string).collect(),
            include: job.include,
            exclude: job.exclude,
            exclude_if_present: job.exclude_if_present,
            exclude_caches: flag.map(|_| job.exclude_caches),
            one_file_system: other.map(|_| job.one_file_system),
            enabled: other.map(|_| job.enabled),
            exclude_larger_than: job.exclude_larger_than,
            tags: job.tags,
            host: job.host,
            description: job.description,
            compression: job.compression,
            verify: draft.verify.map(|_| job.verify),
            max_age: job.max_age,
            retention: job.retention,
            package_upgrade: job.triggers.package_upgrade,
            path_change: job.triggers.path_change.is_some(),
            metadata: job.metadata,
            adopts: job.adopts,
        };
        prop_assert_eq!(read, draft);
    }

    #[test]
    fn a_rendered_repository_reads_back(
        url in "/[^\0/]{0,8}[a-z\"'\\\\# ]",
        words in prop::collection::vec("[^\0]*", 0..12),
        description in prop::option::of("[^\0]*"),
    ) {
        let command = std::iter::once("pass".to_owned()).chain(words).collect();
        let password = Some(PasswordSource::Command(command));
        let draft = RepositoryDraft { url: Some(url), password, engine: Some(EngineName::Embedded), description, ..RepositoryDraft::default() };
        let repository = parse_repository(Path::new("x"), &"x".parse().unwrap(), &render_repository(&draft)).unwrap();
        prop_assert_eq!(Some(repository.url), draft.url);
        prop_assert_eq!(Some(repository.password), draft.password);
        prop_assert_eq!(repository.description, draft.description);
    }

    #[test]
    fn what_is_edited_says_it_afterwards(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "enabled", "a", "b", " = ", "true", "false", "1", "[", "]", "{", "}", ",", ".", "\n", "\r\n", "# x", "\"",
                "\"enabled\"", "'''", " ", "\u{feff}", "\n[t]\n", "\nc = 2", "\nenabled = true", "d.e = 1\n",
            ]),
            0..16,
        ),
        enabled in any::<bool>(),
    ) {
        let text = tokens.concat();
        if let Ok(edited) = set_enabled(&text, enabled) {
            let table: toml::Table = edited.parse().map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
            prop_assert_eq!(table.get("enabled").and_then(toml::Value::as_bool).unwrap_or(true), enabled, "{}", text);
        }
    }

    #[test]
    fn set_enabled_keeps_every_other_line(
        lines in prop::collection::vec(
            prop::sample::select(vec!["", "# one", "  # zwei ä", "#", "tags = [ # x\n 'a', # y\n ] # z", "m.a = 1 # a", "host='''\n# no\n''' # q"]),
            0..12,
        ),
        place in prop::option::of(0..12_usize),
        start in any::<bool>(),
        table in any::<bool>(),
        end in any::<bool>(),
        enabled in any::<bool>(),
    ) {
        // Each key once only.
        let mut lines: Vec<&str> = lines.into_iter().scan(Vec::new(), |seen, line| {
            let again = line.contains('=') && seen.contains(&line);
            seen.push(line);
            Some(if again { "# again" } else { line })
        }).collect();
        let line = format!("\tenabled  =  {start}\t# why");
        if let Some(place) = place {
            lines.insert(place.min(lines.len()), &line);
        }
        if table {
            lines.extend(["# t", "[metadata] # u", "x = 1 # v", "enabled = 3"]);
            lines.retain(|line| *line != "m.a = 1 # a");
        }
        let text = lines.join("\n") + if end { "\n" } else { "" };
        let edited = set_enabled(&text, enabled).unwrap();
        let document: toml::Table = edited.parse().unwrap();
        prop_assert_eq!(document.get("enabled").and_then(toml::Value::as_bool).unwrap_or(true), enabled);
        let kept: Vec<&str> = edited.lines().filter(|line| *line != "enabled = false").collect();
        let expected = match place {
            Some(_) => text.replace(&line, &format!("\tenabled  =  {enabled}\t# why")),
            None => text.clone(),
        };
        prop_assert_eq!(kept, expected.lines().collect::<Vec<_>>());
        prop_assert_eq!(set_enabled(&edited, enabled).unwrap(), edited);
    }
}

#[test]
fn another_repository_takes_the_place_of_the_one_before() {
    let other = "offsite".parse().unwrap();
    let text = "# mine\nrepository = 'nas' # the old one\nsources = [\"/home\"]\n";
    let expected = "# mine\nrepository = \"offsite\" # the old one\nsources = [\"/home\"]\n";
    assert_eq!(set_repository(text, &other).unwrap(), expected);
    assert_eq!(set_repository("", &other).unwrap(), "repository = \"offsite\"\n");
    set_repository("repository = ", &other).unwrap_err();
}
