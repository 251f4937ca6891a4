//! A network that can be cut, held up and slowed down, in front of a server.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// What becomes of connections.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Weather {
    Fair,
    /// Connections are taken and closed.
    Cut,
    /// Connections stay, and nothing goes through.
    Still,
}

/// Forwards connections to a server.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    weather: Mutex<Weather>,
    changed: Condvar,
    open: Mutex<Vec<TcpStream>>,
    /// Bytes from clients until the next cut; none is planned below zero.
    until_cut: AtomicI64,
    /// Whether the network is back after a planned cut.
    heals: Mutex<bool>,
    connections: AtomicUsize,
}

impl Proxy {
    /// In front of the server at a port.
    pub(crate) fn to(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            weather: Mutex::new(Weather::Fair),
            changed: Condvar::new(),
            open: Mutex::default(),
            until_cut: AtomicI64::new(i64::MIN),
            heals: Mutex::new(false),
            connections: AtomicUsize::new(0),
        });
        let state = Arc::clone(&shared);
        // It ends with the process.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                state.serve(client, server);
            }
        });
        Self { port, shared }
    }

    /// Cuts all connections, and all that come, until told otherwise.
    pub(crate) fn cut(&self) {
        self.shared.set(Weather::Cut);
    }

    /// Cuts after so many bytes from clients; for good, or just once.
    pub(crate) fn cut_after(&self, bytes: i64, heals: bool) {
        *self.shared.heals.lock().unwrap() = heals;
        self.shared.until_cut.store(bytes, Ordering::SeqCst);
    }

    /// Whether a planned cut has happened.
    pub(crate) fn was_cut(&self) -> bool {
        self.shared.until_cut.load(Ordering::SeqCst) == i64::MIN
    }

    /// Lets nothing through, and closes nothing.
    pub(crate) fn hold(&self) {
        self.shared.set(Weather::Still);
    }

    /// All is well again.
    pub(crate) fn heal(&self) {
        self.shared.until_cut.store(i64::MIN, Ordering::SeqCst);
        self.shared.set(Weather::Fair);
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn set(&self, weather: Weather) {
        *self.weather.lock().unwrap() = weather;
        if weather == Weather::Cut {
            self.close_all();
        }
        self.changed.notify_all();
    }

    fn close_all(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn serve(self: &Arc<Self>, client: TcpStream, port: u16) {
        self.connections.fetch_add(1, Ordering::SeqCst);
        if *self.weather.lock().unwrap() == Weather::Cut {
            return;
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
            return;
        };
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
            self.open.lock().unwrap().push(stream.try_clone().unwrap());
        }
        let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let shared = Arc::clone(self);
        thread::spawn(move || shared.pump(from, to, true));
        let shared = Arc::clone(self);
        thread::spawn(move || shared.pump(server, client, false));
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream, counts: bool) {
        let mut bytes = [0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            self.wait_while_still();
            if counts && self.is_to_be_cut(count) {
                self.close_all();
                break;
            }
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }

    fn is_to_be_cut(&self, count: usize) -> bool {
        if self.until_cut.load(Ordering::SeqCst) == i64::MIN {
            return false;
        }
        let count = i64::try_from(count).unwrap();
        if self.until_cut.fetch_sub(count, Ordering::SeqCst) > count {
            return false;
        }
        self.until_cut.store(i64::MIN, Ordering::SeqCst);
        if !*self.heals.lock().unwrap() {
            *self.weather.lock().unwrap() = Weather::Cut;
        }
        true
    }

    fn wait_while_still(&self) {
        let weather = self.weather.lock().unwrap();
        let wait = self
            .changed
            .wait_timeout_while(weather, Duration::from_mins(1), |weather| {
                *weather == Weather::Still
            });
        drop(wait.unwrap());
    }
}

/// Answers whoever comes with the same words.
pub(crate) fn babbling(words: &'static [u8]) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(words);
            });
        }
    });
    port
}
