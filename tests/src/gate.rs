//! A gate in front of a repository: its password comes from a program that can be held.
//!
//! A worker that is held stands at the beginning of its work, for as long as the test wants.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
};

use nix::{sys::stat::Mode, unistd::mkfifo};

use crate::{Bed, bed::PASSWORD, wait};

/// See the module.
pub struct Gate {
    directory: PathBuf,
    // Open for both ends: so nobody waits for the other side, and what is written stays for late comers.
    pipe: File,
}

impl Gate {
    /// An open gate.
    pub fn new(bed: &Bed, name: &str) -> Self {
        let directory = bed.path(format!("gate-{name}"));
        fs::create_dir(&directory).unwrap();
        let fifo = directory.join("fifo");
        mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        let script = format!(
            "#!/bin/sh\ncd {}\nif [ -e held ]; then\n  echo $$ >> reached\n  dd bs=1 count=1 < fifo > /dev/null \
             2>&1\nfi\nprintf '%s\\n' '{PASSWORD}'\n",
            directory.display()
        );
        fs::write(directory.join("password"), script).unwrap();
        fs::set_permissions(directory.join("password"), fs::Permissions::from_mode(0o700)).unwrap();
        let pipe = File::options().read(true).write(true).open(fifo).unwrap();
        Self { directory, pipe }
    }

    /// The line for the repository's file.
    pub fn password_command(&self) -> String {
        format!("password_command = [\"{}/password\"]", self.directory.display())
    }

    /// From now on whoever comes waits.
    pub fn close(&self) -> &Self {
        fs::write(self.directory.join("held"), "").unwrap();
        self
    }

    /// Waits until so many have come since the beginning.
    pub fn wait_for(&self, count: usize) {
        wait::for_files("somebody at the gate", &[&self.directory], || {
            let reached = fs::read_to_string(self.directory.join("reached")).unwrap_or_default();
            (reached.lines().count() >= count).then_some(())
        });
    }

    /// Lets everybody in.
    pub fn open(&mut self) {
        let _ = fs::remove_file(self.directory.join("held"));
        self.pipe.write_all(&[b'.'; 64]).unwrap();
    }
}
