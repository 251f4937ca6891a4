use std::path::Path;

use backupd_dbus::ElapseProperties;
use insta::assert_snapshot;
use jiff::Timestamp;

use crate::{
    client::{Said, World, command, to_the_letter},
    fake::Answer,
    fixtures::{self, text},
};

/// Runs `schedule test` where there is no bus at all.
async fn test(arguments: &[&str]) -> Said {
    let arguments = [&["schedule", "test"], arguments].concat();
    to_the_letter(command(Path::new("/"), "unix:path=/nowhere", &arguments)).await
}

#[tokio::test]
async fn a_schedule_is_tried_without_a_daemon() {
    let from = ["--from", "2026-03-28T22:00:00Z", "--count", "2"];
    let zone = ["--timezone", "Europe/Berlin"];
    let said = test(&[&["4h", "--every", "--json"], &from[..], &zone[..]].concat()).await;
    assert_snapshot!(said.whole(), @r#"
    {
      "version": 1,
      "elapses": [
        "2026-03-29T04:00:00+02:00",
        "2026-03-29T08:00:00+02:00"
      ]
    }
    "#);
    let said = test(&[&["--every", "4h"], &from[..], &zone[..]].concat()).await;
    assert_snapshot!(said.whole(), @"
    `4h` is `every 4h`, on the clock of Europe/Berlin
      Sun 2026-03-29 04:00:00 CEST  4h later
      Sun 2026-03-29 08:00:00 CEST  8h later
    ");
}

#[tokio::test]
async fn what_the_clock_does_to_a_schedule_is_told() {
    let berlin = ["--timezone", "Europe/Berlin", "--count", "2", "--from"];
    let at = |text, from| [&[text], &berlin[..], &[from]].concat();
    assert_snapshot!(test(&at("02:30", "2026-03-28T12:00:00Z")).await.whole(), @"
    `02:30` is `*-*-* 02:30:00`, on the clock of Europe/Berlin
      Sun 2026-03-29 03:00:00 CEST  13h later
          02:30 does not exist on that day, the clock goes forward from 02:00 to 03:00; it runs at 03:00
      Mon 2026-03-30 02:30:00 CEST  36h later
    ");
    assert_snapshot!(test(&at("02:30", "2026-10-24T12:00:00Z")).await.whole(), @"
    `02:30` is `*-*-* 02:30:00`, on the clock of Europe/Berlin
      Sun 2026-10-25 02:30:00 CEST  12h later
          02:30 happens twice on that day; it runs the first time
      Mon 2026-10-26 02:30:00 CET   37h later
    ");
    let cron = [&at("30 2 * * *", "2026-03-28 12:00"), &["--cron", "--json"][..]].concat();
    assert_snapshot!(test(&cron).await.whole(), @r#"
    {
      "version": 1,
      "elapses": [
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:30:00+02:00"
      ]
    }
    "#);
    // An hour that the clock leaves out is lost to what elapses at its end too.
    assert_snapshot!(test(&at("*:0/30", "2026-03-29T00:40:00Z")).await.whole(), @"
    `*:0/30` is `*-*-* *:00/30:00`, on the clock of Europe/Berlin
      Sun 2026-03-29 03:00:00 CEST  20m later
      Sun 2026-03-29 03:30:00 CEST  50m later
    ");
    // Where the clock jumps over midnight, a day keeps what belongs to it.
    let nuuk = [
        "23:30",
        "--timezone",
        "America/Nuuk",
        "--from",
        "2026-03-27T12:00:00Z",
        "-n",
        "3",
    ];
    assert_snapshot!(test(&nuuk).await.whole(), @"
    `23:30` is `*-*-* 23:30:00`, on the clock of America/Nuuk
      Fri 2026-03-27 23:30:00 -02  13h later
      Sat 2026-03-28 22:59:59 -02  36h later
          23:30 does not exist on that day, the clock goes forward from 2026-03-28 23:00 to 2026-03-29 00:00; it runs at 22:59:59
      Sun 2026-03-29 23:30:00 -01  2d later
    ");
}

#[tokio::test]
async fn a_schedule_that_no_job_can_have_is_told_from_one_that_never_comes() {
    let from = ["--from", "2026-03-28T12:00:00Z", "--count", "2"];
    let at = |text| [&[text], &from[..]].concat();
    assert_snapshot!(test(&at("*:*:*")).await.whole(), @"
    `*:*:*` is `*-*-* *:*:*`, on the clock of UTC
      Sat 2026-03-28 12:00:01 UTC  1s later
      Sat 2026-03-28 12:00:02 UTC  2s later
    --- stderr
    a job cannot have this schedule: `*:*:*` elapses more often than once a minute
    ");
    assert_snapshot!(test(&at("2026-12-24 18:00 Europe/Berlin")).await.whole(), @"
    `2026-12-24 18:00 Europe/Berlin` is `2026-12-24 18:00:00 Europe/Berlin`, on the clock of Europe/Berlin
      Thu 2026-12-24 18:00:00 CET  271d later
    it does not elapse any more after that
    ");
    assert_snapshot!(test(&at("*-02-31")).await.whole(), @"
    --- stderr
    error: `*-02-31` never elapses: there is no such day
    hint: the last day of a month is written `*-*~01`, of February `*-02~01`
    --- exit 2
    ");
    assert_snapshot!(test(&at("2020-01-01")).await.whole(), @"
    --- stderr
    error: `2020-01-01` is all in the past
    hint: leave the year out, or write one that is to come
    --- exit 2
    ");
    assert_snapshot!(test(&[&at("*-02-31"), &["--json"][..]].concat()).await.whole(), @r#"
    --- stderr
    {"version":1,"error":{"name":"InvalidArgument","message":"`*-02-31` never elapses: there is no such day","hint":"the last day of a month is written `*-*~01`, of February `*-02~01`"}}
    --- exit 2
    "#);
}

#[tokio::test]
async fn a_schedule_that_is_none_is_wrong_usage() {
    assert_snapshot!(test(&["soon"]).await.whole(), @"
    --- stderr
    error: `soon` is no time
    hint: such as `daily at 02:00`, `weekdays at 18:00` or `every 4h`
    --- exit 2
    ");
    assert_snapshot!(test(&["4h", "--every", "--timezone", "Europe/Berln"]).await.whole(), @"
    --- stderr
    error: unknown time zone `Europe/Berln`
    hint: did you mean `Europe/Berlin`?
    --- exit 2
    ");
    assert_snapshot!(test(&["30 2 * * 1-5"]).await.whole(), @r#"
    --- stderr
    error: `30 2 * * 1-5` is a crontab line
    hint: say so: `schedule = { cron = "30 2 * * 1-5" }`, or `--cron` on the command line
    --- exit 2
    "#);
    assert_snapshot!(test(&["daily", "--cron"]).await.whole(), @"
    --- stderr
    error: a crontab line has five, six or seven fields, and `daily` has 1
    hint: it is read without `--cron`
    --- exit 2
    ");
    assert_snapshot!(test(&["0s", "--every"]).await.whole(), @"
    --- stderr
    error: `0s` is no time at all
    hint: write one such as `4h`
    --- exit 2
    ");
    assert_snapshot!(test(&["4h", "--every", "--from", "some day"]).await.whole(), @"
    --- stderr
    error: `--from`: `some day` is no time; write one such as `tomorrow 08:00`, `monday`, `18:00` or `2h`
    --- exit 2
    ");
    assert_eq!(test(&["4h", "--every", "--count", "0"]).await.code, 2);
    assert_eq!(test(&["soon", "--json"]).await.stdout, "");
}

#[tokio::test]
async fn the_timeline_in_json_has_what_ran_and_what_comes() {
    let world = World::new().await;
    world.fake.answer("ListElapses", elapses());
    let runs: Vec<_> = world.fake.state().runs.values().rev().cloned().collect();
    world.fake.answer("ListRuns", Answer::Runs(runs, String::new()));
    let said = world.run(&["schedule", "--json"]).await;
    assert_eq!(said.json()["past"][2]["id"], fixtures::BUSY_RUN);
    assert_snapshot!(said.stdout.split("\"elapses\"").nth(1).unwrap(), @r#"
    : [
        {
          "job": "mail",
          "operation": null,
          "repository": null,
          "at": "<time>",
          "zone": "UTC",
          "schedule": "hourly"
        },
        {
          "job": "home",
          "operation": null,
          "repository": null,
          "at": "<time>",
          "zone": "UTC",
          "schedule": "02:30"
        }
      ]
    }
    "#);
    let lines = world.run(&["schedule"]).await.stdout;
    assert_eq!(
        (lines.lines().count(), lines.contains("→ now")),
        (7, true),
        "{lines}"
    );
    let calls = world.fake.calls().join("\n");
    assert!(
        calls.contains(r#"ListRuns Backup1 {} {"limit": <uint32 5>}"#),
        "{calls}"
    );
}

fn elapses() -> Answer {
    let elapse = |job, at: &str, schedule| ElapseProperties {
        job_name: text(job),
        at_usec: u64::try_from(at.parse::<Timestamp>().unwrap().as_microsecond()).ok(),
        schedule: text(schedule),
        time_zone: text("UTC"),
        ..ElapseProperties::default()
    };
    Answer::Elapses(vec![
        elapse("mail", "2996-10-26T00:30:00Z", "hourly"),
        elapse("home", "2996-10-26T01:30:00Z", "02:30"),
    ])
}

#[tokio::test]
async fn the_timeline_can_be_cut() {
    let world = World::new().await;
    world.fake.answer("ListElapses", elapses());
    let asked = async |arguments: &[&str]| {
        world.fake.state().calls.clear();
        let said = world.run(arguments).await;
        assert_eq!(said.code, 0, "{}", said.stderr);
        world.fake.calls().join("\n")
    };
    let from_then = [
        "schedule",
        "home",
        "--from",
        "2996-10-26T00:00:00Z",
        "--until",
        "2996-10-28T00:00:00Z",
    ];
    assert_snapshot!(asked(&from_then).await, @r#"ListElapses Backup1 {"from-usec": <uint64 32403283200000000>, "job": <"home">, "limit": <uint32 10>, "until-usec": <uint64 32403456000000000>}"#);
    assert_snapshot!(asked(&["schedule", "--from", "2020-01-01T00:00:00Z", "--count", "0"]).await, @r#"ListRuns Backup1 {"since-usec": <uint64 1577836800000000>} {"limit": <uint32 1000>}"#);
    assert_snapshot!(asked(&["schedule", "--past", "0", "--count", "0"]).await, @"");
    let said = world.run(&["schedule", "hoem"]).await;
    assert_eq!(
        (said.code, said.stderr.contains("did you mean `home`?")),
        (6, true)
    );
}

#[tokio::test]
async fn without_schedules_it_says_where_they_are_written() {
    let world = World::new().await;
    assert_snapshot!(world.shown(&["schedule"]).await, @r#"
    --- stderr
    no job starts by itself; a job's file says when: `schedule = "daily"`
    "#);
    assert_snapshot!(world.shown(&["schedule", "home"]).await, @"
    --- stderr
    `home` does not start by itself; `backupctl why home` says why
    ");
}
