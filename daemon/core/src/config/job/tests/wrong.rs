//! Files with something wrong in them, and what is said of it.

use insta::assert_snapshot;

use super::*;

mod conditions;
mod copies;
mod file;
mod resources;
mod retention;
mod retry;
mod schedule;
mod triggers;

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
fn what_orders_runs_is_checked() {
    let lines = [
        "conflict = \"quee\"",
        "conflict = \"ignore\"",
        "conflict = true",
        "priority = \"higher\"",
        "priority = 5",
        "groups = \"nightly\"",
        "groups = [\"night ly\"]",
        "groups = [\"a\", \"b\", \"a\"]",
        "after = \"db\"",
        "after = [\"-db\"]",
        "after = [\"db\", \"db\"]",
        "after = [\"db\", \"home\"]",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    conflict = "quee"
      12: `quee` is no way out of a conflict
        hint: did you mean `queue`?
    conflict = "ignore"
      12: `ignore` is no way out of a conflict
        hint: write `queue`, `skip` or `replace`
    conflict = true
      12: expected a string, found a boolean
    priority = "higher"
      12: `higher` is no priority
        hint: did you mean `high`?
    priority = 5
      12: expected a string, found an integer
    groups = "nightly"
      10: expected a list of strings, found a string
        hint: write a list in brackets, such as `groups = ["…"]`
    groups = ["night ly"]
      11: `night ly` is no group name: a name is made of letters, digits, `-`, `_` and `.`, not of ` `
        hint: write a name such as `nightly`
    groups = ["a", "b", "a"]
      21: the group `a` stands here twice
        hint: remove one of the two
    after = "db"
      9: expected a list of strings, found a string
        hint: write a list in brackets, such as `after = ["…"]`
    after = ["-db"]
      10: `-db` is no job name: a name starts with a letter or a digit, not with `-`
        hint: write the name of a file in `jobs.d`, without `.toml`
    after = ["db", "db"]
      16: the job `db` stands here twice
        hint: remove one of the two
    after = ["db", "home"]
      16: the job `home` cannot wait for itself
        hint: remove it: two runs of one job are never at work at once
    "#);
}
