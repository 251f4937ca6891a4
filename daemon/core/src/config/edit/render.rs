//! New configuration files from what `backupctl job create` and `repository add` were told.

use std::{fmt::Write, path::PathBuf};

use jiff::SignedDuration;
use serde_json::{Map, Value};

use crate::{
    config::{
        job::{Adopts, Verify},
        repository::{Credentials, EngineName, PasswordSource, Rate, Reach, Secret},
        units,
    },
    name::RepositoryName,
    retention::Rules,
};

/// What is known of a job before it has a file; what is not set is not written, or as a commented example.
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(missing_docs, reason = "the fields are those of `Job`")]
pub struct JobDraft {
    pub repository: Option<RepositoryName>,
    pub sources: Vec<String>,
    pub optional_sources: Vec<String>,
    /// As people say it, or calendar events.
    pub schedule: Vec<String>,
    pub groups: Vec<String>,
    pub after: Vec<String>,
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    pub exclude_if_present: Vec<String>,
    pub exclude_caches: Option<bool>,
    pub exclude_larger_than: Option<u64>,
    pub one_file_system: Option<bool>,
    pub tags: Vec<String>,
    pub host: Option<String>,
    pub adopts: Vec<Adopts>,
    pub description: Option<String>,
    pub compression: Option<i32>,
    pub verify: Option<Verify>,
    pub enabled: Option<bool>,
    pub max_age: Option<SignedDuration>,
    pub retention: Option<Rules>,
    /// Start before packages are upgraded.
    pub package_upgrade: bool,
    /// Start when files change.
    pub path_change: bool,
    pub metadata: Map<String, Value>,
}

/// What is known of a repository before it has a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the fields are those of `Repository`")]
pub struct RepositoryDraft {
    pub url: Option<String>,
    /// One from the environment is not for files, and is left out.
    pub password: Option<PasswordSource>,
    pub engine: Option<EngineName>,
    pub description: Option<String>,
    pub credentials: Credentials,
    /// Its times and windows of limits are left out.
    pub reach: Reach,
}

/// Writes a job's file.
pub fn render_job(draft: &JobDraft) -> String {
    let mut page = Page::default();
    page.text("description", draft.description.as_deref());
    page.heading("Where the snapshots go: the name of a file in `repositories.d`.");
    page.text_or(
        "repository",
        draft.repository.as_ref().map(RepositoryName::as_str),
        "\"nas\"",
    );
    page.heading("What is backed up; one of `optional_sources` may be missing.");
    if draft.sources.is_empty() && draft.optional_sources.is_empty() {
        page.example("sources", "[\"/home\"]");
    }
    page.list("sources", &draft.sources);
    page.list("optional_sources", &draft.optional_sources);
    page.heading("What is left out.");
    page.list("include", &draft.include);
    if draft.exclude.is_empty() {
        page.example("exclude", "[\"**/.cache\", \"*.tmp\"]");
    }
    page.list("exclude", &draft.exclude);
    page.list("exclude_if_present", &draft.exclude_if_present);
    page.flag("exclude_caches", draft.exclude_caches);
    page.text(
        "exclude_larger_than",
        draft.exclude_larger_than.map(units::format_size).as_deref(),
    );
    page.flag("one_file_system", draft.one_file_system);
    page.heading(
        "When it starts by itself: a time, `daily`, `weekdays at 18:00`, `every 4h`, or a list of them.",
    );
    match draft.schedule.as_slice() {
        [] => page.example("schedule", "\"02:00\""),
        [one] => page.text("schedule", Some(one)),
        several => page.list("schedule", several),
    }
    page.heading("Jobs it is started with, by the name of their group, and jobs that it waits for.");
    page.list("groups", &draft.groups);
    page.list("after", &draft.after);
    page.heading("How it is stored.");
    page.list("tags", &draft.tags);
    page.text("host", draft.host.as_deref());
    if let Some(level) = draft.compression {
        page.line("compression", &level.to_string());
    }
    page.text("verify", draft.verify.map(Verify::as_str));
    page.heading("Snapshots that others have made, and that are let go and compared with as its own.");
    page.adopts(&draft.adopts);
    page.heading("The job is late when its last good snapshot is older than this; `schedule` tells unless it is given.");
    page.text_or(
        "max_age",
        draft.max_age.map(units::format_duration).as_deref(),
        "\"26h\"",
    );
    page.heading(
        "Which snapshots are kept; all of them without this. `backupctl retention preview` shows what goes.",
    );
    match draft.retention.as_ref().and_then(retention_line) {
        Some(line) => page.push(&line),
        None => page.example(
            "retention",
            "{ keep_daily = 7, keep_weekly = 5, keep_monthly = 12 }",
        ),
    }
    page.heading("A job that is not enabled is never started.");
    page.flag("enabled", draft.enabled);
    if draft.package_upgrade || draft.path_change {
        page.heading("What else starts it.");
        page.push("[triggers]");
        if draft.package_upgrade {
            page.flag("package_upgrade", Some(true));
        }
        if draft.path_change {
            page.line("path_change", "{ quiet = \"1m\", distance = \"30m\" }");
        }
    }
    page.metadata(&draft.metadata);
    page.done()
}

