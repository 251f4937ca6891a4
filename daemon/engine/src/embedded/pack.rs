//! One pack, read from its first to its last byte.

use std::{collections::HashSet, num::NonZeroU32};

use rustic_core::{
    Id,
    repofile::{BlobType, IndexBlob},
};
use sha2::{Digest, Sha256};

use crate::Result;

use super::{catalog::Place, failure, session::Session, stored::Looked};

/// Bytes read at once, if no blob is larger.
const WINDOW: u32 = 8 << 20;
/// Bytes of an entry in the header: its kind and length, and with compression the length before it; then the id.
const ENTRY: usize = 1 + 4 + 32;
const COMPRESSED_ENTRY: usize = ENTRY + 4;
/// In the kind of an entry.
const COMPRESSED: u8 = 2;
/// Bytes of the header's length, which ends a pack.
const TAIL: u32 = 4;

/// Where a blob lies in a pack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Piece {
    pub(super) offset: u32,
    pub(super) length: u32,
    pub(super) unpacked: Option<u32>,
    pub(super) id: Id,
    pub(super) tree: bool,
}

impl Piece {
    /// What the index says of it.
    pub(super) fn named((place, tree): (&Place, bool)) -> Self {
        Self {
            offset: place.offset,
            length: place.length,
            unpacked: place.unpacked(),
            id: place.id,
            tree,
        }
    }

    /// As an index file has it.
    pub(super) fn of(blob: &IndexBlob) -> Self {
        Self {
            offset: blob.location.offset,
            length: blob.location.length,
            unpacked: blob.location.uncompressed_length.map(NonZeroU32::get),
            id: *blob.id,
            tree: blob.tpe == BlobType::Tree,
        }
    }

    /// As the header of a pack has it.
    pub(super) fn entry(&self) -> Vec<u8> {
        let kind = u8::from(self.tree) | if self.unpacked.is_some() { COMPRESSED } else { 0 };
        let mut entry = Vec::with_capacity(COMPRESSED_ENTRY);
        entry.push(kind);
        entry.extend(self.length.to_le_bytes());
        entry.extend(self.unpacked.iter().flat_map(|unpacked| unpacked.to_le_bytes()));
        let hex = self.id.to_hex();
        let digits = hex.as_str().as_bytes().chunks_exact(2);
        entry.extend(digits.map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | nibble(*digit))));
        entry
    }
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit - b'a' + 10,
    }
}

/// What a pack says is in it.
pub(super) fn pieces(session: &Session, pack: &Id, size: u32) -> Result<Looked<Vec<Piece>>> {
    Ok(header(session, pack, size)?.map(|header| header.pieces))
}

/// What was found in a pack.
#[derive(Debug, Default)]
pub(super) struct Inspection {
    /// Why the pack is not what was stored.
    pub(super) damage: Option<String>,
    /// Blobs that cannot be read.
    pub(super) bad: HashSet<Id>,
    /// The pack is what was stored, and the index says something else of it.
    pub(super) misnamed: bool,
    /// What is in it, as it says itself, or else as the index does.
    pub(super) pieces: Vec<Piece>,
    pub(super) bytes: u64,
}

