use std::{
    ffi::OsStr,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

use backupd_core::{failure::FailureClass, protocol::EventKind};

use super::*;

/// A disk with room for so many bytes.
#[derive(Clone, Default)]
struct Disk {
    content: Arc<Mutex<Vec<u8>>>,
    room: Arc<AtomicUsize>,
    syncs: Arc<AtomicU32>,
}

impl Disk {
    fn with_room(room: usize) -> Self {
        let disk = Self::default();
        disk.room.store(room, Ordering::Relaxed);
        disk
    }

    fn events(&self) -> Vec<Event> {
        let content = self.content.lock().unwrap();
        let text = String::from_utf8(content.clone()).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{text}");
        text.lines()
            .map(|line| Event::from_line(line).unwrap().unwrap())
            .collect()
    }
}

impl Write for Disk {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let room = self.room.load(Ordering::Relaxed).min(buffer.len());
        if room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.content.lock().unwrap().extend_from_slice(&buffer[..room]);
        self.room.fetch_sub(room, Ordering::Relaxed);
        Ok(room)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Target for Disk {
    fn sync(&mut self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn snapshot() -> EventKind {
    EventKind::Snapshot {
        snapshot: "a".repeat(64),
    }
}

#[test]
fn lines_are_numbered_and_the_lasting_ones_synced() {
    let disk = Disk::with_room(usize::MAX);
    let log = EventLog::new(disk.clone());
    log.warning(Some(Path::new("/a")), "gone");
    assert_eq!(disk.syncs.load(Ordering::Relaxed), 0);
    log.record(snapshot());
    assert_eq!(disk.syncs.load(Ordering::Relaxed), 1);
    log.finish(RunResult::Success).unwrap();
    assert_eq!(disk.syncs.load(Ordering::Relaxed), 2);
    assert_eq!(
        disk.events().iter().map(|event| event.seq).collect::<Vec<_>>(),
        [1, 2, 3]
    );
}

#[test]
fn a_disk_that_gets_room_again_loses_nothing() {
    for room in [0, 1, 70, 200] {
        let disk = Disk::with_room(room);
        let log = EventLog::new(disk.clone());
        log.record(snapshot());
        log.warning(None, "one");
        log.warning(None, "two");
        disk.room.store(usize::MAX, Ordering::Relaxed);
        log.finish(RunResult::Partial).unwrap();
        let events = disk.events();
        assert_eq!(
            events.iter().map(|event| event.seq).collect::<Vec<_>>(),
            [1, 2, 3, 4],
            "{room}"
        );
        assert_eq!(
            events.last().unwrap().kind,
            EventKind::Done {
                result: RunResult::Partial
            }
        );
    }
}

#[test]
fn a_disk_that_stays_full_is_told_at_the_end() {
    let log = EventLog::new(Disk::with_room(10));
    log.record(snapshot());
    let error = log.finish(RunResult::Success).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn while_the_disk_is_full_memory_is_bounded_and_the_last_lines_are_kept() {
    let disk = Disk::with_room(0);
    let log = EventLog::new(disk.clone());
    for _ in 0..5_000 {
        log.warning(None, "x");
    }
    assert!(log.inner().lines.waiting() <= MAX_WAITING);
    assert_eq!(log.end_warnings(), 5_000);
    log.record(EventKind::Failure {
        failure: backupd_core::failure::Failure::new(FailureClass::Engine, "no"),
    });
    disk.room.store(usize::MAX, Ordering::Relaxed);
    log.finish(RunResult::Failed).unwrap();
    let events = disk.events();
    assert_eq!(events.len(), MAX_WAITING + 3);
    assert!(events.iter().zip(1..).all(|(event, seq)| event.seq == seq));
}

#[test]
fn after_ten_thousand_warnings_the_rest_are_counted() {
    let disk = Disk::with_room(usize::MAX);
    let log = EventLog::new(disk.clone());
    for _ in 0..MAX_WARNINGS + 5 {
        log.warning(Some(Path::new("/x")), "Permission denied");
    }
    assert_eq!(log.end_warnings(), MAX_WARNINGS + 5);
    let events = disk.events();
    assert_eq!(events.len() as u64, MAX_WARNINGS + 1);
    let EventKind::Warning { reason, .. } = &events.last().unwrap().kind else {
        panic!()
    };
    assert_eq!(reason, "5 more warnings are not listed");
}

#[test]
fn names_that_are_no_utf_8_keep_their_bytes() {
    let disk = Disk::with_room(usize::MAX);
    let log = EventLog::new(disk.clone());
    log.warning(Some(Path::new(OsStr::from_bytes(b"/\xff"))), "gone");
    let EventKind::Warning { path, path_bytes, .. } = disk.events().remove(0).kind else {
        panic!()
    };
    assert_eq!(path.unwrap(), "/\u{fffd}");
    assert_eq!(path_bytes.unwrap(), b"/\xff");
}
