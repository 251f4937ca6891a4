use std::{fs, io::Write as _};

use backupd_core::{
    name::RunId,
    protocol::{EVENTS_FILE, Event, EventKind, LOCK_FILE, SPEC_FILE},
    run::RunResult,
};
use jiff::Timestamp;
use proptest::prelude::*;

use super::{follow::Tail, rundir::RunDirectory};

fn line(seq: u64) -> String {
    let kind = EventKind::Done {
        result: RunResult::Success,
    };
    Event {
        seq,
        time: Timestamp::UNIX_EPOCH,
        kind,
    }
    .to_line()
    .unwrap()
}

fn numbers(tail: &mut Tail) -> Vec<u64> {
    let mut all = Vec::new();
    while let Some(events) = tail.read().unwrap() {
        all.extend(events.iter().map(|event| event.seq));
    }
    all
}

#[test]
fn a_line_is_taken_when_it_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(EVENTS_FILE);
    let mut tail = Tail::new(path.clone());
    assert_eq!(
        numbers(&mut tail),
        [0; 0],
        "a file that is not there yet has no events"
    );
    let mut file = fs::File::create(&path).unwrap();
    let second = line(2);
    write!(file, "{}{}", line(1), &second[..10]).unwrap();
    assert_eq!(numbers(&mut tail), [1]);
    write!(file, "{}", &second[10..]).unwrap();
    assert_eq!(numbers(&mut tail), [2]);
    writeln!(file, "no event").unwrap();
    write!(file, "{}", line(3)).unwrap();
    assert_eq!(numbers(&mut tail), [3], "a line that is no event is passed over");
}

#[test]
fn a_line_longer_than_any_buffer_is_read_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(EVENTS_FILE);
    let long = Event {
        seq: 1,
        time: Timestamp::UNIX_EPOCH,
        kind: EventKind::Warning {
            path: None,
            path_bytes: None,
            reason: "x".repeat(3_000_000),
            private: false,
        },
    };
    fs::write(&path, long.to_line().unwrap() + &line(2)).unwrap();
    assert_eq!(numbers(&mut Tail::new(path)), [1, 2]);
}

proptest! {
    #[test]
    fn wherever_the_writer_pauses_nothing_is_lost_or_doubled(cuts in proptest::collection::vec(0_usize..600, 0..8)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(EVENTS_FILE);
        let text: String = (1..=6).map(line).collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.push(text.len());
        cuts.sort_unstable();
        let mut tail = Tail::new(path.clone());
        let mut seen = Vec::new();
        let (mut file, mut from) = (fs::File::create(&path).unwrap(), 0);
        for cut in cuts {
            file.write_all(&text.as_bytes()[from..cut]).unwrap();
            from = cut;
            seen.extend(numbers(&mut tail));
        }
        prop_assert_eq!(seen, (1..=6).collect::<Vec<u64>>());
    }
}

#[test]
fn a_directory_is_claimed_only_when_its_worker_is_gone() {
    let base = tempfile::tempdir().unwrap();
    let directory = RunDirectory::of(base.path(), RunId::from_parts(0, 1), 1);
    fs::create_dir_all(directory.path()).unwrap();
    fs::write(directory.path().join(SPEC_FILE), "{}").unwrap();
    let lock = fs::File::create(directory.path().join(LOCK_FILE)).unwrap();
    lock.lock().unwrap();
    assert!(directory.is_held());
    assert!(!directory.claim().unwrap());
    assert!(directory.path().join(SPEC_FILE).exists());
    drop(lock);
    assert!(!directory.is_held());
    assert!(directory.claim().unwrap());
    assert!(
        !directory.path().join(SPEC_FILE).exists(),
        "a worker that comes late must find nothing to do"
    );
}

#[tokio::test]
async fn the_end_of_a_worker_is_told_by_its_lock() {
    let base = tempfile::tempdir().unwrap();
    let directory = RunDirectory::at(base.path().to_owned());
    let lock = fs::File::create(base.path().join(LOCK_FILE)).unwrap();
    lock.lock().unwrap();
    let mut released = directory.released().unwrap();
    assert!(released.try_recv().is_err());
    drop(lock);
    released.await.unwrap();
}
