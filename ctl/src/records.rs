//! Records that come through a file descriptor, one JSON object a line, as they come.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Lines},
    marker::PhantomData,
    os::fd::OwnedFd,
};

use serde::de::DeserializeOwned;

use crate::errors::Failure;

/// Reads records one after the other.
pub(crate) struct Records<T> {
    lines: Lines<BufReader<File>>,
    kind: PhantomData<T>,
}

impl<T: DeserializeOwned> Records<T> {
    pub(crate) fn new(fd: zbus::OwnedFd) -> Self {
        let file = File::from(OwnedFd::from(fd));
        Self {
            lines: BufReader::new(file).lines(),
            kind: PhantomData,
        }
    }

    /// The one record there is.
    pub(crate) fn one(mut self) -> Result<T, Failure> {
        self.next()
            .unwrap_or_else(|| Err(Failure::failed("the daemon's answer is empty")))
    }
}

impl<T: DeserializeOwned> Iterator for Records<T> {
    type Item = Result<T, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.lines.next()? {
            Ok(line) => serde_json::from_str(&line)
                .map_err(|error| Failure::failed(format!("the daemon's answer makes no sense: {error}"))),
            Err(error) => Err(Failure::failed(format!(
                "cannot read the daemon's answer: {error}"
            ))),
        })
    }
}
