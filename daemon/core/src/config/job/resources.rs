//! The table `resources` of a job's file.

use jiff::SignedDuration;

use super::values;
use crate::{
    config::{
        fault::Complaint,
        format_size,
        reader::{Located, Reader, Scalar},
    },
    resources::{LEAST_MEMORY, MOST_WEIGHT, Resources},
};

const MEMORY_HIGH: &str = "resources.memory_high";
const MEMORY_MAX: &str = "resources.memory_max";

pub(super) fn resources(reader: &mut Reader<'_>) -> Resources {
    reader.table("resources", keys)
}

fn keys(reader: &mut Reader<'_>) -> Resources {
    let nice = reader.scalar("resources.nice");
    let nice = nice.and_then(|value| reader.checked(value, niceness));
    let cpu_weight = reader.scalar("resources.cpu_weight");
    let cpu_weight = cpu_weight.and_then(|value| reader.checked(value, weight));
    let io_weight = reader.scalar("resources.io_weight");
    let io_weight = io_weight.and_then(|value| reader.checked(value, weight));
    let high = reader.scalar(MEMORY_HIGH);
    let high = high.and_then(|value| reader.checked(value, memory));
    let max = reader.scalar(MEMORY_MAX);
    let max = max.and_then(|value| reader.checked(value, memory));
    in_order(reader, high.as_ref(), max.as_ref());
    let max_runtime = reader.scalar("resources.max_runtime");
    let max_runtime = max_runtime.and_then(|value| reader.checked(value, runtime));
    Resources {
        nice: nice.map(|value| value.value),
        cpu_weight: cpu_weight.map(|value| value.value),
        io_weight: io_weight.map(|value| value.value),
        memory_high: high.map(|value| value.value),
        memory_max: max.map(|value| value.value),
        max_runtime: max_runtime.map(|value| value.value),
    }
}

/// A worker that is killed before it is slowed down was not meant.
fn in_order(reader: &mut Reader<'_>, high: Option<&Located<u64>>, max: Option<&Located<u64>>) {
    if let (Some(high), Some(max)) = (high, max)
        && high.value > max.value
    {
        let message = format!(
            "`memory_high` is {}, more than `memory_max`, which is {}",
            format_size(high.value),
            format_size(max.value)
        );
        let hint = "from `memory_high` on the worker is slowed down, at `memory_max` it is killed";
        reader.fault(MEMORY_HIGH, high.position, Complaint::new(message).hint(hint));
    }
}

fn niceness(value: Scalar) -> Result<i32, Complaint> {
    let wrong = "is no niceness";
    let hint = "write a number from -20 (before all others) to 19 (after all others)";
    values::ranged(value, -20..=19, (wrong, hint))
}

fn weight(value: Scalar) -> Result<u64, Complaint> {
    let hint = format!("write a number from 1 to {MOST_WEIGHT}; everybody else has 100");
    values::ranged(value, 1..=MOST_WEIGHT, ("is no weight", &hint))
}

fn memory(value: Scalar) -> Result<u64, Complaint> {
    let size = values::size(value)?;
    if size < LEAST_MEMORY {
        return Err(Complaint::new(format!(
            "no worker fits into {}: a backup takes some 100 MiB and more",
            format_size(size)
        ))
        .hint("write a size such as `1 GiB`, or remove the key"));
    }
    Ok(size)
}

fn runtime(value: Scalar) -> Result<SignedDuration, Complaint> {
    let time = values::duration(value)?;
    if time < SignedDuration::from_secs(1) {
        return Err(Complaint::new("`max_runtime` must be a second at least")
            .hint("write how long a backup may take, such as `6h`, or remove the key"));
    }
    Ok(time)
}
