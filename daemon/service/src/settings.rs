//! The daemon's own settings, laid over one another with the `config` crate: `backupd.toml`, then
//! `conf.d/*.toml` in the order of their names, then variables.
//!
//! A file with faults stays in force as it was when it had none, and is left out where it never was: backups go
//! on, and the faults are told.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
};

use backupd_core::config::{Fault, Settings, SettingsLayer, is_configuration_file, parse_settings};
use config::{Config, Environment};

/// Variables of users who come from other tools, beside the settings with the prefix `BACKUPD_`.
const PARALLEL_ALIAS: &str = "BACKUP_MAX_PARALLEL_JOBS";

/// Each file as it was when it last had no faults.
pub(crate) type Layers = BTreeMap<PathBuf, SettingsLayer>;

/// Settings in force, and what was wrong with their sources.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    pub(crate) faults: Vec<Fault>,
    pub(crate) layers: Layers,
}

/// Reads all layers below `configuration`.
pub(crate) fn load(configuration: &Path, before: &Layers) -> Loaded {
    let mut faults = Vec::new();
    let mut layers = Layers::new();
    let mut builder = Config::builder();
    for file in files(configuration, &mut faults) {
        let layer = match std::fs::read_to_string(&file) {
            Ok(text) => parse_settings(&file, &text),
            Err(error) => Err(vec![Fault::new(
                &file,
                format!("the file cannot be read: {error}"),
            )]),
        };
        let layer = layer.unwrap_or_else(|found| {
            faults.extend(found);
            before.get(&file).cloned().unwrap_or_default()
        });
        match Config::try_from(&layer) {
            Ok(source) => builder = builder.add_source(source),
            Err(error) => faults.push(Fault::new(&file, error.to_string())),
        }
        layers.insert(file, layer);
    }
    let merged = |builder: config::ConfigBuilder<config::builder::DefaultState>| {
        builder.build().and_then(Config::try_deserialize::<SettingsLayer>)
    };
    let files_only = merged(builder.clone()).unwrap_or_default();
    let with_variables =
        merged(builder.add_source(Environment::default().source(Some(variables())).try_parsing(true)));
    let layer = with_variables.unwrap_or_else(|error| {
        faults.push(of_variables(&error.to_string()));
        files_only.clone()
    });
    let settings = Settings::from_layer(&layer).unwrap_or_else(|complaints| {
        for (key, message) in complaints {
            faults.push(of_variables(&message).key(key));
        }
        Settings::from_layer(&files_only).unwrap_or_default()
    });
    Loaded {
        settings,
        faults,
        layers,
    }
}

fn of_variables(message: &str) -> Fault {
    Fault::new(Path::new("environment"), message).hint(format!(
        "see the variables that begin with `BACKUPD_`, and `{PARALLEL_ALIAS}`"
    ))
}

/// `BACKUPD_MAX_PARALLEL_RUNS` and so on, under the settings' names; unknown ones are none of our business,
/// for the client and tests use the prefix too.
fn variables() -> config::Map<String, String> {
    let known = Settings::default().to_layer();
    let mut names: Vec<String> = match serde_json::to_value(&known) {
        Ok(serde_json::Value::Object(map)) => map.keys().cloned().collect(),
        _ => Vec::new(),
    };
    names.push("worker".to_owned());
    let mut found = config::Map::new();
    if let Ok(value) = env::var(PARALLEL_ALIAS) {
        found.insert("max_parallel_runs".to_owned(), value);
    }
    for name in names {
        if let Ok(value) = env::var(format!("BACKUPD_{}", name.to_ascii_uppercase())) {
            found.insert(name, value);
        }
    }
    found
}

fn files(configuration: &Path, faults: &mut Vec<Fault>) -> Vec<PathBuf> {
    let directory = configuration.join("conf.d");
    let listed = std::fs::read_dir(&directory)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect());
    let mut parts: Vec<PathBuf> = listed.unwrap_or_else(|error: std::io::Error| {
        if error.kind() != std::io::ErrorKind::NotFound {
            faults.push(Fault::new(
                &directory,
                format!("the directory cannot be read: {error}"),
            ));
        }
        Vec::new()
    });
    parts.retain(|path| is_configuration_file(path) && path.is_file());
    parts.sort();
    let main = configuration.join("backupd.toml");
    main.is_file().then_some(main).into_iter().chain(parts).collect()
}
