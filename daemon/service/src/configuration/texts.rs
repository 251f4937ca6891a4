//! The files of the configuration as texts, to tell what somebody else changed of them.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use backupd_core::{
    audit::{Change, change},
    config::{edit::revision, is_configuration_file},
};

use crate::dense::pack;

/// By name below the configuration directory, such as `jobs.d/home.toml`.
pub(crate) type Texts = BTreeMap<String, String>;

/// Reads all files. One that cannot be read is none: that is told when it is loaded.
pub(crate) fn texts(configuration: &Path) -> Texts {
    let mut texts = Texts::new();
    let mut read = |directory: &str, path: &Path| {
        // A FIFO would keep the whole daemon waiting.
        if path.is_file()
            && let Some(name) = path.file_name().and_then(|name| name.to_str())
            && let Ok(bytes) = fs::read(path)
        {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            texts.insert(format!("{directory}{name}"), text);
        }
    };
    read("", &configuration.join("backupd.toml"));
    for directory in ["conf.d/", "repositories.d/", "jobs.d/"] {
        let entries = fs::read_dir(configuration.join(directory)).into_iter().flatten();
        for path in entries.flatten().map(|entry| entry.path()) {
            if is_configuration_file(&path) {
                read(directory, &path);
            }
        }
    }
    pack(&mut texts);
    texts
}

/// What differs: each file with its revision and the lines of it that changed.
pub(crate) fn difference(before: &Texts, after: &Texts) -> Change {
    let mut all = Change::default();
    let names = before
        .keys()
        .chain(after.keys().filter(|name| !before.contains_key(*name)));
    for name in names {
        let (old, new) = (before.get(name), after.get(name));
        if old == new {
            continue;
        }
        let changed = change(old.map_or("", String::as_str), new.map_or("", String::as_str));
        for (text, lines, whole) in [(&mut all.old, changed.old, old), (&mut all.new, changed.new, new)] {
            // Writing to a string does not fail.
            let _ = match whole {
                Some(whole) => write!(text, "# {name}, revision {}\n{lines}", revision(whole)),
                None => writeln!(text, "# {name} is not there"),
            };
            if !text.ends_with('\n') {
                text.push('\n');
            }
        }
    }
    all
}