/// Reads a pack of `size` bytes and holds it against its name, its own header and what the index says of it. `read` is told
/// of bytes that were read.
pub(super) fn inspect(
    session: &Session,
    pack: &Id,
    mut named: Vec<Piece>,
    size: u32,
    mut read: impl FnMut(u64),
) -> Result<Inspection> {
    let mut found = Inspection::default();
    named.sort_unstable();
    let (header, body, tail) = match header(session, pack, size)? {
        Ok(Header { pieces, body, raw }) => (Some(pieces), body, raw),
        Err(why) => {
            found.harm(format!("its header: {why}"));
            (None, size, Vec::new())
        }
    };
    let mut hash = Sha256::new();
    // The pack itself knows best what is in it.
    let pieces = header.as_ref().unwrap_or(&named);
    let mut at = 0;
    let mut next = 0;
    while at < body {
        session.check_cancelled()?;
        let (end, together) = window(pieces.get(next..).unwrap_or_default(), at, body);
        let inside = pieces.get(next..next + together).unwrap_or_default();
        match session.look_into(pack, at, end - at)? {
            Ok(bytes) => {
                hash.update(&bytes);
                for piece in inside {
                    if let Err(why) = open(session, &bytes, at, piece) {
                        found.bad.insert(piece.id);
                        found.harm(format!("blob `{:.8}`: {why}", piece.id.to_hex().as_str()));
                    }
                }
            }
            Err(why) => {
                found.bad.extend(inside.iter().map(|piece| piece.id));
                found.harm(why);
            }
        }
        found.bytes += u64::from(end - at);
        read(u64::from(end - at));
        (at, next) = (end, next + together);
    }
    // What lies beyond the end, or where something else lies too.
    for piece in pieces.get(next..).unwrap_or_default() {
        found.bad.insert(piece.id);
        found.harm(format!("blob `{:.8}` is not in it", piece.id.to_hex().as_str()));
    }
    hash.update(&tail);
    found.bytes += tail.len() as u64;
    read(tail.len() as u64);
    if found.damage.is_none() && Id::new(hash.finalize().into()) != *pack {
        found.harm("its content is not what its name says".to_owned());
    }
    let Some(mut header) = header else {
        found.pieces = named;
        return Ok(found);
    };
    header.sort_unstable();
    if header != named && found.damage.is_none() {
        found.misnamed = true;
        let right: HashSet<&Piece> = header.iter().collect();
        let wrong = named.iter().filter(|piece| !right.contains(piece));
        found.bad.extend(wrong.map(|piece| piece.id));
    }
    found.pieces = header;
    Ok(found)
}

impl Inspection {
    /// The first is what is told.
    fn harm(&mut self, why: String) {
        self.damage.get_or_insert(why);
    }
}

/// As many pieces from `at` on as fit into a window, at least one: where they end, and how many they are.
fn window(pieces: &[Piece], at: u32, body: u32) -> (u32, usize) {
    let limit = at.saturating_add(WINDOW).min(body);
    let (mut end, mut together) = (at, 0);
    for piece in pieces {
        let Some(next) = piece
            .offset
            .checked_add(piece.length)
            .filter(|next| *next <= body)
        else {
            break;
        };
        if piece.offset < end || (next > limit && together > 0) {
            break;
        }
        (end, together) = (next, together + 1);
    }
    if together > 0 { (end, together) } else { (limit, 0) }
}

fn open(session: &Session, bytes: &[u8], start: u32, piece: &Piece) -> Looked<()> {
    let from = piece.offset.saturating_sub(start) as usize;
    let sealed = bytes
        .get(from..from.saturating_add(piece.length as usize))
        .unwrap_or_default();
    session
        .seal
        .open_blob(sealed, piece.unpacked, &piece.id)
        .map(|_| ())
        .map_err(|error| failure::reason(&error))
}

struct Header {
    pieces: Vec<Piece>,
    /// Bytes before it.
    body: u32,
    /// The header as it is stored, with its length behind it.
    raw: Vec<u8>,
}

/// The header says what is in a pack, in the order in which it lies there.
fn header(session: &Session, pack: &Id, size: u32) -> Result<Looked<Header>> {
    let Some(before) = size.checked_sub(TAIL) else {
        return Ok(Err("there is no room for one".to_owned()));
    };
    let tail = match session.look_into(pack, before, TAIL)? {
        Ok(tail) => tail,
        Err(why) => return Ok(Err(why)),
    };
    let length = tail.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let Some(body) = before.checked_sub(length).filter(|_| length > 0) else {
        return Ok(Err("it has an impossible length".to_owned()));
    };
    let sealed = match session.look_into(pack, body, length)? {
        Ok(sealed) => sealed,
        Err(why) => return Ok(Err(why)),
    };
    Ok(session
        .seal
        .open(&sealed)
        .map_err(|error| failure::reason(&error))
        .and_then(|text| parse(&text))
        .and_then(|pieces| {
            let end: u64 = pieces.iter().map(|piece| u64::from(piece.length)).sum();
            if end == u64::from(body) {
                let raw = [&sealed[..], &tail[..]].concat();
                Ok(Header { pieces, body, raw })
            } else {
                Err("its blobs do not fill the pack".to_owned())
            }
        }))
}

