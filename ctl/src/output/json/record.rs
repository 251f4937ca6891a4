//! The shapes of snapshots and files: the records as they come, with times in the local zone.

use backupd_dbus::{Entry, Snapshot};
use serde::Serialize;

use super::Shapes;

#[derive(Serialize)]
pub(crate) struct SnapshotShape<'a> {
    id: &'a str,
    time: String,
    job: Option<&'a str>,
    adopted: bool,
    repository: &'a str,
    host: &'a str,
    paths: &'a [String],
    tags: &'a [String],
    description: Option<&'a str>,
    parent: Option<&'a str>,
    program: &'a str,
    files: Option<u64>,
    bytes: Option<u64>,
    bytes_stored: Option<u64>,
    pinned: bool,
    pinned_until: Option<String>,
    expires: Option<String>,
    note: Option<&'a str>,
}

#[derive(Serialize)]
pub(crate) struct EntryShape {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<Vec<u8>>,
    kind: String,
    size: u64,
    modified: Option<String>,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
    user: Option<String>,
    group: Option<String>,
    target: Option<String>,
}

impl Shapes<'_> {
    pub(crate) fn snapshot<'a>(&self, snapshot: &'a Snapshot) -> SnapshotShape<'a> {
        SnapshotShape {
            id: &snapshot.id,
            time: self.timestamp(snapshot.time),
            job: snapshot.job.as_deref(),
            adopted: snapshot.adopted,
            repository: &snapshot.repository,
            host: &snapshot.host,
            paths: &snapshot.paths,
            tags: &snapshot.tags,
            description: snapshot.description.as_deref(),
            parent: snapshot.parent.as_deref(),
            program: &snapshot.program,
            files: snapshot.files,
            bytes: snapshot.bytes,
            bytes_stored: snapshot.bytes_stored,
            pinned: snapshot.pinned,
            pinned_until: snapshot.pinned_until.map(|time| self.timestamp(time)),
            expires: snapshot.expires.map(|time| self.timestamp(time)),
            note: snapshot.note.as_deref(),
        }
    }

    pub(crate) fn entry(&self, entry: Entry) -> EntryShape {
        EntryShape {
            path: entry.path,
            path_bytes: entry.path_bytes,
            kind: entry.kind,
            size: entry.size,
            modified: entry.modified.map(|time| self.timestamp(time)),
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            user: entry.user,
            group: entry.group,
            target: entry.target,
        }
    }
}
