//! Where the files of a repository lie: one small trait, and a kind of place behind each implementation.
//!
//! What is answered is whole or an error: a list that is cut short, or a file with bytes missing, is never handed on.

mod address;
mod fault;
mod http;
mod local;
mod object;
mod open;
mod program;
mod rclone;
mod remote;
mod rest;
mod sftp;
mod throttle;

use std::{fmt, io, sync::Arc, time::SystemTime};

use bytes::Bytes;

use crate::{Cancellation, Space};

pub(crate) use address::{Address, Host as SshHost};
pub(crate) use fault::Fault;
pub(crate) use local::Local;
pub(crate) use open::open;
pub(crate) use program::VARIABLES;
pub(crate) use sftp::ssh_arguments;
pub use throttle::{Direction, Pace};

/// The kinds of files in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Config,
    Key,
    Index,
    Snapshot,
    Pack,
    Lock,
}

impl Kind {
    /// All that lie in a directory of their own.
    pub(crate) const IN_DIRECTORIES: [Self; 5] =
        [Self::Key, Self::Index, Self::Snapshot, Self::Pack, Self::Lock];

    /// The directory; the configuration lies at the top.
    pub(crate) fn directory(self) -> &'static str {
        match self {
            Self::Config => "",
            Self::Key => "keys",
            Self::Index => "index",
            Self::Snapshot => "snapshots",
            Self::Pack => "data",
            Self::Lock => "locks",
        }
    }
}

/// One file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) kind: Kind,
    /// The hex digits of its id, perhaps with something behind them; of the configuration nothing.
    pub(crate) name: String,
}

impl Object {
    /// The configuration.
    pub(crate) fn config() -> Self {
        Self::new(Kind::Config, "")
    }

    /// A file by its name.
    pub(crate) fn new(kind: Kind, name: impl Into<String>) -> Self {
        let name = name.into();
        Self { kind, name }
    }

    /// Its path below the repository; packs lie in directories named by their first two digits.
    pub(crate) fn path(&self) -> String {
        let directory = self.kind.directory();
        match self.kind {
            Kind::Config => "config".to_owned(),
            Kind::Pack => format!(
                "{directory}/{}/{}",
                self.name.get(..2).unwrap_or_default(),
                self.name
            ),
            _ => format!("{directory}/{}", self.name),
        }
    }
}

/// A file in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) size: u64,
    /// When it was written, where the place says so.
    pub(crate) modified: Option<SystemTime>,
}

/// What is at a place. The empty directories of a repository are nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Repository,
    SomethingElse,
}

/// The files of one repository. Called from several threads; calls block.
///
/// A file that is not there is an error of the kind `NotFound`.
pub(crate) trait Store: fmt::Debug + Send + Sync {
    /// Where it is, for people: no secret is in it.
    fn location(&self) -> String;

    /// Whether each call is a request over a network.
    fn is_remote(&self) -> bool;

    /// The same files, where reading and writing end when somebody asks.
    fn until(&self, cancellation: &Cancellation) -> Arc<dyn Store>;

    /// What is there before a repository is opened.
    fn look(&self) -> io::Result<Found>;

    /// Makes what an empty repository needs.
    fn create(&self) -> io::Result<()>;

    /// All files of a kind, also those that somebody is writing.
    fn list(&self, kind: Kind) -> io::Result<Vec<Entry>>;

    /// Bytes of a file; nothing if it is not there.
    fn size(&self, object: &Object) -> io::Result<Option<u64>>;

    /// A whole file.
    fn read(&self, object: &Object) -> io::Result<Bytes>;

    /// Some bytes of a file, all of them.
    fn read_part(&self, object: &Object, offset: u64, length: u64) -> io::Result<Bytes>;

    /// Writes a file so that it is there whole or not at all, also after a power cut.
    fn write(&self, object: &Object, content: &[Bytes]) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, object: &Object) -> io::Result<()>;

    /// How much room there is; nothing where the place does not say so.
    fn space(&self) -> io::Result<Option<Space>>;

    /// Makes removals of a kind last through a power cut.
    fn settle(&self, kind: Kind) -> io::Result<()>;

    /// Removes the folders of a repository that has no files any more; what else lies there stays.
    fn remove_directories(&self) -> io::Result<()>;
}

/// Each kind lies in a directory.
fn is_kind_directory(name: &str) -> bool {
    Kind::IN_DIRECTORIES.iter().any(|kind| kind.directory() == name)
}

/// Packs lie in directories named by the first two digits of their ids.
fn is_pack_directory(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|digit| digit.is_ascii_hexdigit())
}
