//! The keys `check` and `prune` of a repository's file: when it is cared for, and how much in one go.

use jiff::SignedDuration;
use serde::Serialize;

use super::{
    fault::Complaint,
    job::values,
    reader::{Located, Part, Reader, Scalar},
    schedule::{self, Keys},
};
use crate::{
    protocol::{MaxUnused, PruneWork, ReadData, UnknownAmount},
    schedule::Schedule,
};

const READ_DATA: &str = "check.read_data";
const CHECK_RUNTIME: &str = "check.max_runtime";
const MAX_UNUSED: &str = "prune.max_unused";
const MAX_REPACK: &str = "prune.max_repack";
pub(super) const KEEP_DELETE: &str = "prune.keep_delete";

const SHORTEST_RUNTIME: SignedDuration = SignedDuration::from_mins(1);
/// Whoever reads longer than this without a lock that is kept fresh is gone.
const SHORTEST_KEEP: SignedDuration = SignedDuration::from_hours(1);
const LONGEST_KEEP: SignedDuration = SignedDuration::from_hours(90 * 24);

impl From<UnknownAmount> for Complaint {
    fn from(error: UnknownAmount) -> Self {
        Self::new(error.message).hint(error.hint)
    }
}

/// How a repository is cared for by itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Care {
    /// Seeing whether it is whole.
    pub check: Option<CheckCare>,
    /// Removing what no snapshot needs.
    pub prune: Option<PruneCare>,
}

/// When a repository is checked, and how far.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckCare {
    /// When.
    #[serde(skip)]
    pub schedule: Schedule,
    /// How much of the stored data is read each time.
    pub read_data: ReadData,
    /// It stops after so long, and goes on the next time.
    pub max_runtime: Option<SignedDuration>,
}

/// When a repository is pruned, and how far.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PruneCare {
    /// When.
    #[serde(skip)]
    pub schedule: Schedule,
    /// What it does.
    pub work: PruneWork,
}

/// Both keys.
pub(super) fn care(reader: &mut Reader<'_>) -> Care {
    Care {
        check: one(reader, &schedule::CHECK, "check = \"weekly\"", check),
        prune: one(reader, &schedule::PRUNE, "prune = \"weekly\"", prune),
    }
}

/// What one of the keys says, of which there may be one only.
fn one<T>(
    reader: &mut Reader<'_>,
    keys: &Keys,
    example: &str,
    mut read: impl FnMut(&mut Reader<'_>, Option<Schedule>) -> Option<T>,
) -> Option<T> {
    let hint = format!("write when, such as `{example}`, or a table");
    let mut found = 0;
    let cares = reader.each(keys.table, &hint, |reader, part| {
        let position = part.position;
        found += 1;
        let schedule = match part.value {
            Part::Table => schedule::table(reader, position, keys),
            Part::Text(text) => schedule::text(reader, position, keys.table, text),
        };
        if found == 2 {
            let complaint = Complaint::new(format!("`{}` has one schedule only", keys.table));
            let hint = "one calendar event can stand for many: `Mon,Thu 04:00`";
            reader.fault(keys.table, position, complaint.hint(hint));
        }
        Some(read(reader, schedule))
    });
    cares.into_iter().next()?.value
}

fn check(reader: &mut Reader<'_>, schedule: Option<Schedule>) -> Option<CheckCare> {
    let read_data = reader.scalar(READ_DATA);
    let read_data = read_data.and_then(|value| reader.checked(value, data_to_read));
    let max_runtime = runtime(reader);
    Some(CheckCare {
        schedule: schedule?,
        read_data: read_data.map_or_else(ReadData::default, |value| value.value),
        max_runtime,
    })
}

fn prune(reader: &mut Reader<'_>, schedule: Option<Schedule>) -> Option<PruneCare> {
    let max_unused = reader.scalar(MAX_UNUSED);
    let max_unused = max_unused.and_then(|value| reader.checked(value, unused));
    let max_repack = reader.scalar(MAX_REPACK);
    let max_repack = max_repack.and_then(|value| reader.checked(value, values::size));
    let keep_delete = reader.scalar(KEEP_DELETE);
    let keep_delete = keep_delete.and_then(|value| reader.checked(value, kept));
    let default = PruneWork::default();
    Some(PruneCare {
        schedule: schedule?,
        work: PruneWork {
            max_unused: max_unused.map_or(default.max_unused, |value| value.value),
            max_repack: max_repack.map(|value| value.value),
            keep_delete: keep_delete.map_or(default.keep_delete, |value| value.value),
        },
    })
}

fn runtime(reader: &mut Reader<'_>) -> Option<SignedDuration> {
    let value = reader.scalar(CHECK_RUNTIME)?;
    let checked: Option<Located<_>> = reader.checked(value, |value| {
        let longest = values::duration(value)?;
        if longest < SHORTEST_RUNTIME {
            return Err(Complaint::new("`max_runtime` is a minute at least")
                .hint("write after how long it stops, to go on the next time, such as `2h`"));
        }
        Ok(longest)
    });
    checked.map(|value| value.value)
}

fn data_to_read(value: Scalar) -> Result<ReadData, Complaint> {
    match value {
        Scalar::Text(text) => Ok(text.parse::<ReadData>()?),
        Scalar::Integer(number) => Err(Complaint::from(UnknownAmount::read_data(&number.to_string()))),
    }
}

fn unused(value: Scalar) -> Result<MaxUnused, Complaint> {
    match value {
        Scalar::Text(text) => Ok(text.parse::<MaxUnused>()?),
        Scalar::Integer(number) => Err(Complaint::from(UnknownAmount::max_unused(&number.to_string()))),
    }
}

fn kept(value: Scalar) -> Result<SignedDuration, Complaint> {
    let kept = values::duration(value)?;
    if !(SHORTEST_KEEP..=LONGEST_KEEP).contains(&kept) {
        return Err(Complaint::new("`keep_delete` is a duration from `1h` to `90d`").hint(
            "write how long what nobody needs stays for those who may still read it; `23h` is as good as always right",
        ));
    }
    Ok(kept)
}

#[cfg(test)]
mod tests;
