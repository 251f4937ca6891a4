//! Rotations that are cut off by `kill -9`. At any moment the password that the repository's file names opens the
//! repository, and the next rotation leaves nothing of what was before.

use std::{fs, process::Child};

use backupd_tests::wait;

use super::*;

/// What has just been done.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Noted,
    Kept,
    KeyMade,
    Named,
    KeyRemoved,
    PasswordRemoved,
}

const MOMENTS: [Moment; 6] = [
    Moment::Noted,
    Moment::Kept,
    Moment::KeyMade,
    Moment::Named,
    Moment::KeyRemoved,
    Moment::PasswordRemoved,
];

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whom {
    Daemon,
    Workers,
    Both,
}

struct Before {
    key: String,
    secret: PathBuf,
    password: String,
    text: String,
}

impl Moment {
    fn has_come(self, bed: &Bed, before: &Before) -> bool {
        let keys = bed.repository("main").join("keys");
        let whole = || {
            let names = fs::read_dir(&keys)
                .unwrap()
                .flatten()
                .map(|entry| entry.file_name());
            names.filter(|name| name.len() == 64).count()
        };
        match self {
            Self::Noted => bed.configuration().join("secrets/.rotation-main.json").exists(),
            Self::Kept => {
                let names = kept(bed);
                names.iter().filter(|name| name.starts_with("main")).count() == 2
            }
            Self::KeyMade => whole() == 2,
            Self::Named => file_of_main(bed) != before.text,
            Self::KeyRemoved => !keys.join(&before.key).exists(),
            Self::PasswordRemoved => !before.secret.exists(),
        }
    }
}

fn rotating(bed: &Bed) -> Child {
    bed.command(program("backupctl"))
        .args(["--user", "repository", "key", "rotate", "main"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn kill_workers(bed: &Bed) {
    for (pid, line) in bed.processes() {
        if line.contains("backupd-worker") {
            send(pid, Signal::SIGKILL);
        }
    }
}

fn cut_off(bed: &mut Bed, moment: Moment, whom: Whom) {
    let before = Before {
        key: list(bed)[0]["id"].as_str().unwrap().to_owned(),
        secret: secret(bed),
        password: password(bed),
        text: file_of_main(bed),
    };
    let mut client = rotating(bed);
    let places = [
        bed.configuration().join("secrets"),
        bed.configuration().join("repositories.d"),
        bed.repository("main").join("keys"),
    ];
    wait::for_files(
        &format!("{moment:?}"),
        &places.each_ref().map(PathBuf::as_path),
        || moment.has_come(bed, &before).then_some(()),
    );
    if whom != Whom::Daemon {
        kill_workers(bed);
    }
    if whom != Whom::Workers {
        bed.kill();
    }
    // Whatever is at work still: what the file names opens.
    assert!(opens(bed, &password(bed)), "{whom:?} killed at {moment:?}");
    client.wait().unwrap();
    if whom != Whom::Workers {
        bed.start();
    }
    assert!(opens(bed, &password(bed)), "{whom:?} killed at {moment:?}");
    bed.ctl(["repository", "test", "main"]).well();
    // A worker that was not killed may be at it still; another waits for it.
    let said = bed.ctl(["repository", "key", "rotate", "main"]).well();
    let now = password(bed);
    let about = format!("{whom:?} killed at {moment:?}: {said:?}");
    assert!(opens(bed, &now), "{about}");
    assert_eq!(list(bed).len(), 1, "{about}");
    let left: Vec<_> = kept(bed)
        .into_iter()
        .filter(|name| !name.starts_with(".backupd-"))
        .collect();
    assert_eq!(left.len(), 1, "{about}: {left:?}");
    assert_eq!(secret(bed).file_name().unwrap().to_str().unwrap(), left[0]);
    assert_ne!(now, before.password, "{about}");
}

fn each_moment(whom: Whom) {
    let mut bed = bed();
    for moment in MOMENTS {
        cut_off(&mut bed, moment, whom);
    }
    bed.ctl(["start", "home", "--wait"]).well();
    bed.ctl(["audit", "verify"]).well();
    bed.ctl(["check", "main", "--wait"]).well();
}

#[test]
fn a_daemon_that_is_killed_leaves_a_password_that_opens_and_the_next_rotation_goes_on() {
    each_moment(Whom::Daemon);
}

#[test]
fn a_worker_that_is_killed_leaves_a_password_that_opens_and_the_next_rotation_goes_on() {
    each_moment(Whom::Workers);
}

#[test]
fn both_killed_leave_a_password_that_opens_and_the_next_rotation_goes_on() {
    each_moment(Whom::Both);
}

/// Another password that somebody sets in between is the one in force: what was begun is taken back.
#[test]
fn a_password_that_is_set_in_between_wins() {
    let mut bed = bed();
    let before = Before {
        key: list(&bed)[0]["id"].as_str().unwrap().to_owned(),
        secret: secret(&bed),
        password: password(&bed),
        text: file_of_main(&bed),
    };
    let mut client = rotating(&bed);
    let keys = bed.repository("main").join("keys");
    wait::for_files("the new key", &[&keys], || {
        Moment::KeyMade.has_come(&bed, &before).then_some(())
    });
    bed.kill();
    kill_workers(&bed);
    client.wait().unwrap();
    bed.start();
    assert_eq!(
        file_of_main(&bed),
        before.text,
        "this is about a rotation before its middle"
    );
    let chosen = unique();
    key(&bed, &chosen, &["add", "main"]).well();
    set_password(&bed, &chosen, &["--file"]).well();
    bed.ctl(["repository", "key", "rotate", "main"]).well();
    let now = password(&bed);
    assert!(opens(&bed, &now) && opens(&bed, PASSWORD) && !opens(&bed, &chosen));
    // The key from before is nobody's but the user's to remove.
    assert_eq!(list(&bed).len(), 2);
    let names = kept(&bed);
    assert!(
        names.contains(&"main".to_owned()) && names.len() == 2,
        "{names:?}"
    );
}
