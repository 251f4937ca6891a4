//! Reading all files. A file with faults stays in force as it was before, if it was.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Display,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use backupd_core::{
    config::{
        Care, Catalog, EngineName, Entry, Fault, Origin, PasswordSource, Repository, is_configuration_file,
        name_from_file, parse_job, parse_repository,
    },
    name::{JobName, NameError, RepositoryName},
};

use super::programs::{self, Programs};
use crate::dense::pack;

/// The variable that names a default local repository, and the one that holds its password.
const STORAGE_PATH: &str = "BACKUP_STORAGE_PATH";
/// See [`STORAGE_PATH`].
pub(crate) const ENCRYPTION_KEY: &str = "BACKUP_ENCRYPTION_KEY";
/// The name of that repository.
const DEFAULT_REPOSITORY: &str = "default";

/// All jobs and repositories in force.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loaded {
    pub(crate) catalog: Catalog,
    /// Every fault of every file.
    pub(crate) faults: Vec<Fault>,
    /// Jobs whose file has faults, and which are in force as they were before.
    pub(crate) refused: BTreeSet<JobName>,
}

/// Reads `jobs.d` and `repositories.d` below `configuration`.
pub(crate) fn load(configuration: &Path, before: &Catalog, programs: &dyn Programs) -> Loaded {
    let mut loaded = Loaded::default();
    let found = files(&configuration.join("repositories.d"), &mut loaded.faults);
    // One look at each program is enough for all repositories.
    let mut troubles: BTreeMap<&str, Option<String>> = BTreeMap::new();
    let mut usable = |file: &Path, repository: Repository| {
        let trouble = troubles
            .entry(repository.engine.as_str())
            .or_insert_with(|| programs.trouble(repository.engine));
        match trouble {
            None => Ok(repository),
            Some(trouble) => Err(vec![programs::fault(trouble, file, &repository)]),
        }
    };
    if found.is_none() {
        loaded.catalog.repositories.clone_from(&before.repositories);
    }
    for file in found.unwrap_or_default() {
        let Some((name, text)) = read::<RepositoryName>(&file, &mut loaded.faults) else {
            continue;
        };
        let parsed = text.and_then(|text| parse_repository(&file, &name, &text));
        match parsed.and_then(|repository| usable(&file, repository)) {
            Ok(repository) => {
                loaded.catalog.repositories.insert(name, repository);
            }
            Err(faults) => {
                loaded.faults.extend(faults);
                if let Some(old) = before.repositories.get(&name) {
                    loaded.catalog.repositories.insert(name, old.clone());
                }
            }
        }
    }
    add_default_repository(&mut loaded);
    let found = files(&configuration.join("jobs.d"), &mut loaded.faults);
    if found.is_none() {
        loaded.catalog.jobs.clone_from(&before.jobs);
        loaded.refused.extend(before.jobs.keys().cloned());
    }
    for file in found.unwrap_or_default() {
        let Some((name, text)) = read::<JobName>(&file, &mut loaded.faults) else {
            continue;
        };
        match text.and_then(|text| parse_job(&file, &name, &text)) {
            Ok(job) => {
                loaded.catalog.jobs.insert(name, Arc::new(job));
            }
            Err(faults) => {
                loaded.faults.extend(faults);
                if let Some(old) = before.jobs.get(&name) {
                    loaded.catalog.jobs.insert(name.clone(), old.clone());
                    loaded.refused.insert(name);
                } else {
                    loaded.catalog.faulty.insert(name);
                }
            }
        }
    }
    cross_check(configuration, before, &mut loaded);
    pack(&mut loaded.catalog.jobs);
    loaded
}

