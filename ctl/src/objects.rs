//! What the daemon knows, in typed form, from one answer of its `ObjectManager`.

use std::{collections::HashMap, fmt};

use backupd_dbus::{
    ExitCode, JOB_INTERFACE, JobProperties, ManagerProperties, REPOSITORY_INTERFACE, RUN_INTERFACE,
    RepositoryProperties, RunProperties,
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, MapAccess, Visitor},
};
use zbus::{ObjectPath, OwnedObjectPath, OwnedVariant, Signature, Type, fdo};

use crate::errors::Failure;

/// All objects.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    pub(crate) manager: ManagerProperties,
    /// By name.
    pub(crate) jobs: Vec<JobProperties>,
    /// By name.
    pub(crate) repositories: Vec<RepositoryProperties>,
    /// Newest first.
    pub(crate) runs: Vec<RunProperties>,
}

impl Objects {
    pub(crate) fn sort(&mut self) {
        self.jobs.sort_by(|a, b| a.name.cmp(&b.name));
        self.repositories.sort_by(|a, b| a.name.cmp(&b.name));
        self.runs.sort_by(|a, b| b.id.cmp(&a.id));
    }

    pub(crate) fn job(&self, name: &str) -> Option<&JobProperties> {
        self.jobs.iter().find(|job| job.name.as_deref() == Some(name))
    }

    pub(crate) fn repository(&self, name: &str) -> Option<&RepositoryProperties> {
        self.repositories
            .iter()
            .find(|repository| repository.name.as_deref() == Some(name))
    }

    /// The job, or a failure that names the nearest one.
    pub(crate) fn known_job(&self, name: &str) -> Result<&JobProperties, Failure> {
        self.job(name).ok_or_else(|| {
            let failure = Failure::new(
                "JobNotFound",
                ExitCode::NoSuchObject,
                format!("there is no job `{name}`"),
            );
            failure.hint(advice(name, &self.job_names(), "jobs", "backupctl job create"))
        })
    }

    /// The repository, or a failure that names the nearest one.
    pub(crate) fn known_repository(&self, name: &str) -> Result<&RepositoryProperties, Failure> {
        self.repository(name).ok_or_else(|| {
            let message = format!("there is no repository `{name}`");
            let failure = Failure::new("UnknownRepository", ExitCode::NoSuchObject, message);
            failure.hint(advice(
                name,
                &self.repository_names(),
                "repositories",
                "backupctl repository add",
            ))
        })
    }

    /// The jobs of a group, or a failure that names the nearest one and all there are.
    pub(crate) fn known_group(&self, group: &str) -> Result<Vec<&JobProperties>, Failure> {
        let of = |job: &&JobProperties| job.groups.iter().flatten().any(|name| name == group);
        let jobs: Vec<&JobProperties> = self.jobs.iter().filter(of).collect();
        if !jobs.is_empty() {
            return Ok(jobs);
        }
        let groups = self.group_names();
        let message = format!("there is no group `{group}`: no job's file names it");
        let failure = Failure::new("GroupNotFound", ExitCode::NoSuchObject, message);
        if groups.is_empty() {
            return Err(failure.hint(format!(
                "there are no groups; a job's file puts it into one: `groups = [\"{group}\"]`"
            )));
        }
        let all = format!("there are the groups {}", listed(&groups));
        let near = advice(group, &groups, "groups", "");
        Err(if near == all { failure } else { failure.hint(near) }.hint(all))
    }

    /// All groups, each once.
    pub(crate) fn group_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .jobs
            .iter()
            .flat_map(|job| job.groups.iter().flatten())
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    pub(crate) fn job_names(&self) -> Vec<&str> {
        self.jobs.iter().filter_map(|job| job.name.as_deref()).collect()
    }

    pub(crate) fn repository_names(&self) -> Vec<&str> {
        self.repositories
            .iter()
            .filter_map(|repository| repository.name.as_deref())
            .collect()
    }

    /// The run at a path, if it is an object.
    pub(crate) fn run_at(&self, path: Option<&OwnedObjectPath>) -> Option<&RunProperties> {
        let id = run_of(path)?;
        self.runs.iter().find(|run| run.id.as_deref() == Some(&id))
    }

    /// The runs that are not over.
    pub(crate) fn active(&self) -> impl Iterator<Item = &RunProperties> {
        self.runs
            .iter()
            .filter(|run| run.state.as_deref() != Some("finished"))
    }
}

/// The id of the run at a path; `/` is none.
pub(crate) fn run_of(path: Option<&OwnedObjectPath>) -> Option<String> {
    let element = path?.as_str().strip_prefix("/org/backupd/Backup1/run/")?;
    backupd_dbus::unescape(element)
}

/// The nearest known name, or all there are.
pub(crate) fn advice(wrong: &str, known: &[&str], what: &str, how: &str) -> String {
    let lower = wrong.to_lowercase();
    let near = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), *name))
        .filter(|(slips, name)| slips * 3 <= name.chars().count().max(3))
        .min();
    match (near, known) {
        (Some((_, name)), _) => format!("did you mean `{name}`?"),
        (None, []) => format!("there are no {what}; make one with `{how}`"),
        (None, known) => format!("there are the {what} {}", listed(known)),
    }
}

/// "`a`, `b` and `c`".
pub(crate) fn listed(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

impl Type for Objects {
    const SIGNATURE: &'static Signature = fdo::ManagedObjects::SIGNATURE;
}

impl<'de> Deserialize<'de> for Objects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Paths)
    }
}

/// The outer dictionary: paths.
struct Paths;

impl<'de> Visitor<'de> for Paths {
    type Value = Objects;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("objects by path")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Objects, A::Error> {
        let mut objects = Objects::default();
        while map.next_key::<ObjectPath<'_>>()?.is_some() {
            map.next_value_seed(Interfaces(&mut objects))?;
        }
        Ok(objects)
    }
}

/// The inner dictionary: interfaces and their properties, straight into their structs.
struct Interfaces<'a>(&'a mut Objects);

impl<'de> DeserializeSeed<'de> for Interfaces<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Interfaces<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("properties by interface")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(interface) = map.next_key::<&str>()? {
            match interface {
                JOB_INTERFACE => self.0.jobs.push(map.next_value()?),
                REPOSITORY_INTERFACE => self.0.repositories.push(map.next_value()?),
                RUN_INTERFACE => self.0.runs.push(map.next_value()?),
                _ => drop(map.next_value::<HashMap<String, OwnedVariant>>()?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_advised() {
        let known = ["home", "mail"];
        assert_eq!(advice("hoem", &known, "jobs", "x"), "did you mean `home`?");
        assert_eq!(advice("Mail", &known, "jobs", "x"), "did you mean `mail`?");
        assert_eq!(
            advice("database", &known, "jobs", "x"),
            "there are the jobs `home` and `mail`"
        );
        assert_eq!(
            advice("a", &[], "jobs", "backupctl job create"),
            "there are no jobs; make one with `backupctl job create`"
        );
    }

    #[test]
    fn paths_name_runs() {
        let path = backupd_dbus::run_path("01JD3V");
        assert_eq!(run_of(Some(&path)), Some("01JD3V".to_owned()));
        assert_eq!(run_of(Some(&OwnedObjectPath::default())), None);
    }
}
