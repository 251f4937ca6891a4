//! What the key `copies` says when it is right.

use super::*;

fn copies(text: &str) -> Vec<JobCopy> {
    parse(&format!("{WHOLE}{text}\n")).unwrap().copies
}

#[test]
fn names_tables_and_lists_of_tables_are_read() {
    assert_eq!(copies(""), []);
    let short = copies("copies = [\"cloud\", { to = \"disk\" }]");
    let names: Vec<_> = short.iter().map(|copy| copy.to.as_str()).collect();
    assert_eq!(names, ["cloud", "disk"]);
    assert!(
        short
            .iter()
            .all(|copy| copy.schedule.is_none() && copy.max_age.is_none() && copy.retry.is_none())
    );
    let long = copies(
        r#"
[[copies]]
to = "cloud"
schedule = { calendar = "Sun 04:00", timezone = "Europe/Berlin", jitter = "1h" }
max_age = "9d"
retry = { attempts = 1 }

[[copies]]
to = "disk"
schedule = "weekdays at 18:00"

[copies.retry]
attempts = 3
initial = "1m"
"#,
    );
    let [cloud, disk] = &long[..] else {
        panic!("{long:?}")
    };
    let schedule = cloud.schedule.as_ref().unwrap();
    assert_eq!(schedule.text, "Sun 04:00");
    assert_eq!(schedule.jitter, SignedDuration::from_hours(1));
    assert_eq!(cloud.max_age, Some(SignedDuration::from_hours(9 * 24)));
    assert_eq!(cloud.retry.as_ref().unwrap().attempts, 1);
    assert_eq!(disk.retry.as_ref().unwrap().attempts, 3);
    assert_eq!(disk.schedule.as_ref().unwrap().text, "weekdays at 18:00");
}
