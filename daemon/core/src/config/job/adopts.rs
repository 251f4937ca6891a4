//! The key `adopts` of a job's file: snapshots that others have made, and that are of its history all the same.

use std::{collections::BTreeSet, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::values;
use crate::config::{
    fault::{Complaint, quoted},
    reader::{Located, Part, Reader},
};

const KEY: &str = "adopts";
const HINT: &str =
    "write whose snapshots they are, such as `adopts = [{ host = \"laptop\", paths = [\"/home\"] }]`";

/// Snapshots that stock restic, or another program, has made. Those that a job has made are never among them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adopts {
    /// Of this host.
    pub host: String,
    /// Of exactly these paths, in any order; of whatever paths where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<PathBuf>>,
    /// With exactly these tags, in any order; with whatever tags where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
}

impl Adopts {
    /// Whether there may be a snapshot that is of both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.host == other.host
            && overlap(self.paths.as_deref(), other.paths.as_deref())
            && overlap(self.tags.as_deref(), other.tags.as_deref())
    }
}

fn overlap<T: Ord>(one: Option<&[T]>, other: Option<&[T]>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            one.iter().collect::<BTreeSet<_>>() == other.iter().collect::<BTreeSet<_>>()
        }
        _ => true,
    }
}

pub(super) fn adopts(reader: &mut Reader<'_>) -> Vec<Adopts> {
    let found = reader.each(KEY, HINT, |reader, part| entry(reader, &part));
    super::once(reader, found, |adopts| {
        format!("the host {}", quoted(&adopts.host))
    })
}

fn entry(reader: &mut Reader<'_>, part: &Located<Part>) -> Option<Adopts> {
    if let Part::Text(text) = &part.value {
        let message = format!("{} does not say what of its snapshots is meant", quoted(text));
        reader.fault(KEY, part.position, Complaint::new(message).hint(HINT));
        return None;
    }
    let named = reader.has("adopts.host");
    let host = reader.parsed("adopts.host", values::host);
    if !named {
        let complaint = Complaint::new("`adopts` does not say which host the snapshots are of");
        reader.fault(KEY, part.position, complaint.hint(HINT));
    }
    let has_paths = reader.has("adopts.paths");
    let paths = super::plain(reader.parsed_list("adopts.paths", values::source));
    let has_tags = reader.has("adopts.tags");
    let tags = super::plain(reader.parsed_list("adopts.tags", values::adopted_tag));
    Some(Adopts {
        host: host?.value,
        paths: has_paths.then_some(paths),
        tags: has_tags.then_some(tags),
    })
}
