//! restic's sealing of files and blobs: AES-256-CTR with Poly1305-AES, zstd below it, SHA-256 as the name.

use std::{fmt::Write, io};

use aes256ctr_poly1305aes::{Aes256CtrPoly1305Aes, Key, Nonce, Tag, aead::AeadInPlace};
use rustic_core::{Id, repofile::MasterKey};
use sha2::{Digest, Sha256};

/// Bytes of the nonce before a sealed text, and of the tag behind it.
const NONCE_BYTES: usize = 16;
const TAG_BYTES: usize = 16;
/// Begins a compressed file of format 2; plain ones begin with a bracket.
const COMPRESSED: u8 = 2;

/// The repository's master key, ready for use.
#[derive(Clone)]
pub(super) struct Seal(Aes256CtrPoly1305Aes);

impl Seal {
    pub(super) fn new(master: &MasterKey) -> io::Result<Self> {
        let bytes = [master.encrypt.as_slice(), &master.mac.k, &master.mac.r].concat();
        if bytes.len() != Key::default().len() {
            return Err(io::Error::other("the master key has a wrong length"));
        }
        Ok(Self(Aes256CtrPoly1305Aes::new(Key::from_slice(&bytes))))
    }

    /// Encrypts and signs.
    pub(super) fn close(&self, text: &[u8]) -> io::Result<Vec<u8>> {
        let mut nonce = [0; NONCE_BYTES];
        rustix::rand::getrandom(&mut nonce, rustix::rand::GetRandomFlags::empty())?;
        let nonce = Nonce::clone_from_slice(&nonce);
        let mut body = text.to_vec();
        let tag = self
            .0
            .encrypt_in_place_detached(&nonce, &[], &mut body)
            .map_err(|_| io::Error::other("encryption failed"))?;
        Ok([nonce.as_slice(), &body, tag.as_slice()].concat())
    }

    /// Checks the signature and decrypts.
    pub(super) fn open(&self, sealed: &[u8]) -> io::Result<Vec<u8>> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the signature does not match");
        let (nonce, rest) = sealed.split_at_checked(NONCE_BYTES).ok_or_else(damaged)?;
        let body = rest.len().checked_sub(TAG_BYTES).ok_or_else(damaged)?;
        let (body, tag) = rest.split_at_checked(body).ok_or_else(damaged)?;
        let mut text = body.to_vec();
        self.0
            .decrypt_in_place_detached(Nonce::from_slice(nonce), &[], &mut text, Tag::from_slice(tag))
            .map_err(|_| damaged())?;
        Ok(text)
    }

    /// Seals a file outside packs as format 2 does: compressed first.
    pub(super) fn close_file(&self, text: &[u8]) -> io::Result<Vec<u8>> {
        let mut framed = vec![COMPRESSED];
        zstd::stream::copy_encode(text, &mut framed, 0)?;
        self.close(&framed)
    }

    /// Opens a file outside packs, compressed or not.
    pub(super) fn open_file(&self, sealed: &[u8]) -> io::Result<Vec<u8>> {
        let text = self.open(sealed)?;
        match text.split_first() {
            Some((&COMPRESSED, packed)) => zstd::stream::decode_all(packed),
            _ => Ok(text),
        }
    }

    /// Opens a blob, and makes sure that it is the one of that name; `unpacked` is its size if it is compressed.
    pub(super) fn open_blob(&self, sealed: &[u8], unpacked: Option<u32>, id: &Id) -> io::Result<Vec<u8>> {
        let damaged = |why| io::Error::new(io::ErrorKind::InvalidData, why);
        let mut text = self.open(sealed)?;
        if let Some(size) = unpacked {
            text = zstd::bulk::decompress(&text, size as usize)?;
            if text.len() != size as usize {
                return Err(damaged("it is shorter than the index says"));
            }
        }
        if Id::new(digest(&text)) == *id {
            Ok(text)
        } else {
            Err(damaged("it is not what was stored"))
        }
    }
}

/// The SHA-256 of some bytes.
pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Lower-case hex digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_again_and_damage_is_seen() {
        let seal = Seal::new(&MasterKey::new()).unwrap();
        let sealed = seal.close_file(b"{\"a\":1}").unwrap();
        assert_eq!(seal.open_file(&sealed).unwrap(), b"{\"a\":1}");
        assert_eq!(seal.open_file(&seal.close(b"{}").unwrap()).unwrap(), b"{}");
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(seal.open_file(&damaged).is_err(), "byte {at}");
        }
        assert!(seal.open(&[0; 31]).is_err());
    }
}
