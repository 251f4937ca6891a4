//! What the table `retention` says when it is right.

use serde_json::{json, to_value};

use super::*;

/// The rules of a job with this line, as JSON; `null` where it has none.
fn rules(line: &str) -> serde_json::Value {
    let job = parse(&format!("{WHOLE}{line}\n")).unwrap();
    to_value(&job).unwrap()["retention"].clone()
}

#[test]
fn no_table_no_rules() {
    assert_eq!(rules(""), json!(null));
}

#[test]
fn all_keys_are_read() {
    let text = r#"
[retention]
keep_last = 1
keep_hourly = 2
keep_daily = 3
keep_weekly = 4
keep_monthly = 5
keep_quarterly = 6
keep_yearly = 7
keep_within = "36h"
keep_within_hourly = "2d"
keep_within_daily = "30d"
keep_within_weekly = "90d"
keep_within_monthly = "365d"
keep_within_quarterly = "800d"
keep_within_yearly = "36525d"
keep_tags = ["release", "before upgrade"]
max_count = 100
max_size = "500 GiB"
keep_minimum = 3
"#;
    assert_eq!(
        rules(text),
        json!({
            "keep_last": 1, "keep_hourly": 2, "keep_daily": 3, "keep_weekly": 4, "keep_monthly": 5,
            "keep_quarterly": 6, "keep_yearly": 7, "keep_within": "PT36H", "keep_within_hourly": "PT48H",
            "keep_within_daily": "PT720H", "keep_within_weekly": "PT2160H", "keep_within_monthly": "PT8760H",
            "keep_within_quarterly": "PT19200H", "keep_within_yearly": "PT876600H",
            "keep_tags": ["release", "before upgrade"], "max_count": 100, "max_size": 500_u64 << 30, "keep_minimum": 3,
        })
    );
}

#[test]
fn a_line_is_enough() {
    assert_eq!(
        rules("retention = { keep_daily = 7, keep_weekly = 5, keep_monthly = 12 }"),
        json!({ "keep_daily": 7, "keep_weekly": 5, "keep_monthly": 12 })
    );
    assert_eq!(
        rules("retention = { max_size = 1_000 }"),
        json!({ "max_size": 1000 })
    );
    assert_eq!(
        rules("retention = { keep_daily = 0, max_count = 5, keep_minimum = 5 }"),
        json!({ "max_count": 5, "keep_minimum": 5 })
    );
}

#[test]
fn days_are_another_way_to_write_a_span() {
    for (number, hours) in [(1, 24), (30, 720), (365, 8760), (1000, 24_000)] {
        assert_eq!(
            rules(&format!("retention = {{ keep_days = {number} }}")),
            rules(&format!("retention = {{ keep_within = \"{hours}h\" }}"))
        );
    }
}

#[test]
fn days_are_those_of_the_first_schedule() {
    let local = crate::schedule::parse_zone("Asia/Tokyo").unwrap();
    let zone = |line: &str| {
        let job = parse(&format!("{WHOLE}{line}\n")).unwrap();
        job.zone_or(&local).iana_name().unwrap().to_owned()
    };
    assert_eq!(zone(""), "Asia/Tokyo");
    assert_eq!(zone("schedule = \"02:00\""), "Asia/Tokyo");
    let first = "{ calendar = \"02:00\", timezone = \"Europe/Berlin\" }";
    assert_eq!(zone(&format!("schedule = [{first}, \"04:00\"]")), "Europe/Berlin");
    assert_eq!(zone("schedule = \"02:00 Europe/Paris\""), "Europe/Paris");
}

#[test]
fn an_edit_leaves_it_as_it_is() {
    let text = format!("{WHOLE}# mine\nretention = {{ keep_daily = 7 }} # a week\n");
    let disabled = crate::config::edit::set_enabled(&text, false).unwrap();
    assert!(disabled.starts_with(&text));
    let rules = parse(&disabled).unwrap().retention.unwrap();
    assert_eq!(rules.keep_daily, 7);
}
