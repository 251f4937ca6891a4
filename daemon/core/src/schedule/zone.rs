//! Zones by their names.

use jiff::tz::TimeZone;

use super::ExpressionError;
use crate::{config::nearest, zones};

/// The zone of this name in the system's tz database.
pub fn parse_zone(name: &str) -> Result<TimeZone, ExpressionError> {
    if name.eq_ignore_ascii_case("UTC") {
        return Ok(TimeZone::UTC);
    }
    zones::get(name).ok_or_else(|| ExpressionError {
        message: format!("unknown time zone `{name}`"),
        hint: Some(match closest(name) {
            Some(known) => format!("did you mean `{known}`?"),
            None => {
                "zones have names such as `Europe/Berlin` and `UTC`: `timedatectl list-timezones`".to_owned()
            }
        }),
    })
}

/// The known name nearest to this one, or the one that ends in it: `Berlin`.
fn closest(name: &str) -> Option<String> {
    let known: Vec<String> = zones::names().collect();
    let city = |known: &&String| {
        known
            .rsplit('/')
            .next()
            .is_some_and(|city| city.eq_ignore_ascii_case(name))
    };
    known
        .iter()
        .find(city)
        .cloned()
        .or_else(|| nearest(name, known.iter().map(String::as_str)).map(str::to_owned))
}
