//! Changing one file: validated first, written whole or not at all.

use std::{
    fmt::Display,
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
    sync::Arc,
};

use backupd_core::{
    config::{Catalog, Entry, Fault, edit, parse_job, parse_repository},
    name::{JobName, RepositoryName},
};

use super::{
    load::path_of,
    programs::{self, Programs},
};

/// What a file describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `jobs.d`.
    Job,
    /// `repositories.d`.
    Repository,
}

impl Kind {
    fn directory(self) -> &'static str {
        match self {
            Self::Job => "jobs.d",
            Self::Repository => "repositories.d",
        }
    }

    /// The file of one of that name, below the configuration directory.
    pub(crate) fn file(self, name: &impl Display) -> String {
        format!("{}/{name}.toml", self.directory())
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Repository => "repository",
        }
    }
}

/// Why a file was not changed. It is as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EditError {
    /// There is one of that name.
    #[error(
        "the {what} `{name}` exists already, in `{path}`\n\
         hint: choose another name, or edit that file and reload",
        path = .path.display()
    )]
    Exists {
        /// Job or repository.
        what: &'static str,
        /// Its name.
        name: String,
        /// Its file.
        path: PathBuf,
    },
    /// There is no file: the name is not known, or comes from a variable.
    #[error("the {what} `{name}` has no file `{path}`", path = .path.display())]
    Missing {
        /// Job or repository.
        what: &'static str,
        /// Its name.
        name: String,
        /// Where it would be.
        path: PathBuf,
    },
    /// Somebody changed the file since.
    #[error(
        "`{path}` was changed since it was read\nhint: read it again, and repeat the change on what stands there now",
        path = .0.display()
    )]
    Stale(PathBuf),
    /// What would be written has faults.
    #[error("{}", faults_text(.0))]
    Faults(Vec<Fault>),
    /// What would be written belongs to somebody else than what stands there.
    #[error(
        "`{path}` belongs to a user or group to whom backupd cannot give what it writes\n\
         hint: change it by hand, then `backupctl config reload`",
        path = .0.display()
    )]
    Owner(PathBuf),
    /// The daemon may not write there.
    #[error(
        "`{path}` lies where backupd may not write\nhint: change it by hand, then `backupctl config reload`",
        path = .0.display()
    )]
    ReadOnly(PathBuf),
    /// The file system refused.
    #[error("`{path}` cannot be {doing}: {error}", path = .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What came of it.
        error: io::Error,
    },
}

