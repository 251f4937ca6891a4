//! Work in a process of its own, which can lose its privileges or be killed: this binary, started again.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use backupd_engine::{Cancellation, Observer, Phase, Progress, Warning};

use crate::engine::engine;
use crate::world::{Log, World, access, request};

/// Says that the backup is under way, so that nobody has to guess.
struct Announcing;

impl Observer for Announcing {
    fn phase(&self, _phase: Phase) {}
    fn progress(&self, progress: Progress) {
        if progress.bytes_done > 0 {
            writeln!(std::io::stdout().lock(), "reading").unwrap();
        }
    }
    fn warning(&self, _warning: Warning) {}
}

#[test]
#[ignore = "started by other tests, in a process of its own"]
fn backs_up_until_killed() {
    let directory = PathBuf::from(env::var_os("WORLD").unwrap());
    let request = request(vec![directory.join("source")]);
    let _ = engine().backup(
        &access(&directory.join("repository")),
        &request,
        &Announcing,
        &Cancellation::default(),
    );
}

#[test]
#[ignore = "started by other tests, in a process of its own"]
fn backs_up_and_tells() {
    let directory = PathBuf::from(env::var_os("WORLD").unwrap());
    let log = Log::default();
    let answer = engine().backup(
        &access(&directory.join("repository")),
        &request(vec![directory.join("source")]),
        &log,
        &Cancellation::default(),
    );
    let text = match answer {
        Ok(report) => format!(
            "unreadable {}, new {}, {:?}",
            report.files_unreadable,
            report.files_new,
            log.warned()
        ),
        Err(error) => format!("{:?}: {}", error.kind(), error.chain()),
    };
    fs::write(directory.join("answer"), text).unwrap();
}

/// Starts a backup and returns once it reads files.
pub(crate) fn reading(world: &World) -> Child {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "child::backs_up_until_killed",
            "--ignored",
            "--nocapture",
        ])
        .env("WORLD", world.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("reading") {
        line.clear();
        assert!(
            lines.read_line(&mut line).unwrap() > 0,
            "the child ended before it read anything"
        );
    }
    std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
    child
}

/// Backs up as a user who may not read everything, and says what came of it.
pub(crate) fn as_nobody(world: &World) -> String {
    const NOBODY: u32 = 65534;
    let program = world.path("engine-test");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(world.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let give = |path: &Path| std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    give(&world.path(""));
    assert!(
        Command::new("chown")
            .args(["-R", "65534:65534"])
            .arg(world.repository())
            .status()
            .unwrap()
            .success()
    );
    let status = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
        .arg(&program)
        .args(["--exact", "child::backs_up_and_tells", "--ignored"])
        .env("WORLD", world.path(""))
        .current_dir("/")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    fs::read_to_string(world.path("answer")).unwrap()
}
