//! What a worker can be asked to do.

mod backup;
mod query;
mod restore;

use backupd_core::protocol::{SnapshotFilter, job_tag};
use backupd_engine::{SnapshotQuery, Warning};

pub(crate) use backup::backup;
pub(crate) use query::{initialize, list, remove_dead_locks, snapshots, test};
pub(crate) use restore::restore;

/// The filter in the engine's words, to which a job is a tag.
fn query(filter: &SnapshotFilter) -> SnapshotQuery {
    SnapshotQuery {
        host: filter.host.clone(),
        tags: filter
            .job
            .iter()
            .map(job_tag)
            .chain(filter.tags.iter().cloned())
            .collect(),
    }
}

/// "3 files could not be read; the first is `/x`: Permission denied".
fn some_failed(count: u64, what: &str, first: Option<&Warning>) -> String {
    let first = first.map(|warning| format!("`{}`: {}", warning.path.display(), warning.reason));
    match (count, first) {
        (1, None) => format!("1 file could not be {what}"),
        (1, Some(first)) => format!("1 file could not be {what}: {first}"),
        (_, None) => format!("{count} files could not be {what}"),
        (_, Some(first)) => format!("{count} files could not be {what}; the first is {first}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_a_tag_to_the_engine() {
        let filter = SnapshotFilter {
            job: Some("home".parse().unwrap()),
            host: Some("h".into()),
            tags: vec!["a".into()],
        };
        let query = query(&filter);
        assert_eq!(query.host.as_deref(), Some("h"));
        assert_eq!(query.tags, ["job=home", "a"]);
    }

    #[test]
    fn partial_ends_name_the_first_file() {
        let first = Warning {
            path: "/x".into(),
            reason: "Permission denied".into(),
        };
        assert_eq!(
            some_failed(3, "read", Some(&first)),
            "3 files could not be read; the first is `/x`: Permission denied"
        );
        assert_eq!(
            some_failed(1, "read", Some(&first)),
            "1 file could not be read: `/x`: Permission denied"
        );
        assert_eq!(some_failed(2, "read", None), "2 files could not be read");
    }
}
