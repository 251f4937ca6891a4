//! Source trees, and comparing what came back.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Write as _,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _, fs::PermissionsExt as _, fs::symlink},
    path::{Path, PathBuf},
};

use crate::Bed;

impl Bed {
    /// The source of the job of that name.
    pub fn source(&self, name: &str) -> PathBuf {
        self.path(format!("source-{name}"))
    }

    /// Writes a file below a source.
    pub fn write_source(&self, source: &str, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.source(source).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Writes so many MiB that no compression makes smaller, different for each seed.
    pub fn write_big(&self, source: &str, name: &str, mebibytes: usize, seed: u64) {
        let path = self.write_source(source, name, "");
        let mut file = fs::File::create(path).unwrap();
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut block = vec![0_u8; 1 << 20];
        for _ in 0..mebibytes {
            for word in block.chunks_exact_mut(8) {
                // xorshift64: good enough that zstd finds nothing.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                word.copy_from_slice(&state.to_le_bytes());
            }
            file.write_all(&block).unwrap();
        }
    }

    /// A source with one of everything that a file system has.
    pub fn write_odd_source(&self, source: &str) {
        let at = |name: &str| self.source(source).join(name);
        self.write_source(source, "plain.txt", "plain");
        self.write_source(source, "empty", "");
        self.write_source(source, "with space/and 'quote\".txt", "odd");
        self.write_source(source, "deep/er/est/leaf", "leaf");
        self.write_source(source, "emoji-\u{1f980}", "crab");
        fs::write(at("").join(OsStr::from_bytes(b"not-utf8-\xff\xfe")), "bytes").unwrap();
        fs::write(at("").join(OsStr::from_bytes(b"line\nfeed")), "lines").unwrap();
        fs::create_dir(at("empty-directory")).unwrap();
        symlink("plain.txt", at("link")).unwrap();
        symlink("/nowhere/at/all", at("dangling")).unwrap();
        symlink(OsStr::from_bytes(b"\xff"), at("link-to-bytes")).unwrap();
        fs::hard_link(at("plain.txt"), at("hard-link")).unwrap();
        self.write_source(source, "secret", "for me alone");
        fs::set_permissions(at("secret"), fs::Permissions::from_mode(0o600)).unwrap();
        self.write_source(source, "program", "#!/bin/sh\n");
        fs::set_permissions(at("program"), fs::Permissions::from_mode(0o4755)).unwrap();
        let old = self.write_source(source, "old", "from long ago");
        let then = std::time::UNIX_EPOCH + std::time::Duration::new(86_400 * 365, 123_456_789);
        fs::File::options()
            .write(true)
            .open(old)
            .unwrap()
            .set_modified(then)
            .unwrap();
        // `/tmp` may be a file system without them.
        let _ = xattr::set(at("plain.txt"), "user.colour", b"red\xff");
        self.write_big(source, "big", 3, 7);
    }
}

/// Everything below a directory: kind, content or target, mode, owner, time, attributes, and which names share
/// an inode.
pub fn look(directory: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut inodes: BTreeMap<u64, PathBuf> = BTreeMap::new();
    walk(directory, directory, &mut inodes, &mut found);
    found
}

fn walk(
    root: &Path,
    directory: &Path,
    inodes: &mut BTreeMap<u64, PathBuf>,
    found: &mut BTreeMap<PathBuf, String>,
) {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        let name = path.strip_prefix(root).unwrap().to_owned();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let kind = metadata.file_type();
        let what = if kind.is_symlink() {
            format!("-> {:?}", fs::read_link(&path).unwrap())
        } else if kind.is_dir() {
            "directory".to_owned()
        } else {
            let first = inodes.entry(metadata.ino()).or_insert_with(|| name.clone());
            format!("same as {first:?}: {}", digest(&fs::read(&path).unwrap()))
        };
        let attributes: Vec<_> = xattr::list(&path)
            .map(|names| {
                names
                    .map(|name| (xattr::get(&path, &name).unwrap(), name))
                    .collect()
            })
            .unwrap_or_default();
        found.insert(
            name,
            format!(
                "{what} {:o} {}:{} {}.{:09} {attributes:?}",
                metadata.mode(),
                metadata.uid(),
                metadata.gid(),
                metadata.mtime(),
                metadata.mtime_nsec(),
            ),
        );
        if kind.is_dir() {
            walk(root, &path, inodes, found);
        }
    }
}

/// Length and a hash, so that a failed comparison can be read.
fn digest(content: &[u8]) -> String {
    let hash = content.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{} bytes, {hash:016x}", content.len())
}

/// Where an absolute path is after a restore into `target`.
pub fn restored(target: &Path, path: &Path) -> PathBuf {
    target.join(path.strip_prefix("/").unwrap())
}

/// Writes a file that can be run.
pub fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
