//! Files of jobs and repositories, and stock restic on the repositories.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{Bed, Gate, Said, bed::PASSWORD};

impl Bed {
    /// Where the repository of that name is.
    pub fn repository(&self, name: &str) -> PathBuf {
        self.path(format!("repository-{name}"))
    }

    /// A file that holds a password, for its owner's eyes only.
    pub fn secret(&self, name: &str, password: &str) -> PathBuf {
        let path = self.path("secrets").join(name);
        fs::write(&path, format!("{password}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// The text of a repository's file.
    pub fn repository_text(&self, name: &str) -> String {
        let secret = self.secret(name, PASSWORD);
        format!(
            "url = \"{}\"\npassword_file = \"{}\"\n",
            self.repository(name).display(),
            secret.display()
        )
    }

    /// Writes `repositories.d/NAME.toml`, with its password in a file.
    pub fn write_repository(&self, name: &str) -> PathBuf {
        let text = self.repository_text(name);
        self.write_file(&format!("repositories.d/{name}.toml"), &text)
    }

    /// Writes `repositories.d/NAME.toml`, with a gate in front.
    pub fn write_gated_repository(&self, name: &str) -> Gate {
        let gate = Gate::new(self, name);
        let text = format!(
            "url = \"{}\"\n{}\n",
            self.repository(name).display(),
            gate.password_command()
        );
        self.write_file(&format!("repositories.d/{name}.toml"), &text);
        gate
    }

    /// The text of a job's file: the source of the same name goes into `main`, and `more` stands below.
    pub fn job_text(&self, name: &str, more: &str) -> String {
        format!(
            "repository = \"main\"\nsources = [\"{}\"]\n{more}\n",
            self.source(name).display()
        )
    }

    /// Writes `jobs.d/NAME.toml`.
    pub fn write_job(&self, name: &str, more: &str) -> PathBuf {
        let text = self.job_text(name, more);
        self.write_file(&format!("jobs.d/{name}.toml"), &text)
    }

    /// Writes a configuration file.
    pub fn write_file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.configuration().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes `backupd.toml`.
    pub fn settings(&self, text: &str) {
        self.write_file("backupd.toml", text);
    }

    /// Creates a repository through the daemon.
    pub fn init(&self, name: &str) {
        self.ctl(["repository", "init", name]).well();
    }

    /// Stock restic on a repository.
    pub fn restic(&self, name: &str, arguments: &[&str]) -> Said {
        let mut command = self.command("restic");
        command
            .args(["--no-cache", "--repo"])
            .arg(self.repository(name))
            .args(arguments)
            .env("RESTIC_PASSWORD", PASSWORD);
        self.call(&mut command)
    }

    /// Stock restic finds nothing wrong, reading all data.
    pub fn assert_sound(&self, name: &str) {
        self.restic(name, &["check", "--read-data", "--no-lock"]).well();
    }

    /// How many snapshots restic sees.
    pub fn snapshots(&self, name: &str) -> usize {
        let said = self.restic(name, &["snapshots", "--json", "--no-lock"]).well();
        said.json().as_array().map_or(0, Vec::len)
    }

    /// How many lock files are in the repository.
    pub fn locks(&self, name: &str) -> usize {
        fs::read_dir(self.repository(name).join("locks")).unwrap().count()
    }

    /// Every file of a directory with its size and time: what must not have changed.
    pub fn fingerprint(&self, directory: &Path) -> Vec<String> {
        let mut lines = Vec::new();
        let mut left = vec![directory.to_owned()];
        while let Some(path) = left.pop() {
            for entry in fs::read_dir(path).unwrap().flatten() {
                let metadata = entry.metadata().unwrap();
                if metadata.is_dir() {
                    left.push(entry.path());
                } else {
                    let modified = metadata.modified().unwrap();
                    lines.push(format!("{:?} {} {modified:?}", entry.path(), metadata.len()));
                }
            }
        }
        lines.sort();
        lines
    }
}

/// A member of a JSON document as text.
#[track_caller]
pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member]
        .as_str()
        .unwrap_or_else(|| panic!("no text `{member}` in {value:#}"))
}
