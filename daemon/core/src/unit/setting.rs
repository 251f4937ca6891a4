//! A setting and its value, with the types that systemd has for them.

use std::path::PathBuf;

use jiff::SignedDuration;

/// Where a setting stands in a unit file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// `[Unit]`.
    Unit,
    /// `[Service]`.
    Service,
}

/// One setting, under its name in unit files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its section.
    pub section: Section,
    /// Its name in unit files.
    pub name: &'static str,
    /// What it is set to.
    pub value: Value,
}

impl Setting {
    pub(super) fn new(name: &'static str, value: Value) -> Self {
        let section = Section::Service;
        Self { section, name, value }
    }

    pub(super) fn of_unit(name: &'static str, value: Value) -> Self {
        let section = Section::Unit;
        Self { section, name, value }
    }

    /// Its name as a property on the bus: times are microseconds there, and say so.
    pub fn property(&self) -> String {
        match (&self.value, self.name.strip_suffix("Sec")) {
            (Value::Time(_), Some(stem)) => format!("{stem}USec"),
            _ => self.name.to_owned(),
        }
    }
}

/// Values by what they mean; a unit file and the bus write each in their own way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `yes` or `no`.
    Flag(bool),
    /// One of the words that the setting has.
    Word(&'static str),
    /// Free text.
    Text(String),
    /// Bytes, or a weight.
    Number(u64),
    /// A niceness.
    Signed(i32),
    /// An error of system calls, by its name and number.
    Errno(&'static str, i32),
    /// Permission bits.
    Mode(u32),
    /// How long.
    Time(SignedDuration),
    /// Paths that need not exist.
    Paths(Vec<PathBuf>),
    /// Several words of the setting.
    Words(Vec<&'static str>),
    /// Only these of all that the setting knows.
    Only(Vec<&'static str>),
    /// All but these.
    Except(Vec<&'static str>),
    /// Only these capabilities.
    Capabilities(Vec<Capability>),
    /// No kind of namespace, for `RestrictNamespaces=`.
    NoNamespaces,
    /// Device groups, and what may be done with them.
    Devices(Vec<(&'static str, &'static str)>),
    /// Exit codes.
    Codes(Vec<u8>),
    /// Journal fields.
    Fields(Vec<(&'static str, String)>),
    /// The name of a credential, and the path or name under which systemd finds it.
    Credential(String, String),
    /// A program and its arguments.
    Command(Vec<PathBuf>),
}

/// What a worker may need beyond being uid 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// Give files away.
    Chown,
    /// Write whatever the mode says.
    DacOverride,
    /// Read whatever the mode says.
    DacReadSearch,
    /// Change what belongs to others.
    Fowner,
    /// Keep set-id bits of files of others.
    Fsetid,
    /// Make device nodes.
    Mknod,
    /// Give capabilities to files.
    Setfcap,
}

impl Capability {
    /// Its name and number in `linux/capability.h`.
    fn known(self) -> (&'static str, u32) {
        match self {
            Self::Chown => ("CAP_CHOWN", 0),
            Self::DacOverride => ("CAP_DAC_OVERRIDE", 1),
            Self::DacReadSearch => ("CAP_DAC_READ_SEARCH", 2),
            Self::Fowner => ("CAP_FOWNER", 3),
            Self::Fsetid => ("CAP_FSETID", 4),
            Self::Mknod => ("CAP_MKNOD", 27),
            Self::Setfcap => ("CAP_SETFCAP", 31),
        }
    }

    /// As unit files write it.
    pub fn as_str(self) -> &'static str {
        self.known().0
    }

    /// Its bit in a set.
    pub fn bit(self) -> u64 {
        1 << self.known().1
    }
}
