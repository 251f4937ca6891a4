//! A job's file: what is backed up, where to, and how.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{
    fault::{Complaint, Fault, quoted},
    origin::Origin,
    reader::{Located, Reader},
    schedule, unsupported,
};
use crate::{
    condition::Conditions,
    name::{JobName, RepositoryName},
    queue::Priority,
    resources::Resources,
    retention::Rules,
    retry::Retry,
    schedule::{Conflict, Schedule, Timetable},
};

mod adopts;
mod conditions;
pub(super) mod copies;
mod resources;
mod retention;
mod retry;
mod triggers;
pub(super) mod values;

pub use adopts::Adopts;
pub use copies::JobCopy;
pub use triggers::{PathChange, Triggers};

/// The strongest compression level of Zstandard, written `max` too; 0 is `off`.
pub const MAX_COMPRESSION: i32 = 22;

/// How a snapshot is verified right after it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verify {
    /// Not at all.
    None,
    /// The snapshot is read back and its trees are there.
    #[default]
    Snapshot,
    /// The structure of the whole repository is checked.
    Structure,
}

impl Verify {
    /// All of them, with the words that stand for them in files.
    pub const WORDS: [(&'static str, Self); 3] = [
        ("none", Self::None),
        ("snapshot", Self::Snapshot),
        ("structure", Self::Structure),
    ];

    /// The word for it in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Snapshot => "snapshot",
            Self::Structure => "structure",
        }
    }
}

/// A job, with all that its file says or leaves to the defaults.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Job {
    /// Its name: the file's, without `.toml`.
    pub name: JobName,
    /// Where its snapshots go.
    pub repository: RepositoryName,
    /// What is backed up; absolute. A missing one fails the run.
    pub sources: Vec<PathBuf>,
    /// What is backed up if it is there when the run starts.
    pub optional_sources: Vec<PathBuf>,
    /// Where not empty, only files that match one of these patterns are taken; `exclude` wins.
    pub include: Vec<String>,
    /// Patterns of what is left out.
    pub exclude: Vec<String>,
    /// A folder that holds a file of one of these names is left out.
    pub exclude_if_present: Vec<String>,
    /// Folders marked with `CACHEDIR.TAG` are left out.
    pub exclude_caches: bool,
    /// Files of more bytes than this are left out.
    pub exclude_larger_than: Option<u64>,
    /// What is mounted below a source is left out.
    pub one_file_system: bool,
    /// Tags of the snapshots, beside our own `job=NAME`.
    pub tags: Vec<String>,
    /// The host name in the snapshots, if not the machine's.
    pub host: Option<String>,
    /// What others have made and counts as made by it: it is compared with, listed, and let go as its own.
    pub adopts: Vec<Adopts>,
    /// One line for people.
    pub description: Option<String>,
    /// Zstandard level, 0 to [`MAX_COMPRESSION`]; the engine's own choice if not set.
    pub compression: Option<i32>,
    /// How each new snapshot is verified.
    pub verify: Verify,
    /// Whether the job may be started.
    pub enabled: bool,
    /// The age of the last good snapshot from which on the job is late.
    pub max_age: Option<SignedDuration>,
    /// When it runs by itself; any of them.
    #[serde(skip)]
    pub schedules: Vec<Schedule>,
    /// Which of its snapshots are kept; all of them if not set.
    pub retention: Option<Rules>,
    /// Other repositories that get its snapshots, too.
    pub copies: Vec<JobCopy>,
    /// How a run that failed is tried again; the daemon's own choice if not set.
    pub retry: Option<Retry>,
    /// What must hold for its runs.
    pub conditions: Conditions,
    /// What else starts it.
    pub triggers: Triggers,
    /// Names under which it is started together with others.
    pub groups: Vec<String>,
    /// Jobs whose runs, queued or at work, its own wait for.
    pub after: Vec<JobName>,
    /// Which of two runs that could start does so first.
    pub priority: Priority,
    /// What becomes of an elapse while a run is at work.
    pub conflict: Conflict,
    /// What its backups may use of the machine.
    pub resources: Resources,
    /// Whatever the user wants to keep with the job; not interpreted.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// Where the keys stand in the file.
    #[serde(skip)]
    pub origin: Origin,
}

