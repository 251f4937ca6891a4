//! Jobs that wait for one another: `after` names others that there are, and leads back to nobody.

use std::{
    collections::{BTreeMap, VecDeque},
    path::{Path, PathBuf},
};

use super::Catalog;
use crate::{
    config::{fault::Fault, job::Job, words},
    name::JobName,
};

/// So many jobs of a circle are named; nobody reads on.
const MOST_NAMED: usize = 12;

impl Catalog {
    /// The jobs that name one in their `after`.
    pub fn waiting_for<'a>(&'a self, name: &'a JobName) -> impl Iterator<Item = &'a JobName> {
        let jobs = self.jobs.iter().filter(|(_, job)| job.after.contains(name));
        jobs.map(|(other, _)| other)
    }

    /// Names in `after` that no job has. One whose file has faults is known well enough to be waited for.
    pub(super) fn unknown_after<'a>(
        &'a self,
        file: &'a Path,
        job: &'a Job,
    ) -> impl Iterator<Item = Fault> + 'a {
        let known = |name: &JobName| self.jobs.contains_key(name) || self.faulty.contains(name);
        let unknown = job.after.iter().enumerate().filter(move |(_, name)| !known(name));
        unknown.map(move |(index, name)| {
            let names = self
                .jobs
                .keys()
                .chain(&self.faulty)
                .filter(|name| **name != job.name);
            let hint = words::nearest(name.as_str(), names.map(JobName::as_str)).map_or_else(
                || "remove it, or write a file for that job".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            Fault::new(file, format!("the job `{name}` is not known"))
                .at(job.origin.item("after", index))
                .key("after")
                .hint(hint)
        })
    }

    /// A fault of each job that waits for itself in the end.
    pub(super) fn circles(&self, file_of: impl Fn(&JobName) -> PathBuf) -> Vec<Fault> {
        let tangled = self.tangled();
        let fault = |name: &&JobName| {
            let circle = way_back(&tangled, name)?;
            Some(circular(&file_of(name), self.jobs.get(*name)?, &circle))
        };
        tangled.keys().filter_map(fault).collect()
    }

    /// The jobs that are left, with those of them that they wait for, when again and again all are taken away that
    /// wait for nobody.
    fn tangled(&self) -> BTreeMap<&JobName, Vec<&JobName>> {
        let mut waiting: BTreeMap<&JobName, Vec<&JobName>> = BTreeMap::new();
        let mut free: Vec<&JobName> = Vec::new();
        let mut followers: BTreeMap<&JobName, Vec<&JobName>> = BTreeMap::new();
        let mut count: BTreeMap<&JobName, usize> = BTreeMap::new();
        for (name, job) in &self.jobs {
            let after: Vec<&JobName> = job
                .after
                .iter()
                .filter(|other| self.jobs.contains_key(*other))
                .collect();
            if after.is_empty() {
                free.push(name);
                continue;
            }
            for other in &after {
                followers.entry(other).or_default().push(name);
            }
            count.insert(name, after.len());
            waiting.insert(name, after);
        }
        while let Some(done) = free.pop() {
            for follower in followers.remove(done).unwrap_or_default() {
                let left = count.entry(follower).or_default();
                *left = left.saturating_sub(1);
                if *left == 0 && waiting.remove(follower).is_some() {
                    free.push(follower);
                }
            }
        }
        waiting
    }
}

/// The shortest way from a job over those that it waits for back to it.
fn way_back<'a>(
    waiting: &BTreeMap<&'a JobName, Vec<&'a JobName>>,
    start: &'a JobName,
) -> Option<Vec<&'a JobName>> {
    let mut came_from: BTreeMap<&JobName, &'a JobName> = BTreeMap::new();
    let mut next = VecDeque::from([start]);
    while let Some(name) = next.pop_front() {
        for other in waiting.get(name).into_iter().flatten() {
            if *other == start {
                let back = std::iter::successors(Some(name), |name| came_from.get(*name).copied());
                let mut way: Vec<&JobName> = back.collect();
                way.reverse();
                return Some(way);
            }
            if !came_from.contains_key(*other) {
                came_from.insert(other, name);
                next.push_back(other);
            }
        }
    }
    None
}

/// What is wrong with the first job of a circle.
fn circular(file: &Path, job: &Job, circle: &[&JobName]) -> Fault {
    let next = circle.iter().skip(1).chain(circle.first());
    let steps: Vec<(&&JobName, &&JobName)> = circle.iter().zip(next).collect();
    let mut said: Vec<String> = steps
        .iter()
        .take(MOST_NAMED)
        .enumerate()
        .map(|(index, (name, other))| match index {
            0 => format!("`{name}` waits for `{other}`"),
            _ => format!("`{name}` for `{other}`"),
        })
        .collect();
    if let Some(more) = steps.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
        said.push(format!("and so on over {more} more back to `{}`", job.name));
    }
    let index = steps
        .first()
        .and_then(|(_, first)| job.after.iter().position(|name| name == **first));
    Fault::new(file, format!("`after` leads in a circle: {}", said.join(", ")))
        .at(job.origin.item("after", index.unwrap_or_default()))
        .key("after")
        .hint("take one of them out of the `after` of another")
}
