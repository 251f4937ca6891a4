//! Signals of the bus, with the time at which each came.

use std::{
    collections::HashMap,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    time::{Duration, Instant},
};

use zbus::{Message, OwnedVariant};

use crate::wait::{self, DEADLINE};

/// A signal.
pub struct Signal {
    pub at: Instant,
    /// The same by the clock that workers write their events by.
    pub time: jiff::Timestamp,
    pub message: Message,
}

/// A changed property of an object, with the others that came with it.
pub struct Changed {
    pub path: String,
    pub interface: String,
    pub properties: HashMap<String, OwnedVariant>,
}

impl Signal {
    pub fn member(&self) -> String {
        let header = self.message.header();
        header.member().map(ToString::to_string).unwrap_or_default()
    }

    pub fn path(&self) -> String {
        let header = self.message.header();
        header.path().map(ToString::to_string).unwrap_or_default()
    }

    /// `PropertiesChanged`, if it is that.
    pub fn changed(&self) -> Option<Changed> {
        if self.member() != "PropertiesChanged" {
            return None;
        }
        let body = self.message.body();
        let (interface, properties, _): (String, HashMap<String, OwnedVariant>, Vec<String>) =
            body.deserialize().unwrap();
        Some(Changed {
            path: self.path(),
            interface,
            properties,
        })
    }
}

impl Changed {
    /// A property that is a text, if it changed.
    pub fn text(&self, name: &str) -> Option<String> {
        let value = self.properties.get(name)?.clone();
        Some(String::try_from(value).unwrap())
    }
}

enum Heard {
    Signal(Signal),
    Ended,
}

/// Signals, from the time on at which it was made.
pub struct Listener {
    heard: Receiver<Heard>,
    sender: Sender<Heard>,
}

impl Listener {
    /// An empty one, and the way to fill it.
    pub(crate) fn new() -> (Self, impl Fn(Message) -> bool + Send + 'static) {
        let (sender, heard) = channel();
        let fill = sender.clone();
        let put = move |message| {
            fill.send(Heard::Signal(Signal {
                at: Instant::now(),
                time: jiff::Timestamp::now(),
                message,
            }))
            .is_ok()
        };
        (Self { heard, sender }, put)
    }

    /// Waiting ends with that process too.
    pub fn end_with(&self, pid: u32) {
        let sender = self.sender.clone();
        std::thread::spawn(move || {
            // Where the process lives longer than anybody waits, there is nothing to tell.
            if wait::ends_within(pid, DEADLINE) {
                let _ = sender.send(Heard::Ended);
            }
        });
    }

    /// The next signal, if one comes in that time.
    pub fn next(&self, within: Duration) -> Option<Signal> {
        match self.heard.recv_timeout(within) {
            Ok(Heard::Signal(signal)) => Some(signal),
            Ok(Heard::Ended) | Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("the bus is gone"),
        }
    }

    /// What came until now.
    pub fn all(&self) -> Vec<Signal> {
        std::iter::from_fn(|| self.next(Duration::ZERO)).collect()
    }

    /// Looks once without a signal, and then at each, until `look` finds something; `None` when the process
    /// has ended that it was to end with.
    pub fn until<T>(&self, mut look: impl FnMut(Option<&Signal>) -> Option<T>) -> Option<T> {
        if let Some(found) = look(None) {
            return Some(found);
        }
        let until = Instant::now() + DEADLINE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.heard.recv_timeout(left) {
                Ok(Heard::Signal(signal)) => {
                    if let Some(found) = look(Some(&signal)) {
                        return Some(found);
                    }
                }
                Ok(Heard::Ended) => return None,
                Err(error) => panic!("in vain waited for a signal: {error}"),
            }
        }
    }

    /// Looks at each signal until one is what is waited for.
    pub fn expect<T>(&self, what: &str, mut look: impl FnMut(&Signal) -> Option<T>) -> T {
        self.until(|signal| signal.and_then(&mut look))
            .unwrap_or_else(|| panic!("in vain waited for {what}"))
    }
}
