//! Files and parts of packs looked at closely: what is damaged is told apart from what keeps one from looking.

use bytes::Bytes;
use rustic_core::{FileType, Id, ReadBackend, RusticError, WriteBackend};
use serde::{Serialize, de::DeserializeOwned};

use crate::{ErrorKind, Result};

use super::{
    crypto,
    failure::{self, Cause},
    session::Session,
};

/// What was looked for, or what is wrong with it, for people.
pub(super) type Looked<T> = std::result::Result<T, String>;

impl Session {
    /// A file outside packs: as its name says, sealed with our key, and as the format has it.
    pub(super) fn look_at<T: DeserializeOwned>(&self, tpe: FileType, id: &Id) -> Result<Looked<T>> {
        let raw = match self.guard.read_full(tpe, id) {
            Ok(raw) => raw,
            Err(error) => return self.damage(&error).map(Err),
        };
        Ok(self.open_stored(id, &raw))
    }

    /// As [`look_at`](Self::look_at), for a file that was read.
    pub(super) fn open_stored<T: DeserializeOwned>(&self, id: &Id, raw: &[u8]) -> Looked<T> {
        if Id::new(crypto::digest(raw)) != *id {
            return Err("its content is not what its name says".to_owned());
        }
        let text = self
            .seal
            .open_file(raw)
            .map_err(|error| failure::reason(&error))?;
        serde_json::from_slice(&text).map_err(|error| format!("it makes no sense: {error}"))
    }

    /// Some bytes of a pack.
    pub(super) fn look_into(&self, pack: &Id, offset: u32, length: u32) -> Result<Looked<Bytes>> {
        match self
            .guard
            .read_partial(FileType::Pack, pack, false, offset, length)
        {
            Ok(bytes) => Ok(Ok(bytes)),
            Err(error) => self.damage(&error).map(Err),
        }
    }

    /// Writes a file outside packs, under the name that its content gives it.
    pub(super) fn store(&self, version: u32, tpe: FileType, content: &impl Serialize) -> Result<Id> {
        let sealed = serde_json::to_vec(content)
            .map_err(std::io::Error::from)
            .and_then(|text| {
                if version > 1 {
                    self.seal.close_file(&text)
                } else {
                    self.seal.close(&text)
                }
            })
            .map_err(|error| self.failed_because("write to", Cause::of(&error)))?;
        let id = Id::new(crypto::digest(&sealed));
        self.guard
            .write_bytes(tpe, &id, true, sealed.into())
            .map_err(|error| self.failed("write to", &error))?;
        Ok(id)
    }

    /// What a failed read says of the file, unless it says something of the way there.
    fn damage(&self, error: &RusticError) -> Result<String> {
        self.check_cancelled()?;
        let cause = Cause::of(error);
        match cause.kind() {
            None | Some(ErrorKind::Corrupt | ErrorKind::Other) => {
                Ok(format!("it cannot be read: {}", cause.deepest()))
            }
            Some(_) => Err(self.failed_because("read", cause)),
        }
    }
}
