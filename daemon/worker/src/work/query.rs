//! Questions, answered on standard output with one JSON record a line.

use std::io::{self, Write};

use backupd_core::{
    protocol::{
        EntryRecord, JobOwner, ListWork, RepositoryRecord, RepositorySpec, SnapshotFilter, SnapshotRecord,
        job_of_tags, job_tag,
    },
    retention::Pin,
};
use backupd_engine::{EngineError, Entry, EntryKind, ListRequest, RepositoryInfo, SnapshotInfo};
use jiff::Timestamp;
use serde::Serialize;

use super::{contents::adopter, mark::mark, query};
use crate::{
    attempt::{Context, Ended},
    events, failure,
};

/// Creates the repository.
pub(crate) fn initialize(context: &Context<'_>, answer: &mut dyn Write) -> Ended {
    repository(context, context.engine.init(context.access), answer)
}

/// Opens the repository.
pub(crate) fn test(context: &Context<'_>, answer: &mut dyn Write) -> Ended {
    repository(context, context.engine.probe(context.access), answer)
}

fn repository(
    context: &Context<'_>,
    found: Result<RepositoryInfo, EngineError>,
    answer: &mut dyn Write,
) -> Ended {
    match found {
        Ok(RepositoryInfo {
            id,
            version,
            snapshots,
        }) => {
            let record = RepositoryRecord {
                id,
                version,
                snapshots,
            };
            ended(context, tell(answer, &record).and_then(|()| answer.flush()))
        }
        Err(error) => failure::explain(&error, context.spec, context.cancellation).into(),
    }
}

/// Lists snapshots, oldest first.
pub(crate) fn snapshots(context: &Context<'_>, filter: &SnapshotFilter, answer: &mut dyn Write) -> Ended {
    let mut found = match context.engine.snapshots(context.access, &query(filter)) {
        Ok(found) => found,
        Err(error) => return failure::explain(&error, context.spec, context.cancellation).into(),
    };
    if context.cancellation.is_cancelled() {
        return failure::cancelled(context.spec).into();
    }
    found.sort_by_key(|snapshot| snapshot.time);
    let repository = &context.spec.repository;
    let now = Timestamp::now();
    let told = found
        .into_iter()
        .try_for_each(|info| tell(answer, &snapshot(info, repository, &filter.owners, now)));
    ended(context, told.and_then(|()| answer.flush()))
}

/// Lists files of a snapshot.
pub(crate) fn list(context: &Context<'_>, work: &ListWork, answer: &mut dyn Write) -> Ended {
    let request = ListRequest {
        snapshot: work.snapshot.clone(),
        query: query(&work.filter),
        path: work.path.clone(),
        recursive: work.recursive,
    };
    // The engine wraps what the callback returns; what really happened is kept here.
    let mut unwritten = None;
    let listed = context.engine.list(context.access, &request, &mut |found| {
        if context.cancellation.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        tell(answer, &entry(found)).map_err(|error| {
            let again = io::Error::from(error.kind());
            unwritten = Some(error);
            again
        })
    });
    if let Some(error) = unwritten {
        return failure::unanswered(&error, context.spec).into();
    }
    match listed {
        _ if context.cancellation.is_cancelled() => failure::cancelled(context.spec).into(),
        Ok(()) => ended(context, answer.flush()),
        Err(error) => failure::explain(&error, context.spec, context.cancellation).into(),
    }
}

pub(super) fn ended(context: &Context<'_>, told: io::Result<()>) -> Ended {
    match told {
        Ok(()) => Ended::success(None),
        Err(error) => failure::unanswered(&error, context.spec).into(),
    }
}

pub(super) fn tell(answer: &mut dyn Write, record: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    answer.write_all(&line)
}

fn snapshot(
    info: SnapshotInfo,
    repository: &RepositorySpec,
    owners: &[JobOwner],
    now: Timestamp,
) -> SnapshotRecord {
    let mark = mark(&info, &repository.marks);
    let pinned = mark.pinned.holds(now);
    let made_by = job_of_tags(info.tags.iter().map(String::as_str));
    let own = made_by.as_ref().map(job_tag);
    let heir = adopter(&info, owners).filter(|_| made_by.is_none()).cloned();
    SnapshotRecord {
        id: info.id,
        time: info.time,
        repository: repository.name.to_string(),
        host: info.host,
        paths: info
            .paths
            .iter()
            .map(|path| path.to_string_lossy().into_owned())
            .collect(),
        tags: info
            .tags
            .into_iter()
            .filter(|tag| Some(tag) != own.as_ref())
            .collect(),
        adopted: heir.is_some(),
        job: made_by.or(heir).map(String::from),
        description: info.description,
        parent: info.parent,
        program: info.program_version,
        files: info.files,
        bytes: info.bytes,
        bytes_stored: info.bytes_stored,
        pinned,
        pinned_until: match mark.pinned {
            Pin::Until(until) if pinned => Some(until),
            _ => None,
        },
        expires: mark.expires,
        note: mark.note,
    }
}

