//! Entries go to the journal from a thread of their own: one that has stopped reading keeps nobody waiting.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, IoSlice, Write as _},
    mem::MaybeUninit,
    os::{
        fd::AsFd as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create},
    io::Errno,
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, sendmsg_addr},
};

const SOCKET: &str = "/run/systemd/journal/socket";
/// So much waits for the journal: bytes, those of a small entry with what it takes to keep one.
const MOST: usize = 4 << 20;
const SMALL: usize = 512;

/// Makes the entry that says how many before it are lost.
type Lost = fn(u64) -> Vec<u8>;

/// See the module. Entries keep their order.
#[derive(Clone)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    most: usize,
    lost: Lost,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Entries for which there was no room since the last that had some.
    lost: u64,
    sending: bool,
}

impl Writer {
    /// Fails where nobody listens.
    pub(crate) fn start(lost: Lost) -> io::Result<Self> {
        UnixDatagram::unbound()?.connect(SOCKET)?;
        let socket = UnixDatagram::unbound()?;
        // A journal that is gone for a moment takes what comes after; what cannot be sent cannot be told either.
        Self::with(MOST, lost, move |entry| drop(send(&socket, entry)))
    }

    fn with(most: usize, lost: Lost, send: impl Fn(&[u8]) + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            changed: Condvar::new(),
            most,
            lost,
        });
        let of_thread = Arc::clone(&shared);
        thread::Builder::new().name("journal".to_owned()).spawn(move || {
            loop {
                send(&of_thread.take());
            }
        })?;
        Ok(Self { shared })
    }

    /// Never waits: what there is no room for is counted.
    pub(crate) fn put(&self, entry: Vec<u8>) {
        let mut queue = self.shared.lock();
        if queue.bytes.saturating_add(cost(&entry)) > self.shared.most {
            queue.lost += 1;
            return;
        }
        queue.tell_lost(self.shared.lost);
        queue.push(entry);
        drop(queue);
        self.shared.changed.notify_all();
    }

    /// Waits until all is sent, for a while.
    pub(crate) fn flush(&self, longest: Duration) {
        let busy = |queue: &mut Queue| queue.sending || queue.lost > 0 || !queue.waiting.is_empty();
        let queue = self.shared.lock();
        drop(self.shared.changed.wait_timeout_while(queue, longest, busy));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next entry, when there is one; the one before it is sent.
    fn take(&self) -> Vec<u8> {
        let mut queue = self.lock();
        queue.sending = false;
        loop {
            if queue.waiting.is_empty() {
                queue.tell_lost(self.lost);
            }
            if let Some(entry) = queue.waiting.pop_front() {
                queue.bytes = queue.bytes.saturating_sub(cost(&entry));
                queue.sending = true;
                return entry;
            }
            self.changed.notify_all();
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Queue {
    fn push(&mut self, entry: Vec<u8>) {
        self.bytes += cost(&entry);
        self.waiting.push_back(entry);
    }

    fn tell_lost(&mut self, words: Lost) {
        let lost = std::mem::take(&mut self.lost);
        if lost > 0 {
            self.push(words(lost));
        }
    }
}

fn cost(entry: &[u8]) -> usize {
    entry.len().max(SMALL)
}

/// Waits for as long as the journal has no room.
fn send(socket: &UnixDatagram, entry: &[u8]) -> io::Result<()> {
    let address = SocketAddr::from_pathname(SOCKET)?;
    match socket.send_to_addr(entry, &address) {
        Err(error) if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) => {
            send_large(socket, entry)
        }
        outcome => outcome.map(drop),
    }
}

/// What no datagram holds is handed over as a file in memory that nobody can change any more.
fn send_large(socket: &UnixDatagram, entry: &[u8]) -> io::Result<()> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(memfd_create("backupd-journal", flags)?);
    file.write_all(entry)?;
    fcntl_add_seals(
        &file,
        SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE,
    )?;
    let descriptors = [file.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg_addr(
        socket,
        &SocketAddrUnix::new(SOCKET)?,
        &[IoSlice::new(&[])],
        &mut ancillary,
        SendFlags::empty(),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_reader_that_stops_keeps_nobody_waiting_and_is_told_what_it_missed() {
        let (sent, taken) = mpsc::sync_channel(0);
        let words: Lost = |lost| format!("{lost} lost").into_bytes();
        let writer = Writer::with(3 * SMALL, words, move |entry: &[u8]| {
            let _ = sent.send(String::from_utf8(entry.to_vec()).unwrap());
        })
        .unwrap();
        writer.put(b"0".to_vec());
        assert_eq!(taken.recv().unwrap(), "0");
        // Nobody reads: one may be on its way, three wait, the others are lost.
        for number in 1..=10 {
            writer.put(number.to_string().into_bytes());
        }
        writer.flush(Duration::from_millis(1));
        let mut next = 1;
        let lost = loop {
            let entry = taken.recv().unwrap();
            if let Some(lost) = entry.strip_suffix(" lost") {
                break lost.parse::<u32>().unwrap();
            }
            assert_eq!(entry, next.to_string());
            next += 1;
        };
        assert!(lost >= 6, "{lost}");
        assert_eq!(next + lost, 11);
        writer.put(b"after".to_vec());
        assert_eq!(taken.recv().unwrap(), "after");
        writer.flush(Duration::from_mins(1));
    }
}