fn faults_text(faults: &[Fault]) -> String {
    faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Changes files below the configuration directory.
#[derive(Clone)]
pub(crate) struct Editor {
    configuration: PathBuf,
    programs: Arc<dyn Programs>,
}

impl Editor {
    pub(crate) fn new(configuration: PathBuf, programs: Arc<dyn Programs>) -> Self {
        Self {
            configuration,
            programs,
        }
    }

    /// Where the file of a job or repository is.
    pub(crate) fn path(&self, kind: Kind, name: &impl Display) -> PathBuf {
        path_of(&self.configuration, kind.directory(), name)
    }

    /// The file's text and revision.
    pub(crate) fn read(&self, kind: Kind, name: &impl Display) -> Result<(String, String), EditError> {
        let path = self.path(kind, name);
        match fs::read_to_string(&path) {
            Ok(text) => {
                let revision = edit::revision(&text);
                Ok((text, revision))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(EditError::Missing {
                what: kind.as_str(),
                name: name.to_string(),
                path,
            }),
            Err(error) => Err(EditError::Io {
                doing: "read",
                path,
                error,
            }),
        }
    }

    /// The faults that a job's file with this text would have beside the others.
    pub(crate) fn check_job(&self, catalog: &Catalog, name: &JobName, text: &str) -> Vec<Fault> {
        let path = self.path(Kind::Job, name);
        match parse_job(&path, name, text) {
            Err(faults) => faults,
            Ok(job) => {
                let mut catalog = catalog.clone();
                catalog.jobs.insert(name.clone(), job.into());
                self.faults_of(&catalog, &path)
            }
        }
    }

    /// The same for a repository's.
    pub(crate) fn check_repository(
        &self,
        catalog: &Catalog,
        name: &RepositoryName,
        text: &str,
    ) -> Vec<Fault> {
        let path = self.path(Kind::Repository, name);
        match parse_repository(&path, name, text) {
            Err(faults) => faults,
            Ok(repository) => {
                if let Some(trouble) = self.programs.trouble(repository.engine) {
                    return vec![programs::fault(&trouble, &path, &repository)];
                }
                let mut catalog = catalog.clone();
                catalog.repositories.insert(name.clone(), repository);
                let others: Vec<Fault> = self.faults_of_all(&catalog_before(&catalog, name));
                // A new repository may be the fault of a job that was well before.
                self.faults_of_all(&catalog)
                    .into_iter()
                    .filter(|fault| !others.contains(fault))
                    .collect()
            }
        }
    }

    fn faults_of(&self, catalog: &Catalog, path: &Path) -> Vec<Fault> {
        let mut faults = self.faults_of_all(catalog);
        faults.retain(|fault| fault.file == path);
        faults
    }

    fn faults_of_all(&self, catalog: &Catalog) -> Vec<Fault> {
        catalog.check(|entry| match entry {
            Entry::Job(name) => self.path(Kind::Job, name),
            Entry::Repository(name) => self.path(Kind::Repository, name),
        })
    }

    /// Refuses a name that has a file; one that is no name is refused later.
    pub(crate) fn require_absent(&self, kind: Kind, name: &impl Display) -> Result<(), EditError> {
        let path = self.path(kind, name);
        if path.symlink_metadata().is_ok() {
            return Err(EditError::Exists {
                what: kind.as_str(),
                name: name.to_string(),
                path,
            });
        }
        Ok(())
    }

    /// Makes ready a new file; one that exists stays.
    pub(crate) fn create(&self, kind: Kind, name: &impl Display, text: &str) -> Result<Prepared, EditError> {
        self.require_absent(kind, name)?;
        prepare(&self.path(kind, name), text, None)
    }

    /// Makes ready what replaces a file that still has `revision`.
    pub(crate) fn replace(
        &self,
        kind: Kind,
        name: &impl Display,
        text: &str,
        revision: Option<&str>,
    ) -> Result<Prepared, EditError> {
        let path = self.path(kind, name);
        self.read_unchanged(kind, name, revision)?;
        // A link stays one, and what it leads to is changed: configuration is kept elsewhere by some.
        let path = fs::canonicalize(&path).map_err(|error| EditError::Io {
            doing: "found",
            path: path.clone(),
            error,
        })?;
        let before = fs::metadata(&path).ok();
        prepare(&path, text, before.as_ref())
    }

    /// Deletes a file.
    pub(crate) fn delete(&self, kind: Kind, name: &impl Display) -> Result<(), EditError> {
        let path = self.path(kind, name);
        fs::remove_file(&path).map_err(|error| EditError::Io {
            doing: "deleted",
            path: path.clone(),
            error,
        })?;
        sync_directory(&path);
        Ok(())
    }

    /// The text of a file that still has `revision`.
    pub(crate) fn read_unchanged(
        &self,
        kind: Kind,
        name: &impl Display,
        revision: Option<&str>,
    ) -> Result<String, EditError> {
        let (text, found) = self.read(kind, name)?;
        match revision {
            Some(expected) if expected != found => Err(EditError::Stale(self.path(kind, name))),
            _ => Ok(text),
        }
    }
}

/// The catalog without one repository, to tell old faults from new ones.
fn catalog_before(catalog: &Catalog, name: &RepositoryName) -> Catalog {
    let mut before = catalog.clone();
    before.repositories.remove(name);
    before
}

/// A file that is written whole, beside the one whose place it is to take: all that may fail for want of space
/// is done.
#[derive(Debug)]
pub(crate) struct Prepared {
    file: tempfile::NamedTempFile,
    path: PathBuf,
    replaces: bool,
}

impl Prepared {
    /// Puts it in its place: whatever happens, the old or the new one stands there.
    pub(crate) fn commit(self) -> Result<(), EditError> {
        let Self { file, path, replaces } = self;
        let renamed = if replaces {
            file.persist(&path)
        } else {
            file.persist_noclobber(&path)
        };
        renamed.map_err(|error| EditError::Io {
            doing: "written",
            path: path.clone(),
            error: error.error,
        })?;
        sync_directory(&path);
        Ok(())
    }
}

/// Writes beside the file, and syncs.
///
/// `before` is the file that is replaced, whose owner and mode the new one gets; a new file is for its owner alone.
fn prepare(path: &Path, text: &str, before: Option<&fs::Metadata>) -> Result<Prepared, EditError> {
    let failed = |error: io::Error| match error.kind() {
        // All but the configuration directory is, in the sandbox of the system unit.
        io::ErrorKind::ReadOnlyFilesystem => EditError::ReadOnly(path.to_owned()),
        _ => EditError::Io {
            doing: "written",
            path: path.to_owned(),
            error,
        },
    };
    let directory = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(directory).map_err(failed)?;
    let mut file = tempfile::Builder::new()
        .prefix(".backupd-")
        .tempfile_in(directory)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    if let Some(before) = before {
        // Without a capability nobody gives a file away, not even root. One that its readers cannot read any more would
        // be no edit.
        if fchown(file.as_file(), Some(before.uid()), Some(before.gid())).is_err() {
            let now = file.as_file().metadata().map_err(failed)?;
            if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
                return Err(EditError::Owner(path.to_owned()));
            }
        }
        let mode = fs::Permissions::from_mode(before.mode() & 0o777);
        file.as_file().set_permissions(mode).map_err(failed)?;
    }
    file.as_file().sync_all().map_err(failed)?;
    Ok(Prepared {
        file,
        path: path.to_owned(),
        replaces: before.is_some(),
    })
}

/// Makes a rename last through a power loss; where the file system cannot, nothing more can be done.
fn sync_directory(path: &Path) {
    if let Some(directory) = path.parent() {
        let _ = File::open(directory).and_then(|directory| directory.sync_all());
    }
}
