//! Faults of `schedule`.

use super::*;

#[test]
fn a_schedule_says_when_once() {
    let lines = [
        "schedule = 5",
        "schedule = [{ every = \"4h\" }, 5]",
        "schedule = {}",
        "schedule = { jitter = \"10m\" }",
        "schedule = { every = 4 }",
        "schedule = { every = \"0s\" }",
        "schedule = { every = \"4h\", setle = \"5m\" }",
        "schedule = { every = \"4h\", tz = \"UTC\" }",
        "schedule = { every = \"4h\", repeat = 5 }",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    schedule = 5
      12: expected a string or a table, found an integer
        hint: write when it runs, such as `schedule = "daily at 02:00"` or `schedule = { calendar = "Mon..Fri 02:00" }`
    schedule = [{ every = "4h" }, 5]
      31: expected a string or a table, found an integer
        hint: write when it runs, such as `schedule = "daily at 02:00"` or `schedule = { calendar = "Mon..Fri 02:00" }`
    schedule = {}
      12: `calendar`, `cron` or `every` is missing
        hint: write when, such as `calendar = "02:00"`
    schedule = { jitter = "10m" }
      12: `calendar`, `cron` or `every` is missing
        hint: write when, such as `calendar = "02:00"`
    schedule = { every = 4 }
      22: `4` has no unit; write a duration such as `90s`, `30m`, `26h` or `2d`
    schedule = { every = "0s" }
      22: `every` must be longer than nothing
        hint: write a duration such as `4h`
    schedule = { every = "4h", setle = "5m" }
      28: unknown key `schedule.setle`
        hint: did you mean `settle`?
    schedule = { every = "4h", tz = "UTC" }
      28: unknown key `schedule.tz`
        hint: the keys are `calendar`, `cron`, `every`, `timezone`, `jitter`, `window`, `catch_up` and `settle`
    schedule = { every = "4h", repeat = 5 }
      28: unknown key `schedule.repeat`
        hint: the keys are `calendar`, `cron`, `every`, `timezone`, `jitter`, `window`, `catch_up` and `settle`
    "#);
}
