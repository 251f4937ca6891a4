//! Files of a machine, as seen from outside.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::Machine;

impl Machine {
    /// Where the test finds what is there in the machine. Absolute links lead out of it.
    pub fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        let inside = inside.as_ref();
        let below = inside.strip_prefix("/").expect("paths in machines are absolute");
        PathBuf::from(format!("/proc/{}/root", self.container.leader)).join(below)
    }

    /// Writes a file of root's, with the directories that it needs.
    pub fn write(&self, inside: &str, content: impl AsRef<[u8]>) {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap_or_else(|error| panic!("`{inside}`: {error}"));
    }

    /// The same, for nobody else to read.
    pub fn write_secret(&self, inside: &str, content: impl AsRef<[u8]>) {
        self.write(inside, content);
        fs::set_permissions(self.path(inside), fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub fn read(&self, inside: &str) -> String {
        fs::read_to_string(self.path(inside)).unwrap_or_else(|error| panic!("`{inside}`: {error}"))
    }

    pub fn exists(&self, inside: &str) -> bool {
        self.path(inside).symlink_metadata().is_ok()
    }

    /// Installs a package, or upgrades to it.
    pub fn install(&self, package: &Path) {
        fs::copy(package, self.path("/root/backupd.deb")).unwrap();
        self.run(["dpkg", "--install", "/root/backupd.deb"]).well();
    }
}
