//! Trees as the format has them, read straight from packs: what they lead to, and whether they are what was stored.

use rustic_core::Id;
use serde::Deserialize;

use crate::Result;

use super::{
    catalog::{Catalog, Place},
    failure,
    session::Session,
    stored::Looked,
};

/// What a tree leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) trees: Vec<Id>,
    pub(super) blobs: Vec<Id>,
    /// Directories that say nothing of what is in them.
    pub(super) blind: u64,
    /// Bytes of files, but for those with more than one name.
    pub(super) bytes: u64,
    /// Those.
    pub(super) linked: Vec<Linked>,
}

/// A file with more than one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Linked {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) size: u64,
}

#[derive(Deserialize)]
struct Tree {
    nodes: Option<Vec<Node>>,
}

/// The names, times and owners are not looked at: whatever they are, they are what was stored.
#[derive(Deserialize)]
struct Node {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default)]
    subtree: Option<Id>,
    #[serde(default)]
    content: Option<Vec<Id>>,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    links: u64,
    #[serde(default)]
    inode: u64,
    #[serde(default)]
    device_id: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Dir,
    File,
    #[serde(other)]
    Other,
}

impl Directory {
    /// Reads a tree from the first of its places that has it. What is wrong with those before is told to `bad`; `None`
    /// if none has it.
    pub(super) fn read(
        session: &Session,
        catalog: &Catalog,
        places: &[Place],
        mut bad: impl FnMut(&Place, String),
    ) -> Result<Option<Self>> {
        for place in places.iter().filter(|place| catalog.is_within(place)) {
            match Self::at(session, catalog, place)? {
                Ok(directory) => return Ok(Some(directory)),
                Err(why) => bad(place, why),
            }
        }
        Ok(None)
    }

    fn at(session: &Session, catalog: &Catalog, place: &Place) -> Result<Looked<Self>> {
        session.check_cancelled()?;
        let Some(pack) = catalog.pack(place) else {
            return Ok(Err("its pack is not in the index".to_owned()));
        };
        let sealed = match session.look_into(&pack.id, place.offset, place.length)? {
            Ok(sealed) => sealed,
            Err(why) => return Ok(Err(why)),
        };
        Ok(session
            .seal
            .open_blob(&sealed, place.unpacked(), &place.id)
            .map_err(|error| failure::reason(&error))
            .and_then(|text| Self::parse(&text)))
    }

    fn parse(text: &[u8]) -> Looked<Self> {
        let tree: Tree =
            serde_json::from_slice(text).map_err(|error| format!("it makes no sense: {error}"))?;
        let mut directory = Self::default();
        for node in tree.nodes.unwrap_or_default() {
            match node.kind {
                Kind::Dir => match node.subtree {
                    Some(tree) => directory.trees.push(tree),
                    None => directory.blind += 1,
                },
                Kind::File => {
                    if node.links > 1 {
                        directory.linked.push(Linked {
                            device: node.device_id,
                            inode: node.inode,
                            size: node.size,
                        });
                    } else {
                        directory.bytes += node.size;
                    }
                    directory.blobs.extend(node.content.unwrap_or_default());
                }
                Kind::Other => {}
            }
        }
        Ok(directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_leads_to_trees_and_blobs_whatever_else_is_in_it() {
        let id = |digit: &str| digit.repeat(64);
        let text = format!(
            r#"{{"nodes":[{{"name":"d","type":"dir","subtree":"{}"}},{{"name":"blind","type":"dir"}},
            {{"name":"f","type":"file","size":3,"content":["{}","{}"]}},{{"name":"n","type":"file","content":null}},
            {{"name":"l","type":"symlink","linktarget":"x"}},{{"name":"u","type":"of later times"}}]}}"#,
            id("a"),
            id("b"),
            id("c")
        );
        let directory = Directory::parse(text.as_bytes()).unwrap();
        assert_eq!(
            directory,
            Directory {
                trees: vec![id("a").parse().unwrap()],
                blobs: vec![id("b").parse().unwrap(), id("c").parse().unwrap()],
                blind: 1,
                bytes: 3,
                linked: Vec::new(),
            }
        );
        assert_eq!(
            Directory::parse(br#"{"nodes":null}"#).unwrap(),
            Directory::default()
        );
        assert!(Directory::parse(b"[]{").is_err());
    }
}
