//! Faults of the file as a whole: its syntax, its keys, its size.

use super::*;

#[test]
fn an_unknown_key_is_a_fault() {
    let lines = [
        "source = [\"/x\"]",
        "  Exclude-Caches = true",
        "schedul = \"daily\"",
        "[job]",
        "\"a\\u001bb\" = 1",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    source = ["/x"]
      1: unknown key `source`
        hint: did you mean `sources`?
      Exclude-Caches = true
      3: unknown key `Exclude-Caches`
        hint: did you mean `exclude_caches`?
    schedul = "daily"
      1: unknown key `schedul`
        hint: did you mean `schedule`?
    [job]
      2: unknown key `job`
        hint: the keys are `repository`, `sources`, `optional_sources`, `include`, `exclude`, `exclude_if_present`, `exclude_caches`, `exclude_larger_than`, `one_file_system`, `tags`, `host`, `adopts`, `description`, `compression`, `verify`, `enabled`, `max_age`, `schedule`, `conflict`, `retention`, `copies`, `retry`, `conditions`, `triggers`, `groups`, `after`, `priority`, `resources` and `metadata`
    "a\u001bb" = 1
      1: unknown key `a\u{1b}b`
        hint: the keys are `repository`, `sources`, `optional_sources`, `include`, `exclude`, `exclude_if_present`, `exclude_caches`, `exclude_larger_than`, `one_file_system`, `tags`, `host`, `adopts`, `description`, `compression`, `verify`, `enabled`, `max_age`, `schedule`, `conflict`, `retention`, `copies`, `retry`, `conditions`, `triggers`, `groups`, `after`, `priority`, `resources` and `metadata`
    "#);
}

#[test]
fn broken_syntax_has_its_place() {
    let lines = [
        "tags = [\"a\"",
        "tags = = 5",
        "tags",
        "\"\" 5",
        "host = \"a",
        "sources = []",
        "metadata = { a = 1, a = 2 }",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    tags = ["a"
      12: unclosed array, expected `]`
    tags = = 5
      8: extra `=`, expected nothing
    tags
      5: key with no value, expected `=`
    "" 5
      4: key with no value, expected `=`
    host = "a
      10: invalid basic string, expected `"`
    sources = []
      1: duplicate key `sources`
    metadata = { a = 1, a = 2 }
      21: duplicate key `a`
    "#);
}

#[test]
fn keys_of_later_versions_are_named_as_such() {
    for (key, _) in unsupported::JOB {
        let fault = fault_of(&format!("{key} = {{ x = 1 }}"));
        let start = format!("1: `{key}` is not supported by this version\n    hint: remove it");
        assert!(fault.starts_with(&start) && !fault.contains("NAME"), "{fault}");
    }
}

#[test]
fn an_empty_file_lacks_two_things() {
    assert_snapshot!(faults(""), @r#"
    `repository` is missing
    hint: write `repository = "NAME"`; `backupctl repository list` shows the names
    `sources` is missing
    hint: write what is to be backed up, such as `sources = ["/home"]`
    "#);
    assert_snapshot!(faults("repository = \"a b\"\nsources = []"), @r#"
    1:14: `a b` is no repository name: a name is made of letters, digits, `-`, `_` and `.`, not of ` `
    hint: write the name of a file in `repositories.d`, without `.toml`
    2:11: a job needs at least one source
    hint: write what is to be backed up, such as `sources = ["/home"]`
    "#);
}

#[test]
fn all_faults_of_a_file_come_at_once() {
    assert_snapshot!(faults(r#"
repositry = "nas"
sources = ["home", "/etc", 5]
exclude = "*.tmp"
tags = ["a,b"]
compression = 99
verify = "snapshto"
max_age = "1 month"
schedule = { calendar = "26:00" }
colour = "blue"
"#), @r#"
    2:1: unknown key `repositry`
    hint: did you mean `repository`?
    3:12: `home` is not an absolute path
    hint: write the whole path, such as `/home/alice/Documents`
    3:28: expected a list of strings, found an integer in it
    4:11: expected a list of strings, found a string
    hint: write a list in brackets, such as `exclude = ["…"]`
    5:9: the tag `a,b` has a comma in it
    hint: restic splits tags at commas: write two tags
    6:15: `99` is no compression level
    hint: write a level from 0 to 22, `"off"` or `"max"`
    7:10: `snapshto` is no way to verify a snapshot
    hint: did you mean `snapshot`?
    8:11: `1 month` has months or years, which are not all of one length; write days, such as `30d`
    9:25: there is no hour `26`
    hint: hours go from 0 to 23
    10:1: unknown key `colour`
    hint: the keys are `repository`, `sources`, `optional_sources`, `include`, `exclude`, `exclude_if_present`, `exclude_caches`, `exclude_larger_than`, `one_file_system`, `tags`, `host`, `adopts`, `description`, `compression`, `verify`, `enabled`, `max_age`, `schedule`, `conflict`, `retention`, `copies`, `retry`, `conditions`, `triggers`, `groups`, `after`, `priority`, `resources` and `metadata`
    `repository` is missing
    hint: write `repository = "NAME"`; `backupctl repository list` shows the names
    "#);
}

#[test]
fn broken_syntax_hides_no_other_fault() {
    assert_snapshot!(faults("repository = \"nas\nsources = [\"home\"]\ntags = = 5\nverify = \"x\"\nverify = \"none\"\n"), @r#"
    1:18: invalid basic string, expected `"`
    2:12: `home` is not an absolute path
    hint: write the whole path, such as `/home/alice/Documents`
    3:8: extra `=`, expected nothing
    4:10: `x` is no way to verify a snapshot
    hint: write `none`, `snapshot` or `structure`
    5:1: duplicate key `verify`
    "#);
    assert_snapshot!(faults("repository nas\n"), @"1:12: key with no value, expected `=`");
}

#[test]
fn a_huge_file_is_not_read() {
    let text = format!("{WHOLE}# {}", "x".repeat(1 << 20));
    assert_snapshot!(faults(&text), @"the file is larger than 1048576 bytes");
}

#[test]
fn depth_is_bounded() {
    for deep in [
        format!("metadata = {}{}", "[".repeat(50_000), "]".repeat(50_000)),
        format!(
            "metadata = {}x = 1{}",
            "{ x = ".repeat(50_000),
            "}".repeat(50_000)
        ),
        format!("metadata.{}x = 1", "x.".repeat(50_000)),
        format!("[metadata.{}x]", "x.".repeat(50_000)),
    ] {
        let start: String = deep.chars().take(20).collect();
        assert!(parse(&format!("{WHOLE}{deep}\n")).is_err(), "{start}");
        assert!(crate::config::edit::set_enabled(&deep, false).is_err(), "{start}");
    }
}