impl Job {
    /// The zone in which its days and weeks are told, `local` being the machine's: that of its first schedule.
    pub fn zone_or<'a>(&'a self, local: &'a TimeZone) -> &'a TimeZone {
        self.schedules
            .first()
            .map_or(local, |schedule| schedule.zone_or(local))
    }

    /// What its file says of a copy into this repository.
    pub fn copy_to(&self, repository: &RepositoryName) -> Option<&JobCopy> {
        self.copies.iter().find(|copy| copy.to == *repository)
    }

    /// The age of the last good snapshot from which on the job is late: what its file says, or else what its schedules
    /// let expect after `from`. `None` where nobody knows when to expect the next.
    pub fn max_age_at(&self, timetable: &Timetable<'_>, from: Timestamp) -> Option<SignedDuration> {
        self.max_age.or_else(|| timetable.allowed_age(from))
    }
}

/// Reads a job's file; on failure all that is wrong with it.
pub fn parse_job(file: &Path, name: &JobName, text: &str) -> Result<Job, Vec<Fault>> {
    let mut reader = Reader::new(file, text);
    // The order in which the keys are taken is the order in which a hint lists them.
    let repository = repository(&mut reader);
    let (sources, optional_sources) = sources(&mut reader);
    let include = plain(reader.parsed_list("include", values::pattern));
    let exclude = plain(reader.parsed_list("exclude", values::pattern));
    let exclude_if_present = plain(reader.parsed_list("exclude_if_present", values::plain_file_name));
    let exclude_caches = reader.boolean("exclude_caches", false);
    let exclude_larger_than = reader.scalar("exclude_larger_than");
    let exclude_larger_than = exclude_larger_than.and_then(|size| reader.checked(size, values::bytes));
    let one_file_system = reader.boolean("one_file_system", false);
    let tags = tags(&mut reader);
    let host = reader.parsed("host", values::host);
    let adopts = adopts::adopts(&mut reader);
    let description = reader.string("description");
    let compression = reader.scalar("compression");
    let compression = compression.and_then(|level| reader.checked(level, values::compression_level));
    let verify = reader.parsed("verify", values::verification);
    let enabled = reader.boolean("enabled", true);
    let max_age = reader.scalar("max_age");
    let max_age = max_age.and_then(|age| reader.checked(age, values::max_age));
    let schedules = schedule::schedules(&mut reader);
    let conflict = reader.parsed("conflict", values::conflict);
    let retention = retention::retention(&mut reader, &tags);
    let copies = copies::copies(&mut reader, repository.as_ref());
    let retry = retry::retry(&mut reader);
    let windowed = schedules.iter().any(|schedule| schedule.window.is_some());
    let conditions = conditions::conditions(&mut reader, windowed);
    let triggers = triggers::triggers(&mut reader);
    let groups = groups(&mut reader);
    let after = after(&mut reader, name);
    let priority = reader.parsed("priority", values::priority);
    let resources = resources::resources(&mut reader);
    let metadata = reader.free_table("metadata");

    let job = repository.map(|repository| Job {
        name: name.clone(),
        repository,
        sources,
        optional_sources,
        include,
        exclude,
        exclude_if_present,
        exclude_caches,
        exclude_larger_than: exclude_larger_than.map(|size| size.value),
        one_file_system,
        tags,
        host: host.map(|host| host.value),
        adopts,
        description: description.map(|text| text.value),
        compression: compression.map(|level| level.value),
        verify: verify.map_or_else(Verify::default, |verify| verify.value),
        enabled,
        max_age: max_age.map(|age| age.value),
        schedules,
        retention,
        copies,
        retry,
        conditions,
        triggers,
        groups,
        after,
        priority: priority.map_or_else(Priority::default, |priority| priority.value),
        conflict: conflict.map_or_else(Conflict::default, |conflict| conflict.value),
        resources,
        metadata,
        origin: Origin::default(),
    });
    let (job, origin) = reader.finish(job, &unsupported::JOB, name.as_str())?;
    Ok(Job { origin, ..job })
}

