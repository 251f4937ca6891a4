//! Configuration files: what stands in `jobs.d/NAME.toml` and `repositories.d/NAME.toml`, checked.
//!
//! A file is read in two steps. The `toml` parser gives values with their places in the text; a small reader
//! (`reader`) takes the known keys out of them, one after the other, and writes down each [`Fault`] with its
//! line and column. So all the faults of a file are told at once, and a key that nobody took is a fault too.
//! What a file cannot know of the others is checked afterwards, in [`Catalog::check`].
//!
//! No secret is ever part of a message: values of keys that hold, or might by mistake hold, one are not echoed.

mod care;
mod catalog;
pub mod edit;
mod fault;
mod files;
mod job;
mod metadata;
mod origin;
mod path;
mod place;
mod reader;
mod repository;
mod schedule;
mod settings;
mod template;
mod units;
mod unsupported;
mod words;

pub use care::{Care, CheckCare, PruneCare};
pub use catalog::{Catalog, Entry};
pub use fault::Fault;
pub use files::{is_configuration_file, name_from_file};
pub use job::{
    Adopts, Job, JobCopy, MAX_COMPRESSION, PathChange, Triggers, Verify, parse_job, repository_of,
};
pub use origin::Origin;
pub use place::Position;
pub use repository::{
    Credentials, EngineName, LOCK_WAIT, Limit, LimitTime, PasswordSource, PlaceKind, Rate, Reach, Repository,
    Secret, SnapshotMark, local_path, parse_repository,
};
pub use settings::{LauncherChoice, MOST_PARALLEL_RUNS, Settings, SettingsLayer, parse_settings};
pub use template::{Template, UnknownTemplate};
pub use units::{format_duration, format_size, parse_duration, parse_size};
pub use words::nearest;
