//! The zones of the system's tz database, and that of the machine's clock.
//!
//! jiff reads them when somebody asks and keeps them for a while; [`forget`] has them read again. It carries no
//! database of its own where there is a file system. This is the one place of the crate that looks at files.

use std::{ffi::OsString, path::Path, sync::OnceLock};

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// What the machine's clock shows, by localtime(5).
pub const LOCALTIME: &str = "/etc/localtime";

/// The zone of this name, such as `Europe/Berlin`, in any case of letters.
pub fn get(name: &str) -> Option<TimeZone> {
    database().get(name).ok()
}

/// The names of all zones.
pub fn names() -> impl Iterator<Item = String> {
    database().available().map(|name| name.as_str().to_owned())
}

/// The zone of the machine's clock: what `TZ` says, or else `/etc/localtime`; UTC where neither says anything.
pub fn local() -> TimeZone {
    machine().unwrap_or(TimeZone::UTC)
}

/// The name of a zone; empty for one that has none, as where `/etc/localtime` is a copy and no link.
pub fn name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or_default()
}

/// What is read from now on is what the files say now.
pub fn forget() {
    database().reset();
    jiff::tz::db().reset();
    jiff::tz::reset_system_time_zone_cache();
}

/// Why zones are not what they should be, for people.
pub fn trouble() -> Option<String> {
    if get("Etc/UTC").is_none() && names().next().is_none() {
        return Some(
            "there is no time zone database, and UTC is the one zone that is known: install `tzdata`".into(),
        );
    }
    if machine().is_some() {
        return None;
    }
    let (what, hint) = match std::env::var_os("TZ") {
        Some(zone) => (format!("`TZ={}`", zone.display()), "unset it"),
        None if Path::new(LOCALTIME).is_symlink() || Path::new(LOCALTIME).exists() => {
            (format!("`{LOCALTIME}`"), "`timedatectl set-timezone` mends it")
        }
        None => return None,
    };
    Some(format!(
        "{what} is no time zone that is known, and local times are UTC: {hint}"
    ))
}

/// The database that jiff has found; or one that came later, for jiff looks but once.
fn database() -> &'static TimeZoneDatabase {
    static LATE: OnceLock<TimeZoneDatabase> = OnceLock::new();
    let first = jiff::tz::db();
    if !first.is_definitively_empty() {
        return first;
    }
    if let Some(late) = LATE.get() {
        return late;
    }
    let now = TimeZoneDatabase::from_env();
    if now.is_definitively_empty() {
        return first;
    }
    LATE.get_or_init(|| now)
}

fn machine() -> Option<TimeZone> {
    let found = TimeZone::try_system().ok();
    if found.as_ref().is_some_and(|zone| zone.iana_name().is_some()) {
        return found;
    }
    // jiff looks for the name in the database that it found first, which may be none.
    let place = std::env::var_os("TZ").or_else(|| Path::new(LOCALTIME).read_link().ok().map(OsString::from));
    place.and_then(|place| get(named(place.to_str()?))).or(found)
}

/// The name of the zone at a path into a database, or in `TZ`.
fn named(place: &str) -> &str {
    let place = place.strip_prefix(':').unwrap_or(place);
    place.rsplit_once("zoneinfo/").map_or(place, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_those_of_the_database() {
        let berlin = get("europe/berlin").unwrap();
        assert_eq!(name(&berlin), "Europe/Berlin");
        assert!(get("Europe/Nowhere").is_none());
        assert!(names().any(|name| name == "Pacific/Apia"));
        forget();
        assert_eq!(get("Europe/Berlin"), Some(berlin));
        assert_eq!(trouble(), None);
    }

    #[test]
    fn a_name_is_found_in_each_form_of_tz() {
        for place in [
            "Asia/Tokyo",
            ":Asia/Tokyo",
            "/usr/share/zoneinfo/Asia/Tokyo",
            ":/usr/share/zoneinfo/Asia/Tokyo",
            "../usr/share/zoneinfo/Asia/Tokyo",
        ] {
            assert_eq!(named(place), "Asia/Tokyo");
        }
        assert_eq!(named("/etc/other"), "/etc/other");
    }

    #[test]
    fn a_zone_without_a_name_has_an_empty_one() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        assert_eq!(name(&zone), "");
    }
}
