//! Pruning, forgetting and bringing back, disturbed at every single step.

mod steps;
mod world;

use std::{
    fs, io,
    sync::{Arc, Mutex},
    time::Duration,
};

use rustic_core::{ErrorKind as Rustic, RusticError};
use tempfile::TempDir;

use crate::{Cancellation, Embedded, Engine, ErrorKind, PruneRequest};

use steps::Step;
use world::{ALL, Silent, Work, World, assert_sound, copy, files, moved};

/// Whoever is killed at any step leaves a sound repository.
fn killed(work: Work) {
    let world = World::new(work);
    let moments = Arc::new(Mutex::new(Vec::new()));
    let (root, taken) = (world.root(), Arc::clone(&moments));
    let (done, _) = world.work(work, &Cancellation::default(), move |_| {
        let moment = TempDir::new().unwrap();
        let mut taken = taken.lock().unwrap();
        copy(&root, &moment.path().join("repository"));
        taken.push(moment);
        Ok(())
    });
    done.unwrap();
    assert_sound(&world.access, &world.stay, "in the end");
    let moments = std::mem::take(&mut *moments.lock().unwrap());
    assert!(moments.len() > 1, "{work:?}");
    for (number, moment) in moments.iter().enumerate() {
        let what = format!("{work:?}, step {number}");
        let root = moment.path().join("repository");
        for lock in files(&root.join("locks")) {
            fs::remove_file(lock).unwrap();
        }
        let access = moved(&world.access, &root);
        assert_sound(&access, &world.stay, &what);
        let again = PruneRequest {
            keep_delete: Duration::ZERO,
            ..PruneRequest::default()
        };
        Embedded
            .prune(&access, &again, &Silent, &Cancellation::default())
            .unwrap();
        assert_sound(&access, &world.stay, &what);
    }
}

#[test]
fn a_killed_prune_that_marks_is_sound() {
    killed(Work::Mark);
}

#[test]
fn a_killed_prune_that_removes_is_sound() {
    killed(Work::RemoveMarked);
}

#[test]
fn a_killed_prune_at_once_is_sound() {
    killed(Work::AtOnce);
}

#[test]
fn a_killed_forget_is_sound() {
    killed(Work::Forget);
}

#[test]
fn a_killed_unforget_is_sound() {
    killed(Work::Unforget);
}

#[test]
fn a_failure_at_any_step_leaves_a_sound_repository_and_nothing_new() {
    for work in ALL {
        let ready = World::new(work);
        for failing in 0.. {
            let world = ready.again();
            let before = files(&world.root());
            let (done, steps) = world.work(work, &Cancellation::default(), move |number| {
                if number == failing {
                    let full = io::Error::from(io::ErrorKind::StorageFull);
                    return Err(RusticError::with_source(Rustic::Backend, "it is full", full));
                }
                Ok(())
            });
            let what = format!("{work:?}, step {failing} of {steps:?}");
            if done.is_ok() {
                assert!(failing == steps.len() && failing > 1, "{what}");
                break;
            }
            assert_eq!(done.unwrap_err().kind(), ErrorKind::NoSpace, "{what}");
            assert_sound(&world.access, &world.stay, &what);
            // Others may be under way beside the one that failed.
            let removed = |(number, step): (usize, &Step)| *step == Step::Remove && number != failing;
            if !steps.iter().enumerate().any(removed) && work != Work::Unforget {
                assert!(files(&world.root()) == before, "{what}");
            }
        }
    }
}

#[test]
fn a_cancellation_at_any_step_leaves_a_sound_repository() {
    // As many may be under way at once.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    for work in ALL {
        let ready = World::new(work);
        for at in 0.. {
            let world = ready.again();
            let cancellation = Cancellation::default();
            let asked = cancellation.clone();
            let (done, steps) = world.work(work, &cancellation, move |number| {
                if number == at {
                    asked.cancel();
                }
                Ok(())
            });
            let what = format!("{work:?}, step {at} of {steps:?}");
            assert_sound(&world.access, &world.stay, &what);
            match done {
                // After the last step, or within those of a forget, there is nothing to be cancelled.
                Ok(()) if at + 1 >= steps.len() => break,
                Ok(()) => assert!(work == Work::Forget || at + threads >= steps.len(), "{what}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Cancelled, "{what}"),
            }
        }
    }
}

#[test]
fn nothing_is_removed_once_the_lock_is_lost() {
    // As many may be under way at once.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    for work in [Work::RemoveMarked, Work::AtOnce, Work::Forget] {
        let ready = World::new(work);
        for at in 0.. {
            let world = ready.again();
            let locks = world.root().join("locks");
            let (done, steps) = world.work(work, &Cancellation::default(), move |number| {
                if number == at {
                    for lock in files(&locks) {
                        fs::remove_file(lock).unwrap();
                    }
                }
                Ok(())
            });
            let what = format!("{work:?}, step {at} of {steps:?}");
            assert_sound(&world.access, &world.stay, &what);
            let Some(after) = steps.get(at + 1..) else { break };
            let removed = after.iter().filter(|step| **step == Step::Remove).count();
            match done {
                Ok(()) => assert!(after.len() < threads, "{what}"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Locked, "{what}: {}", error.chain());
                    assert!(removed < threads, "{what}");
                }
            }
        }
    }
}
