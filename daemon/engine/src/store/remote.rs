//! A place on the network: requests that are watched, tried again, and given up.

use std::{
    fmt, io,
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    runtime::Runtime,
    time::{Instant, sleep},
};

use crate::{Cancellation, ErrorKind, Space};

use super::{Entry, Fault, Found, Kind, Object, Store};

/// What a request comes to.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// What a kind of remote place can do, each a request or a few. As [`Store`], without patience.
pub(crate) trait Service: fmt::Debug + Send + Sync {
    fn location(&self) -> String;
    fn look(&self) -> Answer<'_, Found>;
    fn create(&self) -> Answer<'_, ()>;
    fn list(&self, kind: Kind) -> Answer<'_, Vec<Entry>>;
    fn size<'a>(&'a self, object: &'a Object) -> Answer<'a, Option<u64>>;
    /// A whole file, or so many bytes from an offset.
    fn read<'a>(&'a self, object: &'a Object, part: Option<(u64, u64)>) -> Answer<'a, Bytes>;
    /// `again`: an earlier request that was to write the same may have come through.
    fn write<'a>(&'a self, object: &'a Object, content: &'a [Bytes], again: bool) -> Answer<'a, ()>;
    fn remove<'a>(&'a self, object: &'a Object) -> Answer<'a, ()>;
    /// How much room there is; nothing where the place does not say so.
    fn space(&self) -> Answer<'_, Option<Space>> {
        Box::pin(async { Ok(None) })
    }
    /// See [`Store::remove_directories`]; at most servers folders are no things of their own.
    fn remove_directories(&self) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    /// Forgets a connection on which nothing moves any more.
    fn reset(&self) {}
}

/// How long a request may stand still, and how often it is made again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
}

/// The pause before the first retry, doubled before each further one up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(16);
/// How often is looked whether somebody asked to stop, and whether anything moves.
const TICK: Duration = Duration::from_millis(200);

tokio::task_local! {
    static PULSE: Pulse;
}

/// When something last moved in one request.
#[derive(Debug, Clone)]
pub(crate) struct Pulse(Arc<Mutex<Instant>>);

impl Pulse {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    /// That of the request that this is part of.
    pub(crate) fn current() -> Self {
        PULSE.try_with(Clone::clone).unwrap_or_else(|_| Self::new())
    }

    /// Something moved.
    pub(crate) fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn still_for(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

/// A service, with patience.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    service: Arc<dyn Service>,
    patience: Patience,
    cancellation: Option<Cancellation>,
    /// The last request failed for good: the next is made once, so that nobody waits for a server that is gone.
    given_up: Arc<AtomicBool>,
}

impl Remote {
    pub(crate) fn new(service: Arc<dyn Service>, patience: Patience) -> Self {
        Self {
            service,
            patience,
            cancellation: None,
            given_up: Arc::default(),
        }
    }

    /// Makes a request until it is answered, refused, or given up.
    fn ask<'a, T>(
        &'a self,
        stop: Option<&Cancellation>,
        request: impl Fn(bool) -> Answer<'a, T>,
    ) -> io::Result<T> {
        runtime()?.block_on(async {
            let mut pause = FIRST_PAUSE;
            let mut left = if self.given_up.load(Ordering::SeqCst) {
                0
            } else {
                self.patience.retries
            };
            let mut again = false;
            loop {
                let fault = match self.once(stop, request(again)).await {
                    Ok(answer) => {
                        self.given_up.store(false, Ordering::SeqCst);
                        return Ok(answer);
                    }
                    Err(fault) => fault,
                };
                if !fault.is_transient() {
                    return Err(fault.into());
                }
                if left == 0 {
                    self.given_up.store(true, Ordering::SeqCst);
                    return Err(fault.into());
                }
                tracing::warn!(place = self.service.location(), error = %fault, "a request failed and is made again");
                left -= 1;
                again = true;
                unless_stopped(stop, sleep(pause)).await?;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        })
    }

    /// Makes a request once; it fails when nothing moves for too long, or when somebody asks to stop.
    async fn once<T>(&self, stop: Option<&Cancellation>, request: Answer<'_, T>) -> Result<T, Fault> {
        let pulse = Pulse::new();
        let mut request = std::pin::pin!(PULSE.scope(pulse.clone(), request));
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                biased;
                answer = &mut request => return answer,
                _ = tick.tick() => {
                    if stop.is_some_and(Cancellation::is_cancelled) {
                        return Err(Fault::cancelled());
                    }
                    if pulse.still_for() > self.patience.timeout {
                        self.service.reset();
                        return Err(Fault::network(format!(
                            "nothing came from the server for {}",
                            seconds(self.patience.timeout)
                        )));
                    }
                }
            }
        }
    }

    fn stop(&self) -> Option<&Cancellation> {
        self.cancellation.as_ref()
    }
}

