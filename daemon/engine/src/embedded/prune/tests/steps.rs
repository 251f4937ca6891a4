//! A backend that can be disturbed.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use rustic_core::{BytesList, FileType, Id, ReadBackend, RusticResult, WriteBackend};

/// Calls a function before each change, with its number; what it answers may keep the change from being made.
pub(super) struct Steps {
    inner: Arc<dyn WriteBackend>,
    done: Mutex<Vec<Step>>,
    before: Box<dyn Fn(usize) -> RusticResult<()> + Send + Sync>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step {
    Write,
    Remove,
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Steps")
    }
}

impl Steps {
    pub(super) fn new(
        inner: Arc<dyn WriteBackend>,
        before: impl Fn(usize) -> RusticResult<()> + Send + Sync + 'static,
    ) -> Self {
        Self {
            inner,
            done: Mutex::default(),
            before: Box::new(before),
        }
    }

    /// What was done, or tried, so far.
    pub(super) fn done(&self) -> Vec<Step> {
        self.done.lock().unwrap().clone()
    }

    fn step(&self, step: Step) -> RusticResult<()> {
        let mut done = self.done.lock().unwrap();
        done.push(step);
        (self.before)(done.len() - 1)
    }
}

impl ReadBackend for Steps {
    fn location(&self) -> String {
        self.inner.location()
    }
    fn list_with_size(&self, tpe: FileType) -> RusticResult<Vec<(Id, u32)>> {
        self.inner.list_with_size(tpe)
    }
    fn read_full(&self, tpe: FileType, id: &Id) -> RusticResult<Bytes> {
        self.inner.read_full(tpe, id)
    }
    fn read_partial(
        &self,
        tpe: FileType,
        id: &Id,
        cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        self.inner.read_partial(tpe, id, cacheable, offset, length)
    }
    fn warmup_path(&self, tpe: FileType, id: &Id) -> String {
        self.inner.warmup_path(tpe, id)
    }
}

impl WriteBackend for Steps {
    fn create(&self) -> RusticResult<()> {
        self.inner.create()
    }
    fn write_bytes(&self, tpe: FileType, id: &Id, cacheable: bool, content: BytesList) -> RusticResult<()> {
        self.step(Step::Write)?;
        self.inner.write_bytes(tpe, id, cacheable, content)
    }
    fn remove(&self, tpe: FileType, id: &Id, cacheable: bool) -> RusticResult<()> {
        self.step(Step::Remove)?;
        self.inner.remove(tpe, id, cacheable)
    }
}