fn entry(found: Entry) -> EntryRecord {
    EntryRecord {
        path: found.path.to_string_lossy().into_owned(),
        path_bytes: found.path.to_str().is_none().then(|| events::bytes(&found.path)),
        kind: match found.kind {
            EntryKind::File => "file",
            EntryKind::Directory => "directory",
            EntryKind::Symlink => "symlink",
            EntryKind::Special => "special",
        }
        .to_owned(),
        size: found.size,
        modified: found.modified,
        mode: found.mode,
        uid: found.uid,
        gid: found.gid,
        user: found.user,
        group: found.group,
        target: found.target.map(|target| target.to_string_lossy().into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::PathBuf};

    use backupd_core::{
        config::SnapshotMark,
        failure::FailureClass,
        protocol::{Spec, Work},
        run::RunResult,
    };
    use backupd_engine::Cancellation;
    use jiff::Timestamp;

    use super::*;
    use crate::{
        attempt,
        testing::{self, Recorder, Scripted, Secrets},
    };

    /// Standard output that fails.
    struct Gone(io::ErrorKind);

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn listing(spec: &mut Spec) {
        spec.work = Work::List(ListWork {
            snapshot: "latest".into(),
            filter: SnapshotFilter::default(),
            path: "/".into(),
            recursive: true,
        });
    }

    fn ask(change: impl FnOnce(&mut Spec), engine: &Scripted, answer: &mut dyn Write) -> Ended {
        let secrets = Secrets::new();
        let mut spec = secrets.spec();
        change(&mut spec);
        let recorder = Recorder::new();
        attempt::attempt(
            &spec,
            std::path::Path::new("/no/run/directory"),
            engine,
            &recorder.log,
            &Cancellation::default(),
            answer,
        )
    }

    #[test]
    fn an_answer_that_cannot_be_written_is_a_failure() {
        for (kind, class, result) in [
            (
                io::ErrorKind::BrokenPipe,
                FailureClass::Cancelled,
                RunResult::Cancelled,
            ),
            (
                io::ErrorKind::StorageFull,
                FailureClass::NoSpace,
                RunResult::Failed,
            ),
            (io::ErrorKind::Other, FailureClass::Engine, RunResult::Failed),
        ] {
            for change in [listing, |spec: &mut Spec| spec.work = Work::Test] {
                let ended = ask(change, &Scripted::default(), &mut Gone(kind));
                assert_eq!(ended.failure.unwrap().class, class);
                assert_eq!(ended.result, result);
            }
        }
    }

    #[test]
    fn entries_are_lines() {
        let mut answer = Vec::new();
        let ended = ask(listing, &Scripted::default(), &mut answer);
        assert_eq!(ended, Ended::success(None));
        let text = String::from_utf8(answer).unwrap();
        let first: EntryRecord = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(first.path, "/entry");
    }

    #[test]
    fn the_tag_of_the_job_becomes_the_job() {
        let mut info = testing::snapshot();
        info.tags = vec!["a".into(), "job=home".into()];
        info.time = Timestamp::UNIX_EPOCH;
        let repository = testing::backup_spec().repository;
        let record = snapshot(info, &repository, &[], Timestamp::UNIX_EPOCH);
        assert_eq!(record.job.unwrap(), "home");
        assert_eq!(record.tags, ["a"]);
        assert_eq!(record.repository, "nas");
    }

    #[test]
    fn what_people_say_of_a_snapshot_is_listed_with_it() {
        let info = testing::snapshot();
        let mut repository = testing::backup_spec().repository;
        let at = |second| Timestamp::from_second(second).unwrap();
        repository.marks = vec![SnapshotMark {
            pinned: Pin::Until(at(5)),
            expires: Some(at(9)),
            note: Some("the move".to_owned()),
            ..SnapshotMark::none(&info.id)
        }];
        let listed = |now| {
            let record = snapshot(info.clone(), &repository, &[], now);
            (record.pinned, record.pinned_until, record.expires, record.note)
        };
        let note = Some("the move".to_owned());
        assert_eq!(listed(at(4)), (true, Some(at(5)), Some(at(9)), note.clone()));
        assert_eq!(listed(at(5)), (false, None, Some(at(9)), note));
    }

    #[test]
    fn a_path_that_is_no_utf_8_keeps_its_bytes() {
        let mut found = testing::entry();
        assert_eq!(entry(found.clone()).path_bytes, None);
        found.path = PathBuf::from(OsStr::from_bytes(b"/\xff"));
        let record = entry(found);
        assert_eq!(record.path, "/\u{fffd}");
        assert_eq!(record.path_bytes.unwrap(), b"/\xff");
    }
}
