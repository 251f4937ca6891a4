//! Owners, attributes, modes and times of what was restored, and files that are more than bytes.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path};

use jiff::Timestamp;
use nix::{
    fcntl::{AT_FDCWD, AtFlags},
    sys::{
        stat::{Mode, SFlag, UtimensatFlags, mknod, utimensat},
        time::TimeSpec,
    },
    unistd::{Gid, Uid, fchownat, geteuid},
};
use rustic_core::repofile::{Node, NodeType};

use crate::embedded::mode;

/// Makes a link or a special file. A socket is made by whoever listens on it, so there is none to make.
pub(super) fn create_special(path: &Path, node: &Node) -> io::Result<bool> {
    let device =
        |kind, device| mknod(path, kind, Mode::from_bits_truncate(0o600), device).map_err(io::Error::from);
    match &node.node_type {
        link @ NodeType::Symlink { .. } => std::os::unix::fs::symlink(link.to_link(), path)?,
        NodeType::Dev { device: number } => device(SFlag::S_IFBLK, *number)?,
        NodeType::Chardev { device: number } => device(SFlag::S_IFCHR, *number)?,
        NodeType::Fifo => device(SFlag::S_IFIFO, 0)?,
        NodeType::Socket | NodeType::File | NodeType::Dir => return Ok(false),
    }
    Ok(true)
}

/// Sets all that a node knows; goes on after a failure, and tells the first with what it was about.
pub(super) fn apply(path: &Path, node: &Node) -> Result<(), (&'static str, io::Error)> {
    let mut first = Ok(());
    let mut step = |what, result: io::Result<()>| {
        if let Err(error) = result
            && first.is_ok()
        {
            first = Err((what, error));
        }
    };
    // Changing owners clears capabilities and set-user-id bits, so it comes first; a mode may forbid the rest.
    step("owner", owner(path, node));
    step("extended attributes", attributes(path, node));
    if !node.is_symlink() {
        step("mode", permissions(path, node));
    }
    step("times", times(path, node));
    first
}

fn owner(path: &Path, node: &Node) -> io::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let (user, group) = (node.meta.uid.map(Uid::from_raw), node.meta.gid.map(Gid::from_raw));
    Ok(fchownat(
        AT_FDCWD,
        path,
        user,
        group,
        AtFlags::AT_SYMLINK_NOFOLLOW,
    )?)
}

/// Others than `user.` ones and access lists belong to root.
fn attributes(path: &Path, node: &Node) -> io::Result<()> {
    let root = geteuid().is_root();
    for attribute in &node.meta.extended_attributes {
        if root || attribute.name.starts_with("user.") || attribute.name.starts_with("system.posix_acl") {
            xattr::set(
                path,
                &attribute.name,
                attribute.value.as_deref().unwrap_or_default(),
            )?;
        }
    }
    Ok(())
}

fn permissions(path: &Path, node: &Node) -> io::Result<()> {
    match node.meta.mode {
        Some(bits) => fs::set_permissions(path, fs::Permissions::from_mode(mode::permissions(bits))),
        None => Ok(()),
    }
}

fn times(path: &Path, node: &Node) -> io::Result<()> {
    let Some(modified) = node.meta.mtime else {
        return Ok(());
    };
    let spec = |time: Timestamp| {
        // Before 1970 the parts of a jiff time are both negative; the system wants nanoseconds that are not.
        let nanoseconds = time.as_nanosecond();
        let second = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).unwrap_or_default();
        TimeSpec::new(
            second,
            i64::try_from(nanoseconds.rem_euclid(1_000_000_000)).unwrap_or_default(),
        )
    };
    let accessed = spec(node.meta.atime.unwrap_or(modified));
    Ok(utimensat(
        AT_FDCWD,
        path,
        &accessed,
        &spec(modified),
        UtimensatFlags::NoFollowSymlink,
    )?)
}
