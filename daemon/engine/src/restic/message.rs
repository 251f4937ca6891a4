//! What the program says, line by line, in JSON.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::embedded;

/// A line that means something to us.
#[derive(Debug, Deserialize)]
#[serde(tag = "message_type", rename_all = "snake_case")]
pub(super) enum Message {
    /// How far it is.
    Status(Status),
    /// What could not be read or written; the work goes on.
    Error(Trouble),
    /// What was done.
    Summary(Box<Summary>),
    /// Why it ends, from 0.18 on.
    ExitError { message: String },
    #[serde(other)]
    Other,
}

impl Message {
    /// Nothing for a line that is none.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

/// Fields of a backup, and of a restore.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) total_files: u64,
    pub(super) files_done: u64,
    pub(super) files_restored: u64,
    pub(super) total_bytes: u64,
    pub(super) bytes_done: u64,
    pub(super) bytes_restored: u64,
    pub(super) current_files: Vec<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Summary {
    pub(super) files_new: u64,
    pub(super) files_changed: u64,
    pub(super) files_unmodified: u64,
    pub(super) dirs_new: u64,
    pub(super) dirs_changed: u64,
    pub(super) dirs_unmodified: u64,
    pub(super) data_added: u64,
    /// From 0.17 on.
    pub(super) data_added_packed: Option<u64>,
    pub(super) total_bytes_processed: u64,
    /// Before 0.16 the beginning of it.
    pub(super) snapshot_id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Trouble {
    error: Reason,
    /// `scan` counts ahead of `archival` and meets the same trouble first.
    #[serde(default)]
    pub(super) during: String,
    #[serde(default)]
    pub(super) item: PathBuf,
}

/// Before 0.16 Go's own error, from then on its text.
#[derive(Debug, Deserialize)]
struct Reason {
    message: Option<String>,
    #[serde(rename = "Err")]
    number: Option<serde_json::Value>,
    #[serde(rename = "Op")]
    operation: Option<String>,
}

impl Trouble {
    /// Whether the file went away while it was looked at.
    pub(super) fn is_vanished(&self) -> bool {
        self.number() == Some(2) || self.reason().ends_with("o such file or directory")
    }

    /// In the words of the operating system, where they are its.
    pub(super) fn reason(&self) -> String {
        if let Some(number) = self.number() {
            return embedded::system_reason(&std::io::Error::from_raw_os_error(number));
        }
        let said = self.error.message.as_deref().or(self.error.operation.as_deref());
        match said {
            Some(said) => plain(said),
            // Before 0.16 some errors are told without their text: whoever looks again finds the same.
            None => match open(&self.item) {
                Err(error) => embedded::system_reason(&error),
                Ok(()) => "It could not be read".to_owned(),
            },
        }
    }

    fn number(&self) -> Option<i32> {
        let number = self.error.number.as_ref()?.as_i64()?;
        i32::try_from(number).ok()
    }
}

/// A pipe would have us wait.
fn open(path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_file() || metadata.is_dir() {
        fs::File::open(path)?;
    }
    Ok(())
}

/// "open /x: permission denied" is known to be of `/x`: what is left is the system's reason, as the system writes it.
pub(super) fn plain(said: &str) -> String {
    let said = said.trim().trim_end_matches('.');
    let last = said.rsplit(": ").next().unwrap_or(said);
    let mut letters = last.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(line: &str) -> Trouble {
        match Message::read(line.as_bytes()) {
            Some(Message::Error(trouble)) => trouble,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn errors_of_all_versions_have_the_systems_reason() {
        for line in [
            r#"{"message_type":"error","error":{"Op":"open","Path":"/x","Err":13},"during":"archival","item":"/x"}"#,
            r#"{"message_type":"error","error":{"message":"open /x: permission denied"},"during":"archival","item":"/x"}"#,
        ] {
            let trouble = trouble(line);
            assert_eq!(trouble.reason(), "Permission denied", "{line}");
            assert_eq!(trouble.item, PathBuf::from("/x"));
            assert!(!trouble.is_vanished());
        }
        for line in [
            r#"{"message_type":"error","error":{"Op":"lstat","Path":"/x","Err":2},"during":"archival","item":"/x"}"#,
            r#"{"message_type":"error","error":{"message":"lstat /x: no such file or directory"},"item":"/x"}"#,
        ] {
            assert!(trouble(line).is_vanished(), "{line}");
        }
        assert_eq!(
            trouble(r#"{"message_type":"error","error":{"Op":"read"}}"#).reason(),
            "Read"
        );
    }

    #[test]
    fn what_is_not_known_is_passed_over() {
        assert!(Message::read(b"reading repository password from stdin").is_none());
        assert!(Message::read(br#"{"message_type":"status","percent_done":"#).is_none());
        assert!(matches!(
            Message::read(br#"{"message_type":"verbose_status","action":"new"}"#),
            Some(Message::Other)
        ));
        let Some(Message::Summary(summary)) =
            Message::read(br#"{"message_type":"summary","files_new":2,"snapshot_id":"f4a065a5","x":[1]}"#)
        else {
            panic!("no summary");
        };
        assert_eq!((summary.files_new, summary.data_added_packed), (2, None));
    }
}
