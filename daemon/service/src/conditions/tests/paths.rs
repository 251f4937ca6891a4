use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use backupd_core::condition::Condition::{Device, Mounted};
use tokio::time::Instant;

use super::{Scene, kernel};

/// A mount namespace of the test's own, in which it mounts.
struct Mounts {
    shell: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Drop for Mounts {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

impl Mounts {
    /// Nothing where nobody may make one.
    fn new() -> Option<Self> {
        let mut shell = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(shell.stdout.take().unwrap());
        let mut mounts = Self { shell, answers };
        mounts.run("true").then_some(mounts)
    }

    /// Runs a command there; answers whether it went well.
    fn run(&mut self, command: &str) -> bool {
        let shell = self.shell.stdin.as_mut().unwrap();
        let mut answer = String::new();
        writeln!(shell, "{command}; echo $?").is_ok()
            && self.answers.read_line(&mut answer).is_ok()
            && answer.trim() == "0"
    }

    fn mount(&mut self, path: &Path) -> bool {
        self.run(&format!("mount -t tmpfs test '{}'", path.display()))
    }

    fn unmount(&mut self, path: &Path) -> bool {
        self.run(&format!("umount '{}'", path.display()))
    }
}

#[tokio::test]
async fn a_mount_comes_and_goes() {
    let directory = tempfile::tempdir().unwrap();
    let Some(mut mounts) = Mounts::new() else {
        eprintln!("skipped: mounts are for root");
        return;
    };
    let real = directory.path().join("a disk");
    fs::create_dir(&real).unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(directory.path(), &link).unwrap();
    let mut sources = kernel(directory.path());
    sources.mounts = format!("/proc/{}/mountinfo", mounts.shell.id()).into();
    let mut scene = Scene::new(sources);
    let (direct, linked) = (Mounted(real.clone()), Mounted(link.join("a disk")));
    let away = format!("`{}` is not mounted", real.display());
    scene.want([direct.clone()]);
    scene.fails(&direct, &away).await;
    if !mounts.mount(&real) {
        eprintln!("skipped: mounts are for root");
        return;
    }
    scene.holds(&direct).await;
    scene.want([direct.clone(), linked.clone()]);
    scene.holds(&linked).await;
    assert!(mounts.unmount(&real));
    scene.fails(&direct, &away).await;
    assert!(mounts.mount(&real));
    scene.holds(&direct).await;
}

#[tokio::test]
async fn a_mount_that_nobody_can_list_holds_nobody_up() {
    let mut scene = Scene::new(kernel("/nowhere".as_ref()));
    let (first, second) = (Mounted("/a".into()), Mounted("/b".into()));
    scene.want([first.clone()]);
    scene.holds(&first).await;
    scene.want([first, second.clone()]);
    scene.holds(&second).await;
}

#[tokio::test]
async fn a_device_comes_and_goes() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("disk/by-label");
    let (node, link) = (directory.path().join("sdb1"), folder.join("backup"));
    let device = Device(link.clone());
    let away = format!("`{}` is not there", link.display());
    let mut sources = kernel(directory.path());
    sources.mounts = "/proc/self/mountinfo".into();
    let mut scene = Scene::new(sources);
    scene.want([device.clone()]);
    scene.fails(&device, &away).await;
    fs::create_dir_all(&folder).unwrap();
    fs::write(&node, "").unwrap();
    std::os::unix::fs::symlink(&node, &link).unwrap();
    scene.holds(&device).await;
    fs::remove_file(&link).unwrap();
    scene.fails(&device, &away).await;
    std::os::unix::fs::symlink(&node, &link).unwrap();
    scene.holds(&device).await;
    // All of it goes at once, and comes from elsewhere.
    fs::rename(directory.path().join("disk"), directory.path().join("old")).unwrap();
    scene.fails(&device, &away).await;
    fs::rename(directory.path().join("old"), directory.path().join("disk")).unwrap();
    scene.holds(&device).await;
}

#[tokio::test(start_paused = true)]
async fn a_directory_where_much_happens_is_looked_at_now_and_then() {
    let directory = tempfile::tempdir().unwrap();
    let device = Device(directory.path().join("sdb1"));
    let path = directory.path().join("sdb1");
    let away = format!("`{}` is not there", path.display());
    let mut sources = kernel(directory.path());
    sources.mounts = "/proc/self/mountinfo".into();
    let mut scene = Scene::new(sources);
    scene.want([device.clone()]);
    scene.fails(&device, &away).await;
    let began = Instant::now();
    for round in 0..10 {
        for number in 0..100 {
            fs::write(directory.path().join(format!("{round}-{number}")), "").unwrap();
        }
        fs::write(&path, "").unwrap();
        scene.holds(&device).await;
        fs::remove_file(&path).unwrap();
        scene.fails(&device, &away).await;
    }
    // The clock stands but where somebody waits: each look has its time, and the last change was seen.
    assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
}
