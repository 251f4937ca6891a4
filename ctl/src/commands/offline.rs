//! Configuration files read without a daemon.

use std::{
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use backupd_core::{
    config::{self, Catalog, Entry, is_configuration_file, name_from_file, parse_job, parse_repository},
    name::NameError,
};

use crate::{errors::Failure, fault::Fault};

/// A text that is taken in place of a job's file.
pub(super) struct Instead<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
}

/// All faults of a directory's files, and of the files together.
pub(super) fn check(directory: &Path, instead: Option<&Instead<'_>>) -> Result<Vec<Fault>, Failure> {
    let (jobs, repositories) = (directory.join("jobs.d"), directory.join("repositories.d"));
    let mut catalog = Catalog::default();
    let mut faults = Vec::new();
    let main = directory.join("backupd.toml");
    for file in main
        .is_file()
        .then_some(main)
        .into_iter()
        .chain(files(&directory.join("conf.d"))?)
    {
        let text = fs::read_to_string(&file).map_err(|error| {
            vec![config::Fault::new(
                &file,
                format!("the file cannot be read: {error}"),
            )]
        });
        if let Err(found) = text.and_then(|text| config::parse_settings(&file, &text)) {
            faults.extend(found);
        }
    }
    for file in files(&repositories)? {
        match named(&file, |name, text| parse_repository(&file, name, text), None) {
            Ok(repository) => drop(catalog.repositories.insert(repository.name.clone(), repository)),
            Err(found) => faults.extend(found),
        }
    }
    let mut job_files = files(&jobs)?;
    if let Some(instead) = instead
        && !job_files.iter().any(|file| file == instead.file)
    {
        job_files.push(instead.file.to_owned());
    }
    for file in job_files {
        let text = instead
            .filter(|instead| instead.file == file)
            .map(|instead| instead.text);
        match named(&file, |name, text| parse_job(&file, name, text), text) {
            Ok(job) => drop(catalog.jobs.insert(job.name.clone(), job.into())),
            Err(found) => {
                faults.extend(found);
                catalog.faulty.extend(name_from_file(&file));
            }
        }
    }
    faults.extend(catalog.check(|entry| match entry {
        Entry::Job(name) => jobs.join(format!("{name}.toml")),
        Entry::Repository(name) => repositories.join(format!("{name}.toml")),
    }));
    Ok(faults.iter().map(Fault::from).collect())
}

/// Reads and parses one file; `text` is taken in its place.
fn named<N, T>(
    file: &Path,
    parse: impl FnOnce(&N, &str) -> Result<T, Vec<config::Fault>>,
    text: Option<&str>,
) -> Result<T, Vec<config::Fault>>
where
    N: FromStr<Err = NameError>,
{
    let name: N = name_from_file(file).map_err(|fault| vec![fault])?;
    if let Some(text) = text {
        return parse(&name, text);
    }
    let text = fs::read_to_string(file).map_err(|error| {
        vec![config::Fault::new(
            file,
            format!("the file cannot be read: {error}"),
        )]
    })?;
    parse(&name, &text)
}

/// The configuration files of a directory, by name; a directory that is not there has none.
fn files(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let wrong = |error: io::Error| Failure::file("read", directory, &error);
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(wrong)?,
    };
    let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(wrong)?;
    paths.retain(|path| is_configuration_file(path));
    paths.sort();
    Ok(paths)
}
