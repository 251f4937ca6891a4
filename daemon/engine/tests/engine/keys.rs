//! Keys as restic has them.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use backupd_engine::{Access, Embedded, Engine, EngineError, ErrorKind, KeyInfo, NewKey, Password};
use jiff::{SignedDuration, tz::TimeZone};
use rustic_core::ConfigOptions;
use serde_json::Value;

use crate::{
    planted::{NOW, plant},
    sealed,
    world::{PASSWORD, World, access, noise},
};

fn world() -> World {
    let world = World::new();
    world.write("file", noise(10_000, 1));
    world.backup();
    world
}

fn password(text: &str) -> Password {
    Password::new(text.to_owned())
}

fn with(world: &World, text: &str) -> Access {
    Access {
        password: password(text),
        ..access(&world.repository())
    }
}

fn keys(world: &World) -> Vec<KeyInfo> {
    Embedded::new().keys(&world.access()).unwrap()
}

fn add(world: &World, text: &str) -> Result<KeyInfo, EngineError> {
    Embedded::new().add_key(&world.access(), &NewKey::of(password(text)))
}

/// Stock restic with another password.
fn restic(world: &World, text: &str, arguments: &[&str]) -> Output {
    Command::new("restic")
        .args(["--no-cache", "--repo"])
        .arg(world.repository())
        .args(arguments)
        .env("RESTIC_PASSWORD", text)
        .output()
        .unwrap()
}

fn opens(world: &World, text: &str) -> bool {
    restic(world, text, &["snapshots", "--no-lock"]).status.success()
}

/// A key by restic's own hand.
fn add_by_restic(world: &World, text: &str) {
    let file = world.path("new-password");
    fs::write(&file, text).unwrap();
    world.restic_well(&["key", "add", "--new-password-file", file.to_str().unwrap()]);
}

/// What restic lists: of each key whether it is in use, the beginning of its id, user, host, and when it was made.
fn listed_by_restic(world: &World, text: &str) -> Vec<(bool, String, String, String, String)> {
    let output = restic(world, text, &["key", "list", "--json"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    let said = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
    let mut list: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|key| {
            (
                key["current"].as_bool().unwrap(),
                said(key, "id"),
                said(key, "userName"),
                said(key, "hostName"),
                said(key, "created"),
            )
        })
        .collect();
    list.sort();
    list
}

/// Ours in restic's words.
fn listed(keys: Vec<KeyInfo>) -> Vec<(bool, String, String, String, String)> {
    let mut list: Vec<_> = keys
        .into_iter()
        .map(|key| {
            let created = key.created.unwrap().to_zoned(TimeZone::system());
            let created = created.strftime("%Y-%m-%d %H:%M:%S").to_string();
            (key.current, key.id[..8].to_owned(), key.user, key.host, created)
        })
        .collect();
    list.sort();
    list
}

#[track_caller]
fn refuses(outcome: Result<KeyInfo, EngineError>, kind: ErrorKind, why: &str) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), kind, "{}", error.chain());
    assert!(error.chain().contains(why), "{}", error.chain());
}

#[test]
fn restic_opens_with_an_added_key_and_lists_what_we_list() {
    let world = world();
    let first = keys(&world);
    assert_eq!(first.len(), 1);
    let made = Embedded::new()
        .add_key(
            &world.access(),
            &NewKey {
                password: password("another"),
                host: Some("nas".to_owned()),
                user: Some("alice".to_owned()),
            },
        )
        .unwrap();
    assert!(opens(&world, "another") && opens(&world, PASSWORD));
    assert_eq!((made.host.as_str(), made.user.as_str()), ("nas", "alice"));
    let own = add(&world, "a third").unwrap();
    assert_eq!(own.host, crate::planted::host());
    add_by_restic(&world, "of restic");

    let ours = keys(&world);
    assert_eq!(ours.len(), 4);
    assert_eq!(ours[0].id, first[0].id, "the oldest is first");
    assert!(ours[0].current && ours[1..].iter().all(|key| !key.current && !key.damaged));
    assert_eq!(listed(ours), listed_by_restic(&world, PASSWORD));
    let others = Embedded::new().keys(&with(&world, "of restic")).unwrap();
    assert_eq!(listed(others), listed_by_restic(&world, "of restic"));
    assert_eq!(world.locks(), 0);
}

