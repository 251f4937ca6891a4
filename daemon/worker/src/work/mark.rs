//! What is said of a snapshot: by people here, and by the program that wrote it.

use backupd_core::{config::SnapshotMark, retention::Pin};
use backupd_engine::{Deletion, SnapshotInfo};

/// Both together: the longer pin, and the time that people have set before the snapshot's own.
pub(super) fn mark(info: &SnapshotInfo, marks: &[SnapshotMark]) -> SnapshotMark {
    // rustic keeps such marks in the snapshot.
    let (pinned, expires) = match info.deletion {
        Deletion::Unmarked => (Pin::No, None),
        Deletion::Never => (Pin::Forever, None),
        Deletion::After(end) => (Pin::Until(end), Some(end)),
    };
    let said = marks.iter().find(|mark| mark.id == info.id);
    let said = said.cloned().unwrap_or_else(|| SnapshotMark::none(&info.id));
    SnapshotMark {
        pinned: said.pinned.max(pinned),
        expires: said.expires.or(expires),
        ..said
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::testing::snapshot;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_longer_pin_holds_and_people_have_the_last_word_on_the_end() {
        let said = |pinned, expires| SnapshotMark {
            pinned,
            expires,
            ..SnapshotMark::none(snapshot().id)
        };
        let both = |deletion, marks: &[SnapshotMark]| {
            let info = SnapshotInfo {
                deletion,
                ..snapshot()
            };
            let mark = mark(&info, marks);
            (mark.pinned, mark.expires)
        };
        let other = SnapshotMark {
            pinned: Pin::Forever,
            ..SnapshotMark::none("f".repeat(64))
        };
        assert_eq!(both(Deletion::Unmarked, &[other]), (Pin::No, None));
        assert_eq!(both(Deletion::Never, &[]), (Pin::Forever, None));
        assert_eq!(
            both(Deletion::After(at(9)), &[said(Pin::Until(at(5)), None)]),
            (Pin::Until(at(9)), Some(at(9)))
        );
        assert_eq!(
            both(Deletion::After(at(9)), &[said(Pin::Forever, Some(at(20)))]),
            (Pin::Forever, Some(at(20)))
        );
    }
}
