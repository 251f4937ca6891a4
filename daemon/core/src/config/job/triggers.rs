//! The table `triggers` of a job's file: what starts it beside its schedule and people.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde::Serialize;

use super::{once, values};
use crate::config::{
    fault::{Complaint, quoted},
    format_duration, path,
    reader::{Located, Reader},
};

const PATH_CHANGE: &str = "triggers.path_change";
const QUIET: &str = "triggers.path_change.quiet";
const DISTANCE: &str = "triggers.path_change.distance";

const SHORTEST: SignedDuration = SignedDuration::from_secs(1);
const LONGEST_QUIET: SignedDuration = SignedDuration::from_hours(1);

/// What starts a job beside its schedule and people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Triggers {
    /// The package manager is about to change packages.
    pub package_upgrade: bool,
    /// The machine is about to go down.
    pub shutdown: bool,
    /// Something below its sources changed.
    pub path_change: Option<PathChange>,
    /// One of these device nodes has come.
    pub devices: Vec<PathBuf>,
}

/// When changes below the sources start a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PathChange {
    /// So long nothing has changed any more; from a second to an hour.
    pub quiet: SignedDuration,
    /// So much time has passed since the last run began; not less than `quiet`.
    pub distance: SignedDuration,
}

impl Default for PathChange {
    fn default() -> Self {
        Self {
            quiet: SignedDuration::from_secs(30),
            distance: SignedDuration::from_mins(10),
        }
    }
}

pub(super) fn triggers(reader: &mut Reader<'_>) -> Triggers {
    reader.table("triggers", keys)
}

fn keys(reader: &mut Reader<'_>) -> Triggers {
    let package_upgrade = reader.boolean("triggers.package_upgrade", false);
    let shutdown = reader.boolean("triggers.shutdown", false);
    let path_change = reader.has(PATH_CHANGE);
    let change = reader.table(PATH_CHANGE, change);
    let devices = reader.parsed_list("triggers.device", node);
    Triggers {
        package_upgrade,
        shutdown,
        path_change: path_change.then_some(change),
        devices: once(reader, devices, |path| quoted(&path.to_string_lossy())),
    }
}

fn change(reader: &mut Reader<'_>) -> PathChange {
    let quiet = reader.scalar(QUIET);
    let quiet = quiet.and_then(|value| {
        reader.checked(value, |value| {
            let quiet = values::duration(value)?;
            if !(SHORTEST..=LONGEST_QUIET).contains(&quiet) {
                return Err(Complaint::new("`quiet` is a duration from `1s` to `1h`")
                    .hint("a run begins when nothing has changed for so long, such as `30s`"));
            }
            Ok(quiet)
        })
    });
    let distance = reader.scalar(DISTANCE);
    let distance = distance.and_then(|value| reader.checked(value, values::duration));
    let default = PathChange::default();
    let quiet = quiet.map_or(default.quiet, |value| value.value);
    if let Some(distance) = &distance {
        not_below_quiet(reader, distance, quiet);
    }
    PathChange {
        quiet,
        distance: distance.map_or(default.distance.max(quiet), |value| value.value),
    }
}

/// Runs are never closer than the quiet that each of them waits for.
fn not_below_quiet(reader: &mut Reader<'_>, distance: &Located<SignedDuration>, quiet: SignedDuration) {
    if distance.value < quiet {
        let message = format!(
            "`distance` is {}, less than `quiet`, which is {}",
            format_duration(distance.value),
            format_duration(quiet)
        );
        let hint = "`distance` is the least time from run to run, such as `10m`; `quiet` passes before each";
        reader.fault(DISTANCE, distance.position, Complaint::new(message).hint(hint));
    }
}

/// systemd knows as devices what stands in `/dev`.
fn node(text: &str) -> Result<PathBuf, Complaint> {
    const EXAMPLE: &str = "/dev/disk/by-label/backup";
    let node = path::absolute(text, EXAMPLE)?;
    if !node.starts_with("/dev") || node == Path::new("/dev") {
        return Err(
            Complaint::new(format!("{} is no device node", quoted(text))).hint(format!(
                "write one in `/dev` that is always named alike, such as `{EXAMPLE}`"
            )),
        );
    }
    Ok(node)
}
