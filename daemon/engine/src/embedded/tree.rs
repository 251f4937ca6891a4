//! Trees of a snapshot: paths looked up, entries listed.

use std::{
    io,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

use rustic_core::{
    IndexedTree, Repository, TreeId,
    repofile::{Node, NodeType, Tree},
};

use crate::{Access, Cancellation, EngineError, Entry, EntryKind, ErrorKind, ListRequest, Result};

use super::{
    bars::NoBars,
    failure, mode,
    session::{Opening, Session},
    snapshots,
};

/// Tells `each` entry that the request asks for.
pub(super) fn list(
    access: &Access,
    request: &ListRequest,
    each: &mut dyn FnMut(Entry) -> io::Result<()>,
) -> Result<()> {
    let opening = Opening {
        cancellation: &Cancellation::default(),
        compression: None,
        bars: NoBars,
    };
    let (session, repository) = Session::open(access, opening)?;
    let snapshot = snapshots::find(&session, &repository, &request.snapshot, &request.query)?;
    let repository = repository
        .to_indexed_ids()
        .map_err(|error| session.failed("read the index of", &error))?;
    let trees = Trees {
        session: &session,
        repository: &repository,
    };
    let mut tell = |path: PathBuf, node: &Node| -> Result<()> {
        each(entry(path, node)).map_err(|error| failure::system("cannot pass on the listing", &error))
    };
    let top = match trees.find(snapshot.tree, &request.path)? {
        Some(At::Root) => snapshot.tree,
        Some(At::Node(node)) => match node.subtree.filter(|_| node.is_dir()) {
            Some(tree) => tree,
            None => return tell(request.path.clone(), &node),
        },
        None => return Err(missing(&snapshot.id.to_hex(), &[&request.path])),
    };
    trees.each(top, &request.path, &mut |path, node| {
        tell(path, node)?;
        Ok(request.recursive)
    })
}

/// Where a path leads in a snapshot.
pub(super) enum At {
    Root,
    Node(Box<Node>),
}

/// Reads trees of one repository.
pub(super) struct Trees<'a, S> {
    pub(super) session: &'a Session,
    pub(super) repository: &'a Repository<S>,
}

impl<S: IndexedTree> Trees<'_, S> {
    pub(super) fn get(&self, id: TreeId) -> Result<Tree> {
        self.session.check_cancelled()?;
        self.repository.get_tree(&id).map_err(|error| {
            self.session
                .failed(&format!("read the tree `{}` of", id.to_hex().as_str()), &error)
        })
    }

    /// The node at an absolute path.
    pub(super) fn find(&self, root: TreeId, path: &Path) -> Result<Option<At>> {
        let mut at = At::Root;
        for part in path.components() {
            let name = match part {
                Component::Normal(name) => name,
                Component::RootDir | Component::CurDir => continue,
                Component::ParentDir | Component::Prefix(_) => return Ok(None),
            };
            let tree = match &at {
                At::Root => Some(root),
                At::Node(node) => node.subtree,
            };
            let Some(tree) = tree else { return Ok(None) };
            let node = self.get(tree)?.nodes.into_iter().find(|node| node.name() == name);
            match node {
                Some(node) => at = At::Node(Box::new(node)),
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// Calls `each` for all below a tree, directories before what they hold, in the order of names; it says
    /// whether a directory is to be entered.
    pub(super) fn each(
        &self,
        tree: TreeId,
        path: &Path,
        each: &mut dyn FnMut(PathBuf, &Node) -> Result<bool>,
    ) -> Result<()> {
        let mut stack = vec![(path.to_owned(), self.get(tree)?.nodes.into_iter())];
        while let Some((directory, nodes)) = stack.last_mut() {
            let Some(node) = nodes.next() else {
                stack.pop();
                continue;
            };
            let path = directory.join(plain_name(&node)?);
            let enter = each(path.clone(), &node)?;
            if let Some(tree) = node.subtree.filter(|_| enter && node.is_dir()) {
                stack.push((path, self.get(tree)?.nodes.into_iter()));
            }
        }
        Ok(())
    }
}

/// A node's name, unless it would lead out of its directory: whoever can write to a repository must not be
/// able to write anywhere in a restore.
fn plain_name(node: &Node) -> Result<PathBuf> {
    let name = node.name();
    let bytes = name.as_bytes();
    if bytes.is_empty()
        || bytes == b"."
        || bytes == b".."
        || bytes.iter().any(|byte| matches!(byte, b'/' | 0))
    {
        return Err(EngineError::new(
            ErrorKind::Corrupt,
            format!("a tree holds the impossible file name `{}`", node.name),
        ));
    }
    Ok(PathBuf::from(&*name))
}

/// Names paths that are not in a snapshot.
pub(super) fn missing(snapshot: &str, paths: &[&PathBuf]) -> EngineError {
    let paths: Vec<_> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    EngineError::new(
        ErrorKind::PathNotFound,
        format!(
            "the snapshot `{}` does not hold {}",
            snapshot.get(..8).unwrap_or(snapshot),
            paths.join(", ")
        ),
    )
}

fn entry(path: PathBuf, node: &Node) -> Entry {
    let meta = &node.meta;
    let (kind, target) = match &node.node_type {
        NodeType::File => (EntryKind::File, None),
        NodeType::Dir => (EntryKind::Directory, None),
        link @ NodeType::Symlink { .. } => (EntryKind::Symlink, Some(link.to_link().to_owned())),
        _ => (EntryKind::Special, None),
    };
    Entry {
        path,
        kind,
        size: if kind == EntryKind::File { meta.size } else { 0 },
        modified: meta.mtime,
        mode: meta.mode.map(mode::permissions),
        uid: meta.uid,
        gid: meta.gid,
        user: meta.user.clone(),
        group: meta.group.clone(),
        target,
    }
}
