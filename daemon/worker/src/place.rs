//! How the place of a repository is reached, as the engine has it.

use std::{num::NonZeroU64, time::Duration};

use backupd_core::config::{Limit, Reach};
use backupd_engine::{Direction, Options, Pace};
use jiff::{Timestamp, tz::TimeZone};

/// What is not said is left to the engine.
pub(crate) fn options(reach: &Reach) -> Options {
    let default = Options::default();
    let timeout = reach.timeout.and_then(|time| Duration::try_from(time).ok());
    let limit = Some(&reach.limit).filter(|limit| !limit.is_none());
    Options {
        timeout: timeout.unwrap_or(default.timeout),
        retries: reach.retries.unwrap_or(default.retries),
        pace: limit.map(|limit| std::sync::Arc::new(Limited(limit.clone())) as _),
        ca_file: reach.ca_file.clone(),
        region: reach.region.clone(),
        endpoint: reach.endpoint.clone(),
        ssh_key: reach.ssh_key.clone(),
        ssh_known_hosts: reach.ssh_known_hosts.clone(),
        rclone_config: reach.rclone_config.clone(),
        ..default
    }
}

/// Limits that hold by the local time of day.
#[derive(Debug)]
struct Limited(Limit);

impl Pace for Limited {
    fn limit(&self, direction: Direction) -> Option<NonZeroU64> {
        let (upload, download) = self.0.at(Timestamp::now(), &TimeZone::system());
        match direction {
            Direction::Upload => upload,
            Direction::Download => download,
        }
        .and_then(NonZeroU64::new)
    }
}

#[cfg(test)]
mod tests {
    use backupd_core::config::Rate;

    use super::*;

    #[test]
    fn what_is_said_reaches_the_engine_and_the_rest_is_its_own() {
        let default = Options::default();
        let options = options(&Reach::default());
        assert_eq!(
            (options.timeout, options.retries),
            (default.timeout, default.retries)
        );
        assert!(options.pace.is_none());
        let reach = Reach {
            retries: Some(0),
            limit: Limit {
                upload: Some(Rate::Bytes(5000)),
                ..Limit::default()
            },
            ssh_key: Some("/key".into()),
            ..Reach::default()
        };
        let options = super::options(&reach);
        assert_eq!(options.retries, 0);
        assert_eq!(options.ssh_key, Some("/key".into()));
        let pace = options.pace.unwrap();
        assert_eq!(pace.limit(Direction::Upload), NonZeroU64::new(5000));
        assert_eq!(pace.limit(Direction::Download), None);
    }
}
