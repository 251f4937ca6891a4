//! `backupctl` as a user calls it.

use std::{
    ffi::OsStr,
    fs::File,
    io::{Read as _, Seek as _},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{Bed, programs::program, wait};

/// What a program said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// Runs a program to its end, which must come before the deadline.
    pub fn of(command: &mut Command) -> Self {
        Self::reading(command, Stdio::null())
    }

    /// The same, with something to read.
    pub fn reading(command: &mut Command, input: Stdio) -> Self {
        let (mut stdout, mut stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let mut child = command
            .stdin(input)
            .stdout(stdout.try_clone().unwrap())
            .stderr(stderr.try_clone().unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        if !wait::ends_within(child.id(), wait::DEADLINE) {
            let _ = child.kill();
            panic!("{command:?} does not end");
        }
        Self {
            code: child.wait().unwrap().code(),
            stdout: text(&mut stdout),
            stderr: text(&mut stderr),
        }
    }

    /// It ended with 0.
    #[track_caller]
    pub fn well(self) -> Self {
        self.with_code(0)
    }

    /// It ended with this code.
    #[track_caller]
    pub fn with_code(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The account of a run that did not go well says this, and what to do about it.
    #[track_caller]
    pub fn tells(&self, text: &str) -> &Self {
        for wanted in [text, "hint"] {
            assert!(
                self.stdout.contains(wanted),
                "`{wanted}` is not in:\n{}",
                self.stdout
            );
        }
        self
    }

    /// Standard error says this, and what to do about it.
    #[track_caller]
    pub fn complains(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "`{text}` is not in:\n{}", self.stderr);
        assert!(
            self.stderr.lines().any(|line| line.starts_with("hint: ")),
            "no hint in:\n{}",
            self.stderr
        );
        self
    }
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Bed {
    /// Calls `backupctl --user` and waits for it.
    pub fn ctl<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Said {
        let mut command = self.command(program("backupctl"));
        command.arg("--user").args(arguments);
        self.call(&mut command)
    }

    /// Runs a program to its end, which must come before the deadline.
    pub fn call(&self, command: &mut Command) -> Said {
        Said::of(command)
    }
}
