//! Files with something wrong in them, and what is said of it.

use insta::assert_snapshot;

use super::*;

/// The faults as a user reads them, without the file.
fn faults(text: &str) -> String {
    let faults = parse(text).expect_err("the text was accepted");
    let shown: Vec<String> = faults
        .into_iter()
        .map(|fault| fault.in_file(Path::new("")).to_string())
        .collect();
    shown.join("\n")
}

/// The only fault of a line that stands below a whole job: where in the line, what, and what to do.
fn fault_of(line: &str) -> String {
    let faults = parse(&format!("{WHOLE}{line}\n")).expect_err(line);
    let [fault] = faults.as_slice() else {
        panic!("{line}: not one fault: {faults:#?}")
    };
    assert_eq!(
        (fault.file.as_path(), fault.line),
        (Path::new(FILE), Some(3)),
        "{line}"
    );
    let hint = fault
        .hint
        .as_ref()
        .map_or_else(String::new, |hint| format!("\n    hint: {hint}"));
    format!("{}: {}{hint}", fault.column.unwrap(), fault.message)
}

fn faults_of(lines: &[&str]) -> String {
    lines
        .iter()
        .map(|line| format!("{line}\n  {}", fault_of(line)))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_wrong_type_says_what_was_expected() {
    let lines = [
        "tags = 5",
        "tags = \"a\"",
        "tags = [\"ä\", 5]",
        "host = [\"a\"]",
        "host = 2026-01-01",
        "enabled = \"yes\"",
        "metadata = 1.5",
        "verify = true",
        "max_age = 26",
        "exclude_larger_than = {}",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    tags = 5
      8: expected a list of strings, found an integer
        hint: write a list in brackets, such as `tags = ["…"]`
    tags = "a"
      8: expected a list of strings, found a string
        hint: write a list in brackets, such as `tags = ["…"]`
    tags = ["ä", 5]
      14: expected a list of strings, found an integer in it
    host = ["a"]
      8: expected a string, found a list
    host = 2026-01-01
      8: expected a string, found a date or time
    enabled = "yes"
      11: expected a boolean, found a string
        hint: write `true` or `false`, without quotes
    metadata = 1.5
      12: expected a table, found a float
    verify = true
      10: expected a string, found a boolean
    max_age = 26
      11: `26` has no unit; write a duration such as `90s`, `30m`, `26h` or `2d`
    exclude_larger_than = {}
      23: expected a string or an integer, found a table
    "#);
}

#[test]
fn a_wrong_path_is_answered_with_a_right_one() {
    let lines = [
        "optional_sources = [\"/a\", \"docs\"]",
        "optional_sources = [\"~/x\"]",
        "optional_sources = [\"$HOME\"]",
        "optional_sources = [\"/a/../b\"]",
        "optional_sources = [\"/a\\u0000\"]",
        "optional_sources = [\"/home//\"]",
        "exclude_if_present = [\"a/b\"]",
        "exclude_if_present = [\"..\"]",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    optional_sources = ["/a", "docs"]
      27: `docs` is not an absolute path
        hint: write the whole path, such as `/home/alice/Documents`
    optional_sources = ["~/x"]
      21: `~/x` is not an absolute path
        hint: `~` is not expanded: write the whole path, such as `/home/alice/Documents`
    optional_sources = ["$HOME"]
      21: `$HOME` is not an absolute path
        hint: variables are not expanded: write the whole path, such as `/home/alice/Documents`
    optional_sources = ["/a/../b"]
      21: `/a/../b` has a `..` in it
        hint: write the path that is meant: with symbolic links on the way `..` leads elsewhere
    optional_sources = ["/a\u0000"]
      21: a NUL character cannot stand here
    optional_sources = ["/home//"]
      21: `/home` stands in `sources` on line 2 already
        hint: remove one of the two
    exclude_if_present = ["a/b"]
      23: `a/b` is no plain file name
        hint: write the name of the marker file alone, such as `.nobackup`
    exclude_if_present = [".."]
      23: `..` is no plain file name
        hint: write the name of the marker file alone, such as `.nobackup`
    "#);
}

#[test]
fn a_wrong_value_has_its_place_and_its_advice() {
    let lines = [
        "exclude = [\"\"]",
        "exclude = [\"a\\nb\"]",
        "exclude_larger_than = -1",
        "exclude_larger_than = 0",
        "exclude_larger_than = \"big\"",
        "exclude_larger_than = 99999999999999999999",
        "tags = [\"\"]",
        "tags = [\"a,b\"]",
        "tags = [\"job=x\"]",
        "tags = [\"a\", \"a\"]",
        "host = \" \"",
        "compression = 23",
        "compression = -1",
        "compression = \"best\"",
        "verify = \"snapshots\"",
        "verify = \"everything\"",
        "max_age = \"0s\"",
        "max_age = \"-2h\"",
        "max_age = \"soon\"",
        "metadata = { a = [1, inf] }",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    exclude = [""]
      12: a pattern must not be empty
        hint: remove it
    exclude = ["a\nb"]
      12: a pattern must not have a line break
    exclude_larger_than = -1
      23: the size `-1` is negative
    exclude_larger_than = 0
      23: a limit of 0 bytes would leave out every file
        hint: remove it, or write a size such as `100 MiB`
    exclude_larger_than = "big"
      23: `big` is no size; write one such as `500 kB`, `100 MiB` or `2 GiB`
    exclude_larger_than = 99999999999999999999
      23: the number is too large
    tags = [""]
      9: a tag must not be empty
        hint: remove it
    tags = ["a,b"]
      9: the tag `a,b` has a comma in it
        hint: restic splits tags at commas: write two tags
    tags = ["job=x"]
      9: the tag `job=x` is reserved
        hint: remove it: backupd tags each snapshot with `job=NAME` itself
    tags = ["a", "a"]
      14: the tag `a` stands here twice
        hint: remove one of the two
    host = " "
      8: a host name must not be empty
        hint: remove it
    compression = 23
      15: `23` is no compression level
        hint: write a level from 0 to 22, `"off"` or `"max"`
    compression = -1
      15: `-1` is no compression level
        hint: write a level from 0 to 22, `"off"` or `"max"`
    compression = "best"
      15: `best` is no compression level
        hint: write a level from 0 to 22, `"off"` or `"max"`
    verify = "snapshots"
      10: `snapshots` is no way to verify a snapshot
        hint: did you mean `snapshot`?
    verify = "everything"
      10: `everything` is no way to verify a snapshot
        hint: write `none`, `snapshot` or `structure`
    max_age = "0s"
      11: `max_age` must be longer than nothing
        hint: write how old the last good snapshot may be, such as `26h`
    max_age = "-2h"
      11: `-2h` is negative
    max_age = "soon"
      11: `soon` is no duration; write one such as `90s`, `30m`, `26h` or `2d`
    metadata = { a = [1, inf] }
      22: a number must be finite and fit into 64 bits
    "#);
}

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
        hint: if `schedule` is meant, this version does not support it: remove it, and start the job from a systemd timer or cron with `backupctl start home --wait`
    [job]
      2: unknown key `job`
        hint: the keys are `repository`, `sources`, `optional_sources`, `include`, `exclude`, `exclude_if_present`, `exclude_caches`, `exclude_larger_than`, `one_file_system`, `tags`, `host`, `description`, `compression`, `verify`, `enabled`, `max_age`, `resources` and `metadata`
    "a\u001bb" = 1
      1: unknown key `a\u{1b}b`
        hint: the keys are `repository`, `sources`, `optional_sources`, `include`, `exclude`, `exclude_if_present`, `exclude_caches`, `exclude_larger_than`, `one_file_system`, `tags`, `host`, `description`, `compression`, `verify`, `enabled`, `max_age`, `resources` and `metadata`
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
schedule = { calendar = "02:00" }
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
    9:1: `schedule` is not supported by this version
    hint: remove it, and start the job from a systemd timer or cron with `backupctl start home --wait`
    10:1: unknown key `colour`
    hint: the keys are `repository`, `sources`, `optional_sources`, `include`, `exclude`, `exclude_if_present`, `exclude_caches`, `exclude_larger_than`, `one_file_system`, `tags`, `host`, `description`, `compression`, `verify`, `enabled`, `max_age`, `resources` and `metadata`
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

#[test]
fn resources_have_ranges_and_an_order() {
    let lines = [
        "resources = 3",
        "resources = { nice = 20 }",
        "resources = { nice = \"low\" }",
        "resources = { cpu_weight = 0 }",
        "resources = { io_weight = 10001 }",
        "resources = { memory_max = \"1 kB\" }",
        "resources = { memory_high = \"much\" }",
        "resources = { memory_high = \"2 GiB\", memory_max = \"1 GiB\" }",
        "resources = { max_runtime = 5 }",
        "resources = { max_runtime = \"0s\" }",
        "resources = { niec = 5 }",
        "resources = { x = 5 }",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    resources = 3
      13: expected a table, found an integer
        hint: write `[resources]` and its keys below
    resources = { nice = 20 }
      22: `20` is no niceness
        hint: write a number from -20 (before all others) to 19 (after all others)
    resources = { nice = "low" }
      22: `low` is no niceness
        hint: write a number from -20 (before all others) to 19 (after all others)
    resources = { cpu_weight = 0 }
      28: `0` is no weight
        hint: write a number from 1 to 10000; everybody else has 100
    resources = { io_weight = 10001 }
      27: `10001` is no weight
        hint: write a number from 1 to 10000; everybody else has 100
    resources = { memory_max = "1 kB" }
      28: no worker fits into 1 kB: a backup takes some 100 MiB and more
        hint: write a size such as `1 GiB`, or remove the key
    resources = { memory_high = "much" }
      29: `much` is no size; write one such as `500 kB`, `100 MiB` or `2 GiB`
    resources = { memory_high = "2 GiB", memory_max = "1 GiB" }
      29: `memory_high` is 2 GiB, more than `memory_max`, which is 1 GiB
        hint: from `memory_high` on the worker is slowed down, at `memory_max` it is killed
    resources = { max_runtime = 5 }
      29: `5` has no unit; write a duration such as `90s`, `30m`, `26h` or `2d`
    resources = { max_runtime = "0s" }
      29: `max_runtime` must be a second at least
        hint: write how long a backup may take, such as `6h`, or remove the key
    resources = { niec = 5 }
      15: unknown key `resources.niec`
        hint: did you mean `resources.nice`?
    resources = { x = 5 }
      15: unknown key `resources.x`
        hint: did you mean `resources.nice`?
    "#);
}
