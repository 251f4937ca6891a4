//! Maps of thousands of entries without the room that their growth left.

use std::collections::BTreeMap;

/// Packs a map that has grown: one that grew in the order of its keys is half empty.
pub(crate) fn pack<K: Ord, V>(map: &mut BTreeMap<K, V>) {
    *map = std::mem::take(map).into_iter().collect();
}
