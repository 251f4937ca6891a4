//! The key `copies` of a job's file: other repositories that get its snapshots, too.

use jiff::SignedDuration;
use serde::Serialize;

use super::{retry, values};
use crate::{
    config::{
        fault::Complaint,
        place::Position,
        reader::{Located, Part, Reader},
        schedule,
    },
    name::RepositoryName,
    retry::Retry,
    schedule::Schedule,
};

pub(in crate::config) const COPIES: &str = "copies";
const TO: &str = "copies.to";
const SCHEDULE: &str = "copies.schedule";
const MAX_AGE: &str = "copies.max_age";

const HINT: &str =
    "write where to, such as `copies = [\"cloud\"]` or `copies = [{ to = \"cloud\", max_age = \"3d\" }]`";
/// More than people can keep in mind.
const MOST: usize = 16;

/// A repository that gets the snapshots of a job from the job's own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobCopy {
    /// Which one.
    pub to: RepositoryName,
    /// When; after each good backup if not set.
    #[serde(skip)]
    pub schedule: Option<Schedule>,
    /// The age of the last good copy from which on the job is late.
    pub max_age: Option<SignedDuration>,
    /// How a copy that failed is tried again; the daemon's own choice if not set.
    pub retry: Option<Retry>,
}

/// All of them; each has its place among the items of the list.
pub(super) fn copies(reader: &mut Reader<'_>, own: Option<&RepositoryName>) -> Vec<JobCopy> {
    let mut found: Vec<RepositoryName> = Vec::new();
    let mut count = 0;
    let copies = reader.each(COPIES, HINT, |reader, part| {
        count += 1;
        let position = part.position;
        let copy = match part.value {
            Part::Text(value) => {
                let text = Located {
                    key: COPIES,
                    position,
                    value,
                };
                let to = reader.checked(text, |text| values::repository_name(&text))?;
                JobCopy {
                    to: to.value,
                    schedule: None,
                    max_age: None,
                    retry: None,
                }
            }
            Part::Table => table(reader, position)?,
        };
        let complaint = if Some(&copy.to) == own {
            let message = format!("`{}` is the job's own repository", copy.to);
            Complaint::new(message).hint("name another one, or remove it")
        } else if found.contains(&copy.to) {
            Complaint::new(format!("the repository `{}` stands here twice", copy.to))
                .hint("remove one of the two")
        } else if count > MOST {
            Complaint::new(format!("a job has at most {MOST} copies"))
        } else {
            found.push(copy.to.clone());
            return Some(copy);
        };
        reader.fault(COPIES, position, complaint);
        None
    });
    copies.into_iter().map(|copy| copy.value).collect()
}

fn table(reader: &mut Reader<'_>, position: Position) -> Option<JobCopy> {
    let is_named = reader.has(TO);
    let to = reader.parsed(TO, values::repository_name);
    let schedule = schedule(reader);
    let max_age = reader.scalar(MAX_AGE);
    let max_age = max_age.and_then(|age| reader.checked(age, values::max_age));
    let retry = retry::retry_of_copy(reader);
    if !is_named && !reader.has_others() {
        let complaint = Complaint::new("`to` is missing");
        let hint = "write the name of the repository that gets the copy, such as `to = \"cloud\"`";
        reader.fault(COPIES, position, complaint.hint(hint));
    }
    Some(JobCopy {
        to: to?.value,
        schedule,
        max_age: max_age.map(|age| age.value),
        retry,
    })
}

fn schedule(reader: &mut Reader<'_>) -> Option<Schedule> {
    let keys = &schedule::COPY;
    let mut count = 0;
    let schedules = reader.each(
        SCHEDULE,
        "write when, such as `schedule = \"weekly\"`",
        |reader, part| {
            count += 1;
            let position = part.position;
            if count == 2 {
                let complaint = Complaint::new("a copy has one schedule only");
                let hint = "one calendar event can stand for many: `Mon,Thu 04:00`";
                reader.fault(SCHEDULE, position, complaint.hint(hint));
            }
            match part.value {
                Part::Table => schedule::table(reader, position, keys),
                Part::Text(text) => schedule::text(reader, position, keys.table, text),
            }
        },
    );
    schedules.into_iter().next().map(|schedule| schedule.value)
}
