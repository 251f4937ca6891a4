//! From arguments of calls to values of the domain.

use std::{
    ffi::OsString,
    os::unix::ffi::OsStringExt as _,
    path::{Component, PathBuf},
};

use backupd_core::{
    config::repository_of,
    name::{InvalidRunId, JobName, RepositoryName, RunId},
    resources::Limits,
    run::Trigger,
};
use backupd_dbus::Error;
use jiff::Timestamp;

use super::{authority::About, objects::Dictionary, options::Options};
use crate::coordinator::{StartOptions, shown};

/// Both stand in every listing of runs, and a message of the bus has its limit.
const LONGEST_METADATA: usize = 4 * 1024;
/// See [`LONGEST_METADATA`].
const LONGEST_DESCRIPTION: usize = 1024;

/// A configuration file of more is none.
const LONGEST_CONFIGURATION: usize = 256 * 1024;

/// The text of a configuration file.
pub(super) fn configuration(text: &str) -> Result<String, Error> {
    if text.len() > LONGEST_CONFIGURATION {
        return Err(Error::InvalidArgument(format!(
            "the configuration is longer than {LONGEST_CONFIGURATION} bytes"
        )));
    }
    Ok(text.to_owned())
}

/// The job that a text is to be the file of, with the repository that the text names, so that leave for the one is not
/// taken for another. What is refused for its length is not read.
pub(super) fn about_text(job: &str, text: &str) -> About {
    About {
        repository: configuration(text).ok().and_then(|text| repository_of(&text)),
        ..About::job(job, None)
    }
}

/// A job's name; one that cannot be a name is one that nobody has.
pub(super) fn job_name(text: &str) -> Result<JobName, Error> {
    text.parse()
        .map_err(|error| Error::JobNotFound(format!("there is no job `{}`: {error}", shown(text))))
}

/// The name that a new job is to have.
pub(super) fn new_name(text: &str) -> Result<JobName, Error> {
    text.parse()
        .map_err(|error| Error::InvalidArgument(format!("`{}` is no name: {error}", shown(text))))
}

/// A run's id; one that cannot be an id is one that no run has.
pub(super) fn run_id(text: &str) -> Result<RunId, Error> {
    text.parse().map_err(|_: InvalidRunId| {
        let id = InvalidRunId(shown(text));
        Error::RunNotFound(format!("{id}\nhint: `backupctl history` lists the runs"))
    })
}

/// A repository's name.
pub(super) fn repository_name(text: &str) -> Result<RepositoryName, Error> {
    text.parse().map_err(|error| {
        Error::UnknownRepository(format!("there is no repository `{}`: {error}", shown(text)))
    })
}

/// A snapshot's id, a beginning of one, or `latest`: what is longer than an id is none.
pub(super) fn snapshot(text: &str) -> Result<String, Error> {
    const LONGEST: usize = 64;
    if text.len() > LONGEST {
        return Err(Error::SnapshotNotFound(format!(
            "there is no snapshot `{}`: an id has {LONGEST} characters\nhint: `backupctl snapshots` lists them",
            shown(text)
        )));
    }
    Ok(text.to_owned())
}

/// A file name that is absolute and holds no NUL and no `..`.
pub(super) fn absolute_path(bytes: Vec<u8>, what: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(OsString::from_vec(bytes));
    let text = shown(&path.display().to_string());
    if path.as_os_str().is_empty() {
        return Err(format!("{what} is empty"));
    }
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(format!("{what} `{text}` holds a NUL byte"));
    }
    if !path.is_absolute() {
        return Err(format!("{what} `{text}` is not absolute"));
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(format!("{what} `{text}` holds `..`"));
    }
    Ok(path)
}

/// `description` and `metadata`.
pub(super) fn start_options(options: &mut Options) -> StartOptions {
    let mut description = options.text("description");
    if description
        .take_if(|text| text.len() > LONGEST_DESCRIPTION)
        .is_some()
    {
        options.fault(format!(
            "`description` is longer than {LONGEST_DESCRIPTION} bytes"
        ));
    }
    let metadata = metadata(options);
    StartOptions {
        description,
        metadata,
    }
}

fn metadata(options: &mut Options) -> serde_json::Map<String, serde_json::Value> {
    let metadata = options.text("metadata").and_then(|text| {
        if text.len() > LONGEST_METADATA {
            options.fault(format!("`metadata` is longer than {LONGEST_METADATA} bytes"));
            return None;
        }
        match serde_json::from_str(&text) {
            Ok(metadata) => Some(metadata),
            Err(error) => {
                options.fault(format!("`metadata` is no JSON object: {error}"));
                None
            }
        }
    });
    metadata.unwrap_or_default()
}

/// What may be told from outside, and what is known of it.
pub(super) fn trigger(
    word: &str,
    options: Dictionary,
) -> Result<(Trigger, serde_json::Map<String, serde_json::Value>), Error> {
    let mut options = Options::new(options);
    let metadata = metadata(&mut options);
    options.finish()?;
    match word.parse() {
        Ok(trigger @ (Trigger::PackageUpgrade | Trigger::Shutdown)) => Ok((trigger, metadata)),
        _ => Err(Error::InvalidArgument(format!(
            "`{}` is nothing that can be told\nhint: it is `{}` or `{}`",
            shown(word),
            Trigger::PackageUpgrade,
            Trigger::Shutdown
        ))),
    }
}

/// A time as it goes over the bus.
pub(super) fn moment(usec: u64) -> Result<Timestamp, String> {
    i64::try_from(usec)
        .ok()
        .and_then(|usec| Timestamp::from_microsecond(usec).ok())
        .ok_or_else(|| format!("{usec} µs since the epoch is no time"))
}

/// Until when a pause is, and why.
pub(super) fn pause(
    until_usec: u64,
    options: Dictionary,
) -> Result<(Option<Timestamp>, Option<String>), Error> {
    let mut options = Options::new(options);
    let mut reason = options.text("reason");
    if reason.take_if(|text| text.len() > LONGEST_DESCRIPTION).is_some() {
        options.fault(format!("`reason` is longer than {LONGEST_DESCRIPTION} bytes"));
    }
    options.finish()?;
    let until = match until_usec {
        0 => None,
        usec => Some(moment(usec).map_err(Error::InvalidArgument)?),
    };
    Ok((until, reason))
}

/// `paths`: absolute paths in a snapshot.
pub(super) fn paths(options: &mut Options) -> Vec<PathBuf> {
    let paths: Vec<Vec<u8>> = options
        .take("paths", "a list of byte strings (`aay`)")
        .unwrap_or_default();
    let mut good = Vec::with_capacity(paths.len());
    for path in paths {
        match absolute_path(path, "the path") {
            Ok(path) => good.push(path),
            Err(fault) => options.fault(fault),
        }
    }
    good
}

/// The limits that a run is to have; at least one.
pub(super) fn limits(options: &mut Options) -> Limits {
    let mut take = |key| options.take(key, "a number (`t`)");
    let limits = Limits {
        cpu_weight: take("cpu-weight"),
        io_weight: take("io-weight"),
        memory_high: take("memory-high"),
        memory_max: take("memory-max"),
    };
    match limits.fault() {
        Some((key, wrong)) => options.fault(format!("`{key}`: {wrong}")),
        // An option that is not known was meant to be one.
        None if limits.is_empty() && options.is_spent() => options.fault("no limit is named".to_owned()),
        None => {}
    }
    limits
}
