use proptest::prelude::*;

use super::*;
use crate::config::Position;

mod adopts;
mod copies;
mod retention;
mod time;
mod wrong;

const FILE: &str = "/etc/backupd/jobs.d/home.toml";
const WHOLE: &str = "repository = \"nas\"\nsources = [\"/home\"]\n";

fn parse(text: &str) -> Result<Job, Vec<Fault>> {
    parse_job(Path::new(FILE), &"home".parse().unwrap(), text)
}

#[test]
fn a_small_job_has_the_defaults() {
    let job = parse(WHOLE).unwrap();
    assert_eq!(job.name.as_str(), "home");
    assert_eq!(job.repository.as_str(), "nas");
    assert_eq!(job.sources, [Path::new("/home")]);
    assert_eq!((job.verify, job.enabled), (Verify::Snapshot, true));
    assert_eq!(
        (job.compression, job.max_age, job.exclude_larger_than),
        (None, None, None)
    );
    assert!(job.tags.is_empty() && job.metadata.is_empty() && job.optional_sources.is_empty());
    assert!(!job.exclude_caches && !job.one_file_system);
    assert_eq!(job.origin.of("sources"), Some(Position { line: 2, column: 11 }));
    assert_eq!(
        job.origin.item("sources", 0),
        Some(Position { line: 2, column: 12 })
    );
    assert_eq!(job.origin.item("sources", 7), job.origin.of("sources"));
    assert_eq!(job.origin.of("exclude"), None);
}

#[test]
fn a_whole_job_says_all() {
    let text = r#"
repository = "nas"
sources = ["/home/", "/home/alice", "/etc"]
optional_sources = ["/media/usb"]
include = ["/home/alice/.cache/keep"]
exclude = ["**/.cache", "*.tmp"]
exclude_if_present = [".nobackup"]
exclude_caches = true
exclude_larger_than = "100 MiB"
one_file_system = true
tags = ["daily", "laptop"]
host = "wolke"
description = "What Alice made"
compression = "max"
verify = "structure"
enabled = false
max_age = "2d"

[resources]
nice = 10
cpu_weight = 20
io_weight = 10
memory_high = "768 MiB"
memory_max = "1 GiB"
max_runtime = "6h"

[metadata]
owner = "alice"
since = 2026-01-31
level = 0x10
nested = { ratio = 0.5, list = [1, true] }
"#;
    let job = parse(text).unwrap();
    assert_eq!(job.sources, ["/home", "/home/alice", "/etc"].map(PathBuf::from));
    assert_eq!(job.optional_sources, [PathBuf::from("/media/usb")]);
    assert_eq!(job.exclude, ["**/.cache", "*.tmp"]);
    assert_eq!(job.exclude_larger_than, Some(100 << 20));
    assert_eq!(job.compression, Some(22));
    assert_eq!(job.verify, Verify::Structure);
    assert_eq!(job.max_age, Some(SignedDuration::from_hours(48)));
    let resources = Resources {
        nice: Some(10),
        cpu_weight: Some(20),
        io_weight: Some(10),
        memory_high: Some(768 << 20),
        memory_max: Some(1 << 30),
        max_runtime: Some(SignedDuration::from_hours(6)),
    };
    assert_eq!(job.resources, resources);
    assert_eq!(
        serde_json::Value::from(job.metadata.clone()),
        serde_json::json!({"owner": "alice", "since": "2026-01-31", "level": 16,
                           "nested": {"ratio": 0.5, "list": [1, true]}})
    );
    let json = serde_json::to_value(&job).unwrap();
    assert_eq!(json["verify"], "structure");
    assert!(json.get("origin").is_none());
}

#[test]
fn values_can_be_written_in_several_ways() {
    let job = |line: &str| parse(&format!("{WHOLE}{line}\n")).unwrap();
    for (word, level) in [("off", 0), ("max", 22)] {
        assert_eq!(job(&format!("compression = \"{word}\"")).compression, Some(level));
    }
    for level in 0..=22 {
        assert_eq!(job(&format!("compression = {level}")).compression, Some(level));
    }
    assert_eq!(job("exclude_larger_than = 4_096").exclude_larger_than, Some(4096));
    assert_eq!(job("verify = \"none\"").verify, Verify::None);
    assert_eq!(
        parse("repository = \"a\"\noptional_sources = [\"/x\"]")
            .unwrap()
            .sources,
        [] as [PathBuf; 0]
    );
    for (word, verify) in Verify::WORDS {
        assert_eq!(verify.as_str(), word);
        assert_eq!(serde_json::to_value(verify).unwrap(), word);
    }
}

#[test]
fn windows_lines_and_byte_order_marks_are_read() {
    assert!(parse(&format!("\u{feff}{}", WHOLE.replace('\n', "\r\n"))).is_ok());
}

proptest! {
    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn anything_like_a_job_is_answered(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "repository", "sources", "tags", "metadata", "schedule", "[[schedule]]\n", "every", "window", "retry", "conditions", "retention", "keep_daily", "keep_within", "max_count",
                "triggers.path_change", "load_below", "reachable", " = ", "\"4h\"", "\"nas:22\"", "\"02:00\"", "\"nas\"", "\"/home\"", "[", "]", "{", "}",
                ",", ".", "\n", "#", "5", "inf", "true", "\"", "'''", "ä", "\0", "\r", "2026-01-01", "\\",
            ]),
            0..40,
        )
    ) {
        let text = tokens.concat();
        if let Err(faults) = parse(&text) {
            prop_assert!(!faults.is_empty());
            for fault in faults {
                prop_assert!(!fault.to_string().contains('\0'));
                prop_assert!(fault.line.unwrap_or(1) <= text.matches('\n').count() + 1);
            }
        }
    }
}