/// `retention = { keep_daily = 7 }`; of rules that say nothing, nothing.
fn retention_line(rules: &Rules) -> Option<String> {
    let counts = [
        ("keep_last", rules.keep_last),
        ("keep_hourly", rules.keep_hourly),
        ("keep_daily", rules.keep_daily),
        ("keep_weekly", rules.keep_weekly),
        ("keep_monthly", rules.keep_monthly),
        ("keep_quarterly", rules.keep_quarterly),
        ("keep_yearly", rules.keep_yearly),
    ];
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    let mut keys: Vec<String> = counts.map(|(key, count)| format!("{key} = {count}")).collect();
    let within = rules.keep_within.map(units::format_duration);
    keys.extend(within.map(|span| format!("keep_within = \"{span}\"")));
    keys.extend(rules.max_count.map(|count| format!("max_count = {count}")));
    let size = rules.max_size.map(units::format_size);
    keys.extend(size.map(|size| format!("max_size = \"{size}\"")));
    (!keys.is_empty()).then(|| format!("retention = {{ {} }}", keys.join(", ")))
}

/// Writes a repository's file.
pub fn render_repository(draft: &RepositoryDraft) -> String {
    let mut page = Page::default();
    page.text("description", draft.description.as_deref());
    page.heading(
        "Where the repository is: the absolute path of a folder, or an address as restic writes it.",
    );
    page.text_or("url", draft.url.as_deref(), "\"/srv/backup\"");
    page.heading("Where its password comes from; secrets never stand in this file.");
    match &draft.password {
        None | Some(PasswordSource::Environment(_)) => {
            page.example("password_file", "\"/etc/backupd/secrets/NAME\"");
        }
        Some(source) => page.push(&password_line(source)),
    }
    page.heading("Who reads and writes it.");
    page.text("engine", draft.engine.map(EngineName::as_str));
    page.reach(&draft.reach);
    page.credentials(&draft.credentials);
    page.done()
}

/// The line that names a source of a password.
pub(super) fn password_line(source: &PasswordSource) -> String {
    let mut page = Page::default();
    page.source("password", source);
    page.done().trim_end().to_owned()
}

/// A file that grows by paragraphs; a heading without lines below it is not written.
#[derive(Default)]
struct Page {
    text: String,
    heading: Option<&'static str>,
}

impl Page {
    fn heading(&mut self, heading: &'static str) {
        self.heading = Some(heading);
    }

    fn push(&mut self, line: &str) {
        if let Some(heading) = self.heading.take() {
            let gap = if self.text.is_empty() { "" } else { "\n" };
            // Writing to a string cannot fail.
            let _ = writeln!(self.text, "{gap}# {heading}");
        }
        let _ = writeln!(self.text, "{line}");
    }

    fn line(&mut self, key: &str, value: &str) {
        self.push(&format!("{key} = {value}"));
    }

    fn example(&mut self, key: &str, value: &str) {
        self.push(&format!("#{key} = {value}"));
    }

