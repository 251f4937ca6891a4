//! Faults of the table `retention`.

use super::*;

#[test]
fn counts_spans_and_sizes_have_ranges() {
    let lines = [
        "retention = 7",
        "retention = \"30d\"",
        "retention = { keep_daily = -1 }",
        "retention = { keep_daily = \"7\" }",
        "retention = { keep_last = 100001 }",
        "retention = { keep_yearly = 99999999999999999999 }",
        "retention = { keep_within = 30 }",
        "retention = { keep_within = \"1y\" }",
        "retention = { keep_within_daily = \"0d\" }",
        "retention = { keep_within_yearly = \"36526d\" }",
        "retention = { keep_days = 0 }",
        "retention = { keep_days = \"30d\" }",
        "retention = { keep_days = 36526 }",
        "retention = { max_count = 0 }",
        "retention = { max_size = 0 }",
        "retention = { max_size = \"much\" }",
        "retention = { keep_last = 1, keep_minimum = 0 }",
        "retention = { keep_last = 1, keep_tags = \"x\" }",
        "retention = { keep_last = 1, keep_tags = [\"a,b\"] }",
        "retention = { keep_last = 1, keep_tags = [\"job=home\"] }",
        "retention = { keep_last = 1, keep_tags = [\"x\", \"x\"] }",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    retention = 7
      13: expected a table, found an integer
        hint: write `[retention]` and its keys below
    retention = "30d"
      13: expected a table, found a string
        hint: write `[retention]` and its keys below
    retention = { keep_daily = -1 }
      28: `-1` is no value of `keep_daily`
        hint: write a number of snapshots from 0 to 100000, without quotes
    retention = { keep_daily = "7" }
      28: `7` is no value of `keep_daily`
        hint: write a number of snapshots from 0 to 100000, without quotes
    retention = { keep_last = 100001 }
      27: `100001` is no value of `keep_last`
        hint: write a number of snapshots from 0 to 100000, without quotes
    retention = { keep_yearly = 99999999999999999999 }
      29: the number is too large
    retention = { keep_within = 30 }
      29: `30` has no unit; write a duration such as `90s`, `30m`, `26h` or `2d`
    retention = { keep_within = "1y" }
      29: `1y` has months or years, which are not all of one length; write days, such as `30d`
    retention = { keep_within_daily = "0d" }
      35: `keep_within_daily` must be longer than nothing
        hint: write how far back snapshots are kept, such as `30d`, or remove it
    retention = { keep_within_yearly = "36526d" }
      36: `keep_within_yearly` is at most 36525d
        hint: to keep all snapshots, remove `retention`
    retention = { keep_days = 0 }
      27: `0` is no number of days
        hint: write a number of days from 1 to 36525; `keep_within` takes other spans, such as `36h`
    retention = { keep_days = "30d" }
      27: `30d` is no number of days
        hint: write a number of days from 1 to 36525; `keep_within` takes other spans, such as `36h`
    retention = { keep_days = 36526 }
      27: `36526` is no number of days
        hint: write a number of days from 1 to 36525; `keep_within` takes other spans, such as `36h`
    retention = { max_count = 0 }
      27: `0` is no value of `max_count`
        hint: write a number of snapshots from 1 to 100000, without quotes
    retention = { max_size = 0 }
      26: with a `max_size` of 0 bytes nothing could be kept
        hint: write how much the job's snapshots may add to the repository, such as `500 GiB`
    retention = { max_size = "much" }
      26: `much` is no size; write one such as `500 kB`, `100 MiB` or `2 GiB`
    retention = { keep_last = 1, keep_minimum = 0 }
      45: `0` is no value of `keep_minimum`
        hint: write a number of snapshots from 1 to 100000, without quotes
    retention = { keep_last = 1, keep_tags = "x" }
      42: expected a list of strings, found a string
        hint: write a list in brackets, such as `keep_tags = ["…"]`
    retention = { keep_last = 1, keep_tags = ["a,b"] }
      43: the tag `a,b` has a comma in it
        hint: restic splits tags at commas: write two tags
    retention = { keep_last = 1, keep_tags = ["job=home"] }
      43: the tag `job=home` is reserved
        hint: remove it: backupd tags each snapshot with `job=NAME` itself
    retention = { keep_last = 1, keep_tags = ["x", "x"] }
      48: the tag `x` stands here twice
        hint: remove one of the two
    "#);
}

#[test]
fn unknown_keys_are_told_alone() {
    let lines = [
        "retention = { keep_dialy = 7 }",
        "retention = { keep-last = 7 }",
        "retention = { daily = 7 }",
        "retention = { keep_minutely = 7 }",
        "retention = { colour = 7 }",
        "retension = { keep_daily = 7 }",
    ];
    assert_snapshot!(faults_of(&lines), @"
    retention = { keep_dialy = 7 }
      15: unknown key `retention.keep_dialy`
        hint: did you mean `keep_daily`?
    retention = { keep-last = 7 }
      15: unknown key `retention.keep-last`
        hint: did you mean `keep_last`?
    retention = { daily = 7 }
      15: unknown key `retention.daily`
        hint: the keys are `keep_last`, `keep_hourly`, `keep_daily`, `keep_weekly`, `keep_monthly`, `keep_quarterly`, `keep_yearly`, `keep_within`, `keep_days`, `keep_within_hourly`, `keep_within_daily`, `keep_within_weekly`, `keep_within_monthly`, `keep_within_quarterly`, `keep_within_yearly`, `keep_tags`, `max_count`, `max_size` and `keep_minimum`
    retention = { keep_minutely = 7 }
      15: unknown key `retention.keep_minutely`
        hint: did you mean `keep_monthly`?
    retention = { colour = 7 }
      15: unknown key `retention.colour`
        hint: the keys are `keep_last`, `keep_hourly`, `keep_daily`, `keep_weekly`, `keep_monthly`, `keep_quarterly`, `keep_yearly`, `keep_within`, `keep_days`, `keep_within_hourly`, `keep_within_daily`, `keep_within_weekly`, `keep_within_monthly`, `keep_within_quarterly`, `keep_within_yearly`, `keep_tags`, `max_count`, `max_size` and `keep_minimum`
    retension = { keep_daily = 7 }
      1: unknown key `retension`
        hint: did you mean `retention`?
    ");
}

#[test]
fn what_contradicts_itself_is_refused() {
    let lines = [
        "retention = { keep_within = \"30d\", keep_days = 30 }",
        "retention = { keep_within = \"30d\", keep_within_daily = \"30d\" }",
        "retention = { keep_days = 30, keep_within_hourly = \"7d\" }",
        "retention = { keep_daily = 30, max_count = 29 }",
        "retention = { keep_minimum = 3, max_count = 2 }",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    retention = { keep_within = "30d", keep_days = 30 }
      48: `keep_within` and `keep_days` exclude each other
        hint: remove one of the two: `keep_days = 30` is another way to write `keep_within = "30d"`
    retention = { keep_within = "30d", keep_within_daily = "30d" }
      56: `keep_within_daily` is without effect: `keep_within` keeps all snapshots of the last 30d
        hint: write a longer span, or remove it
    retention = { keep_days = 30, keep_within_hourly = "7d" }
      52: `keep_within_hourly` is without effect: `keep_days` keeps all snapshots of the last 30d
        hint: write a longer span, or remove it
    retention = { keep_daily = 30, max_count = 29 }
      44: `max_count` is 29, less than `keep_daily`, which is 30
        hint: `max_count` is how many snapshots all rules together keep at most: write more, or remove it
    retention = { keep_minimum = 3, max_count = 2 }
      45: `max_count` is 2, less than `keep_minimum`, which is 3
        hint: `max_count` is how many snapshots all rules together keep at most: write more, or remove it
    "#);
    assert_snapshot!(
        faults("repository = \"nas\"\nsources = [\"/x\"]\ntags = [\"daily\"]\nretention = { keep_last = 1, keep_tags = [\"daily\"] }"),
        @"
    4:43: each snapshot of the job has the tag `daily`, and so each would be kept
    hint: write a tag that only some snapshots have, or, to keep all of them, remove `retention`
    "
    );
}

#[test]
fn rules_that_keep_nothing_or_let_nothing_go_are_refused() {
    let lines = [
        "retention = {}",
        "[retention]",
        "retention = { keep_last = 0 }",
        "retention = { keep_daily = 0, keep_weekly = 0, keep_tags = [\"x\"] }",
        "retention = { keep_tags = [\"x\"] }",
        "retention = { keep_minimum = 3 }",
    ];
    // The heading of a table stands below the keys of the file.
    assert_snapshot!(faults_of(&lines), @r#"
    retention = {}
      13: `retention` is empty
        hint: write what is kept, such as `keep_daily = 7`; to keep all snapshots, remove `retention`
    [retention]
      1: `retention` is empty
        hint: write what is kept, such as `keep_daily = 7`; to keep all snapshots, remove `retention`
    retention = { keep_last = 0 }
      13: all counts are 0, and so none of them keeps a snapshot
        hint: write what is kept, such as `keep_daily = 7`; to keep all snapshots, remove `retention`
    retention = { keep_daily = 0, keep_weekly = 0, keep_tags = ["x"] }
      13: all counts are 0, and so none of them keeps a snapshot
        hint: write what is kept, such as `keep_daily = 7`; to keep all snapshots, remove `retention`
    retention = { keep_tags = ["x"] }
      13: `keep_tags` and `keep_minimum` alone say nothing of which snapshots go
        hint: write what is kept, such as `keep_daily = 7`; to keep all snapshots, remove `retention`
    retention = { keep_minimum = 3 }
      13: `keep_tags` and `keep_minimum` alone say nothing of which snapshots go
        hint: write what is kept, such as `keep_daily = 7`; to keep all snapshots, remove `retention`
    "#);
}

#[test]
fn all_faults_come_at_once() {
    assert_snapshot!(faults(r#"
repository = "nas"
sources = ["/home"]
[retention]
keep_daily = "seven"
keep_weekly = 50
keep_within = "30d"
keep_within_hourly = "1d"
keep_mothly = 12
max_count = 20
max_size = "big"
"#), @"
    5:14: `seven` is no value of `keep_daily`
    hint: write a number of snapshots from 0 to 100000, without quotes
    8:22: `keep_within_hourly` is without effect: `keep_within` keeps all snapshots of the last 30d
    hint: write a longer span, or remove it
    9:1: unknown key `retention.keep_mothly`
    hint: did you mean `keep_monthly`?
    10:13: `max_count` is 20, less than `keep_weekly`, which is 50
    hint: `max_count` is how many snapshots all rules together keep at most: write more, or remove it
    11:12: `big` is no size; write one such as `500 kB`, `100 MiB` or `2 GiB`
    ");
}
