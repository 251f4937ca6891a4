//! Numbers and times as people read them.

pub(crate) use backupd_core::text::{count, size};
use jiff::{Timestamp, tz::TimeZone};

/// A rate: `12.0 MiB/s`.
pub(crate) fn rate(bytes_per_second: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, as it should"
    )]
    let bytes = bytes_per_second.max(0.0) as u64;
    format!("{}/s", size(bytes))
}

/// A number and its word: `1 file`, `2 files`.
pub(crate) fn counted(number: u64, word: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {word}{plural}", count(number))
}

/// How long: `0.4s`, `1m 23s`, `2h 5m`, `3d 4h`.
pub(crate) fn duration(usec: u64) -> String {
    let seconds = usec / 1_000_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..10 => format!("{}.{}s", seconds, usec % 1_000_000 / 100_000),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m {}s", seconds % 60),
        3600..86400 => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

/// How long, in its largest unit: `5m`, `2h`, `3d`.
pub(crate) fn about(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

/// A moment on the bus: µs since the epoch, 0 is none.
pub(crate) fn moment(usec: Option<u64>) -> Option<Timestamp> {
    let usec = usec.filter(|usec| *usec > 0)?;
    Timestamp::from_microsecond(i64::try_from(usec).ok()?).ok()
}

/// `2h ago`, `in 5m`, `just now`.
pub(crate) fn relative(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(time).as_secs();
    match seconds {
        -4..5 => "just now".to_owned(),
        5.. => format!("{} ago", about(seconds.unsigned_abs())),
        _ => format!("in {}", about(seconds.unsigned_abs())),
    }
}

/// `2026-11-20 18:40:22 CET`.
pub(crate) fn absolute(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone())
        .strftime("%Y-%m-%d %H:%M:%S %Z")
        .to_string()
}

/// `2026-11-20 18:40:22`, where the zone is plain from what stands around it.
pub(crate) fn compact(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone())
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// The beginning of a snapshot's id that is enough to name it.
pub(crate) fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_digit_after_the_point() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536 * 1024 * 1024, "1.5 GiB"),
            (1024 * 1024 - 1, "1.0 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(rate(-1.0), "0 B/s");
        assert_eq!(rate(f64::NAN), "0 B/s");
        assert_eq!(rate(12.0 * 1024.0 * 1024.0), "12.0 MiB/s");
    }

    #[test]
    fn counts_are_parted_by_thousands() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1 234 567");
        assert_eq!(counted(1, "file"), "1 file");
        assert_eq!(counted(2, "file"), "2 files");
    }

    #[test]
    fn durations_keep_two_units() {
        for (usec, text) in [
            (0, "0.0s"),
            (450_000, "0.4s"),
            (59_000_000, "59s"),
            (83_000_000, "1m 23s"),
            (7_500_000_000, "2h 5m"),
            (90_000_000_000, "1d 1h"),
        ] {
            assert_eq!(duration(usec), text);
        }
    }

    #[test]
    fn times_are_told_from_now() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let at = |seconds: i64| relative(Timestamp::from_second(1_800_000_000 + seconds).unwrap(), now);
        assert_eq!(at(0), "just now");
        assert_eq!(at(-300), "5m ago");
        assert_eq!(at(-90_000), "25h ago");
        assert_eq!(at(-172_800), "2d ago");
        assert_eq!(at(7200), "in 2h");
        assert_eq!(moment(Some(0)), None);
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(absolute(now, &zone), "2027-01-15 09:00:00 CET");
    }
}
