use std::path::Path;

use super::*;
use crate::config::parse_repository;

fn parse(lines: &str) -> Result<Vec<SnapshotMark>, String> {
    let text = format!("url = \"/srv/b\"\npassword_file = \"/p\"\n{lines}");
    let parsed = parse_repository(Path::new("/nas.toml"), &"nas".parse().unwrap(), &text);
    parsed.map(|repository| repository.marks).map_err(|faults| {
        let shown: Vec<String> = faults
            .into_iter()
            .map(|fault| fault.in_file(Path::new("")).to_string())
            .collect();
        shown.join("\n")
    })
}

#[test]
fn what_is_said_of_snapshots_is_a_list_of_tables() {
    let (a, b) = ("a".repeat(64), "b".repeat(64));
    let marks = parse(&format!(
        "[[snapshots]]\nid = \"{a}\"\npinned = true\nnote = \"the move\"\n\
         [[snapshots]]\nid = \"{b}\"\npinned_until = \"2027-01-31T00:00:00Z\"\nexpires = \"2027-06-01T02:00:00+02:00\"\n"
    ))
    .unwrap();
    assert_eq!(
        marks,
        [
            SnapshotMark {
                pinned: Pin::Forever,
                note: Some("the move".to_owned()),
                ..SnapshotMark::none(&a)
            },
            SnapshotMark {
                pinned: Pin::Until("2027-01-31T00:00:00Z".parse().unwrap()),
                expires: Some("2027-06-01T00:00:00Z".parse().unwrap()),
                ..SnapshotMark::none(&b)
            },
        ]
    );
    assert_eq!(parse("").unwrap(), []);
}

#[test]
fn all_that_is_wrong_with_it_is_told_at_once() {
    let a = "a".repeat(64);
    let faults = parse(&format!(
        "[[snapshots]]\nid = \"{a}\"\npinned = true\npinned_until = \"soon\"\n\
         [[snapshots]]\nid = \"{a}\"\npinned = true\npinned_until = \"2027-01-31T00:00:00Z\"\n\
         [[snapshots]]\nid = \"5f3a\"\nexpires = 5\npined = true\n\
         [[snapshots]]\npinned = true\n"
    ))
    .unwrap_err();
    insta::assert_snapshot!(faults.replace(&a, "AAA"), @r#"
    6:16: `soon` is no time
    hint: write a time such as `2027-01-31T00:00:00Z`
    7:1: the snapshot `aaaaaaaa` stands here twice
    hint: remove one of the two
    10:16: it is pinned for ever, and until a time
    hint: remove `pinned` or `pinned_until`
    12:6: `5f3a` is no full id of a snapshot
    hint: write all of its 64 digits, as `backupctl snapshots --json` shows them
    13:11: expected a string, found an integer
    14:1: unknown key `snapshots.pined`
    hint: did you mean `pinned`?
    15:1: the `id` of the snapshot is missing
    hint: write `[[snapshots]]`, and below it `id = "…"` and `pinned = true`; `backupctl pin` does that
    "#);
}
