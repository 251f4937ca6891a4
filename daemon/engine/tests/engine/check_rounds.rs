//! Checks go on from each other, whatever comes and goes between them, and also after one that was stopped.

use std::{
    fs,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use backupd_engine::{
    Cancellation, CheckReport, CheckRequest, ErrorKind, Observer, Phase, Progress, ReadData, ReadUpTo,
    Result, Warning,
};

use crate::{
    upkeep::at_once,
    world::{Log, World, name, noise},
};

/// Each backup adds packs of its own.
fn grow(world: &World, number: u64, bytes: usize) -> String {
    world.write(&format!("file-{number}"), noise(bytes, 100 + number));
    world.backup().snapshot.id
}

fn packs(world: &World) -> Vec<String> {
    let mut names: Vec<String> = world.files("data").iter().map(|pack| name(pack)).collect();
    names.sort();
    names
}

fn check(world: &World, read_data: ReadData, after: Option<String>, observer: &dyn Observer) -> CheckReport {
    check_until(world, read_data, after, observer, &Cancellation::default()).unwrap()
}

fn check_until(
    world: &World,
    read_data: ReadData,
    after: Option<String>,
    observer: &dyn Observer,
    cancellation: &Cancellation,
) -> Result<CheckReport> {
    let request = CheckRequest {
        read_data,
        after,
        max_time: None,
    };
    world.check_as(&request, observer, cancellation)
}

#[test]
fn a_round_reads_each_pack_once_also_if_others_come_and_go() {
    let world = World::new();
    let mut snapshots: Vec<String> = (0..6).map(|number| grow(&world, number, 60_000)).collect();
    for round in 0..3 {
        let began_with = packs(&world);
        let mut read: Vec<String> = Vec::new();
        let mut after = None;
        for checks in 1.. {
            assert!(checks <= 6, "round {round} does not end");
            let there = packs(&world);
            // Once all that come after it are gone, the next check begins anew.
            if after
                .as_ref()
                .is_some_and(|after| there.iter().all(|pack| pack <= after))
            {
                break;
            }
            let report = check(&world, ReadData::Part(3), after.clone(), &Log::default());
            assert_eq!(report.errors_total, 0, "{report:#?}");
            let up_to = match report.read_up_to.clone() {
                Some(ReadUpTo::Pack(pack)) => Some(pack),
                Some(ReadUpTo::End) => None,
                None => panic!("{report:#?}"),
            };
            let now: Vec<String> = there
                .into_iter()
                .filter(|pack| after.as_ref().is_none_or(|after| pack > after))
                .filter(|pack| up_to.as_ref().is_none_or(|up_to| pack <= up_to))
                .collect();
            assert_eq!(report.packs_read, now.len() as u64, "round {round}, {checks}");
            read.extend(now);
            if up_to.is_none() {
                break;
            }
            after = up_to;
            // One comes, and what only the oldest needed goes.
            snapshots.push(grow(&world, round * 10 + checks + 10, 60_000));
            world.forget(&[snapshots.remove(0)]).unwrap();
            world.prune(&at_once()).unwrap();
        }
        let stayed = packs(&world);
        for pack in began_with.iter().filter(|pack| stayed.contains(pack)) {
            let times = read.iter().filter(|read| *read == pack).count();
            assert_eq!(times, 1, "round {round}: {pack}");
        }
        let mut once = read.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), read.len(), "round {round}: no pack is read twice");
    }
}

/// Stops the check once so many bytes were read since it looks at data.
struct Stopping<'a> {
    cancellation: &'a Cancellation,
    begun: AtomicBool,
    told: Mutex<Option<String>>,
}

impl Observer for Stopping<'_> {
    fn phase(&self, phase: Phase) {
        self.begun.fetch_or(phase == Phase::Check, Ordering::SeqCst);
    }
    fn progress(&self, _progress: Progress) {}
    fn warning(&self, warning: Warning) {
        panic!("{warning:?}");
    }
    fn read_up_to(&self, pack: &str) {
        *self.told.lock().unwrap() = Some(pack.to_owned());
    }
}

/// Bytes that this process has read so far.
fn bytes_read() -> u64 {
    let text = fs::read_to_string("/proc/self/io").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("rchar: "));
    line.unwrap().parse().unwrap()
}

#[test]
fn who_is_stopped_half_way_has_told_up_to_where() {
    const BYTES: usize = 1_500_000;
    let world = World::new();
    for number in 0..12 {
        grow(&world, number, BYTES);
    }
    let names = packs(&world);
    // It may be at its end before anybody has stopped it.
    for _ in 0..50 {
        let cancellation = Cancellation::default();
        let observer = Stopping {
            cancellation: &cancellation,
            begun: AtomicBool::new(false),
            told: Mutex::default(),
        };
        let over = AtomicBool::new(false);
        let result = thread::scope(|scope| {
            scope.spawn(|| {
                while !observer.begun.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                let before = bytes_read();
                while bytes_read() - before < 6 * BYTES as u64 && !over.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                observer.cancellation.cancel();
            });
            let result = check_until(&world, ReadData::All, None, &observer, &cancellation);
            over.store(true, Ordering::SeqCst);
            result
        });
        let Err(error) = result else { continue };
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{}", error.chain());
        assert_eq!(world.locks(), 0);
        let Some(told) = observer.told.into_inner().unwrap() else {
            continue;
        };
        let read = names.iter().position(|name| *name == told).unwrap() + 1;
        let rest = check(&world, ReadData::Part(1), Some(told), &Log::default());
        assert_eq!(rest.packs_read, (names.len() - read) as u64);
        assert_eq!(rest.read_up_to, Some(ReadUpTo::End));
        return;
    }
    panic!("it was never stopped half way");
}
