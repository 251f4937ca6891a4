//! How long a run waits for others.

use jiff::SignedDuration;

use crate::config::{
    fault::{Complaint, quoted},
    reader::{Reader, Scalar},
    units,
};

/// So long the locks of others are waited for where nothing is said.
pub const LOCK_WAIT: SignedDuration = SignedDuration::from_mins(5);

const LONGEST: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn lock_wait(reader: &mut Reader<'_>) -> SignedDuration {
    let value = reader.scalar("lock_wait");
    let value = value.and_then(|value| reader.checked(value, patience));
    value.map_or(LOCK_WAIT, |value| value.value)
}

fn patience(value: Scalar) -> Result<SignedDuration, Complaint> {
    let hint = "write a duration up to `24h`; `0s` waits for nobody";
    let Scalar::Text(text) = value else {
        return Err(Complaint::new("a number without a unit is no duration").hint(hint));
    };
    let duration = units::parse_duration(&text).map_err(Complaint::new)?;
    if duration > LONGEST {
        return Err(Complaint::new(format!("{} is longer than a day", quoted(&text))).hint(hint));
    }
    Ok(duration)
}
