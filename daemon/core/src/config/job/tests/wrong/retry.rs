//! Faults of the table `retry`.

use super::*;

#[test]
fn attempts_and_waits_have_ranges() {
    let lines = [
        "retry = 5",
        "retry = { attempts = 0 }",
        "retry = { attempts = 101 }",
        "retry = { attempts = \"five\" }",
        "retry = { initial = 30 }",
        "retry = { initial = \"0s\" }",
        "retry = { maximum = \"31d\" }",
        "retry = { deadline = \"soon\" }",
        "retry = { factor = 0.5 }",
        "retry = { factor = 11 }",
        "retry = { factor = nan }",
        "retry = { factor = \"2\" }",
        "retry = { factor = 99999999999999999999 }",
        "retry = { atempts = 3 }",
        "retry = { jitter = true }",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    retry = 5
      9: expected a table, found an integer
        hint: write `[retry]` and its keys below
    retry = { attempts = 0 }
      22: `0` is no number of attempts
        hint: write how often a run is tried in all, from 1 (never again) to 100
    retry = { attempts = 101 }
      22: `101` is no number of attempts
        hint: write how often a run is tried in all, from 1 (never again) to 100
    retry = { attempts = "five" }
      22: `five` is no number of attempts
        hint: write how often a run is tried in all, from 1 (never again) to 100
    retry = { initial = 30 }
      21: `30` has no unit; write a duration such as `90s`, `30m`, `26h` or `2d`
    retry = { initial = "0s" }
      21: `initial` must be longer than nothing
        hint: write a duration such as `30s`; `attempts = 1` is for jobs that are never tried again
    retry = { maximum = "31d" }
      21: `maximum` is at most 30d
        hint: leave it to the schedule to start the job again
    retry = { deadline = "soon" }
      22: `soon` is no duration; write one such as `90s`, `30m`, `26h` or `2d`
    retry = { factor = 0.5 }
      20: `0.5` is no factor
        hint: write a number from 1 (all waits alike) to 10; `2` doubles the wait from attempt to attempt
    retry = { factor = 11 }
      20: `11` is no factor
        hint: write a number from 1 (all waits alike) to 10; `2` doubles the wait from attempt to attempt
    retry = { factor = nan }
      20: `NaN` is no factor
        hint: write a number from 1 (all waits alike) to 10; `2` doubles the wait from attempt to attempt
    retry = { factor = "2" }
      20: expected a number, found a string
    retry = { factor = 99999999999999999999 }
      20: the number is too large
    retry = { atempts = 3 }
      11: unknown key `retry.atempts`
        hint: did you mean `attempts`?
    retry = { jitter = true }
      11: unknown key `retry.jitter`
        hint: the keys are `attempts`, `initial`, `factor`, `maximum` and `deadline`
    "#);
}

#[test]
fn what_contradicts_itself_is_refused() {
    let lines = [
        "retry = { attempts = 1, initial = \"1m\" }",
        "retry = { attempts = 1, factor = 2 }",
        "retry = { initial = \"1h\", maximum = \"30m\" }",
        "retry = { initial = \"1h\", deadline = \"10m\" }",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    retry = { attempts = 1, initial = "1m" }
      35: `initial` is without effect: a single attempt is not repeated
        hint: write more `attempts`, or remove it
    retry = { attempts = 1, factor = 2 }
      34: `factor` is without effect: a single attempt is not repeated
        hint: write more `attempts`, or remove it
    retry = { initial = "1h", maximum = "30m" }
      37: `maximum` is 30m, less than `initial`, which is 1h
        hint: `initial` is the longest wait after the first attempt; no wait is longer than `maximum`
    retry = { initial = "1h", deadline = "10m" }
      38: `deadline` is 10m, less than `initial`, which is 1h
        hint: `initial` is the longest wait after the first attempt; no attempt begins later than `deadline`
    "#);
}
