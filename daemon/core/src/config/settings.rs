//! The daemon's own settings: `backupd.toml`, `conf.d/*.toml` and `BACKUPD_*` variables.
//!
//! Each layer is a [`SettingsLayer`] in which everything is optional; laid over one another they become
//! [`Settings`].

use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{
    fault::{Complaint, Fault},
    format_duration, parse_duration, path,
    reader::{Reader, Scalar},
};

/// Most runs at once that anybody may ask for.
pub const MOST_PARALLEL_RUNS: u32 = 64;

/// One layer of settings, as written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SettingsLayer {
    /// Most runs at work at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_parallel_runs: Option<u32>,
    /// How long a worker may take to stop before it is killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_grace: Option<String>,
    /// How long history keeps a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history_keep: Option<String>,
    /// How many runs of each job history keeps whatever their age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history_keep_runs: Option<u32>,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// The worker program; absolute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<PathBuf>,
    /// `auto`, `systemd` or `child`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launcher: Option<String>,
}

/// What starts workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LauncherChoice {
    /// systemd where it is there.
    #[default]
    Auto,
    /// systemd, or nobody.
    Systemd,
    /// The daemon itself.
    Child,
}

impl LauncherChoice {
    const WORDS: [(&'static str, Self); 3] = [
        ("auto", Self::Auto),
        ("systemd", Self::Systemd),
        ("child", Self::Child),
    ];

    /// The word for it in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Systemd => "systemd",
            Self::Child => "child",
        }
    }
}

/// The settings in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Most runs at work at once; at least 1.
    pub max_parallel_runs: u32,
    /// From asking a worker to stop to killing it.
    pub cancel_grace: SignedDuration,
    /// How long history keeps a run.
    pub history_keep: SignedDuration,
    /// How many runs of each job history keeps whatever their age.
    pub history_keep_runs: u32,
    /// Log level.
    pub log: String,
    /// The worker program; `None` for the one that was installed with the daemon.
    pub worker: Option<PathBuf>,
    /// What starts workers; counts when the daemon starts.
    pub launcher: LauncherChoice,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_parallel_runs: 2,
            cancel_grace: SignedDuration::from_secs(30),
            history_keep: SignedDuration::from_hours(400 * 24),
            history_keep_runs: 20,
            log: "info".to_owned(),
            worker: None,
            launcher: LauncherChoice::Auto,
        }
    }
}

/// Reads one file of settings; on failure all that is wrong with it.
pub fn parse_settings(file: &Path, text: &str) -> Result<SettingsLayer, Vec<Fault>> {
    let mut reader = Reader::new(file, text);
    let max_parallel_runs = reader.scalar("max_parallel_runs");
    let max_parallel_runs =
        max_parallel_runs.and_then(|value| reader.checked(value, |value| parallel_runs(&value)));
    let cancel_grace = reader.parsed("cancel_grace", cancel_grace);
    let history_keep = reader.parsed("history_keep", history_keep);
    let history_keep_runs = reader.scalar("history_keep_runs");
    let history_keep_runs = history_keep_runs.and_then(|value| reader.checked(value, |value| count(&value)));
    let log = reader.parsed("log", log);
    let worker = reader.parsed("worker", |text| {
        path::absolute(text, "/usr/libexec/backupd/backupd-worker")
    });
    let launcher = reader.parsed("launcher", launcher);
    let layer = SettingsLayer {
        max_parallel_runs: max_parallel_runs.map(|value| value.value),
        cancel_grace: cancel_grace.map(|value| format_duration(value.value)),
        history_keep: history_keep.map(|value| format_duration(value.value)),
        history_keep_runs: history_keep_runs.map(|value| value.value),
        log: log.map(|value| value.value),
        worker: worker.map(|value| value.value),
        launcher: launcher.map(|value| value.value.as_str().to_owned()),
    };
    reader.finish(Some(layer), &[], "").map(|(layer, _)| layer)
}

impl Settings {
    /// Checks what came out of all layers. Each complaint names its key: in a variable there is no line.
    pub fn from_layer(layer: &SettingsLayer) -> Result<Self, Vec<(&'static str, String)>> {
        let mut settings = Self::default();
        let mut complaints = Vec::new();
        let mut take = |key: &'static str, outcome: Result<(), Complaint>| {
            if let Err(complaint) = outcome {
                complaints.push((key, complaint.message));
            }
        };
        if let Some(value) = layer.max_parallel_runs {
            take(
                "max_parallel_runs",
                parallel_runs(&Scalar::Integer(value.into())).map(|value| settings.max_parallel_runs = value),
            );
        }
        if let Some(text) = &layer.cancel_grace {
            take(
                "cancel_grace",
                cancel_grace(text).map(|value| settings.cancel_grace = value),
            );
        }
        if let Some(text) = &layer.history_keep {
            take(
                "history_keep",
                history_keep(text).map(|value| settings.history_keep = value),
            );
        }
        if let Some(value) = layer.history_keep_runs {
            take(
                "history_keep_runs",
                count(&Scalar::Integer(value.into())).map(|value| settings.history_keep_runs = value),
            );
        }
        if let Some(text) = &layer.log {
            take("log", log(text).map(|value| settings.log = value));
        }
        if let Some(file) = &layer.worker {
            let checked = path::absolute(&file.to_string_lossy(), "/usr/libexec/backupd/backupd-worker");
            take("worker", checked.map(|value| settings.worker = Some(value)));
        }
        if let Some(word) = &layer.launcher {
            take("launcher", launcher(word).map(|value| settings.launcher = value));
        }
        if complaints.is_empty() {
            Ok(settings)
        } else {
            Err(complaints)
        }
    }

    /// The settings as a file would say them: TOML.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(&self.to_layer())
    }

    /// The settings as a layer of its own.
    pub fn to_layer(&self) -> SettingsLayer {
        SettingsLayer {
            max_parallel_runs: Some(self.max_parallel_runs),
            cancel_grace: Some(format_duration(self.cancel_grace)),
            history_keep: Some(format_duration(self.history_keep)),
            history_keep_runs: Some(self.history_keep_runs),
            log: Some(self.log.clone()),
            worker: self.worker.clone(),
            launcher: Some(self.launcher.as_str().to_owned()),
        }
    }
}

