//! What a worker can be asked to do.

mod backup;
mod check;
mod contents;
mod copy;
mod forget;
mod keeping;
mod keys;
mod locks;
mod mark;
mod moving;
mod prune;
mod query;
mod reach;
mod repair;
mod restore;
mod rotate;
mod shelf;
mod space;
mod store_password;
mod unforget;
mod watch;

use backupd_core::{
    config::Adopts,
    name::JobName,
    protocol::{SnapshotFilter, job_tag},
};
use backupd_engine::{Series, SnapshotGroup, SnapshotQuery};

use crate::surroundings;

pub(crate) use backup::backup;
pub(crate) use check::check;
pub(crate) use contents::contents;
pub(crate) use copy::copy;
pub(crate) use forget::{forget, retention_preview};
pub(crate) use keys::{add_key, keys, recovery, remove_key, reveal};
pub(crate) use locks::{locks, remove_dead_locks, unlock};
pub(crate) use moving::moving;
pub(crate) use prune::{prune, prune_plan};
pub(crate) use query::{initialize, list, snapshots, test};
pub(crate) use reach::reach;
pub(crate) use repair::{repair, repair_plan};
pub(crate) use restore::restore;
pub(crate) use rotate::{end_rotation, rotate};
pub(crate) use space::{estimate, statistics, with_room};
pub(crate) use store_password::store_password;
pub(crate) use unforget::unforget;
pub(crate) use watch::watch;

/// How the tag of every job begins.
const OF_JOB: &str = "job=";

/// The filter in the engine's words, to which a job is a tag.
///
/// Other machines may have a job of this name, and the same repository: theirs are meant only where their host is named,
/// and those of all hosts where there is no such job here.
fn query(filter: &SnapshotFilter) -> SnapshotQuery {
    SnapshotQuery {
        host: filter.host.clone(),
        tags: filter.tags.clone(),
        series: filter.job.as_ref().map(|job| {
            let owner = filter.owners.iter().find(|owner| owner.job == *job);
            let host = owner
                .filter(|_| filter.host.is_none())
                .map(|owner| owner.host.clone().unwrap_or_else(surroundings::host));
            series(job, host, owner.map(|owner| &*owner.adopts).unwrap_or_default())
        }),
    }
}

/// What is of a job: what it has made on this host, on all of them where `None`, and what it adopts.
fn series(job: &JobName, host: Option<String>, adopts: &[Adopts]) -> Series {
    Series {
        host,
        tag: job_tag(job),
        adopted: adopts.iter().map(group).collect(),
    }
}

/// What others have made, in the engine's words.
fn group(adopts: &Adopts) -> SnapshotGroup {
    SnapshotGroup {
        host: adopts.host.clone(),
        paths: adopts.paths.clone(),
        tags: adopts.tags.clone(),
        without: Some(OF_JOB.to_owned()),
    }
}

/// "1 snapshot", "2 snapshots".
fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// "3 files could not be read". Which ones stands in the warnings alone: everybody may see a failure.
fn some_failed(count: u64, what: &str) -> String {
    format!("{} could not be {what}", counted(count, "file", "files"))
}

#[cfg(test)]
mod tests {
    use backupd_core::protocol::JobOwner;

    use super::*;

    fn of_home(host: Option<&str>) -> SnapshotFilter {
        SnapshotFilter {
            job: Some("home".parse().unwrap()),
            host: host.map(str::to_owned),
            tags: vec!["a".into()],
            owners: vec![JobOwner {
                job: "home".parse().unwrap(),
                host: None,
                adopts: vec![Adopts {
                    host: "old".into(),
                    paths: None,
                    tags: None,
                }],
            }],
        }
    }

    #[test]
    fn a_job_of_another_machine_is_another_job() {
        let host = |filter: &SnapshotFilter| query(filter).series.unwrap().host;
        let mut filter = of_home(None);
        assert_eq!(host(&filter), Some(surroundings::host()));
        filter.owners[0].host = Some("named".into());
        assert_eq!(host(&filter).as_deref(), Some("named"));
        filter.owners.clear();
        assert_eq!(host(&filter), None, "nobody knows what it calls itself");
    }

    #[test]
    fn a_job_is_a_tag_to_the_engine() {
        let filter = of_home(Some("h"));
        let query = query(&filter);
        assert_eq!(query.host.as_deref(), Some("h"));
        assert_eq!(query.tags, ["a"]);
        let series = query.series.unwrap();
        assert_eq!((series.host, &*series.tag), (None, "job=home"));
        assert_eq!(series.adopted[0].host, "old");
        assert_eq!(series.adopted[0].without.as_deref(), Some("job="));
    }

    #[test]
    fn partial_ends_count_and_name_no_file() {
        assert_eq!(some_failed(3, "read"), "3 files could not be read");
        assert_eq!(some_failed(1, "read"), "1 file could not be read");
    }
}
