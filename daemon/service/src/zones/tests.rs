use std::{fs, os::unix::fs::symlink};

use tempfile::TempDir;
use tokio::sync::mpsc::{Receiver, error::TryRecvError};

use super::*;
use crate::coordinator::{Coordinator, Message};

struct Machine {
    root: TempDir,
    places: Places,
}

impl Machine {
    /// One whose zone is a link into a database.
    fn new() -> Self {
        let root = TempDir::new().unwrap();
        let database = root.path().join("share/zoneinfo");
        fs::create_dir_all(database.join("Europe")).unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        for name in ["tzdata.zi", "Europe/Berlin", "Europe/Paris"] {
            fs::write(database.join(name), name).unwrap();
        }
        let local = root.path().join("etc/localtime");
        symlink("../share/zoneinfo/Europe/Berlin", &local).unwrap();
        let databases = vec![database, root.path().join("etc/zoneinfo")];
        Self {
            root,
            places: Places { local, databases },
        }
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.root.path().join(path)
    }

    /// Replaces a file as package managers do.
    fn replace(&self, path: &str, text: &str) {
        let new = self.path(&format!("{path}.new"));
        fs::write(&new, text).unwrap();
        fs::rename(new, self.path(path)).unwrap();
    }

    fn set_zone(&self, name: &str) {
        let new = self.path("etc/.localtime");
        symlink(format!("../share/zoneinfo/{name}"), &new).unwrap();
        fs::rename(new, self.path("etc/localtime")).unwrap();
    }

    fn watched(&self) -> Receiver<Message> {
        let (inbox, messages) = Coordinator::channel();
        let watcher = Watcher::new(self.places.clone()).unwrap();
        tokio::spawn(watcher.serve(inbox));
        messages
    }
}

async fn told(messages: &mut Receiver<Message>) {
    assert!(matches!(messages.recv().await, Some(Message::ZonesChanged)));
    assert!(matches!(messages.try_recv(), Err(TryRecvError::Empty)));
}

#[tokio::test(start_paused = true)]
async fn another_zone_of_the_machine_is_told() {
    let machine = Machine::new();
    let mut messages = machine.watched();
    machine.set_zone("Europe/Paris");
    told(&mut messages).await;
    fs::remove_file(machine.path("etc/localtime")).unwrap();
    told(&mut messages).await;
    fs::write(machine.path("etc/localtime"), "a copy").unwrap();
    told(&mut messages).await;
    fs::write(machine.path("etc/localtime"), "another").unwrap();
    told(&mut messages).await;
}

#[tokio::test(start_paused = true)]
async fn an_update_of_the_database_is_told_once() {
    let machine = Machine::new();
    let mut messages = machine.watched();
    for name in ["tzdata.zi", "Europe/Berlin", "Europe/Paris"] {
        machine.replace(&format!("share/zoneinfo/{name}"), "new");
    }
    told(&mut messages).await;
    // One file in place, in a directory below.
    fs::write(machine.path("share/zoneinfo/Europe/Berlin"), "newer").unwrap();
    told(&mut messages).await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_into_a_new_directory_is_told() {
    let machine = Machine::new();
    let mut messages = machine.watched();
    fs::create_dir(machine.path("share/zoneinfo/Asia")).unwrap();
    fs::write(machine.path("share/zoneinfo/Asia/Tokyo"), "new").unwrap();
    told(&mut messages).await;
    fs::write(machine.path("share/zoneinfo/Asia/Tokyo"), "newer").unwrap();
    told(&mut messages).await;
}

#[tokio::test(start_paused = true)]
async fn a_database_that_goes_and_comes_is_told() {
    let machine = Machine::new();
    let mut messages = machine.watched();
    fs::remove_dir_all(machine.path("share")).unwrap();
    told(&mut messages).await;
    fs::create_dir_all(machine.path("share/zoneinfo/Europe")).unwrap();
    fs::write(machine.path("share/zoneinfo/Europe/Berlin"), "new").unwrap();
    told(&mut messages).await;
    // It is watched again, below too.
    machine.replace("share/zoneinfo/Europe/Berlin", "newer");
    told(&mut messages).await;
}

#[tokio::test(start_paused = true)]
async fn a_database_behind_a_link_that_is_replaced_is_told() {
    let machine = Machine::new();
    fs::create_dir_all(machine.path("store/1")).unwrap();
    fs::create_dir_all(machine.path("store/2")).unwrap();
    fs::write(machine.path("store/1/UTC"), "old").unwrap();
    fs::write(machine.path("store/2/UTC"), "new").unwrap();
    symlink("../store/1", machine.path("etc/zoneinfo")).unwrap();
    let mut messages = machine.watched();
    symlink("../store/2", machine.path("etc/zoneinfo.new")).unwrap();
    fs::rename(machine.path("etc/zoneinfo.new"), machine.path("etc/zoneinfo")).unwrap();
    told(&mut messages).await;
    fs::write(machine.path("store/2/UTC"), "newer").unwrap();
    told(&mut messages).await;
}

#[test]
fn other_files_beside_it_do_not_count() {
    let machine = Machine::new();
    let before = machine.places.look();
    fs::write(machine.path("etc/passwd"), "nobody").unwrap();
    fs::create_dir(machine.path("share/doc")).unwrap();
    assert_eq!(machine.places.look(), before);
    machine.set_zone("Europe/Paris");
    assert_ne!(machine.places.look(), before);
}

#[test]
fn the_machine_itself_can_be_looked_at() {
    let places = Places::system();
    let directories = places.directories();
    assert!(directories.contains(Path::new("/etc")));
    assert!(directories.contains(Path::new("/usr/share/zoneinfo/Europe")));
    assert_eq!(places.look(), places.look());
}
