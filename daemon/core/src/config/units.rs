//! Durations and sizes as people write them; shared with the daemon's own settings.

use bytesize::ByteSize;
use jiff::{SignedDuration, Span, SpanRelativeTo};

use super::fault::quoted;

const DURATIONS: &str = "such as `90s`, `30m`, `26h` or `2d`";
const SIZES: &str = "such as `500 kB`, `100 MiB` or `2 GiB`";

/// Reads a duration such as `26h`, `2d` or `1h 30m`; a day has 24 hours. Never negative.
pub fn parse_duration(text: &str) -> Result<SignedDuration, String> {
    let wrong = |why: &str| Err(format!("{} {why}", quoted(text)));
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(format!("a duration must not be empty; write one {DURATIONS}"));
    }
    if trimmed.bytes().all(|byte| byte.is_ascii_digit()) {
        return wrong(&format!("has no unit; write a duration {DURATIONS}"));
    }
    let Ok(span) = trimmed.parse::<Span>() else {
        return wrong(&format!("is no duration; write one {DURATIONS}"));
    };
    if span.get_years() != 0 || span.get_months() != 0 {
        return wrong("has months or years, which are not all of one length; write days, such as `30d`");
    }
    match span.to_duration(SpanRelativeTo::days_are_24_hours()) {
        Ok(duration) if duration.is_negative() => wrong("is negative"),
        Ok(duration) => Ok(duration),
        Err(_) => wrong("is too long"),
    }
}

/// Reads a size in bytes, such as `100 MiB` (1024²) or `500 kB` (1000); a bare number is bytes.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(format!("a size must not be empty; write one {SIZES}"));
    }
    let size: ByteSize = trimmed
        .parse()
        .map_err(|_| format!("{} is no size; write one {SIZES}", quoted(text)))?;
    // `bytesize` saturates, and neither a file nor a TOML integer is larger than this.
    if size.as_u64() >= i64::MAX.unsigned_abs() {
        return Err(format!("{} is too large", quoted(text)));
    }
    Ok(size.as_u64())
}

/// Writes a duration so that [`parse_duration`] reads it back: `2d`, `26h`, `1h 30m`.
pub fn format_duration(duration: SignedDuration) -> String {
    const DAY: i64 = 24 * 60 * 60;
    match duration.as_secs() {
        // Up to two days people think in hours.
        seconds if seconds % DAY == 0 && seconds >= 2 * DAY && duration.subsec_nanos() == 0 => {
            format!("{}d", seconds / DAY)
        }
        _ => format!("{duration:#}"),
    }
}

/// Writes a size so that [`parse_size`] reads back the same number: in the largest unit that divides it.
pub fn format_size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 6] = [
        (1 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
        (1_000_000, "MB"),
        (1_000, "kB"),
    ];
    UNITS
        .iter()
        .find(|(factor, _)| bytes > 0 && bytes.is_multiple_of(*factor))
        .map_or_else(
            || format!("{bytes} B"),
            |(factor, unit)| format!("{} {unit}", bytes / factor),
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_friendly() {
        for (text, seconds) in [
            ("26h", 26 * 3600),
            ("2d", 48 * 3600),
            ("1w", 7 * 86400),
            ("1h 30m", 5400),
            ("90 seconds", 90),
            (" 5min ", 300),
            ("1.5h", 5400),
            ("PT2H", 7200),
            ("0s", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(SignedDuration::from_secs(seconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_wrong_duration_is_answered_with_examples() {
        for (text, message) in [
            (
                "",
                "a duration must not be empty; write one such as `90s`, `30m`, `26h` or `2d`",
            ),
            (
                "soon",
                "`soon` is no duration; write one such as `90s`, `30m`, `26h` or `2d`",
            ),
            (
                "90",
                "`90` has no unit; write a duration such as `90s`, `30m`, `26h` or `2d`",
            ),
            ("-1h", "`-1h` is negative"),
            ("1h ago", "`1h ago` is negative"),
            (
                "1 month",
                "`1 month` has months or years, which are not all of one length; write days, such as `30d`",
            ),
        ] {
            assert_eq!(parse_duration(text), Err(message.to_owned()), "{text}");
        }
    }

    #[test]
    fn sizes_are_friendly() {
        for (text, bytes) in [
            ("100 MiB", 100 << 20),
            ("1GiB", 1 << 30),
            ("500 kB", 500_000),
            ("12", 12),
            ("1.5 KiB", 1536),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for (text, message) in [
            (
                "",
                "a size must not be empty; write one such as `500 kB`, `100 MiB` or `2 GiB`",
            ),
            (
                "much",
                "`much` is no size; write one such as `500 kB`, `100 MiB` or `2 GiB`",
            ),
            (
                "-1",
                "`-1` is no size; write one such as `500 kB`, `100 MiB` or `2 GiB`",
            ),
            ("100 EiB", "`100 EiB` is too large"),
        ] {
            assert_eq!(parse_size(text), Err(message.to_owned()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = parse_duration(&text);
            let _ = parse_size(&text);
        }

        #[test]
        fn durations_read_back(seconds in 0..=100_000_000_i64, nanoseconds in prop_oneof![Just(0), 0..1_000_000_000_i32]) {
            let duration = SignedDuration::new(seconds, nanoseconds);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn sizes_read_back(size in 0..i64::MAX.unsigned_abs(), shift in 0..40_u32) {
            let size = (size >> shift) << shift;
            prop_assert_eq!(parse_size(&format_size(size)), Ok(size));
        }
    }
}
