use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use jiff::SignedDuration;

use super::*;
use crate::{
    config::{Credentials, EngineName, PasswordSource, Reach, Secret, Verify},
    name::RunId,
    protocol::{
        BackupWork, CheckWork, ContentsWork, CopyWork, CredentialStores, EndRotationWork, EstimateWork,
        FORGOTTEN_DIRECTORY, Foreseen, ForgetWork, Keep, MoveStep, MoveWork, PruneWork, ReadData, ReadUpTo,
        RepairWork, RepositorySpec, RestoreWork, RetentionPreview, RotateKeyWork, SPEC_VERSION,
        SnapshotFilter, Spec, StatisticsWork, StorePasswordWork, UnforgetWork, WatchWork, Work,
    },
    resources::Resources,
    retention::Rules,
    space::Room,
};

const RUN: &str = "01JD00000000000000000000RN";

fn backup() -> Work {
    Work::Backup(BackupWork {
        sources: vec!["/home".into()],
        optional_sources: Vec::new(),
        include: Vec::new(),
        exclude: Vec::new(),
        exclude_if_present: Vec::new(),
        exclude_caches: false,
        exclude_larger_than: None,
        one_file_system: false,
        tags: Vec::new(),
        host: None,
        adopts: Vec::new(),
        description: None,
        compression: None,
        verify: Verify::Snapshot,
        foreseen: Foreseen::default(),
    })
}

fn estimate() -> Spec {
    let Work::Backup(backup) = backup() else {
        unreachable!("a backup is one");
    };
    let work = EstimateWork {
        backup,
        scan: true,
        sizes: Vec::new(),
    };
    spec(Work::Estimate(work))
}

fn restore(target: &str) -> Work {
    Work::Restore(RestoreWork {
        snapshot: "latest".into(),
        filter: SnapshotFilter::default(),
        paths: Vec::new(),
        target: target.into(),
    })
}

fn spec(work: Work) -> Spec {
    Spec {
        version: SPEC_VERSION,
        run: RunId::from_parts(1, 1),
        attempt: 1,
        job: matches!(
            work,
            Work::Backup(_)
                | Work::Restore(_)
                | Work::Watch(_)
                | Work::Forget(_)
                | Work::Copy(_)
                | Work::Estimate(_)
        )
        .then(|| "home".parse().unwrap()),
        repository: RepositorySpec {
            name: "nas".parse().unwrap(),
            url: "/srv/nas".into(),
            password: PasswordSource::File("/etc/backupd/secrets/nas".into()),
            engine: EngineName::Embedded,
            credentials: CredentialStores::system(),
            cache: None,
            secrets: Credentials::new(),
            reach: Reach::default(),
            room: Room::default(),
            lock_wait: jiff::SignedDuration::ZERO,
            marks: Vec::new(),
        },
        resources: Resources::default(),
        progress_socket: Some("/run/backupd/progress.sock".into()),
        work,
    }
}

/// Its repository has a password that asks for much, and belongs to somebody else.
fn watch() -> Spec {
    let Work::Backup(backup) = backup() else {
        unreachable!("a backup is one");
    };
    let mut spec = spec(Work::Watch(WatchWork {
        backup,
        own: Vec::new(),
        quiet: SignedDuration::from_secs(30),
        longest: SignedDuration::from_mins(10),
        since: None,
    }));
    spec.repository.url = "sftp:nas:/backup".into();
    spec.repository.password = PasswordSource::Command(vec!["pass".into()]);
    spec
}

/// Of a repository that is elsewhere.
fn check() -> Spec {
    let mut spec = spec(Work::Check(CheckWork {
        read_data: ReadData::Part(12),
        after: ReadUpTo::End,
        max_runtime: None,
    }));
    spec.repository.url = "sftp:nas:/backup".into();
    spec
}

/// From a disk of somebody, into a place that a server has, with a credential for each.
fn copy() -> Spec {
    let own = check().repository;
    let password = |name: &str| PasswordSource::Credential(name.parse().unwrap());
    let from = RepositorySpec {
        name: "disk".parse().unwrap(),
        url: "/mnt/disk/restic".into(),
        password: password("disk"),
        ..own.clone()
    };
    let work = CopyWork {
        from,
        filter: SnapshotFilter::default(),
        compression: None,
        foreseen: Foreseen::default(),
    };
    let mut spec = spec(Work::Copy(Box::new(work)));
    spec.repository = RepositorySpec {
        url: "sftp:nas:/srv".into(),
        password: password("nas"),
        cache: Some("/var/cache/backupd".into()),
        ..own
    };
    spec
}

