//! From a file's metadata to the node that stands for it in a tree.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::{self, Metadata},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use nix::unistd::{Gid, Group, Uid, User};
use rustic_core::repofile::{Metadata as Meta, Node, NodeType};

use super::mode;

/// Makes nodes; remembers names of users and groups.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    users: HashMap<u32, Option<String>>,
    groups: HashMap<u32, Option<String>>,
}

impl Nodes {
    /// The node of a file; with it, why its extended attributes are missing, if they are.
    pub(super) fn make(&mut self, path: &Path, metadata: &Metadata) -> io::Result<(Node, Option<io::Error>)> {
        let kind = metadata.file_type();
        let node_type = if kind.is_dir() {
            NodeType::Dir
        } else if kind.is_symlink() {
            NodeType::from_link(&fs::read_link(path)?)
        } else if kind.is_block_device() {
            NodeType::Dev {
                device: metadata.rdev(),
            }
        } else if kind.is_char_device() {
            NodeType::Chardev {
                device: metadata.rdev(),
            }
        } else if kind.is_fifo() {
            NodeType::Fifo
        } else if kind.is_socket() {
            NodeType::Socket
        } else {
            NodeType::File
        };
        let name = path.file_name().unwrap_or(OsStr::new("/"));
        let is_directory = kind.is_dir();
        let modified = time(metadata.mtime(), metadata.mtime_nsec());
        let mut meta = Meta {
            mode: Some(mode::to_go(metadata.mode())),
            mtime: modified,
            // Reading changes it: stored as it is, no tree would ever be the same twice.
            atime: modified,
            ctime: time(metadata.ctime(), metadata.ctime_nsec()),
            uid: Some(metadata.uid()),
            gid: Some(metadata.gid()),
            user: self.user(metadata.uid()),
            group: self.group(metadata.gid()),
            inode: metadata.ino(),
            // Device numbers change from boot to boot; they are needed to tell hard links apart.
            device_id: if !is_directory && metadata.nlink() > 1 {
                metadata.dev()
            } else {
                0
            },
            size: if kind.is_file() { metadata.len() } else { 0 },
            links: if is_directory { 0 } else { metadata.nlink() },
            ..Meta::default()
        };
        let trouble = attributes(path, &mut meta).err();
        Ok((Node::new_node(name, node_type, meta), trouble))
    }

    fn user(&mut self, id: u32) -> Option<String> {
        let look = || {
            User::from_uid(Uid::from_raw(id))
                .ok()
                .flatten()
                .map(|user| user.name)
        };
        self.users.entry(id).or_insert_with(look).clone()
    }

    fn group(&mut self, id: u32) -> Option<String> {
        let look = || {
            Group::from_gid(Gid::from_raw(id))
                .ok()
                .flatten()
                .map(|group| group.name)
        };
        self.groups.entry(id).or_insert_with(look).clone()
    }
}

pub(super) fn time(seconds: i64, nanoseconds: i64) -> Option<Timestamp> {
    Timestamp::new(seconds, i32::try_from(nanoseconds).ok()?).ok()
}

/// The library's type for one attribute cannot be named from outside, but it can be read from JSON.
fn attributes(path: &Path, meta: &mut Meta) -> io::Result<()> {
    let names = match xattr::list(path) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(()),
        other => other?,
    };
    let mut list = Vec::new();
    for name in names {
        if let Some(value) = xattr::get(path, &name)? {
            let value = BASE64_STANDARD.encode(value);
            list.push(serde_json::json!({ "name": name.to_string_lossy(), "value": value }));
        }
    }
    if !list.is_empty() {
        meta.extended_attributes = serde_json::from_value(list.into())?;
    }
    Ok(())
}
