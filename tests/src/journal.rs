//! A journal that tests look into: the end of `/run/systemd/journal/socket` in a mount namespace of the daemon's.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::net::UnixDatagram,
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use crate::Bed;

/// Nothing takes so long on a machine that works.
const DEADLINE: Duration = Duration::from_mins(1);

/// The fields of an entry; all of ours are text, and each is there once.
pub type Entry = BTreeMap<String, String>;

/// See the module. Entries are taken until the bed is gone.
pub struct Journal {
    taken: Arc<(Mutex<Vec<Entry>>, Condvar)>,
}

impl Journal {
    /// Makes the journal, and daemons of the bed that start from now on write to it.
    pub fn new(bed: &mut Bed) -> Self {
        let (journal, read) = Self::stopped(bed);
        read();
        journal
    }

    /// The same, but nobody reads, and there is no room for a word, until the function is called.
    pub fn stopped(bed: &mut Bed) -> (Self, impl FnOnce() + use<>) {
        let run = bed.path("run");
        fs::create_dir_all(run.join("systemd/journal")).unwrap();
        let socket = UnixDatagram::bind(run.join("systemd/journal/socket")).unwrap();
        bed.run_directory = Some(run);
        let taken: Arc<(Mutex<Vec<Entry>>, Condvar)> = Arc::default();
        let here = Arc::clone(&taken);
        let other = UnixDatagram::unbound().unwrap();
        other.connect(bed.path("run/systemd/journal/socket")).unwrap();
        other.set_nonblocking(true).unwrap();
        while other.send(&[]).is_ok() {}
        let read = || {
            drop(std::thread::spawn(move || {
                let mut buffer = vec![0; 256 * 1024];
                while let Ok(length) = socket.recv(&mut buffer) {
                    // Empty ones only fill the socket.
                    if length > 0 {
                        here.0.lock().unwrap().push(parse(&buffer[..length]));
                        here.1.notify_all();
                    }
                }
            }));
        };
        (Self { taken }, read)
    }

    /// All entries so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.taken.0.lock().unwrap().clone()
    }

    /// The entries with this field, once there is one for which `last` holds.
    pub fn until(&self, field: &str, value: &str, last: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let until = Instant::now() + DEADLINE;
        let mut entries = self.taken.0.lock().unwrap();
        loop {
            let ours = entries
                .iter()
                .filter(|entry| entry.get(field).is_some_and(|found| found == value));
            if ours.clone().any(&last) {
                return ours.cloned().collect();
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the last entry never came: {entries:#?}");
            entries = self.taken.1.wait_timeout(entries, left).unwrap().0;
        }
    }
}

/// The native protocol: `NAME=value`, or the name alone, eight bytes of length, and the value.
fn parse(datagram: &[u8]) -> Entry {
    let mut entry = Entry::new();
    let mut rest = datagram;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap();
        let line = &rest[..end];
        rest = &rest[end + 1..];
        let (name, value) = if let Some(equals) = line.iter().position(|byte| *byte == b'=') {
            (&line[..equals], &line[equals + 1..])
        } else {
            let (length, behind) = rest.split_first_chunk().unwrap();
            let (value, behind) = behind.split_at(usize::try_from(u64::from_le_bytes(*length)).unwrap());
            rest = behind.strip_prefix(b"\n").unwrap();
            (line, value)
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let before = entry.insert(text(name), text(value));
        assert_eq!(before, None, "{} is there twice", text(name));
    }
    entry
}
