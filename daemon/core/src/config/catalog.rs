//! All jobs and repositories together, and what no file can know alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    fault::{Fault, quoted},
    job::{Job, copies::COPIES},
    path,
    repository::{EngineName, Repository},
    words,
};
use crate::name::{JobName, RepositoryName};

mod order;

/// The jobs and repositories of one scope.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalog {
    /// The jobs by name.
    pub jobs: BTreeMap<JobName, Arc<Job>>,
    /// Jobs that have a file with faults, and are not in force.
    pub faulty: BTreeSet<JobName>,
    /// The repositories by name.
    pub repositories: BTreeMap<RepositoryName, Repository>,
}

/// What a file describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A job.
    Job(&'a JobName),
    /// A repository.
    Repository(&'a RepositoryName),
}

impl Catalog {
    /// Compares the files with one another; `file_of` tells where each of them is.
    pub fn check(&self, file_of: impl Fn(Entry<'_>) -> PathBuf) -> Vec<Fault> {
        let job_file = |name: &JobName| file_of(Entry::Job(name));
        let repository_file = |name: &RepositoryName| file_of(Entry::Repository(name));
        let mut faults = Vec::new();
        no_look_alikes(self.jobs.keys(), "jobs", job_file, &mut faults);
        no_look_alikes(
            self.repositories.keys(),
            "repositories",
            repository_file,
            &mut faults,
        );
        self.no_shared_url(&file_of, &mut faults);
        self.no_shared_history(job_file, &mut faults);
        for (name, job) in &self.jobs {
            let file = job_file(name);
            faults.extend(self.unknown_after(&file, job));
            faults.extend(self.wrong_copies(&file, job));
            let Some(repository) = self.repositories.get(&job.repository) else {
                faults.push(self.unknown_repository(&file, job));
                continue;
            };
            if repository.engine == EngineName::Restic {
                faults.extend(by_restic(&file, job));
            }
            if let Some(store) = repository.local_path() {
                faults.extend(
                    sources(job).filter_map(|source| overlap(&file, job, &source, &job.repository, &store)),
                );
            }
        }
        faults.extend(self.circles(job_file));
        Fault::sort(&mut faults);
        faults
    }

    /// One repository under two names would be locked and queued as if it were two.
    fn no_shared_url(&self, file_of: &impl Fn(Entry<'_>) -> PathBuf, faults: &mut Vec<Fault>) {
        let mut seen: BTreeMap<PathBuf, &RepositoryName> = BTreeMap::new();
        for (name, repository) in &self.repositories {
            let place = repository
                .local_path()
                .unwrap_or_else(|| PathBuf::from(&repository.url));
            if let Some(first) = seen.get(&place) {
                let message = format!("the repository `{first}` has the same `url`");
                faults.push(
                    Fault::new(&file_of(Entry::Repository(name)), message)
                        .at(repository.origin.of("url"))
                        .key("url")
                        .hint(format!(
                            "let the jobs of `{name}` use `{first}`, and remove this file"
                        )),
                );
            } else {
                seen.insert(place, name);
            }
        }
    }

    /// Copies into what is not there, or into what the job would then store again.
    fn wrong_copies(&self, file: &Path, job: &Job) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (index, copy) in job.copies.iter().enumerate() {
            let position = job.origin.item(COPIES, index);
            let Some(repository) = self.repositories.get(&copy.to) else {
                faults.push(self.unknown(file, copy.to.as_str()).at(position).key(COPIES));
                continue;
            };
            if let Some(store) = repository.local_path() {
                let inside = |source: Source<'_>| overlap(file, job, &source, &copy.to, &store);
                faults.extend(sources(job).filter_map(inside));
            }
        }
        faults
    }

    /// What two jobs take for their own is let go by the rules of either.
    fn no_shared_history(&self, file_of: impl Fn(&JobName) -> PathBuf, faults: &mut Vec<Fault>) {
        for (name, job) in &self.jobs {
            for (index, adopts) in job.adopts.iter().enumerate() {
                let first = self
                    .jobs
                    .iter()
                    .take_while(|(other, _)| *other != name)
                    .find(|(_, other)| {
                        other.repository == job.repository
                            && other.adopts.iter().any(|others| others.overlaps(adopts))
                    });
                let Some((first, _)) = first else { continue };
                let message = format!(
                    "the job `{first}` adopts snapshots of the host {} that are meant here, too",
                    quoted(&adopts.host)
                );
                faults.push(
                    Fault::new(&file_of(name), message)
                        .at(job.origin.item("adopts", index))
                        .key("adopts")
                        .hint("a snapshot is of one job: say with `paths` or `tags` which are whose"),
                );
            }
        }
    }

    fn unknown_repository(&self, file: &Path, job: &Job) -> Fault {
        self.unknown(file, job.repository.as_str())
            .at(job.origin.of("repository"))
            .key("repository")
    }

    fn unknown(&self, file: &Path, wanted: &str) -> Fault {
        let hint = words::nearest(wanted, self.repositories.keys().map(RepositoryName::as_str)).map_or_else(
            || format!("add it with `backupctl repository add {wanted}`"),
            |near| format!("did you mean `{near}`?"),
        );
        Fault::new(file, format!("the repository `{wanted}` is not known")).hint(hint)
    }
}

/// What a job asks for that restic cannot do: it would store more, or less, than the file says.
fn by_restic(file: &Path, job: &Job) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut refuse = |key: &'static str, message: &str, hint: &str| {
        let fault = Fault::new(file, message).at(job.origin.of(key)).key(key);
        faults.push(fault.hint(hint));
    };
    if !job.include.is_empty() {
        refuse(
            "include",
            "the repository's engine is `restic`, which stores all that is not excluded",
            "say with `exclude` what is left out, or let another engine write the repository",
        );
    }
    if job.exclude_if_present.iter().any(|name| name.contains(':')) {
        refuse(
            "exclude_if_present",
            "the repository's engine is `restic`, which takes no `:` in these names",
            "name another file",
        );
    }
    faults
}

