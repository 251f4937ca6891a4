//! What a machine is like before it boots.

use std::cell::OnceCell;

use super::{Machine, Release, container::Container, package};

/// See the module.
pub struct Setup {
    release: Release,
    package: bool,
    prepare: String,
}

impl Setup {
    /// With the package.
    pub fn new(release: Release) -> Self {
        Self {
            release,
            package: true,
            prepare: String::new(),
        }
    }

    /// Without the package.
    pub fn bare(mut self) -> Self {
        self.package = false;
        self
    }

    /// A shell script that runs in its files before it boots, after those that were given before.
    pub fn prepare(mut self, script: &str) -> Self {
        self.prepare.push_str(script);
        self.prepare.push('\n');
        self
    }

    /// With a package of the system's, of those that `tree.sh` has beside each system.
    pub fn install(self, name: &str) -> Self {
        self.prepare(&format!(
            "dpkg --force-unsafe-io --install /opt/packages/{name}/*.deb"
        ))
    }

    pub fn boot(self) -> Machine {
        let mut layers = vec![self.release.tree()];
        if self.package {
            layers.insert(0, package::layer(self.release));
        }
        Machine {
            release: self.release,
            bus: OnceCell::new(),
            container: Container::boot(&layers, &self.prepare),
        }
    }
}
