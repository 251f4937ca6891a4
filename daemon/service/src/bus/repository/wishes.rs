//! What the methods of a repository are told, and what they answer, in the words of the domain.

use backupd_core::{
    config::PasswordSource,
    protocol::{RepairWork, SnapshotFilter},
    retention::Pin,
};
use backupd_dbus::{Error, PasswordProperties, RotationProperties};
use jiff::Timestamp;

use super::super::{arguments::moment, options::Options};
use crate::coordinator::{Expiry, KeyRotated, MarkWish, MoveWish, PasswordKept, PruneWish, shown};

pub(super) const READ_DATA: &str = "read-data";

/// Of a lock or a key.
pub(super) fn require_id(id: &str, what: &str) -> Result<(), Error> {
    if id.len() == 64 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Ok(());
    }
    Err(Error::InvalidArgument(format!(
        "`{}` is no full id of a {what}: those have 64 hexadecimal digits",
        shown(id)
    )))
}

pub(super) fn repair_work(what: &str, read_data: Option<bool>) -> Result<RepairWork, Error> {
    match (what, read_data) {
        ("index", read_data) => Ok(RepairWork::Index {
            read_data: read_data.unwrap_or(false),
        }),
        ("snapshots", None) => Ok(RepairWork::Snapshots),
        ("snapshots", Some(_)) => Err(Error::InvalidArgument(format!(
            "`{READ_DATA}` is for the repair of the index"
        ))),
        (other, _) => Err(Error::InvalidArgument(format!(
            "`{}` is nothing that is repaired\nhint: it is `index` or `snapshots`",
            shown(other)
        ))),
    }
}

pub(super) fn move_wish(what: &str, place: String) -> Result<MoveWish, Error> {
    const LONGEST_PLACE: usize = 64 * 1024;
    let invalid = |message: String| Err(Error::InvalidArgument(message));
    if place.len() > LONGEST_PLACE {
        return invalid(format!(
            "the place has {} bytes, and {LONGEST_PLACE} are the most that are taken",
            place.len()
        ));
    }
    match (what, place.is_empty()) {
        ("bring", false) => Ok(MoveWish::Bring(place)),
        ("give-up", false) => Ok(MoveWish::GiveUp(place)),
        ("release", true) => Ok(MoveWish::Release),
        ("release", false) => invalid("`release` is of the place before, and takes no other".to_owned()),
        ("bring" | "give-up", true) => invalid(
            "the place is missing\nhint: give the keys of a repository's file, such as `url = \"/srv/backup\"`"
                .to_owned(),
        ),
        (other, _) => invalid(format!(
            "`{}` is no step of a move\nhint: it is `bring`, `release` or `give-up`",
            shown(other)
        )),
    }
}

/// What is to be said of a snapshot.
pub(super) fn mark_wish(snapshot: String, options: &mut Options) -> MarkWish {
    const LONGEST_NOTE: usize = 1000;
    let pinned = options.take::<bool>("pinned", "a boolean (`b`)");
    let mut time = |key| {
        let usec = options.take::<u64>(key, "a time in microseconds (`t`)")?;
        match moment(usec) {
            Ok(time) => Some(time),
            Err(fault) => {
                options.fault(fault);
                None
            }
        }
    };
    let until = time("pinned-until-usec");
    let expires = time("expires-usec").map(|time| {
        if time == Timestamp::UNIX_EPOCH {
            Expiry::Never
        } else {
            Expiry::At(time)
        }
    });
    let note = options.text("note");
    if let Some(note) = &note
        && (note.len() > LONGEST_NOTE || note.contains(char::is_control))
    {
        options.fault(format!(
            "`note` is one line of at most {LONGEST_NOTE} bytes\nhint: write it shorter, and without line breaks"
        ));
    }
    let pinned = match (pinned, until) {
        (Some(false), Some(_)) => {
            options.fault("`pinned` is false, and `pinned-until-usec` is a time".to_owned());
            None
        }
        (_, Some(until)) => Some(Pin::Until(until)),
        (Some(true), None) => Some(Pin::Forever),
        (Some(false), None) => Some(Pin::No),
        (None, None) => None,
    };
    MarkWish {
        snapshot,
        pinned,
        expires,
        note,
    }
}

pub(super) fn of_rotation(rotated: KeyRotated) -> RotationProperties {
    let (credential, file) = match &rotated.now {
        PasswordSource::Credential(name) => (Some(name.to_string()), None),
        PasswordSource::File(path) => (None, Some(path.to_string_lossy().into_owned())),
        PasswordSource::Command(_) | PasswordSource::Environment(_) => (None, None),
    };
    RotationProperties {
        credential,
        file,
        before: Some(rotated.before.to_string()),
        key: Some(rotated.key),
        old_key: Some(rotated.old_key),
        resumed: Some(rotated.resumed),
        left: rotated.left,
        spared: Some(rotated.spared),
    }
}

pub(super) fn of_password(kept: &PasswordKept) -> PasswordProperties {
    PasswordProperties {
        credential: match &kept.now {
            PasswordSource::Credential(name) => Some(name.to_string()),
            _ => None,
        },
        file: match &kept.now {
            PasswordSource::File(path) => Some(path.to_string_lossy().into_owned()),
            _ => None,
        },
        opens: Some(kept.opens),
        before: Some(kept.before.to_string()),
        revision: Some(kept.revision.clone()),
    }
}

pub(super) fn prune_wish(options: &mut Options) -> PruneWish {
    PruneWish {
        max_unused: options.parsed("max-unused"),
        max_repack: options.take("max-repack", "a number of bytes (`t`)"),
    }
}

pub(super) fn filter(options: &mut Options) -> SnapshotFilter {
    SnapshotFilter {
        job: options.parsed("job"),
        host: options.text("host"),
        tags: options
            .take("tags", "a list of strings (`as`)")
            .unwrap_or_default(),
        owners: Vec::new(),
    }
}