#[test]
fn what_is_stored_is_read_with_every_key() {
    let world = world();
    add(&world, "another").unwrap();
    let old = keys(&world)[0].id.clone();
    Embedded::new()
        .remove_key(&with(&world, "another"), &old)
        .unwrap();
    assert!(!opens(&world, PASSWORD));
    let target = world.path("restored");
    let restored = restic(
        &world,
        "another",
        &["restore", "latest", "--target", target.to_str().unwrap()],
    );
    assert!(restored.status.success());
    let file = crate::world::below(&target, &world.source()).join("file");
    assert_eq!(fs::read(file).unwrap(), noise(10_000, 1));
}

#[test]
fn a_wrong_password_neither_looks_nor_changes() {
    let world = world();
    let wrong = with(&world, "wrong");
    let engine = Embedded::new();
    let id = keys(&world)[0].id.clone();
    assert_eq!(engine.keys(&wrong).unwrap_err().kind(), ErrorKind::WrongPassword);
    let new = NewKey::of(password("another"));
    refuses(
        engine.add_key(&wrong, &new),
        ErrorKind::WrongPassword,
        "no key of",
    );
    refuses(
        engine.remove_key(&wrong, &id),
        ErrorKind::WrongPassword,
        "no key of",
    );
    assert_eq!(world.files("keys").len(), 1);
}

#[test]
fn a_password_that_opens_a_key_already_makes_no_other() {
    let world = world();
    refuses(
        add(&world, PASSWORD),
        ErrorKind::InvalidRequest,
        "opens with this password already",
    );
    add_by_restic(&world, "another");
    refuses(
        add(&world, "another"),
        ErrorKind::InvalidRequest,
        "opens with this password already",
    );
    assert_eq!((world.files("keys").len(), world.locks()), (2, 0));
}

#[test]
fn the_only_key_and_the_one_in_use_stay() {
    let world = world();
    let remove = |access: &Access, id: &str| Embedded::new().remove_key(access, id);
    let old = keys(&world)[0].id.clone();
    refuses(
        remove(&world.access(), &old),
        ErrorKind::InvalidRequest,
        "is the only one",
    );
    let new = add(&world, "another").unwrap();
    refuses(
        remove(&world.access(), &old),
        ErrorKind::InvalidRequest,
        "is the one that backupd opens it with",
    );
    refuses(
        remove(&with(&world, "another"), &new.id),
        ErrorKind::InvalidRequest,
        "is the one that backupd opens it with",
    );
    refuses(
        remove(&world.access(), &"0".repeat(64)),
        ErrorKind::InvalidRequest,
        "has no key",
    );
    assert_eq!(world.files("keys").len(), 2);
    let removed = remove(&world.access(), &new.id).unwrap();
    assert_eq!(removed, new);
    assert!(!opens(&world, "another") && opens(&world, PASSWORD));
    assert_eq!(world.locks(), 0);
}

/// A damaged file is no key that one could fall back on.
#[test]
fn a_damaged_key_is_shown_and_can_be_removed() {
    let world = world();
    let other = add(&world, "another").unwrap();
    let path = world.repository().join("keys").join(&other.id);
    let content = fs::read(&path).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    fs::write(&path, &content[..content.len() / 2]).unwrap();
    let damaged = |keys: &[KeyInfo]| keys.iter().filter(|key| key.damaged).count();
    let shown = keys(&world);
    assert_eq!((shown.len(), damaged(&shown)), (2, 1));
    let current = shown.iter().find(|key| key.current).unwrap();
    refuses(
        Embedded::new().remove_key(&world.access(), &current.id),
        ErrorKind::InvalidRequest,
        "is the only one",
    );
    Embedded::new().remove_key(&world.access(), &other.id).unwrap();
    world.restic_well(&["key", "list"]);
}

