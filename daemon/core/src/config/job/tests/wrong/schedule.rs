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
        "schedule = { calendar = \"daily\", every = \"4h\" }",
        "schedule = { cron = \"30 2 * * *\", calendar = \"02:00\" }",
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
    schedule = { calendar = "daily", every = "4h" }
      42: `calendar` and `every` exclude each other
        hint: write a list of two tables: `schedule = [{ … }, { … }]`
    schedule = { cron = "30 2 * * *", calendar = "02:00" }
      21: `calendar` and `cron` exclude each other
        hint: write a list of two tables: `schedule = [{ … }, { … }]`
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

#[test]
fn a_time_that_cannot_be_read_is_refused() {
    let lines = [
        "schedule = \"\"",
        "schedule = \"at night\"",
        "schedule = \"25:00\"",
        "schedule = [\"02:00\", \"30 2 * * *\"]",
        "schedule = \"daly\"",
        "schedule = \"a\\u001b[31m\"",
        "schedule = { calendar = \"Mon..Fry 02:00\" }",
        "schedule = { calendar = \"*-02-30\" }",
        "schedule = { cron = \"61 2 * * *\" }",
        "schedule = { cron = \"2:00\" }",
        "schedule = { calendar = \"02:00\", timezone = \"Europe/Berln\" }",
        "schedule = { calendar = \"02:00\", timezone = \"berlin\" }",
        "schedule = { calendar = \"02:00\", timezone = \"Mars\" }",
        "schedule = { calendar = \"02:00\", jitter = 10 }",
        "schedule = { calendar = \"02:00\", window = \"22:00\" }",
        "schedule = { calendar = \"02:00\", window = \"22:00-26:00\" }",
        "schedule = { calendar = \"02:00\", catch_up = \"no\" }",
        "schedule = { calendar = \"02:00\", settle = \"2d\" }",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    schedule = ""
      12: `` is no time
        hint: such as `daily at 02:00`, `weekdays at 18:00` or `every 4h`
    schedule = "at night"
      12: `at night` is no time
        hint: such as `daily at 02:00`, `weekdays at 18:00` or `every 4h`
    schedule = "25:00"
      12: there is no hour `25`
        hint: hours go from 0 to 23
    schedule = ["02:00", "30 2 * * *"]
      22: `30 2 * * *` is a crontab line
        hint: say so: `schedule = { cron = "30 2 * * *" }`, or `--cron` on the command line
    schedule = "daly"
      12: `daly` is no time
        hint: such as `daily at 02:00`, `weekdays at 18:00` or `every 4h`
    schedule = "a\u001b[31m"
      12: `a\u{1b}[31m` is no time
        hint: such as `daily at 02:00`, `weekdays at 18:00` or `every 4h`
    schedule = { calendar = "Mon..Fry 02:00" }
      25: `Fry` is no day of the week
        hint: did you mean `Fri`?
    schedule = { calendar = "*-02-30" }
      25: `*-02-30` never elapses: there is no such day
        hint: the last day of a month is written `*-*~01`, of February `*-02~01`
    schedule = { cron = "61 2 * * *" }
      21: `61` is no minute
        hint: it goes from 0 to 59
    schedule = { cron = "2:00" }
      21: a crontab line has five, six or seven fields, and `2:00` has 1
        hint: five fields are minute, hour, day, month, day of the week: `30 2 * * 1-5`; six begin with seconds, seven end with years
    schedule = { calendar = "02:00", timezone = "Europe/Berln" }
      45: unknown time zone `Europe/Berln`
        hint: did you mean `Europe/Berlin`?
    schedule = { calendar = "02:00", timezone = "berlin" }
      45: unknown time zone `berlin`
        hint: did you mean `Europe/Berlin`?
    schedule = { calendar = "02:00", timezone = "Mars" }
      45: unknown time zone `Mars`
        hint: zones have names such as `Europe/Berlin` and `UTC`: `timedatectl list-timezones`
    schedule = { calendar = "02:00", jitter = 10 }
      43: `10` has no unit; write a duration such as `90s`, `30m`, `26h` or `2d`
    schedule = { calendar = "02:00", window = "22:00" }
      43: `22:00` is no window; write one such as `22:00-06:00` or `Mon..Fri 18:00-08:00, Sat,Sun 00:00-24:00`
    schedule = { calendar = "02:00", window = "22:00-26:00" }
      43: `22:00-26:00` is no window; write one such as `22:00-06:00` or `Mon..Fri 18:00-08:00, Sat,Sun 00:00-24:00`
    schedule = { calendar = "02:00", catch_up = "no" }
      45: expected a boolean, found a string
        hint: write `true` or `false`, without quotes
    schedule = { calendar = "02:00", settle = "2d" }
      43: `settle` is at most a day
        hint: write how long a machine that has started or woken up is left alone, such as `5m`
    "#);
}

#[test]
fn a_time_that_is_of_no_use_is_refused_at_the_key_that_makes_it_so() {
    let lines = [
        "schedule = \"Feb 31\"",
        "schedule = \"*-02-31\"",
        "schedule = \"2020-01-01 02:00\"",
        "schedule = \"*:*:0/10\"",
        "schedule = \"every 30s\"",
        "schedule = { cron = \"0 0 31 2 *\" }",
        "schedule = { every = \"59s\" }",
        "schedule = { calendar = \"hourly\", jitter = \"1h\" }",
        "schedule = { calendar = \"12:00\", window = \"22:00-06:00\" }",
        "schedule = { calendar = \"hourly\", jitter = \"2h\", window = \"12:00-12:30\" }",
        "schedule = { calendar = \"Mon 03:00\", timezone = \"Asia/Tokyo\", window = \"Sat,Sun 00:00-24:00\" }",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    schedule = "Feb 31"
      12: `Feb` is no day of the week, and months are numbers
        hint: `*-02-01` is the first day of that month, `*-02~01` its last
    schedule = "*-02-31"
      12: `*-02-31` never elapses: there is no such day
        hint: the last day of a month is written `*-*~01`, of February `*-02~01`
    schedule = "2020-01-01 02:00"
      12: `2020-01-01 02:00` is all in the past
        hint: leave the year out, or write one that is to come
    schedule = "*:*:0/10"
      12: `*:*:0/10` elapses more often than once a minute
        hint: leave the seconds out: `*:0/15` is each quarter of an hour
    schedule = "every 30s"
      12: `every 30s` elapses more often than once a minute
        hint: `every 1min` and longer will do
    schedule = { cron = "0 0 31 2 *" }
      21: `0 0 31 2 *` never elapses: there is no such day
        hint: the last day of a month is written `*-*~01`, of February `*-02~01`
    schedule = { every = "59s" }
      22: `every 59s` elapses more often than once a minute
        hint: `every 1min` and longer will do
    schedule = { calendar = "hourly", jitter = "1h" }
      44: a jitter of 1h is not shorter than the 1h between two elapses of `hourly`
        hint: a tenth of it does: `jitter = "6m"`
    schedule = { calendar = "12:00", window = "22:00-06:00" }
      43: `12:00` never falls into the window `22:00-06:00`
        hint: it opens on Thursday at 22:00: `22:00` would fit
    schedule = { calendar = "hourly", jitter = "2h", window = "12:00-12:30" }
      44: a jitter of 2h is not shorter than the 1h between two elapses of `hourly`
        hint: a tenth of it does: `jitter = "6m"`
    schedule = { calendar = "Mon 03:00", timezone = "Asia/Tokyo", window = "Sat,Sun 00:00-24:00" }
      72: `Mon 03:00` never falls into the window `Sat,Sun 00:00-24:00`
        hint: it opens on Saturday at 00:00: `Sat 00:00` would fit
    "#);
}

#[test]
fn what_is_without_effect_is_refused() {
    let lines = [
        "schedule = { calendar = \"02:00\", catch_up = false, settle = \"5m\" }",
        "schedule = { calendar = \"02:00 UTC\", timezone = \"Europe/Berlin\" }",
        "schedule = { every = \"4h\", timezone = \"Europe/Berlin\" }",
        "schedule = [\"02:00\", \"14:00\", \"02:00\"]",
        "schedule = [\"02:00\", { calendar = \"02:00\" }]",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    schedule = { calendar = "02:00", catch_up = false, settle = "5m" }
      61: `settle` is without effect beside `catch_up = false`
        hint: remove it: only what is caught up waits for the machine to settle
    schedule = { calendar = "02:00 UTC", timezone = "Europe/Berlin" }
      49: `timezone` is without effect: the calendar event names its own
        hint: remove it
    schedule = { every = "4h", timezone = "Europe/Berlin" }
      39: `timezone` is without effect: `every` counts hours that pass, alike in all zones
        hint: remove it
    schedule = ["02:00", "14:00", "02:00"]
      31: `02:00` stands here twice
        hint: remove one of the two
    schedule = ["02:00", { calendar = "02:00" }]
      22: `02:00` stands here twice
        hint: remove one of the two
    "#);
}

#[test]
fn schedules_are_not_endless() {
    let many = |count: u32| {
        let times: Vec<String> = (0..count)
            .map(|n| format!("\"{:02}:{:02}\"", n / 60, n % 60))
            .collect();
        format!("{WHOLE}schedule = [{}]\n", times.join(", "))
    };
    assert_eq!(parse(&many(64)).unwrap().schedules.len(), 64);
    assert_snapshot!(faults(&many(1000)), @"
    3:589: a job has at most 64 schedules
    hint: one calendar event can stand for many: `Mon..Fri 08..18:00/15`
    ");
    let long = format!("schedule = \"{}\"", "x".repeat(10_000));
    assert!(fault_of(&long).chars().count() < 1000);
}
