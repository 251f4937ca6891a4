//! What is there before a prune, and whether the library can be trusted with it.

use std::collections::HashMap;

use rustic_core::{FileType, Id, repofile::IndexPack};

use crate::{
    EngineError, ErrorKind, Result,
    embedded::{
        catalog::{self, each_index},
        session::Session,
    },
};

/// The library counts the blobs of a pack in sixteen bits.
const MOST_BLOBS: usize = u16::MAX as usize;

#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) snapshots: u64,
    /// Bytes of all packs.
    pub(super) bytes: u64,
    /// Bytes of blobs in packs that are marked already.
    pub(super) marked_bytes: u64,
    /// Packs that no index names, with their bytes.
    pub(super) unreferenced: Vec<(Id, u64)>,
}

impl Survey {
    /// Fails if an index file is damaged, or if the library would do harm.
    pub(super) fn make(session: &Session) -> Result<Self> {
        let mut survey = Self {
            snapshots: catalog::list(session, FileType::Snapshot)?.len() as u64,
            ..Self::default()
        };
        // Bytes of blobs, and whether the pack is marked.
        let mut named: HashMap<Id, (u64, bool)> = HashMap::new();
        each_index(session, |id, file| {
            let file = file.map_err(|why| {
                EngineError::new(
                    ErrorKind::Corrupt,
                    format!(
                        "index file `{:.8}` of repository `{}` is damaged: {why}",
                        id.to_hex().as_str(),
                        session.place.name
                    ),
                )
            })?;
            for (packs, marked) in [(file.packs, false), (file.packs_to_delete, true)] {
                for pack in packs {
                    can_be_pruned(&pack)?;
                    let bytes = pack
                        .blobs
                        .iter()
                        .map(|blob| u64::from(blob.location.length))
                        .sum();
                    named
                        .entry(*pack.id)
                        .and_modify(|known| known.1 &= marked)
                        .or_insert((bytes, marked));
                }
            }
            Ok(())
        })?;
        survey.marked_bytes = named
            .values()
            .filter(|(_, marked)| *marked)
            .map(|(bytes, _)| bytes)
            .sum();
        for (id, size) in catalog::list(session, FileType::Pack)? {
            survey.bytes += size;
            if !named.contains_key(&id) {
                survey.unreferenced.push((id, size));
            }
        }
        Ok(survey)
    }
}

/// The library takes the first blob's kind for that of all, and wraps around where there are too many.
fn can_be_pruned(pack: &IndexPack) -> Result<()> {
    let refuse = |why: &str| {
        let message = format!(
            "pack `{:.8}` {why}, which only restic can prune: run `restic prune` once",
            pack.id.to_hex().as_str()
        );
        Err(EngineError::new(ErrorKind::InvalidRequest, message))
    };
    if pack.blobs.len() > MOST_BLOBS {
        return refuse("holds more blobs than 65535");
    }
    if pack.blobs.iter().any(|blob| blob.tpe != pack.blob_type()) {
        return refuse("holds directories beside pieces of files");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rustic_core::repofile::{BlobType, IndexBlob};

    use super::*;

    #[test]
    fn what_the_library_would_get_wrong_is_refused() {
        let blob = |kind: BlobType| -> IndexBlob {
            let kind = if kind == BlobType::Tree { "tree" } else { "data" };
            let text = format!(
                r#"{{"id":"{}","type":"{kind}","offset":0,"length":40}}"#,
                "a".repeat(64)
            );
            serde_json::from_str(&text).unwrap()
        };
        let pack = |blobs| IndexPack {
            blobs,
            ..IndexPack::default()
        };
        can_be_pruned(&pack(vec![])).unwrap();
        can_be_pruned(&pack(vec![blob(BlobType::Tree); 3])).unwrap();
        can_be_pruned(&pack(vec![blob(BlobType::Data); MOST_BLOBS])).unwrap();
        for refused in [
            vec![blob(BlobType::Data); MOST_BLOBS + 1],
            vec![blob(BlobType::Data), blob(BlobType::Tree)],
        ] {
            let error = can_be_pruned(&pack(refused)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
            assert!(error.to_string().contains("restic prune"), "{error}");
        }
    }
}