/// Takes out, or back to what they were, those that do not go together with the others.
fn cross_check(configuration: &Path, before: &Catalog, loaded: &mut Loaded) {
    // Taking one out can be a fault of another, such as a job whose repository went: until nothing is found.
    loop {
        let file_of = |entry: Entry<'_>| match entry {
            Entry::Job(name) => path_of(configuration, "jobs.d", name),
            Entry::Repository(name) => path_of(configuration, "repositories.d", name),
        };
        let faults = loaded.catalog.check(file_of);
        let fresh: Vec<Fault> = faults
            .iter()
            .filter(|fault| !loaded.faults.contains(fault))
            .cloned()
            .collect();
        let at_fault: BTreeSet<&Path> = faults.iter().map(|fault| fault.file.as_path()).collect();
        let mut changed = false;
        let jobs: Vec<JobName> = loaded.catalog.jobs.keys().cloned().collect();
        for name in jobs {
            let path = path_of(configuration, "jobs.d", &name);
            if !at_fault.contains(path.as_path()) {
                continue;
            }
            // A job that did not change, and waits for one that went or now waits for it, is backed up all the same.
            let mut own = faults.iter().filter(|fault| fault.file == path);
            let waits = own.all(|fault| fault.key.as_deref() == Some("after"));
            if waits && before.jobs.get(&name) == loaded.catalog.jobs.get(&name) {
                loaded.refused.insert(name);
                continue;
            }
            let old = before.jobs.get(&name).filter(|old| {
                loaded.catalog.jobs.get(&name) != Some(*old)
                    && loaded.catalog.repositories.contains_key(&old.repository)
            });
            if let Some(old) = old {
                loaded.catalog.jobs.insert(name.clone(), old.clone());
                loaded.refused.insert(name);
            } else {
                loaded.catalog.jobs.remove(&name);
                loaded.refused.remove(&name);
                loaded.catalog.faulty.insert(name);
            }
            changed = true;
        }
        let repositories: Vec<RepositoryName> = loaded.catalog.repositories.keys().cloned().collect();
        for name in repositories
            .into_iter()
            .filter(|name| at_fault.contains(path_of(configuration, "repositories.d", name).as_path()))
        {
            let old = before
                .repositories
                .get(&name)
                .filter(|old| loaded.catalog.repositories.get(&name) != Some(*old));
            match old {
                Some(old) => loaded.catalog.repositories.insert(name, old.clone()),
                None => loaded.catalog.repositories.remove(&name),
            };
            changed = true;
        }
        loaded.faults.extend(fresh);
        if !changed {
            return;
        }
    }
}

/// The file of a job or repository.
pub(super) fn path_of(configuration: &Path, directory: &str, name: &impl Display) -> PathBuf {
    configuration.join(directory).join(format!("{name}.toml"))
}

fn add_default_repository(loaded: &mut Loaded) {
    let Some(place) = env::var_os(STORAGE_PATH).filter(|place| !place.is_empty()) else {
        return;
    };
    let variables = Path::new("environment");
    let Ok(name) = DEFAULT_REPOSITORY.parse::<RepositoryName>() else {
        return;
    };
    let Some(url) = place.to_str().filter(|place| place.starts_with('/')) else {
        loaded.faults.push(
            Fault::new(variables, format!("`{STORAGE_PATH}` is no absolute path"))
                .hint("write it as `/srv/backup`"),
        );
        return;
    };
    // A file of that name says more than a variable.
    loaded
        .catalog
        .repositories
        .entry(name.clone())
        .or_insert_with(|| Repository {
            name,
            url: url.to_owned(),
            password: PasswordSource::Environment(ENCRYPTION_KEY.to_owned()),
            engine: EngineName::default(),
            description: Some(format!("from `{STORAGE_PATH}`")),
            care: Care::default(),
            credentials: backupd_core::config::Credentials::new(),
            reach: backupd_core::config::Reach::default(),
            room: backupd_core::space::Room::default(),
            lock_wait: backupd_core::config::LOCK_WAIT,
            marks: Vec::new(),
            origin: Origin::default(),
        });
}

/// The files of a directory; `None` where it cannot be read, which says nothing about what is in it.
fn files(directory: &Path, faults: &mut Vec<Fault>) -> Option<Vec<PathBuf>> {
    let listed = std::fs::read_dir(directory).and_then(|entries| {
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        paths.collect::<std::io::Result<Vec<PathBuf>>>()
    });
    match listed {
        Ok(mut files) => {
            files.retain(|path| is_configuration_file(path));
            files.sort();
            Some(files)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(Vec::new()),
        Err(error) => {
            let message = format!("the directory cannot be read: {error}");
            faults.push(Fault::new(directory, message).hint("what was in force stays in force"));
            None
        }
    }
}

type Text = Result<String, Vec<Fault>>;

fn read<N: FromStr<Err = NameError>>(file: &Path, faults: &mut Vec<Fault>) -> Option<(N, Text)> {
    match name_from_file::<N>(file) {
        Ok(name) => {
            // A FIFO would keep the whole daemon waiting.
            let regular = std::fs::metadata(file).map(|meta| meta.is_file());
            let text = match regular {
                Ok(false) => Err(std::io::Error::other("it is no regular file")),
                Ok(true) => std::fs::read_to_string(file),
                Err(error) => Err(error),
            }
            .map_err(|error| {
                let message = match error.kind() {
                    std::io::ErrorKind::InvalidData => "the file is no UTF-8 text".to_owned(),
                    _ => format!("the file cannot be read: {error}"),
                };
                vec![Fault::new(file, message)]
            });
            Some((name, text))
        }
        Err(fault) => {
            faults.push(fault);
            None
        }
    }
}
