//! Groups of snapshots, and which of them need the same.

use std::collections::HashMap;

use crate::GroupReport;

/// The groups, by number.
#[derive(Debug, Default)]
pub(super) struct Groups {
    numbers: HashMap<Option<String>, u32>,
    reports: Vec<GroupReport>,
}

impl Groups {
    /// The group that tags name.
    pub(super) fn of<'a>(&mut self, tags: impl Iterator<Item = &'a String>, group_by: &str) -> u32 {
        let name = tags
            .filter_map(|tag| tag.strip_prefix(group_by))
            .map(str::to_owned)
            .next();
        let next = u32::try_from(self.reports.len()).unwrap_or(u32::MAX);
        let reports = &mut self.reports;
        *self.numbers.entry(name).or_insert_with_key(|name| {
            reports.push(GroupReport {
                group: name.clone(),
                ..GroupReport::default()
            });
            next
        })
    }

    /// A snapshot is of this group, and would be restored as so many bytes.
    pub(super) fn add(&mut self, group: u32, restored: u64) {
        if let Some(report) = self.reports.get_mut(group as usize) {
            report.snapshots += 1;
            report.bytes_restored += restored;
        }
    }

    /// All of them, the largest first; `sums` says what one needs, and what it alone needs.
    pub(super) fn report(self, sums: impl Fn(u32) -> (u64, u64)) -> Vec<GroupReport> {
        let mut reports: Vec<GroupReport> = (0..)
            .zip(self.reports)
            .map(|(number, report)| {
                let (bytes_needed, bytes_alone) = sums(number);
                GroupReport {
                    bytes_needed,
                    bytes_alone,
                    ..report
                }
            })
            .collect();
        reports.sort_by(|a, b| {
            b.bytes_needed
                .cmp(&a.bytes_needed)
                .then_with(|| a.group.cmp(&b.group))
        });
        reports
    }
}

/// Some groups; the default is none of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Set(u32);

impl Set {
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn number(self) -> usize {
        self.0 as usize
    }
}

/// All sets of groups that came up: of few groups there are few, however many blobs there are.
#[derive(Debug)]
pub(super) struct Sets {
    /// In order, each by its number.
    members: Vec<Vec<u32>>,
    numbers: HashMap<Vec<u32>, Set>,
    known: HashMap<(Set, u32), Set>,
}

impl Default for Sets {
    fn default() -> Self {
        Self {
            members: vec![Vec::new()],
            numbers: HashMap::from([(Vec::new(), Set::default())]),
            known: HashMap::new(),
        }
    }
}

impl Sets {
    /// The set with one more group in it.
    pub(super) fn with(&mut self, set: Set, group: u32) -> Set {
        if let Some(known) = self.known.get(&(set, group)) {
            return *known;
        }
        let mut members = self.members.get(set.number()).cloned().unwrap_or_default();
        if let Err(at) = members.binary_search(&group) {
            members.insert(at, group);
        }
        let next = Set(u32::try_from(self.members.len()).unwrap_or(u32::MAX));
        let with = *self.numbers.entry(members.clone()).or_insert_with(|| {
            self.members.push(members);
            next
        });
        self.known.insert((set, group), with);
        with
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Of what each set needs: what a group needs, and what it alone needs.
    pub(super) fn sums(&self, by_set: &[u64], group: u32) -> (u64, u64) {
        let mut sums = (0, 0);
        for (members, bytes) in self.members.iter().zip(by_set) {
            if members.contains(&group) {
                sums.0 += bytes;
                sums.1 += if members.len() == 1 { *bytes } else { 0 };
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_the_same_in_whichever_order_they_came_to_be() {
        let mut sets = Sets::default();
        let none = Set::default();
        let one = sets.with(none, 1);
        let both = sets.with(one, 2);
        let two = sets.with(none, 2);
        assert_eq!(sets.with(two, 1), both);
        assert_eq!(sets.with(both, 1), both);
        assert_eq!(sets.len(), 4);
        let mut by_set = vec![0; 4];
        by_set[one.number()] = 5;
        by_set[two.number()] = 7;
        by_set[both.number()] = 100;
        assert_eq!(sets.sums(&by_set, 1), (105, 5));
        assert_eq!(sets.sums(&by_set, 2), (107, 7));
    }
}