fn parse(mut text: &[u8]) -> Looked<Vec<Piece>> {
    let broken = || "it makes no sense".to_owned();
    let number = |bytes: Option<&[u8]>| {
        bytes
            .and_then(|bytes| bytes.first_chunk())
            .map(|bytes| u32::from_le_bytes(*bytes))
            .ok_or_else(broken)
    };
    let (mut pieces, mut offset) = (Vec::new(), 0_u32);
    while let Some(kind) = text.first() {
        if *kind > 3 {
            return Err(broken());
        }
        let compressed = kind & COMPRESSED != 0;
        let size = if compressed { COMPRESSED_ENTRY } else { ENTRY };
        let (entry, rest) = text.split_at_checked(size).ok_or_else(broken)?;
        let length = number(entry.get(1..))?;
        let unpacked = if compressed {
            Some(number(entry.get(5..))?)
        } else {
            None
        };
        let id = entry.last_chunk::<32>().ok_or_else(broken)?;
        pieces.push(Piece {
            offset,
            length,
            unpacked,
            id: Id::new(*id),
            tree: kind & 1 != 0,
        });
        offset = offset.checked_add(length).ok_or_else(broken)?;
        text = rest;
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(offset: u32, length: u32) -> Piece {
        Piece {
            offset,
            length,
            unpacked: None,
            id: Id::default(),
            tree: false,
        }
    }

    #[test]
    fn what_is_written_of_a_piece_is_read_again() {
        let mut ids = (0..32_u8).map(|byte| byte.wrapping_mul(37));
        let id: [u8; 32] = std::array::from_fn(|_| ids.next().unwrap_or_default());
        let pieces = [
            piece(0, 10),
            Piece {
                unpacked: Some(99),
                tree: true,
                id: Id::new(id),
                ..piece(10, 70_000)
            },
        ];
        let text: Vec<u8> = pieces.iter().flat_map(Piece::entry).collect();
        assert_eq!(parse(&text).unwrap(), pieces);
    }

    #[test]
    fn a_header_is_parsed_and_nonsense_is_not() {
        let mut text = vec![0, 10, 0, 0, 0];
        text.extend([7; 32]);
        text.extend([3, 20, 0, 0, 0, 99, 0, 0, 0]);
        text.extend([8; 32]);
        let pieces = parse(&text).unwrap();
        assert_eq!(
            (pieces[0].offset, pieces[0].length, pieces[0].tree),
            (0, 10, false)
        );
        assert_eq!(
            (pieces[1].offset, pieces[1].length, pieces[1].tree),
            (10, 20, true)
        );
        assert_eq!((pieces[0].unpacked, pieces[1].unpacked), (None, Some(99)));
        assert_eq!(pieces[1].id, Id::new([8; 32]));
        assert!(parse(&text[..text.len() - 1]).is_err());
        text[0] = 4;
        assert!(parse(&text).is_err());
    }

    #[test]
    fn windows_end_with_blobs_and_skip_what_is_none() {
        let large = WINDOW + 5;
        let pieces = [
            piece(0, 10),
            piece(10, 20),
            piece(30, large),
            piece(30 + large, 1),
        ];
        let body = 31 + large;
        assert_eq!(window(&pieces, 0, body), (30, 2));
        assert_eq!(window(&pieces[2..], 30, body), (30 + large, 1));
        assert_eq!(window(&pieces[3..], 30 + large, body), (body, 1));
        // A gap is read with what is behind it; what overlaps, or lies beyond the end, is in no window.
        assert_eq!(window(&[piece(5, 5)], 0, 20), (10, 1));
        assert_eq!(window(&[piece(5, 5)], 6, 20), (20, 0));
        assert_eq!(window(&[piece(10, 20)], 0, 20), (20, 0));
        assert_eq!(window(&[piece(1, u32::MAX)], 0, 20), (20, 0));
    }
}
