//! What a schedule must keep to, beyond being readable.

use std::iter::successors;

use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};

use super::{
    ExpressionError, Schedule, When, Window,
    gaps::{MOST_COMPARED, compared, gaps},
};

/// Elapses closer than this are refused: a backup is no heartbeat.
const SHORTEST_GAP: SignedDuration = SignedDuration::from_mins(1);

impl Schedule {
    /// Refuses what is readable and yet of no use: a schedule that never elapses after `now`, elapses more often
    /// than once a minute or never inside of its window, or a jitter that mixes up its elapses.
    pub fn check(&self, now: Timestamp, local: &TimeZone) -> Result<(), ExpressionError> {
        if self.next_after(now, local, now).is_none() {
            return Err(self.never(now, local));
        }
        if let Some(gap) = self.shortest_gap(now) {
            self.check_gap(gap)?;
        }
        match (&self.window, &self.when) {
            // What it is counted from is known to the store alone, and a run waits for the window.
            (_, When::Every(_)) | (None, _) => Ok(()),
            (Some(window), _) => self.check_window(window, now, local),
        }
    }

    fn never(&self, now: Timestamp, local: &TimeZone) -> ExpressionError {
        let text = &self.text;
        if self.next_after(Timestamp::UNIX_EPOCH, local, now).is_some() {
            return ExpressionError {
                message: format!("`{text}` is all in the past"),
                hint: Some("leave the year out, or write one that is to come".to_owned()),
            };
        }
        ExpressionError {
            message: format!("`{text}` never elapses: there is no such day"),
            hint: Some("the last day of a month is written `*-*~01`, of February `*-02~01`".to_owned()),
        }
    }

    /// The shortest time between two elapses, as a clock without daylight saving shows it.
    fn shortest_gap(&self, now: Timestamp) -> Option<SignedDuration> {
        if let When::Every(period) = self.when {
            return Some(period);
        }
        let steady = |after: Timestamp| self.next_in(after, &TimeZone::UTC, now);
        let elapses = successors(steady(now), |last| steady(*last));
        gaps(&compared(elapses, self.period())).min()
    }

    fn check_gap(&self, gap: SignedDuration) -> Result<(), ExpressionError> {
        let (text, jitter) = (&self.text, self.jitter);
        if gap < SHORTEST_GAP {
            return Err(ExpressionError {
                message: format!("`{text}` elapses more often than once a minute"),
                hint: Some(match self.when {
                    When::Every(_) => "`every 1min` and longer will do".to_owned(),
                    _ => "leave the seconds out: `*:0/15` is each quarter of an hour".to_owned(),
                }),
            });
        }
        if jitter >= gap {
            return Err(ExpressionError {
                message: format!(
                    "a jitter of {jitter:#} is not shorter than the {gap:#} between two elapses of `{text}`"
                ),
                hint: Some(format!(
                    "a tenth of it does: `jitter = \"{:#}\"`",
                    rounded(gap / 10)
                )),
            });
        }
        Ok(())
    }

    /// Goes from opening to opening, so that all the elapses between two of them cost nothing; on a clock that is
    /// not set, for a night in which it is may let in what never is otherwise.
    fn check_window(&self, window: &Window, now: Timestamp, local: &TimeZone) -> Result<(), ExpressionError> {
        let zone = self.zone_or(local);
        let steady = TimeZone::fixed(zone.to_offset(now));
        let mut elapse = self.next_in(now, &steady, now);
        for _ in 0..MOST_COMPARED {
            let Some(at) = elapse else { break };
            if window.contains(at, &steady) {
                return Ok(());
            }
            elapse = window
                .opens_after(at, &steady)
                .and_then(|opens| opens.checked_sub(SignedDuration::from_nanos(1)).ok())
                .and_then(|before| self.next_in(before, &steady, now));
        }
        let opens = window.opens_after(now, zone);
        Err(ExpressionError {
            message: format!("`{}` never falls into the window `{window}`", self.text),
            hint: opens.map(|opens| fitting(window, &opens.to_zoned(zone.clone()))),
        })
    }
}

fn fitting(window: &Window, opens: &Zoned) -> String {
    let example = if window.is_daily() { "%H:%M" } else { "%a %H:%M" };
    format!(
        "it opens on {}: `{}` would fit",
        opens.strftime("%A at %H:%M"),
        opens.strftime(example),
    )
}

/// Down to whole minutes, or seconds where there is less.
fn rounded(time: SignedDuration) -> SignedDuration {
    match time.as_mins() {
        0 => SignedDuration::from_secs(time.as_secs().max(1)),
        minutes => SignedDuration::from_mins(minutes),
    }
}

#[cfg(test)]
mod tests;