/// Two names that only a careful reader can tell apart are taken for one, and the wrong one is deleted.
fn no_look_alikes<'a, N: ToString + 'a>(
    names: impl Iterator<Item = &'a N>,
    what: &str,
    file_of: impl Fn(&N) -> PathBuf,
    faults: &mut Vec<Fault>,
) {
    let mut alike: BTreeMap<String, Vec<&N>> = BTreeMap::new();
    for name in names {
        alike
            .entry(name.to_string().to_ascii_lowercase())
            .or_default()
            .push(name);
    }
    for group in alike.values().filter(|group| group.len() > 1) {
        // Each names its neighbour in the ring: of two, each the other.
        for (name, other) in group.iter().zip(group.iter().cycle().skip(1)) {
            let (first, second) = (name.to_string(), other.to_string());
            let message =
                format!("duplicate name: the {what} `{first}` and `{second}` differ by letter case only");
            faults.push(Fault::new(&file_of(name), message).hint("rename one of the two files"));
        }
    }
}

/// A source with the key and index it was read from.
struct Source<'a> {
    key: &'static str,
    index: usize,
    path: &'a Path,
}

fn sources(job: &Job) -> impl Iterator<Item = Source<'_>> {
    [
        ("sources", &job.sources),
        ("optional_sources", &job.optional_sources),
    ]
    .into_iter()
    .flat_map(|(key, list)| {
        list.iter()
            .enumerate()
            .map(move |(index, path)| Source { key, index, path })
    })
}

/// A backup that reads what it writes never ends, or grows with each run.
fn overlap(
    file: &Path,
    job: &Job,
    source: &Source<'_>,
    repository: &RepositoryName,
    store: &Path,
) -> Option<Fault> {
    let Source { key, index, path } = *source;
    let shown = quoted(&path.to_string_lossy());
    let (message, hint) = if path == store {
        let message = format!("the source {shown} is the repository `{repository}` itself");
        (message, "remove it: a repository cannot hold itself".to_owned())
    } else if path.starts_with(store) {
        let message = format!("the source {shown} lies inside of the repository `{repository}`");
        (
            message,
            "remove it: a repository cannot hold its own files".to_owned(),
        )
    } else if store.starts_with(path) && !job.exclude.iter().any(|pattern| covers(pattern, store)) {
        let message = format!("the repository `{repository}` lies inside of the source {shown}");
        (
            message,
            format!(
                "exclude it: add {} to `exclude`",
                quoted(&store.to_string_lossy())
            ),
        )
    } else {
        return None;
    };
    Some(
        Fault::new(file, message)
            .at(job.origin.item(key, index))
            .key(key)
            .hint(hint),
    )
}

/// Whether an exclude pattern plainly names a path or a folder above it; what wild cards match is not judged.
fn covers(pattern: &str, store: &Path) -> bool {
    let folder = pattern.strip_suffix("/**").unwrap_or(pattern);
    let folder = Path::new(if folder.is_empty() { "/" } else { folder });
    folder.is_absolute() && store.starts_with(path::normal(folder))
}

#[cfg(test)]
mod tests;
