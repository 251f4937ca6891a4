use std::path::Path;

use insta::assert_snapshot;
use jiff::SignedDuration;

use super::*;
use crate::config::{Fault, parse_repository};

fn parse(lines: &str) -> Result<Care, Vec<Fault>> {
    let text = format!("url = \"/srv\"\npassword_file = \"/a\"\n{lines}\n");
    let file = Path::new("/etc/backupd/repositories.d/nas.toml");
    parse_repository(file, &"nas".parse().unwrap(), &text).map(|repository| repository.care)
}

fn faults(lines: &str) -> String {
    let faults = parse(lines).expect_err("the text was accepted");
    let shown = faults
        .into_iter()
        .map(|fault| fault.in_file(Path::new("")).to_string());
    shown.collect::<Vec<_>>().join("\n")
}

fn check_of(lines: &str) -> CheckCare {
    parse(lines).unwrap().check.unwrap()
}

fn prune_of(lines: &str) -> PruneCare {
    parse(lines).unwrap().prune.unwrap()
}

#[test]
fn nothing_is_cared_for_by_itself_unless_asked_for() {
    assert_eq!(parse("").unwrap(), Care::default());
}

#[test]
fn care_has_a_schedule_as_jobs_have() {
    let check = check_of("check = \"weekly\"");
    assert_eq!(
        (check.schedule.text.as_str(), check.read_data, check.max_runtime),
        ("weekly", ReadData::None, None)
    );
    let lines = "[check]\ncalendar = \"Sun 04:00\"\ntimezone = \"Europe/Berlin\"\njitter = \"10m\"\n\
                 read_data = \"1/12\"\nmax_runtime = \"2h\"";
    let check = check_of(lines);
    assert_eq!(check.schedule.jitter, SignedDuration::from_mins(10));
    assert_eq!(check.read_data, ReadData::Part(12));
    assert_eq!(check.max_runtime, Some(SignedDuration::from_hours(2)));
    let prune = prune_of("prune = { cron = \"0 5 * * 0\" }");
    assert_eq!(prune.work, PruneWork::default());
}

#[test]
fn data_is_read_in_parts_or_by_size() {
    for (text, expected) in [
        ("none", ReadData::None),
        ("0", ReadData::None),
        ("all", ReadData::All),
        ("1/1", ReadData::All),
        ("1/12", ReadData::Part(12)),
        ("1 / 1000", ReadData::Part(1000)),
        ("10 GiB", ReadData::Bytes(10 << 30)),
    ] {
        let check = check_of(&format!(
            "check = {{ calendar = \"daily\", read_data = \"{text}\" }}"
        ));
        assert_eq!(check.read_data, expected, "{text}");
    }
    for text in ["some", "2/12", "1/0", "1/x", "-1", "1/1001", "/2"] {
        parse(&format!(
            "check = {{ calendar = \"daily\", read_data = \"{text}\" }}"
        ))
        .expect_err(text);
    }
}

#[test]
fn a_prune_has_limits() {
    let lines = "[prune]\ncalendar = \"Sun 05:00\"\nmax_unused = \"10%\"\nmax_repack = \"5 GiB\"\nkeep_delete = \"2d\"";
    let prune = prune_of(lines);
    assert_eq!(prune.work.max_unused, MaxUnused::Percent(10));
    assert_eq!(prune.work.max_repack, Some(5 << 30));
    assert_eq!(prune.work.keep_delete, SignedDuration::from_hours(48));
    for (text, expected) in [
        ("unlimited", MaxUnused::Unlimited),
        ("0%", MaxUnused::Percent(0)),
        ("10 GiB", MaxUnused::Bytes(10 << 30)),
    ] {
        let prune = prune_of(&format!(
            "prune = {{ calendar = \"daily\", max_unused = \"{text}\" }}"
        ));
        assert_eq!(prune.work.max_unused, expected, "{text}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_its_place() {
    assert_snapshot!(faults(
        "check = [\"daily\", \"weekly\"]\nprune = { calendar = \"Feb 31\", max_unused = \"100%\", max_repack = \"much\" }"
    ), @"
    3:19: `check` has one schedule only
    hint: one calendar event can stand for many: `Mon,Thu 04:00`
    4:22: `Feb` is no day of the week, and months are numbers
    hint: `*-02-01` is the first day of that month, `*-02~01` its last
    4:45: `100%` does not say how much may be unused
    hint: write a part of the repository such as `5%`, a size such as `10 GiB`, or `unlimited`
    4:66: `much` is no size; write one such as `500 kB`, `100 MiB` or `2 GiB`
    ");
    assert_snapshot!(faults(
        "[check]\nread_data = 5\nmax_runtime = \"1s\"\n[prune]\ncalendar = \"daily\"\ncron = \"0 0 * * *\"\nkeep_delete = \"0s\"\nmax_unused = 3\nread_data = \"all\""
    ), @r#"
    3:1: `calendar`, `cron` or `every` is missing
    hint: write when, such as `calendar = "02:00"`
    4:13: `5` does not say how much data is read
    hint: write `none`, `all`, a part such as `1/12`, or a size such as `10 GiB`
    5:15: `max_runtime` is a minute at least
    hint: write after how long it stops, to go on the next time, such as `2h`
    8:8: `calendar` and `cron` exclude each other
    hint: leave one of the two
    9:15: `keep_delete` is a duration from `1h` to `90d`
    hint: write how long what nobody needs stays for those who may still read it; `23h` is as good as always right
    10:14: `3` does not say how much may be unused
    hint: write a part of the repository such as `5%`, a size such as `10 GiB`, or `unlimited`
    11:1: unknown key `prune.read_data`
    hint: the keys are `calendar`, `cron`, `every`, `timezone`, `jitter`, `window`, `catch_up`, `settle`, `max_unused`, `max_repack` and `keep_delete`
    "#);
    assert_snapshot!(faults("check = 5\nprune = \"sometimes\""), @r#"
    3:9: expected a string or a table, found an integer
    hint: write when, such as `check = "weekly"`, or a table
    4:9: `sometimes` is no time
    hint: such as `daily at 02:00`, `weekdays at 18:00` or `every 4h`
    "#);
}