#[test]
fn keys_are_made_beside_others_and_removed_alone() {
    let world = world();
    let made = add(&world, "another").unwrap();
    plant(&world, false, NOW, "elsewhere", 1);
    refuses(
        Embedded::new().remove_key(&world.access(), &made.id),
        ErrorKind::Locked,
        "`elsewhere`",
    );
    add(&world, "a third").unwrap();
    world.restic_well(&["unlock", "--remove-all"]);
    plant(&world, true, NOW, "elsewhere", 1);
    refuses(add(&world, "a fourth"), ErrorKind::Locked, "`elsewhere`");
    assert_eq!(keys(&world).len(), 3, "looking needs no lock");
    world.restic_well(&["unlock", "--remove-all"]);
    plant(&world, true, SignedDuration::from_mins(31), "elsewhere", 1);
    Embedded::new().remove_key(&world.access(), &made.id).unwrap();
    assert_eq!(world.files("keys").len(), 2);
}

#[test]
fn a_repository_to_which_only_is_added_gets_keys_and_loses_none() {
    let world = world();
    sealed::opened(&world)
        .apply_config(&ConfigOptions::default().set_append_only(true))
        .unwrap();
    let made = add(&world, "another").unwrap();
    refuses(
        Embedded::new().remove_key(&world.access(), &made.id),
        ErrorKind::PermissionDenied,
        "nothing may be removed",
    );
}

#[test]
#[ignore = "started by another test, in a process of its own"]
fn makes_and_removes_keys_until_killed() {
    let repository = PathBuf::from(std::env::var_os("WORLD").unwrap()).join("repository");
    let access = access(&repository);
    for number in 0_u32.. {
        println!("key {number}");
        let new = NewKey::of(password(&format!("number {number}")));
        let made = Embedded::new().add_key(&access, &new).unwrap();
        println!("made");
        Embedded::new().remove_key(&access, &made.id).unwrap();
    }
}

fn at_work(world: &World) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "keys::makes_and_removes_keys_until_killed",
            "--ignored",
            "--nocapture",
        ])
        .env("WORLD", world.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What can be seen of one at work: how many files are in `keys` and in `locks`.
type Moment = (usize, usize);

/// Without those that are not whole yet.
fn moment(world: &World) -> Moment {
    let count = |name| {
        let entries = fs::read_dir(world.repository().join(name)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.len() == 64).count()
    };
    (count("keys"), count("locks"))
}

/// Keys that whoever was killed has made are whole or not there; the one in use always is.
#[test]
fn who_is_killed_leaves_a_repository_that_opens() {
    let world = world();
    // Before it wrote the key, after it, when it is done with that, while it removes it, and when that is done.
    for (round, wanted) in [(1, 1), (2, 1), (2, 0), (2, 1), (1, 1), (1, 0)]
        .into_iter()
        .enumerate()
    {
        let mut child = at_work(&world);
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut steps = 0;
        while steps <= round / 2 {
            let line = told.next().expect("the child ended early").unwrap();
            steps += usize::from(line.contains("key ") || line.contains("made"));
        }
        let rest = thread::spawn(move || told.count());
        let until = Instant::now() + Duration::from_mins(1);
        while moment(&world) != wanted {
            assert!(Instant::now() < until, "the child never is at {wanted:?}");
            thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        rest.join().unwrap();
        Embedded::new().remove_dead_locks(&world.access()).unwrap();
        assert!(opens(&world, PASSWORD), "at {wanted:?}");
        let left = keys(&world);
        assert!(left.iter().all(|key| !key.damaged), "{left:?}");
        assert_eq!(left.iter().filter(|key| key.current).count(), 1);
        for key in left.iter().filter(|key| !key.current) {
            Embedded::new().remove_key(&world.access(), &key.id).unwrap();
        }
    }
    world.restic_well(&["check", "--read-data"]);
}
