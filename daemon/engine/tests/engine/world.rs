//! A repository and a source in a scratch directory, and ways to look at both.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Mutex,
};

use backupd_engine::{
    Access, BackupReport, BackupRequest, Cancellation, CheckReport, CheckRequest, ForgetReport,
    ForgetRequest, Observer, Password, Phase, Progress, PruneReport, PruneRequest, ReadData, RestoreReport,
    RestoreRequest, Result, Series, SnapshotQuery, UnforgetReport, Warning,
};
use tempfile::TempDir;

use crate::engine::engine;

pub(crate) const PASSWORD: &str = "correct horse";

/// Scratch space with a repository in it.
pub(crate) struct World {
    pub(crate) directory: TempDir,
    /// One for all operations: deriving a key from it takes longer than most of them.
    password: Password,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self::without_repository();
        engine().init(&world.access()).unwrap();
        world
    }

    pub(crate) fn without_repository() -> Self {
        let world = Self {
            directory: TempDir::new().unwrap(),
            password: Password::new(PASSWORD.to_owned()),
        };
        fs::create_dir(world.source()).unwrap();
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.path("source")
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.path("repository")
    }

    pub(crate) fn access(&self) -> Access {
        Access {
            password: self.password.clone(),
            ..access(&self.repository())
        }
    }

    /// Writes a file below the source.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.source().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn request(&self) -> BackupRequest {
        request(vec![self.source()])
    }

    pub(crate) fn backup(&self) -> BackupReport {
        self.backup_as(&self.request()).unwrap()
    }

    pub(crate) fn backup_as(&self, request: &BackupRequest) -> Result<BackupReport> {
        engine().backup(&self.access(), request, &Log::default(), &Cancellation::default())
    }

    /// Restores everything of the newest snapshot; the source is below the answer.
    pub(crate) fn restore(&self, name: &str) -> PathBuf {
        let report = self.restore_paths(name, &[]).unwrap();
        assert_eq!(report.failed, 0);
        below(&self.path(name), &self.source())
    }

    pub(crate) fn restore_paths(&self, name: &str, paths: &[PathBuf]) -> Result<RestoreReport> {
        let request = RestoreRequest {
            snapshot: "latest".to_owned(),
            query: SnapshotQuery::default(),
            paths: paths.to_vec(),
            target: self.path(name),
        };
        engine().restore(
            &self.access(),
            &request,
            &Log::default(),
            &Cancellation::default(),
        )
    }

    /// Paths in the newest snapshot below the source.
    pub(crate) fn stored(&self) -> Vec<String> {
        let request = backupd_engine::ListRequest {
            snapshot: "latest".to_owned(),
            query: SnapshotQuery::default(),
            path: self.source(),
            recursive: true,
        };
        let mut paths = Vec::new();
        let source = self.source();
        engine()
            .list(&self.access(), &request, &mut |entry| {
                paths.push(
                    entry
                        .path
                        .strip_prefix(&source)
                        .unwrap()
                        .to_string_lossy()
                        .into_owned(),
                );
                Ok(())
            })
            .unwrap();
        paths
    }

    pub(crate) fn snapshots(&self) -> usize {
        engine()
            .snapshots(&self.access(), &SnapshotQuery::default())
            .unwrap()
            .len()
    }

    /// How many locks there are. Whoever was killed while writing one has left what is none.
    pub(crate) fn locks(&self) -> usize {
        let names = fs::read_dir(self.repository().join("locks")).unwrap();
        names
            .filter(|entry| entry.as_ref().unwrap().file_name().len() == 64)
            .count()
    }

    /// Looks for damage.
    pub(crate) fn check(&self, read_data: ReadData) -> Result<CheckReport> {
        let request = CheckRequest {
            read_data,
            ..CheckRequest::default()
        };
        self.check_as(&request, &Log::default(), &Cancellation::default())
    }

    pub(crate) fn check_as(
        &self,
        request: &CheckRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<CheckReport> {
        engine().check(&self.access(), request, observer, cancellation)
    }

    pub(crate) fn prune(&self, request: &PruneRequest) -> Result<PruneReport> {
        self.prune_as(request, &Log::default(), &Cancellation::default())
    }

    pub(crate) fn prune_as(
        &self,
        request: &PruneRequest,
        observer: &dyn Observer,
        cancellation: &Cancellation,
    ) -> Result<PruneReport> {
        engine().prune(&self.access(), request, observer, cancellation)
    }

    pub(crate) fn plan(&self, request: &PruneRequest) -> Result<PruneReport> {
        engine().prune_plan(&self.access(), request, &Log::default(), &Cancellation::default())
    }

    /// Removes snapshots; their files are kept in `kept`.
    pub(crate) fn forget(&self, snapshots: &[String]) -> Result<ForgetReport> {
        let request = ForgetRequest {
            snapshots: snapshots.to_vec(),
            keep: self.path("kept"),
        };
        engine().forget(
            &self.access(),
            &request,
            &Log::default(),
            &Cancellation::default(),
        )
    }

    pub(crate) fn unforget(&self, snapshots: &[String]) -> Result<UnforgetReport> {
        engine().unforget(
            &self.access(),
            &self.path("kept"),
            snapshots,
            &Log::default(),
            &Cancellation::default(),
        )
    }

    /// Files of one of the repository's directories, by size, the largest first.
    pub(crate) fn files(&self, directory: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut ahead = vec![self.repository().join(directory)];
        while let Some(path) = ahead.pop() {
            for entry in fs::read_dir(&path).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    ahead.push(entry.path());
                } else {
                    files.push(entry.path());
                }
            }
        }
        files.sort_by_key(|path| std::cmp::Reverse(fs::metadata(path).unwrap().len()));
        files
    }

    /// What is stored: all files with their content, but locks.
    pub(crate) fn stored_files(&self) -> BTreeMap<PathBuf, String> {
        let mut files = picture(&self.repository());
        files.retain(|path, about| about.contains(" bytes, ") && !path.starts_with("locks"));
        files
    }

    /// Runs stock restic on the repository.
    pub(crate) fn restic(&self, arguments: &[&str]) -> Output {
        restic(&self.repository(), arguments)
    }

    /// As [`restic`](Self::restic), which must succeed.
    pub(crate) fn restic_well(&self, arguments: &[&str]) {
        let output = self.restic(arguments);
        assert!(
            output.status.success(),
            "restic {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// Runs stock restic on a repository.
pub(crate) fn restic(repository: &Path, arguments: &[&str]) -> Output {
    Command::new("restic")
        .args(["--no-cache", "--repo"])
        .arg(repository)
        .args(arguments)
        .env("RESTIC_PASSWORD", PASSWORD)
        .output()
        .expect("these tests need the program `restic` (Debian: `apt-get install restic`)")
}

pub(crate) fn access(repository: &Path) -> Access {
    Access {
        name: "test".to_owned(),
        url: repository.to_str().unwrap().to_owned(),
        password: Password::new(PASSWORD.to_owned()),
        cache: None,
        secrets: backupd_engine::Secrets::default(),
        options: backupd_engine::Options::default(),
    }
}

pub(crate) fn request(sources: Vec<PathBuf>) -> BackupRequest {
    BackupRequest {
        sources,
        host: "box".to_owned(),
        tags: vec!["job".to_owned()],
        parent: Some(Series {
            host: Some("box".to_owned()),
            tag: "job".to_owned(),
            ..Series::default()
        }),
        program_version: "test 1".to_owned(),
        ..BackupRequest::default()
    }
}

/// Where an absolute path is found below a restore's target.
pub(crate) fn below(target: &Path, path: &Path) -> PathBuf {
    target.join(path.strip_prefix("/").unwrap())
}

/// Everything below a directory, by path: kind, mode, owner, size, time, links, attributes and content.
pub(crate) fn picture(directory: &Path) -> BTreeMap<PathBuf, String> {
    let mut picture = BTreeMap::new();
    let mut ahead = vec![directory.to_owned()];
    while let Some(path) = ahead.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = if metadata.is_file() {
            format!(
                "{} bytes, {:x}",
                metadata.len(),
                checksum(&fs::read(&path).unwrap())
            )
        } else if metadata.is_symlink() {
            format!(
                "to {}",
                fs::read_link(&path)
                    .unwrap()
                    .as_os_str()
                    .as_bytes()
                    .escape_ascii()
            )
        } else {
            String::new()
        };
        if metadata.is_dir() {
            ahead.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let attributes: Vec<_> = xattr::list(&path)
            .unwrap()
            .map(|name| (xattr::get(&path, &name).unwrap(), name))
            .collect();
        let links = if metadata.is_dir() { 0 } else { metadata.nlink() };
        let about = format!(
            "{:o} {}:{} {}.{:09} links {links} device {} {attributes:?} {content}",
            metadata.mode(),
            metadata.uid(),
            metadata.gid(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.rdev(),
        );
        picture.insert(path.strip_prefix(directory).unwrap().to_owned(), about);
    }
    picture
}

/// FNV-1a: enough to see a difference.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Bytes that do not compress and do not repeat.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(length).collect()
}

/// Changes one bit of a file.
pub(crate) fn flip(path: &Path, at: usize) {
    let mut content = fs::read(path).unwrap();
    content[at] ^= 1;
    fs::write(path, content).unwrap();
}

/// The file's name, which is its id.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Calls a function on each phase and each progress.
pub(crate) struct On<F>(pub(crate) F);

impl<F: Fn(Option<Phase>, Option<&Progress>) + Sync> Observer for On<F> {
    fn phase(&self, phase: Phase) {
        self.0(Some(phase), None);
    }
    fn progress(&self, progress: Progress) {
        self.0(None, Some(&progress));
    }
    fn warning(&self, _warning: Warning) {}
}

/// An observer that remembers.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) phases: Mutex<Vec<Phase>>,
    pub(crate) warnings: Mutex<Vec<Warning>>,
    pub(crate) last: Mutex<Progress>,
}

impl Log {
    /// Warnings as "name: reason".
    pub(crate) fn warned(&self) -> Vec<String> {
        let name = |path: &Path| String::from_utf8_lossy(path.file_name().unwrap().as_bytes()).into_owned();
        let warnings = self.warnings.lock().unwrap();
        let mut said: Vec<_> = warnings
            .iter()
            .map(|warning| format!("{}: {}", name(&warning.path), warning.reason))
            .collect();
        said.sort();
        said
    }
}

impl Observer for Log {
    fn phase(&self, phase: Phase) {
        self.phases.lock().unwrap().push(phase);
    }
    fn progress(&self, progress: Progress) {
        *self.last.lock().unwrap() = progress;
    }
    fn warning(&self, warning: Warning) {
        self.warnings.lock().unwrap().push(warning);
    }
}

pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}