async fn unless_stopped(stop: Option<&Cancellation>, pause: tokio::time::Sleep) -> Result<(), Fault> {
    let mut pause = std::pin::pin!(pause);
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            () = &mut pause => return Ok(()),
            _ = tick.tick() => {
                if stop.is_some_and(Cancellation::is_cancelled) {
                    return Err(Fault::cancelled());
                }
            }
        }
    }
}

fn seconds(time: Duration) -> String {
    match time.as_secs() {
        1 => "a second".to_owned(),
        seconds => format!("{seconds} seconds"),
    }
}

/// One for the whole process, made when it is needed first.
fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<io::Result<Runtime>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("network")
            .enable_all()
            .build()
    });
    runtime.as_ref().map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot start threads for the network: {error}"),
        )
    })
}

/// What reads or writes stops when somebody asks; what looks after locks and removals is brought to its end.
impl Store for Remote {
    fn location(&self) -> String {
        self.service.location()
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn until(&self, cancellation: &Cancellation) -> Arc<dyn Store> {
        Arc::new(Self {
            cancellation: Some(cancellation.clone()),
            ..self.clone()
        })
    }

    fn look(&self) -> io::Result<Found> {
        self.ask(self.stop(), |_| self.service.look())
    }

    fn create(&self) -> io::Result<()> {
        self.ask(self.stop(), |_| self.service.create())
    }

    fn list(&self, kind: Kind) -> io::Result<Vec<Entry>> {
        self.ask(self.stop(), |_| self.service.list(kind))
    }

    fn size(&self, object: &Object) -> io::Result<Option<u64>> {
        self.ask(None, |_| self.service.size(object))
    }

    fn read(&self, object: &Object) -> io::Result<Bytes> {
        self.ask(self.stop(), |_| self.service.read(object, None))
    }

    fn read_part(&self, object: &Object, offset: u64, length: u64) -> io::Result<Bytes> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        self.ask(self.stop(), |_| {
            Box::pin(async move {
                let bytes = self.service.read(object, Some((offset, length))).await?;
                match bytes.len() as u64 {
                    got if got == length => Ok(bytes),
                    got if got < length => Err(Fault::new(
                        ErrorKind::Corrupt,
                        format!("it ends before {} bytes", offset + length),
                    )),
                    _ => Err(Fault::senseless("it has more bytes than were asked for")),
                }
            })
        })
    }

    fn write(&self, object: &Object, content: &[Bytes]) -> io::Result<()> {
        self.ask(self.stop(), |again| self.service.write(object, content, again))
    }

    fn remove(&self, object: &Object) -> io::Result<()> {
        self.ask(None, |again| {
            Box::pin(async move {
                match self.service.remove(object).await {
                    // The first request came through, and its answer did not.
                    Err(fault) if again && fault.is_missing() => Ok(()),
                    other => other,
                }
            })
        })
    }

    fn space(&self) -> io::Result<Option<Space>> {
        self.ask(self.stop(), |_| self.service.space())
    }

    fn remove_directories(&self) -> io::Result<()> {
        self.ask(None, |_| self.service.remove_directories())
    }

    /// Servers answer when it is done.
    fn settle(&self, _kind: Kind) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