    fn text(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.line(key, &toml_edit::Value::from(value).to_string());
        }
    }

    fn text_or(&mut self, key: &str, value: Option<&str>, example: &str) {
        match value {
            Some(_) => self.text(key, value),
            None => self.example(key, example),
        }
    }

    fn flag(&mut self, key: &str, value: Option<bool>) {
        if let Some(value) = value {
            self.line(key, &value.to_string());
        }
    }

    fn list(&mut self, key: &str, items: &[String]) {
        const WIDTH: usize = 100;
        if items.is_empty() {
            return;
        }
        let items: Vec<String> = items
            .iter()
            .map(|item| toml_edit::Value::from(item).to_string())
            .collect();
        let line = format!("[{}]", items.join(", "));
        if key.len() + line.len() <= WIDTH {
            self.line(key, &line);
        } else {
            self.line(key, &format!("[\n    {},\n]", items.join(",\n    ")));
        }
    }

    fn adopts(&mut self, adopts: &[Adopts]) {
        let entries = adopts.iter().map(|adopts| {
            let list = |items: &mut dyn Iterator<Item = String>| {
                toml_edit::Value::Array(items.collect::<toml_edit::Array>()).to_string()
            };
            let mut keys = vec![format!("host = {}", toml_edit::Value::from(&adopts.host))];
            keys.extend(adopts.paths.as_ref().map(|paths| {
                let mut paths = paths.iter().map(|path| path.to_string_lossy().into_owned());
                format!("paths = {}", list(&mut paths))
            }));
            keys.extend(
                adopts
                    .tags
                    .as_ref()
                    .map(|tags| format!("tags = {}", list(&mut tags.iter().cloned()))),
            );
            format!("{{ {} }}", keys.join(", "))
        });
        let entries: Vec<String> = entries.collect();
        if !entries.is_empty() {
            self.line("adopts", &format!("[{}]", entries.join(", ")));
        }
    }

    /// The line that names where a secret comes from.
    fn source(&mut self, name: &str, source: &PasswordSource) {
        match source {
            PasswordSource::File(file) => self.text(&format!("{name}_file"), Some(&file.to_string_lossy())),
            PasswordSource::Command(words) => self.list(&format!("{name}_command"), words),
            PasswordSource::Credential(credential) => {
                self.text(&format!("{name}_credential"), Some(credential.as_str()));
            }
            // Not for files; a comment is the line that says nothing.
            PasswordSource::Environment(variable) => self.push(&format!("# the variable `{variable}`")),
        }
    }

    fn reach(&mut self, reach: &Reach) {
        self.heading("How it is reached.");
        self.text("timeout", reach.timeout.map(units::format_duration).as_deref());
        if let Some(retries) = reach.retries {
            self.line("retries", &retries.to_string());
        }
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
        self.text("ca_file", path(&reach.ca_file).as_deref());
        self.text("region", reach.region.as_deref());
        self.text("endpoint", reach.endpoint.as_deref());
        self.inline(
            "ssh",
            &[
                ("key", path(&reach.ssh_key)),
                ("known_hosts", path(&reach.ssh_known_hosts)),
            ],
        );
        self.inline("rclone", &[("config", path(&reach.rclone_config))]);
        let rate = |rate: Option<Rate>| {
            rate.map(|rate| match rate {
                Rate::Unlimited => "none".to_owned(),
                Rate::Bytes(bytes) => format!("{}/s", units::format_size(bytes)),
            })
        };
        let limit = &reach.limit;
        self.inline(
            "limit",
            &[("upload", rate(limit.upload)), ("download", rate(limit.download))],
        );
    }

    /// A table of texts on one line; nothing where there are none.
    fn inline(&mut self, key: &str, fields: &[(&str, Option<String>)]) {
        let table: toml_edit::InlineTable = fields
            .iter()
            .filter_map(|(key, value)| Some((*key, toml_edit::Value::from(value.as_deref()?))))
            .collect();
        if !table.is_empty() {
            self.line(key, &toml_edit::Value::InlineTable(table).to_string());
        }
    }

    /// A table comes last: what stands below it is in it.
    fn credentials(&mut self, credentials: &Credentials) {
        if credentials.is_empty() {
            return;
        }
        self.heading("Who logs in there; the secret never stands in this file.");
        self.push("[credentials]");
        for (name, secret) in credentials {
            match secret {
                Secret::Name(text) => self.text(name, Some(text)),
                Secret::From(source) => self.source(name, source),
            }
        }
    }

    fn metadata(&mut self, metadata: &Map<String, Value>) {
        if metadata.is_empty() {
            return;
        }
        self.heading("Notes of your own; backupd only keeps them.");
        self.push("[metadata]");
        for (key, value) in metadata {
            if let Some(value) = to_toml(value) {
                let key = toml_edit::Key::new(key);
                self.line(&key.to_string(), &value.to_string());
            }
        }
    }

    fn done(self) -> String {
        self.text
    }
}

/// The same value in TOML, on one line; nothing for `null`, which TOML does not have.
fn to_toml(value: &Value) -> Option<toml_edit::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => integer.into(),
            None => number.as_f64()?.into(),
        },
        Value::String(text) => text.into(),
        Value::Array(items) => toml_edit::Value::Array(items.iter().filter_map(to_toml).collect()),
        Value::Object(map) => toml_edit::Value::InlineTable(
            map.iter()
                .filter_map(|(key, value)| Some((key, to_toml(value)?)))
                .collect(),
        ),
    })
}
