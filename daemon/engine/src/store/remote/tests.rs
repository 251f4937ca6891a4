//! Patience, with a service that fails as it is told.

use std::{collections::VecDeque, sync::atomic::AtomicUsize};

use super::*;

/// What becomes of the next request.
#[derive(Debug, Clone, Copy)]
enum Step {
    Answer,
    Cut,
    Refuse,
    Missing,
    Hang,
}

#[derive(Debug, Default)]
struct Script {
    steps: Mutex<VecDeque<Step>>,
    requests: AtomicUsize,
    resets: AtomicUsize,
}

impl Script {
    fn step(&self) -> Answer<'_, ()> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let step = self.steps.lock().unwrap().pop_front().unwrap_or(Step::Answer);
        Box::pin(async move {
            match step {
                Step::Answer => Ok(()),
                Step::Cut => Err(Fault::network("cut off")),
                Step::Refuse => Err(Fault::new(ErrorKind::AccessRefused, "no")),
                Step::Missing => Err(Fault::missing()),
                Step::Hang => std::future::pending().await,
            }
        })
    }
}

impl Service for Script {
    fn location(&self) -> String {
        "script".to_owned()
    }
    fn look(&self) -> Answer<'_, Found> {
        Box::pin(async { self.step().await.map(|()| Found::Nothing) })
    }
    fn create(&self) -> Answer<'_, ()> {
        self.step()
    }
    fn list(&self, _: Kind) -> Answer<'_, Vec<Entry>> {
        Box::pin(async { self.step().await.map(|()| Vec::new()) })
    }
    fn size<'a>(&'a self, _: &'a Object) -> Answer<'a, Option<u64>> {
        Box::pin(async { self.step().await.map(|()| None) })
    }
    fn read<'a>(&'a self, _: &'a Object, _: Option<(u64, u64)>) -> Answer<'a, Bytes> {
        Box::pin(async { self.step().await.map(|()| Bytes::from_static(b"abc")) })
    }
    fn write<'a>(&'a self, _: &'a Object, _: &'a [Bytes], _: bool) -> Answer<'a, ()> {
        self.step()
    }
    fn remove<'a>(&'a self, _: &'a Object) -> Answer<'a, ()> {
        self.step()
    }
    fn reset(&self) {
        self.resets.fetch_add(1, Ordering::SeqCst);
    }
}

fn remote(steps: &[Step], retries: u32) -> (Arc<Script>, Remote) {
    let script = Arc::new(Script {
        steps: Mutex::new(steps.iter().copied().collect()),
        ..Script::default()
    });
    let patience = Patience {
        timeout: Duration::from_millis(300),
        retries,
    };
    (Arc::clone(&script), Remote::new(script, patience))
}

fn kind(error: &io::Error) -> ErrorKind {
    Fault::within(error).unwrap().kind()
}

fn requests(script: &Script) -> usize {
    script.requests.load(Ordering::SeqCst)
}

#[test]
fn what_was_cut_off_or_stands_still_is_tried_again_and_then_given_up() {
    let (script, place) = remote(&[Step::Cut, Step::Hang], 2);
    place.create().unwrap();
    assert_eq!((requests(&script), script.resets.load(Ordering::SeqCst)), (3, 1));
    let (script, place) = remote(&[Step::Cut; 9], 1);
    assert_eq!(kind(&place.list(Kind::Lock).unwrap_err()), ErrorKind::Network);
    assert_eq!(requests(&script), 2);
    // Nobody waits twice for a server that is gone.
    assert_eq!(kind(&place.list(Kind::Lock).unwrap_err()), ErrorKind::Network);
    assert_eq!(requests(&script), 3);
}

#[test]
fn a_refusal_is_an_answer() {
    let (script, place) = remote(&[Step::Refuse], 5);
    assert_eq!(kind(&place.look().unwrap_err()), ErrorKind::AccessRefused);
    assert_eq!(requests(&script), 1);
}

#[test]
fn what_a_lost_answer_has_removed_is_removed() {
    let lock = Object::new(Kind::Lock, "ab");
    let (_, place) = remote(&[Step::Cut, Step::Missing], 1);
    place.remove(&lock).unwrap();
    let (_, place) = remote(&[Step::Missing], 1);
    assert_eq!(place.remove(&lock).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn who_asks_to_stop_does_not_wait_for_the_server_but_locks_are_still_removed() {
    let (_, place) = remote(&[Step::Hang, Step::Answer], 5);
    let cancellation = Cancellation::default();
    let place = place.until(&cancellation);
    cancellation.cancel();
    assert_eq!(kind(&place.list(Kind::Pack).unwrap_err()), ErrorKind::Cancelled);
    place.remove(&Object::new(Kind::Lock, "ab")).unwrap();
}

#[test]
fn parts_are_whole_or_an_error() {
    let (_, place) = remote(&[], 0);
    let config = Object::config();
    assert_eq!(place.read_part(&config, 0, 3).unwrap(), "abc");
    assert_eq!(
        kind(&place.read_part(&config, 0, 4).unwrap_err()),
        ErrorKind::Corrupt
    );
    assert_eq!(
        kind(&place.read_part(&config, 0, 2).unwrap_err()),
        ErrorKind::Network
    );
}