/// From a disk to a server.
fn moving() -> Spec {
    let own = spec(Work::Test).repository;
    spec(Work::Move(Box::new(MoveWork {
        step: MoveStep::Bring,
        other: RepositorySpec {
            url: "sftp:nas:/srv".into(),
            cache: Some("/var/cache/backupd".into()),
            ..own
        },
        contents: None,
    })))
}

fn forget() -> ForgetWork {
    ForgetWork {
        job: "home".parse().unwrap(),
        host: None,
        adopts: Vec::new(),
        rules: Rules::default(),
        zone: None,
        known: Vec::new(),
        known_since: None,
        clock_doubt: None,
        force: false,
    }
}

fn reach() -> Spec {
    let places = vec!["nas:22".into()];
    Spec {
        repository: RepositorySpec::none(),
        ..spec(Work::Reach { places })
    }
}

fn request<'a>(manager: ServiceManager, spec: &'a Spec, directory: &'a Path) -> Request<'a> {
    Request {
        manager,
        spec,
        id: RUN,
        worker: Path::new("/usr/libexec/backupd/backupd-worker"),
        directory,
        grace: SignedDuration::from_secs(30),
        grounds: &[],
        credentials: spec.credentials(|_| false),
        foreign: false,
    }
}

fn store_password() -> Work {
    Work::StorePassword(StorePasswordWork {
        keep: Keep::Auto,
        secrets: "/etc/backupd/secrets".into(),
        unchecked: false,
    })
}

fn rotate_key() -> Work {
    Work::RotateKey(RotateKeyWork {
        keep: Keep::File,
        secrets: "/etc/backupd/secrets".into(),
        given: false,
    })
}

fn end_rotation() -> Work {
    Work::EndRotation(EndRotationWork {
        secrets: "/etc/backupd/secrets".into(),
        spare: false,
    })
}

