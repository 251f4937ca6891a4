//! `filter` and `options` of `ListRuns`, `ListElapses` and `OpenAudit`.

use backupd_core::run::Trigger;
use backupd_dbus::Error;
use jiff::Timestamp;

use super::{objects::Dictionary, options::Options};
use crate::{
    coordinator::{ElapseQuery, shown},
    ports::{AuditQuery, RunQuery},
};

/// A page of history has so many runs unless the caller says otherwise.
const PAGE: u32 = 100;
/// The longest page; more would not fit a message of a careful bus.
const LONGEST_PAGE: u32 = 1000;

/// The query, with one run more than the page, which tells whether there is a next one.
pub(super) fn run_query(filter: Dictionary, options: Dictionary) -> Result<(RunQuery, u32), Error> {
    let mut options = Options::new(options);
    let limit = limit(&mut options);
    let before = options.parsed("before");
    options.finish()?;
    let mut filter = Options::new(filter);
    let kind = filter.text("kind");
    let manual = match kind.as_deref() {
        None => None,
        Some("manual") => Some(true),
        Some("automatic") => Some(false),
        Some(other) => {
            filter.fault(format!(
                "`kind` is `manual` or `automatic`, not `{}`",
                shown(other)
            ));
            None
        }
    };
    let since = time(&mut filter, "since-usec");
    let until = time(&mut filter, "until-usec");
    let query = RunQuery {
        id: filter.text("id"),
        job: filter.parsed("job"),
        repository: filter.parsed("repository"),
        operation: filter.parsed("operation"),
        trigger: filter.parsed::<Trigger>("trigger"),
        manual,
        state: filter.parsed("state"),
        result: filter.parsed("result"),
        since,
        until,
        before,
        limit: limit.saturating_add(1),
    };
    filter.finish()?;
    Ok((query, limit))
}

fn limit(options: &mut Options) -> u32 {
    let limit = options.take("limit", "a number (`u`)").unwrap_or(PAGE);
    if !(1..=LONGEST_PAGE).contains(&limit) {
        options.fault(format!("`limit` is from 1 to {LONGEST_PAGE}"));
    }
    limit
}

/// The options of `ListElapses`.
pub(super) fn elapse_query(options: Dictionary) -> Result<ElapseQuery, Error> {
    let mut options = Options::new(options);
    let query = ElapseQuery {
        job: options.parsed("job"),
        from: time(&mut options, "from-usec"),
        until: time(&mut options, "until-usec"),
        limit: usize::try_from(limit(&mut options)).unwrap_or(usize::MAX),
    };
    options.finish()?;
    Ok(query)
}

/// The options of `OpenAudit`.
pub(super) fn audit_query(options: Dictionary) -> Result<AuditQuery, Error> {
    let mut options = Options::new(options);
    let query = AuditQuery {
        since: time(&mut options, "since-usec"),
        until: time(&mut options, "until-usec"),
        job: options.parsed("job"),
        limit: options.take("limit", "a number (`u`)"),
    };
    options.finish()?;
    Ok(query)
}

pub(super) fn time(filter: &mut Options, key: &'static str) -> Option<Timestamp> {
    let usec: u64 = filter.take(key, "µs since the epoch (`t`)")?;
    // What lies beyond the last time there is matches like the last time there is.
    Some(
        i64::try_from(usec)
            .ok()
            .and_then(|usec| Timestamp::from_microsecond(usec).ok())
            .unwrap_or(Timestamp::MAX),
    )
}
