//! Whoever started restic is killed.

use std::fs;

use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};

use crate::{
    child,
    world::{World, noise, picture},
};

#[test]
fn a_restic_whose_parent_is_killed_ends_and_the_next_backup_works() {
    let world = World::new();
    fs::File::create(world.source().join("huge"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    let mut child = child::reading(&world);
    assert_eq!(world.locks(), 1);
    // Every thread has children of its own.
    let threads = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let children = threads.flatten().map(|thread| thread.path().join("children"));
    let children: String = children
        .map(|path| fs::read_to_string(path).unwrap_or_default())
        .collect();
    let restic = Pid::from_raw(children.trim().parse().unwrap()).unwrap();
    let restic = pidfd_open(restic, PidfdFlags::empty()).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // It ends once it says something; its lock is left, which excludes no backup.
    poll(&mut [PollFd::new(&restic, PollFlags::IN)], None).unwrap();
    fs::write(world.source().join("huge"), noise(1000, 1)).unwrap();
    world.backup();
    assert_eq!(picture(&world.restore("out")), picture(&world.source()));
    world.restic_well(&["check", "--read-data", "--no-lock"]);
    assert_eq!(world.snapshots(), 1);
}