/// Those that need a network.
fn remote(run: &Path) -> [(&'static str, Unit); 2] {
    let mut behind_ssh = spec(backup());
    behind_ssh.repository.url = "sftp:nas:/backup".into();
    behind_ssh.repository.cache = Some("/var/cache/backupd/repositories".into());
    behind_ssh.repository.reach.ssh_key = Some("/root/.ssh/backup".into());
    let mut login = spec(backup());
    login.repository.url = "rest:https://nas/".into();
    let source = PasswordSource::Credential("nas-login".parse().unwrap());
    login.repository.secrets = Credentials::from([("password".to_owned(), Secret::From(source))]);
    let system = |spec: &Spec| unit(&request(ServiceManager::System, spec, run));
    [
        ("backup-remote", system(&behind_ssh)),
        ("backup-remote-login", system(&login)),
    ]
}

/// Every kind of unit, each under the name of its file in `expected`.
fn kinds() -> Vec<(&'static str, Unit)> {
    let mut kinds = kinds_for_jobs();
    let run = PathBuf::from(format!("/var/lib/backupd/runs/{RUN}/attempt-1"));
    let question = PathBuf::from(format!("/var/cache/backupd/questions/{RUN}"));
    let system = |work: &Spec, directory: &Path| unit(&request(ServiceManager::System, work, directory));
    kinds.extend([
        ("keys", system(&spec(Work::Keys), &question)),
        (
            "contents",
            system(&spec(Work::Contents(ContentsWork::default())), &question),
        ),
        ("rotate-key", system(&spec(rotate_key()), &question)),
        ("end-rotation", system(&spec(end_rotation()), &question)),
        ("reveal", system(&spec(Work::Reveal), &question)),
        (
            "statistics",
            system(&spec(Work::Statistics(StatisticsWork::default())), &question),
        ),
        ("estimate", system(&estimate(), &question)),
        ("check", system(&check(), &run)),
        ("prune", system(&spec(Work::Prune(PruneWork::default())), &run)),
        (
            "prune-plan",
            system(&spec(Work::PrunePlan(PruneWork::default())), &question),
        ),
        ("copy", system(&copy(), &run)),
        ("forget", system(&spec(Work::Forget(forget())), &run)),
        ("repair", system(&spec(Work::Repair(RepairWork::Snapshots)), &run)),
        ("move", system(&moving(), &run)),
        (
            "retention-preview",
            system(
                &spec(Work::RetentionPreview(RetentionPreview {
                    forget: forget(),
                    at: None,
                })),
                &question,
            ),
        ),
        (
            "unforget",
            system(
                &spec(Work::Unforget(UnforgetWork {
                    directories: vec![run.join(FORGOTTEN_DIRECTORY)],
                    snapshots: Vec::new(),
                })),
                &question,
            ),
        ),
    ]);
    kinds
}

fn kinds_for_jobs() -> Vec<(&'static str, Unit)> {
    let run = PathBuf::from(format!("/var/lib/backupd/runs/{RUN}/attempt-1"));
    let question = PathBuf::from(format!("/var/cache/backupd/questions/{RUN}"));
    let system = |spec: &Spec, directory: &Path| unit(&request(ServiceManager::System, spec, directory));
    let with = |change: &dyn Fn(&mut Spec)| {
        let mut spec = spec(backup());
        change(&mut spec);
        spec
    };
    let all_resources = with(&|spec| {
        spec.resources = Resources {
            nice: Some(10),
            cpu_weight: Some(20),
            io_weight: Some(10),
            memory_high: Some(768 << 20),
            memory_max: Some(1 << 30),
            max_runtime: Some(SignedDuration::from_hours(6)),
        };
    });
    let command = with(&|spec| {
        spec.repository.password = PasswordSource::Command(vec!["pass".into(), "show".into()]);
    });
    let credential = with(&|spec| {
        spec.repository.password = PasswordSource::Credential("backupd-repository-nas".parse().unwrap());
    });
    let stored = |path: &str| Request {
        credentials: credential.credentials(|there| there == Path::new(path)),
        ..request(ServiceManager::System, &credential, &run)
    };
    let store = spec(store_password());
    let strange = with(&|spec| spec.repository.url = "/mnt/My \"disk\" 100%\\$HOME".into());
    let into_home = spec(restore("/home/alice/back/here"));
    let mut kinds: Vec<_> = remote(&run).into();
    kinds.extend([
        ("backup", system(&spec(backup()), &run)),
        (
            "backup-foreign",
            unit(&Request {
                foreign: true,
                ..request(ServiceManager::System, &spec(backup()), &run)
            }),
        ),
        ("backup-resources", system(&all_resources, &run)),
        ("backup-command", system(&command, &run)),
        (
            "backup-credential-encrypted",
            unit(&stored("/etc/credstore.encrypted/backupd-repository-nas")),
        ),
        (
            "backup-credential-plain",
            unit(&stored("/run/credstore/backupd-repository-nas")),
        ),
        ("backup-credential-unknown", system(&credential, &run)),
        ("store-password", system(&store, &question)),
        ("backup-strange-path", system(&strange, &run)),
        (
            "backup-user",
            unit(&request(
                ServiceManager::User,
                &all_resources,
                Path::new("/home/alice/.local/state/backupd/runs/1/attempt-1"),
            )),
        ),
        (
            "restore",
            unit(&Request {
                grounds: &["/home/alice".into()],
                ..request(ServiceManager::System, &into_home, &run)
            }),
        ),
        (
            "restore-below-root",
            unit(&Request {
                grounds: &["/".into()],
                ..request(ServiceManager::System, &spec(restore("/back")), &run)
            }),
        ),
        (
            "initialize",
            unit(&Request {
                grounds: &["/srv".into()],
                ..request(ServiceManager::System, &spec(Work::Initialize), &question)
            }),
        ),
        ("test", system(&spec(Work::Test), &question)),
        (
            "snapshots",
            system(
                &spec(Work::Snapshots {
                    filter: SnapshotFilter::default(),
                }),
                &question,
            ),
        ),
        ("watch", system(&watch(), &question)),
        ("dead-locks", system(&spec(Work::RemoveDeadLocks), &question)),
        ("reach", system(&reach(), &question)),
    ]);
    kinds
}

/// `UPDATE_UNITS=1` writes the files anew.
#[test]
fn every_unit_is_as_it_is_written_down() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/unit/expected");
    for (name, unit) in kinds() {
        let file = directory.join(format!("{name}.service"));
        let text = unit.to_text();
        if std::env::var_os("UPDATE_UNITS").is_some() {
            fs::write(&file, &text).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(text, expected, "{}", file.display());
    }
}

#[test]
fn a_backup_of_roots_repository_may_read_everything_and_no_more() {
    for (name, unit) in kinds() {
        let capabilities = unit.settings.iter().find_map(|setting| match &setting.value {
            Value::Capabilities(all) => Some(all.as_slice()),
            _ => None,
        });
        let expected: Option<&[Capability]> = match name {
            "backup-user" => None,
            "backup-foreign" => Some(&[Capability::DacOverride, Capability::DacReadSearch]),
            "reach" => Some(&[]),
            name if name.starts_with("restore") => continue,
            _ => Some(&[Capability::DacReadSearch]),
        };
        assert_eq!(capabilities, expected, "{name}");
    }
}

#[test]
fn a_name_that_the_bus_cannot_say_is_reached_from_above() {
    let target = Path::new(OsStr::from_bytes(b"/home/alice/\xff/x"));
    let spec = spec(backup());
    let unit = unit(&Request {
        grounds: &[target.to_owned()],
        ..request(ServiceManager::System, &spec, Path::new("/r"))
    });
    let writable = unit
        .settings
        .iter()
        .find(|setting| setting.name == "ReadWritePaths");
    let expected = ["/r", "/srv/nas", "/home/alice"].map(PathBuf::from).to_vec();
    assert_eq!(writable.unwrap().value, Value::Paths(expected));
}

#[test]
fn ways_out_are_hidden_unless_the_work_is_there() {
    let hidden = |spec: &Spec| {
        let unit = unit(&request(ServiceManager::System, spec, Path::new("/r")));
        let setting = unit
            .settings
            .into_iter()
            .find(|setting| setting.name == "InaccessiblePaths");
        match setting.unwrap().value {
            Value::Paths(paths) => paths,
            other => panic!("{other:?}"),
        }
    };
    let all = hidden(&spec(backup()));
    for path in ["/run/dbus", "/run/user", "/run/docker.sock"] {
        assert!(all.contains(&path.into()), "{path}: {all:?}");
    }
    let within = |change: &dyn Fn(&mut Spec)| {
        let mut spec = spec(backup());
        change(&mut spec);
        hidden(&spec)
    };
    let source = within(&|spec| {
        if let Work::Backup(work) = &mut spec.work {
            work.optional_sources.push("/run/user/1000/gvfs".into());
        }
    });
    let password = within(&|spec| {
        spec.repository.password = PasswordSource::File("/run/user/0/password".into());
    });
    let target = hidden(&spec(restore("/run/user/1000/x")));
    for fewer in [source, password, target] {
        assert_eq!(fewer.len() + 1, all.len(), "{fewer:?}");
        assert!(!fewer.contains(&"/run/user".into()), "{fewer:?}");
    }
}

/// A program of systemd, with what it says on both channels; `None` where it is not installed.
fn systemd_analyze(arguments: &[&OsStr]) -> Option<(bool, String)> {
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .env("SYSTEMD_LOG_LEVEL", "warning")
        .output()
        .ok()?;
    let text = [output.stdout, output.stderr].concat();
    Some((
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    ))
}

/// The unit as a file for `systemd-analyze`, with a program that is there.
fn file_of(unit: &Unit, directory: &Path) -> PathBuf {
    let file = directory.join(&unit.name);
    let text = unit
        .to_text()
        .replace("/usr/libexec/backupd/backupd-worker", "/bin/true");
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn systemd_finds_nothing_wrong_with_any_unit() {
    for (name, unit) in kinds() {
        let directory = tempfile::tempdir().unwrap();
        let file = file_of(&unit, directory.path());
        let slice = directory.path().join(SLICE);
        fs::write(&slice, "[Unit]\nDescription=Backups\n").unwrap();
        let Some((clean, said)) =
            systemd_analyze(&["verify".as_ref(), "--man=no".as_ref(), file.as_os_str()])
        else {
            return;
        };
        let of_ours: Vec<&str> = said.lines().filter(|line| line.contains(&unit.name)).collect();
        assert!(clean && of_ours.is_empty(), "{name}: {said}");
    }
}

/// `→ Overall exposure level for backupd-run-….service: 1.9 OK`.
#[test]
fn the_exposure_of_a_worker_stays_low() {
    for (name, unit) in kinds() {
        let most = match name {
            "backup-user" => continue,
            // What a password command needs is not known.
            "backup-command" => 5.0,
            _ => 3.0,
        };
        let directory = tempfile::tempdir().unwrap();
        let file = file_of(&unit, directory.path());
        let arguments = ["security", "--offline=true", "--no-pager"].map(OsStr::new);
        let Some((_, said)) = systemd_analyze(&[&arguments[..], &[file.as_os_str()]].concat()) else {
            return;
        };
        let level: f64 = said
            .lines()
            .find_map(|line| line.split_once("Overall exposure level for")?.1.rsplit_once(": "))
            .and_then(|(_, level)| level.split_whitespace().next()?.parse().ok())
            .unwrap_or_else(|| panic!("{name}: {said}"));
        println!("{name}: {level}");
        assert!(level <= most, "{name}: {level}\n{said}");
    }
}
