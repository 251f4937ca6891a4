//! What is whole in a damaged pack, written into another one as it was sealed.

use rustic_core::{FileType, Id, WriteBackend};
use serde_json::json;

use crate::{
    EngineError, ErrorKind, Result,
    embedded::{crypto, failure::Cause, pack::Piece, session::Session},
};

use super::index::IndexedPack;

/// Writes the pieces into a new pack; `None` where there are none. Whoever calls has seen that they can be opened.
pub(super) fn write(session: &Session, pack: &Id, pieces: &[Piece]) -> Result<Option<(IndexedPack, u64)>> {
    if pieces.is_empty() {
        return Ok(None);
    }
    let mut content = Vec::new();
    let mut moved = Vec::with_capacity(pieces.len());
    let mut header = Vec::new();
    for piece in pieces {
        let bytes = session
            .look_into(pack, piece.offset, piece.length)?
            .map_err(|why| changed(session, pack, &why))?;
        if let Err(error) = session.seal.open_blob(&bytes, piece.unpacked, &piece.id) {
            return Err(changed(session, pack, &error.to_string()));
        }
        let offset = u32::try_from(content.len()).map_err(|_| changed(session, pack, "it is too large"))?;
        header.extend(piece.entry());
        content.extend_from_slice(&bytes);
        moved.push(Piece {
            offset,
            ..piece.clone()
        });
    }
    let sealed = session
        .seal
        .close(&header)
        .map_err(|error| session.failed_because("write to", Cause::of(&error)))?;
    let length = u32::try_from(sealed.len()).map_err(|_| changed(session, pack, "it has too many blobs"))?;
    content.extend_from_slice(&sealed);
    content.extend_from_slice(&length.to_le_bytes());
    let id = Id::new(crypto::digest(&content));
    let size = content.len() as u64;
    session
        .guard
        .write_bytes(FileType::Pack, &id, false, content.into())
        .map_err(|error| session.failed("write to", &error))?;
    Ok(Some((indexed(&id, &moved), size)))
}

/// A pack as an index file has it.
pub(super) fn indexed(pack: &Id, pieces: &[Piece]) -> IndexedPack {
    let blobs: Vec<_> = pieces
        .iter()
        .map(|piece| {
            let mut blob = json!({
                "id": piece.id.to_hex().as_str(),
                "type": if piece.tree { "tree" } else { "data" },
                "offset": piece.offset,
                "length": piece.length,
            });
            if let (Some(unpacked), Some(fields)) = (piece.unpacked, blob.as_object_mut()) {
                fields.insert("uncompressed_length".to_owned(), unpacked.into());
            }
            blob
        })
        .collect();
    json!({ "id": pack.to_hex().as_str(), "blobs": blobs })
}

/// It was whole a moment ago.
fn changed(session: &Session, pack: &Id, why: &str) -> EngineError {
    EngineError::new(
        ErrorKind::Corrupt,
        format!(
            "pack `{:.8}` of repository `{}` reads otherwise each time",
            pack.to_hex().as_str(),
            session.place.name
        ),
    )
    .caused_by(why.to_owned())
}
