//! Files of a repository, written as another program would.

use std::{fmt, fs, path::Path};

use aes256ctr_poly1305aes::{Aes256CtrPoly1305Aes, Key, Nonce, Tag, aead::AeadInPlace};
use rustic_core::{
    Credentials, NoProgressBars, OpenStatus, Repository, RepositoryBackends, RepositoryOptions,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::world::{PASSWORD, World};

/// The repository as the library opens it, without anything around it.
pub(crate) fn opened(world: &World) -> Repository<OpenStatus> {
    let url = format!("local:{}", world.repository().display());
    let backend = rustic_backend::BackendOptions::default()
        .repository(url)
        .to_backends()
        .unwrap();
    let backends = RepositoryBackends::new(backend.repository(), None);
    let options = RepositoryOptions::default().no_cache(true);
    Repository::new_with_progress(&options, &backends, NoProgressBars)
        .unwrap()
        .open(&Credentials::password(PASSWORD))
        .unwrap()
}

fn cipher(world: &World) -> Aes256CtrPoly1305Aes {
    let key = opened(world).key();
    let bytes = [key.encrypt, key.mac.k, key.mac.r].concat();
    Aes256CtrPoly1305Aes::new(Key::from_slice(&bytes))
}

/// Puts a sealed file into a directory, under the name that its content gives it.
pub(crate) fn write(world: &World, directory: &str, content: &Value) {
    let mut sealed = content.to_string().into_bytes();
    let nonce = [7_u8; 16];
    let tag = cipher(world)
        .encrypt_in_place_detached(Nonce::from_slice(&nonce), &[], &mut sealed)
        .unwrap();
    let file = [nonce.as_slice(), &sealed, tag.as_slice()].concat();
    let name = Hex(&Sha256::digest(&file)).to_string();
    fs::write(world.repository().join(directory).join(name), file).unwrap();
}

/// What a sealed file says.
pub(crate) fn read(world: &World, path: &Path) -> Value {
    let file = fs::read(path).unwrap();
    let (nonce, rest) = file.split_at(16);
    let (body, tag) = rest.split_at(rest.len() - 16);
    let mut text = body.to_vec();
    cipher(world)
        .decrypt_in_place_detached(Nonce::from_slice(nonce), &[], &mut text, Tag::from_slice(tag))
        .unwrap();
    if text[0] == 2 {
        text = zstd::stream::decode_all(&text[1..]).unwrap();
    }
    serde_json::from_slice(&text).unwrap()
}

/// Changes what all index files say.
pub(crate) fn rewrite_index(world: &World, mut change: impl FnMut(&mut Value)) {
    for path in world.files("index") {
        let mut content = read(world, &path);
        change(&mut content);
        fs::remove_file(path).unwrap();
        write(world, "index", &content);
    }
}

/// Bytes as hex digits.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
