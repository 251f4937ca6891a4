//! A simulator: the real coordinator, queue and retries under a clock that runs as fast as they can, with a script
//! for all the rest.
//!
//! A seed makes a world: a machine in some zone, its jobs, and what befalls them in a year or so: failures, crashes
//! between any two writes, restarts, sleep, clocks that are set, conditions that come and go, files that are edited.
//! Whenever the coordinator has nothing left to do, [`properties`] says what must hold, and [`writes`] what each write
//! must be.
//!
//! A seed that failed is lived again with `BACKUPD_SIM_SEED=… cargo nextest run -p backupd simulator::replay`, and tells
//! more of it with `BACKUPD_SIM_TOLD=100000`; each run of the tests lives a few new ones, and `make soak` many.

mod account;
mod daemon;
mod engine;
mod facts;
mod ground;
mod happen;
mod life;
mod memory;
mod properties;
mod world;
mod writes;

use std::env;

use jiff::SignedDuration;
use world::World;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Worlds that each run of the tests lives beside those that are always the same.
const NEW: usize = 8;

/// What came of a life.
struct Outcome {
    wrongs: Vec<String>,
    tale: String,
    digest: u64,
    told: String,
}

fn live(seed: u64, lasts: SignedDuration) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut world = Box::pin(World::new(seed, lasts)).await;
        world.live().await;
        let ground = &world.machine.ground;
        Outcome {
            wrongs: ground.wrongs(),
            tale: ground.tale(),
            digest: ground.digest(),
            told: format!(
                "{} launches, {} writes, {} rings, {} happenings",
                world.machine.engine.launched(),
                world.witness.writes,
                world.rings,
                world.happenings
            ),
        }
    })
}

/// Lives a seed, and fails with what was wrong.
fn must_be_well(seed: u64, lasts: SignedDuration) -> Outcome {
    let outcome = live(seed, lasts);
    assert!(
        outcome.wrongs.is_empty(),
        "{}\n{:#?}\nlived again by: BACKUPD_SIM_SEED={seed} BACKUPD_SIM_DAYS={} cargo nextest run -p backupd \
         simulator::replay",
        outcome.tale,
        outcome.wrongs,
        lasts.as_hours() / 24,
    );
    outcome
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|value| value.parse().unwrap())
}

fn lasts() -> SignedDuration {
    DAY * i32::try_from(number("BACKUPD_SIM_DAYS").unwrap_or(20)).unwrap()
}

#[test]
fn worlds_that_are_always_the_same_go_well() {
    // The last: an end that is written long after the clock was set back over it.
    for seed in (0..10).chain([2_268_203_356]) {
        must_be_well(seed, lasts());
    }
}

/// Others each time: what the fixed ones miss is found by and by.
#[test]
fn worlds_that_nobody_has_seen_go_well() {
    for _ in 0..NEW {
        let seed = u64::from(fastrand::u32(..));
        eprintln!("the world of the seed {seed}");
        must_be_well(seed, lasts());
    }
}

#[test]
fn the_same_seed_is_the_same_life() {
    assert_eq!(live(4711, DAY * 10).digest, live(4711, DAY * 10).digest);
}

/// One seed again, or many.
#[test]
fn replay() {
    if let Some(seed) = number("BACKUPD_SIM_SEED") {
        let outcome = must_be_well(seed, lasts());
        eprintln!("{}\n{}", outcome.tale, outcome.told);
    }
}

/// As many seeds as somebody asks for; says how far it is.
#[test]
fn soak() {
    let Some(seeds) = number("BACKUPD_SIM_SEEDS") else {
        return;
    };
    let first = number("BACKUPD_SIM_FIRST").unwrap_or_else(|| u64::from(fastrand::u32(..)));
    let mut failed = Vec::new();
    for (count, seed) in (first..first + seeds).enumerate() {
        let outcome = live(seed, lasts());
        if !outcome.wrongs.is_empty() {
            eprintln!("seed {seed}: {}", outcome.wrongs[0]);
            failed.push(seed);
        }
        if (count + 1) % 100 == 0 {
            eprintln!(
                "{} of {seeds} worlds, {} failed; the last: {}",
                count + 1,
                failed.len(),
                outcome.told
            );
        }
    }
    assert!(failed.is_empty(), "BACKUPD_SIM_SEED={}", failed[0]);
}
