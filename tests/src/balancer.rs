//! What stands before a cluster: connections go to a node that takes them.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crate::wait::DEADLINE;

/// See the module. It ends when it is dropped.
pub struct Balancer {
    pub port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    /// Where the nodes listen; the first that takes a connection gets it.
    nodes: Vec<u16>,
    /// Whether bytes from clients go on.
    tap: Mutex<Tap>,
    changed: Condvar,
    ended: AtomicBool,
}

#[derive(Default)]
struct Tap {
    /// So many bytes from clients still go through.
    left: Option<u64>,
    /// Somebody has come to the end of them, and waits.
    held: bool,
}

impl Balancer {
    /// In front of what listens at these ports.
    pub fn to(nodes: Vec<u16>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            nodes,
            tap: Mutex::default(),
            changed: Condvar::new(),
            ended: AtomicBool::new(false),
        });
        let state = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if state.ended.load(Ordering::SeqCst) {
                    return;
                }
                state.serve(&client);
            }
        });
        Self { port, shared }
    }

    /// Holds all clients once so many more bytes of them have gone through.
    pub fn hold_after(&self, bytes: u64) {
        self.shared.tap.lock().unwrap().left = Some(bytes);
    }

    /// Waits until a client is held.
    pub fn wait_until_held(&self) {
        let tap = self.shared.tap.lock().unwrap();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(tap, DEADLINE, |tap| !tap.held)
            .unwrap();
        assert!(waited.0.held, "in vain waited for a client in the middle");
    }

    /// Lets everything through again.
    pub fn release(&self) {
        *self.shared.tap.lock().unwrap() = Tap::default();
        self.shared.changed.notify_all();
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.release();
        // Whoever waits for the next connection gets one.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn serve(self: &Arc<Self>, client: &TcpStream) {
        let mut nodes = self.nodes.iter();
        let Some(node) = nodes.find_map(|port| TcpStream::connect(("127.0.0.1", *port)).ok()) else {
            let _ = client.shutdown(Shutdown::Both);
            return;
        };
        for (from, to, counts) in [(client, &node, true), (&node, client, false)] {
            let _ = from.set_nodelay(true);
            let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            let shared = Arc::clone(self);
            thread::spawn(move || shared.forward(from, to, counts));
        }
    }

    /// Copies until one end is closed; then both are.
    fn forward(&self, mut from: TcpStream, mut to: TcpStream, counts: bool) {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if counts {
                self.pass(length as u64);
            }
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        for stream in [&from, &to] {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn pass(&self, bytes: u64) {
        let mut tap = self.tap.lock().unwrap();
        loop {
            match tap.left {
                Some(left) if left < bytes => {
                    tap.held = true;
                    self.changed.notify_all();
                    tap = self.changed.wait(tap).unwrap();
                }
                left => {
                    tap.left = left.map(|left| left - bytes);
                    return;
                }
            }
        }
    }
}
