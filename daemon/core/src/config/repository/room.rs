//! The keys `reserve` and `quota` of a repository's file: the room that it may use.

use crate::{
    config::{fault::Complaint, job::values, reader::Reader},
    space::Room,
};

/// Below this not even an empty repository fits.
const SMALLEST_QUOTA: u64 = 1 << 20;

pub(super) fn room(reader: &mut Reader<'_>) -> Room {
    let reserve = reader.scalar("reserve");
    let reserve = reserve.and_then(|value| reader.checked(value, values::size));
    let quota = reader.scalar("quota");
    let quota = quota.and_then(|value| {
        reader.checked(value, |value| {
            let quota = values::size(value)?;
            if quota < SMALLEST_QUOTA {
                return Err(Complaint::new("`quota` is 1 MiB at least").hint(
                    "write how large the repository may become, such as `500 GiB`, or remove the key",
                ));
            }
            Ok(quota)
        })
    });
    Room {
        reserve: reserve.map(|value| value.value),
        quota: quota.map(|value| value.value),
    }
}