/// The repository that a job's file with this text names; [`parse_job`] takes no text where it is another one.
pub fn repository_of(text: &str) -> Option<RepositoryName> {
    repository(&mut Reader::new(Path::new(""), text))
}

fn repository(reader: &mut Reader<'_>) -> Option<RepositoryName> {
    if !reader.has("repository") {
        let hint = "write `repository = \"NAME\"`; `backupctl repository list` shows the names";
        reader.missing("repository", "`repository` is missing", hint);
    }
    reader
        .parsed("repository", values::repository_name)
        .map(|name| name.value)
}

/// Both lists of sources; a path may stand in one of them, once.
fn sources(reader: &mut Reader<'_>) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let sources = reader.strings("sources");
    let optional = reader.strings("optional_sources");
    let given = reader
        .position_of("sources")
        .or_else(|| reader.position_of("optional_sources"));
    let hint = "write what is to be backed up, such as `sources = [\"/home\"]`";
    match given {
        None => reader.missing("sources", "`sources` is missing", hint),
        // An item that is no string has its own fault, and is no missing source.
        Some(position)
            if !reader.has_faults_in(&["sources", "optional_sources"])
                && sources.is_empty()
                && optional.is_empty() =>
        {
            reader.fault(
                "sources",
                position,
                Complaint::new("a job needs at least one source").hint(hint),
            );
        }
        Some(_) => {}
    }
    let sources = reader.checked_list(sources, values::source);
    let optional = reader.checked_list(optional, values::source);
    let mut seen: BTreeMap<&Path, &Located<PathBuf>> = BTreeMap::new();
    for source in sources.iter().chain(&optional) {
        if let Some(first) = seen.get(source.value.as_path()) {
            let shown = quoted(&source.value.to_string_lossy());
            let message = format!(
                "{shown} stands in `{}` on line {} already",
                first.key, first.position.line
            );
            reader.fault(
                source.key,
                source.position,
                Complaint::new(message).hint("remove one of the two"),
            );
        } else {
            seen.insert(&source.value, source);
        }
    }
    (plain(sources), plain(optional))
}

fn tags(reader: &mut Reader<'_>) -> Vec<String> {
    let tags = reader.parsed_list("tags", values::tag);
    once(reader, tags, |tag| format!("the tag {}", quoted(tag)))
}

fn groups(reader: &mut Reader<'_>) -> Vec<String> {
    let groups = reader.parsed_list("groups", values::group_name);
    once(reader, groups, |group| format!("the group `{group}`"))
}

/// Which of the others exist, and which wait for one another, only the catalog knows.
fn after(reader: &mut Reader<'_>, name: &JobName) -> Vec<JobName> {
    let after = reader.parsed_list("after", values::job_name);
    if let Some(own) = after.iter().find(|other| other.value == *name) {
        let complaint = Complaint::new(format!("the job `{name}` cannot wait for itself"));
        let hint = "remove it: two runs of one job are never at work at once";
        reader.fault(own.key, own.position, complaint.hint(hint));
    }
    once(reader, after, |job| format!("the job `{job}`"))
}

/// The items of a list in which each may stand once.
fn once<T: Ord>(reader: &mut Reader<'_>, items: Vec<Located<T>>, shown: impl Fn(&T) -> String) -> Vec<T> {
    let mut seen = BTreeSet::new();
    for item in &items {
        if !seen.insert(&item.value) {
            let complaint = Complaint::new(format!("{} stands here twice", shown(&item.value)));
            reader.fault(item.key, item.position, complaint.hint("remove one of the two"));
        }
    }
    plain(items)
}

fn plain<T>(located: Vec<Located<T>>) -> Vec<T> {
    located.into_iter().map(|item| item.value).collect()
}

#[cfg(test)]
mod tests;