fn parallel_runs(value: &Scalar) -> Result<u32, Complaint> {
    let wrong = || {
        Complaint::new(format!(
            "`max_parallel_runs` is a number from 1 to {MOST_PARALLEL_RUNS}"
        ))
        .hint("2 suits most machines: runs on one repository share its disk or line")
    };
    count(value)
        .ok()
        .filter(|number| (1..=MOST_PARALLEL_RUNS).contains(number))
        .ok_or_else(wrong)
}

fn count(value: &Scalar) -> Result<u32, Complaint> {
    let number = match value {
        Scalar::Integer(number) => u32::try_from(*number).ok(),
        Scalar::Text(_) => None,
    };
    number.ok_or_else(|| Complaint::new("expected a whole number that is not negative"))
}

fn cancel_grace(text: &str) -> Result<SignedDuration, Complaint> {
    let grace = parse_duration(text).map_err(Complaint::new)?;
    if grace > SignedDuration::from_hours(1) {
        return Err(Complaint::new("`cancel_grace` is at most one hour"));
    }
    Ok(grace)
}

fn history_keep(text: &str) -> Result<SignedDuration, Complaint> {
    let keep = parse_duration(text).map_err(Complaint::new)?;
    if keep.is_zero() {
        return Err(Complaint::new("`history_keep` must be longer than nothing")
            .hint("health and history need the runs of some days at least, such as `30d`"));
    }
    Ok(keep)
}

fn launcher(word: &str) -> Result<LauncherChoice, Complaint> {
    let known = LauncherChoice::WORDS.iter().find(|(known, _)| *known == word);
    known.map(|(_, choice)| *choice).ok_or_else(|| {
        Complaint::new(format!("{} starts no workers", super::fault::quoted(word)))
            .hint("write `auto`, `systemd` or `child`")
    })
}

fn log(text: &str) -> Result<String, Complaint> {
    if ["error", "warn", "info", "debug", "trace"].contains(&text) {
        return Ok(text.to_owned());
    }
    Err(
        Complaint::new(format!("{} is no log level", super::fault::quoted(text)))
            .hint("write `error`, `warn`, `info`, `debug` or `trace`"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_of_a_file_come_at_once() {
        let text = "max_parallel_runs = 0\ncancel_grace = \"soon\"\nlog = \"loud\"\nworker = \"bin/w\"\nlauncher = \"cron\"\nmax_paralel = 1\n";
        let faults = parse_settings(Path::new("backupd.toml"), text).unwrap_err();
        let lines: Vec<_> = faults.iter().map(|fault| (fault.line, fault.column)).collect();
        assert_eq!(
            lines,
            [(1, 21), (2, 16), (3, 7), (4, 10), (5, 12), (6, 1)].map(|(l, c)| (Some(l), Some(c)))
        );
        assert!(
            faults[5].hint.as_deref().unwrap().contains("max_parallel_runs"),
            "{}",
            faults[5]
        );
    }

    #[test]
    fn settings_survive_their_layer() {
        let text = "max_parallel_runs = 4\ncancel_grace = \"5s\"\nhistory_keep = \"30d\"\nlog = \"debug\"\nlauncher = \"child\"\n";
        let layer = parse_settings(Path::new("backupd.toml"), text).unwrap();
        let settings = Settings::from_layer(&layer).unwrap();
        assert_eq!(settings.max_parallel_runs, 4);
        assert_eq!(settings.cancel_grace, SignedDuration::from_secs(5));
        assert_eq!(Settings::from_layer(&settings.to_layer()).unwrap(), settings);
    }

    #[test]
    fn a_variable_is_checked_as_a_file_is() {
        let layer = SettingsLayer {
            max_parallel_runs: Some(0),
            log: Some("loud".into()),
            ..SettingsLayer::default()
        };
        let complaints = Settings::from_layer(&layer).unwrap_err();
        assert_eq!(
            complaints.iter().map(|(key, _)| *key).collect::<Vec<_>>(),
            ["max_parallel_runs", "log"]
        );
    }
}
