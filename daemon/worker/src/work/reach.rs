//! Looks whether hosts answer.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs as _},
    sync::mpsc::{self, Sender},
    thread,
    time::{Duration, Instant},
};

use backupd_core::protocol::{ReachRecord, Spec};

use super::query::tell;
use crate::{attempt::Ended, failure};

/// A host that has not answered by then is not there.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many addresses of a host are tried at once.
const MOST: usize = 8;

/// Tells of each place whether somebody takes connections there.
pub(crate) fn reach(spec: &Spec, places: &[String], answer: &mut dyn Write) -> Ended {
    let told = look(places, PATIENCE)
        .iter()
        .try_for_each(|record| tell(answer, record))
        .and_then(|()| answer.flush());
    match told {
        Ok(()) => Ended::success(None),
        Err(error) => failure::unanswered(&error, spec).into(),
    }
}

/// All at once: who asks waits for the slowest only. Threads that hang end with the process.
fn look(places: &[String], patience: Duration) -> Vec<ReachRecord> {
    let until = Instant::now() + patience;
    let (found, finds) = mpsc::channel();
    for place in places {
        let (place, found) = (place.clone(), found.clone());
        thread::spawn(move || try_place(&place, patience, &found));
    }
    drop(found);
    // Why each does not answer; nothing where it does.
    let mut known: BTreeMap<String, Option<String>> = BTreeMap::new();
    while let Ok((place, outcome)) = finds.recv_timeout(until.saturating_duration_since(Instant::now())) {
        match outcome {
            Ok(()) => drop(known.insert(place, None)),
            // One address that answers is enough.
            Err(why) => drop(known.entry(place).or_insert(Some(why))),
        }
        let answers = |place| known.get(place).is_some_and(Option::is_none);
        if places.iter().all(answers) {
            break;
        }
    }
    let late = || Some(format!("no answer within {} s", patience.as_secs()));
    let record = |place: &String| ReachRecord {
        place: place.clone(),
        silent: known.remove(place).unwrap_or_else(late),
    };
    places.iter().map(record).collect()
}

type Found = Sender<(String, Result<(), String>)>;

fn try_place(place: &str, patience: Duration, found: &Found) {
    let addresses: Vec<SocketAddr> = match place.to_socket_addrs() {
        Ok(addresses) => addresses.take(MOST).collect(),
        Err(error) => {
            let _ = found.send((place.to_owned(), Err(in_words(&error))));
            return;
        }
    };
    for address in addresses {
        let (place, found) = (place.to_owned(), found.clone());
        thread::spawn(move || {
            let outcome = TcpStream::connect_timeout(&address, patience);
            let _ = found.send((place, outcome.map(drop).map_err(|error| in_words(&error))));
        });
    }
}

/// Without the number of the error.
fn in_words(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(_) => error.kind().to_string(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_listens_is_reached_and_who_does_not_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap().to_string();
        // A port that was just given back.
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let places = [
            there.clone(),
            gone.to_string(),
            "no-such-host.invalid:1".to_owned(),
        ];
        let records = look(&places, Duration::from_mins(1));
        let expected = |place: &str, silent: Option<&str>| ReachRecord {
            place: place.to_owned(),
            silent: silent.map(str::to_owned),
        };
        assert_eq!(records[0], expected(&there, None));
        assert_eq!(records[1], expected(&places[1], Some("connection refused")));
        let why = records[2].silent.as_deref().unwrap();
        assert!(why.contains("lookup"), "{why}");
    }

    #[test]
    fn who_is_silent_is_not_waited_for() {
        // Nothing is waited for at all: no host answers as fast as that.
        let records = look(&["192.0.2.1:9".to_owned()], Duration::ZERO);
        assert!(records[0].silent.is_some());
    }
}
