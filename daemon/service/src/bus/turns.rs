//! Places for so many at a time, so that nobody takes all of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Places, of which each may have some.
pub(super) struct Turns<K> {
    each: usize,
    most: usize,
    taken: Mutex<BTreeMap<K, usize>>,
}

/// A place; free again when it is dropped.
pub(super) struct Turn<K: Ord> {
    turns: Arc<Turns<K>>,
    key: K,
}

impl<K: Ord + Clone> Turns<K> {
    /// So many for each, and so many for all together.
    pub(super) fn new(each: usize, most: usize) -> Arc<Self> {
        let taken = Mutex::default();
        Arc::new(Self { each, most, taken })
    }

    /// A place, if there is one left.
    pub(super) fn take(self: &Arc<Self>, key: K) -> Option<Turn<K>> {
        let mut taken = self.taken();
        let own = taken.get(&key).copied().unwrap_or_default();
        if own >= self.each || taken.values().sum::<usize>() >= self.most {
            return None;
        }
        taken.insert(key.clone(), own + 1);
        drop(taken);
        let turns = Arc::clone(self);
        Some(Turn { turns, key })
    }
}

impl<K> Turns<K> {
    fn taken(&self) -> MutexGuard<'_, BTreeMap<K, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord> Drop for Turn<K> {
    fn drop(&mut self) {
        let mut taken = self.turns.taken();
        match taken.get_mut(&self.key) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(taken.remove(&self.key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gets_some_and_all_together_get_no_more_than_there_are() {
        let turns = Turns::new(2, 3);
        let first = turns.take("a").unwrap();
        let second = turns.take("a").unwrap();
        assert!(turns.take("a").is_none());
        let third = turns.take("b").unwrap();
        assert!(turns.take("b").is_none());
        drop(first);
        assert!(turns.take("b").is_some());
        drop((second, third));
        assert!(turns.taken().is_empty());
    }
}
