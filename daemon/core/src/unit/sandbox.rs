//! What a worker can do: no more than its work needs.
//!
//! Each setting that is not as tight as it could be says why.

use std::path::{Path, PathBuf};

use super::{
    Request,
    setting::{Capability, Setting, Value},
};
use crate::{
    config::PasswordSource,
    protocol::{EstimateWork, Spec, WatchWork, Work},
};

/// Directories that `ProtectHome=` means.
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];
/// Who listens there does anything for uid 0, outside of every sandbox; a worker asks for nothing. Names of users and
/// hosts are looked up elsewhere in `/run/systemd`.
const POWERFUL: [&str; 15] = [
    "/run/dbus",
    "/run/systemd/private",
    "/run/systemd/io.systemd.Import",
    "/run/systemd/io.systemd.Manager",
    "/run/systemd/io.systemd.MountFileSystem",
    "/run/systemd/io.systemd.sysext",
    "/run/systemd/machine",
    "/run/user",
    "/run/containerd",
    "/run/crio",
    "/run/docker.sock",
    "/run/incus",
    "/run/libvirt",
    "/run/podman",
    "/run/snapd.socket",
];

/// Where systemd keeps the key of credentials.
const CREDENTIAL_KEY: &str = "/var/lib/systemd";

/// Whether a program of the user's choice runs in the unit, of which nobody knows what it needs.
fn has_command(spec: &Spec) -> bool {
    let is_command = |source: &&PasswordSource| matches!(source, PasswordSource::Command(_));
    spec.sources().iter().any(is_command)
}

/// Whether it makes credentials.
fn seals(work: &Work) -> bool {
    matches!(work, Work::StorePassword(_) | Work::RotateKey(_))
}

/// A user's manager can make no mounts, and takes nothing away that the user could not get back.
pub(super) fn of_user(spec: &Spec) -> Vec<Setting> {
    // A password command may be set-uid, or a program that writes its own code.
    if has_command(spec) {
        return Vec::new();
    }
    vec![
        yes("NoNewPrivileges"),
        yes("MemoryDenyWriteExecute"),
        yes("LockPersonality"),
        yes("RestrictRealtime"),
        Setting::new("RestrictNamespaces", Value::NoNamespaces),
        Setting::new("SystemCallArchitectures", Value::Words(vec!["native"])),
    ]
}

/// No `PrivateTmp=`: people back up `/tmp`. No `PrivateUsers=`: files of all users must keep their owners. No
/// `User=`: only uid 0 gets the capability to read everything without a set-up of its own.
pub(super) fn of_system(request: &Request<'_>) -> Vec<Setting> {
    let spec = request.spec;
    let mut settings = vec![
        Setting::new(
            "CapabilityBoundingSet",
            Value::Capabilities(capabilities(request)),
        ),
        yes("NoNewPrivileges"),
        Setting::new("UMask", Value::Mode(0o077)),
    ];
    settings.extend(files(request));
    settings.extend(kernel(spec));
    settings.extend(surroundings(spec));
    settings
}

fn yes(name: &'static str) -> Setting {
    Setting::new(name, Value::Flag(true))
}

fn capabilities(request: &Request<'_>) -> Vec<Capability> {
    match &request.spec.work {
        // Files get back their owners, modes, set-id bits and capabilities; nodes and others' directories are made.
        Work::Restore(_) => vec![
            Capability::Chown,
            Capability::DacOverride,
            Capability::DacReadSearch,
            Capability::Fowner,
            Capability::Fsetid,
            Capability::Mknod,
            Capability::Setfcap,
        ],
        // A repository that belongs to somebody else can be written by nobody else. What could be overwritten
        // stays the repository and the run's own directory: all else is mounted read-only.
        _ if request.foreign && request.spec.work.opens_repository() => {
            vec![Capability::DacOverride, Capability::DacReadSearch]
        }
        Work::Reach { .. } => Vec::new(),
        _ => vec![Capability::DacReadSearch],
    }
}

/// What can be written, and what of the rest can be seen.
fn files(request: &Request<'_>) -> Vec<Setting> {
    let writable = writable(request);
    // Something new right below `/` cannot be made while `/` is read-only.
    let system = if request.grounds.iter().any(|ground| ground == Path::new("/")) {
        "full"
    } else {
        "strict"
    };
    // Home directories are what is backed up, and where a restore may have to make a directory.
    let home = if matches!(request.spec.work, Work::Reach { .. }) {
        "yes"
    } else if writable
        .iter()
        .any(|path| HOMES.iter().any(|home| path == Path::new(home)))
    {
        "no"
    } else {
        "read-only"
    };
    let mut settings = vec![
        Setting::new("ProtectSystem", Value::Word(system)),
        Setting::new("ProtectHome", Value::Word(home)),
        Setting::new("ReadWritePaths", Value::Paths(writable)),
    ];
    // A password command may ask services, which is what these are for.
    if !has_command(request.spec) {
        let needed = needed(request);
        let unneeded = POWERFUL
            .into_iter()
            .map(PathBuf::from)
            .filter(|path| !needed.iter().any(|needed| needed.starts_with(path)));
        settings.push(Setting::new(
            "InaccessiblePaths",
            Value::Paths(unneeded.collect()),
        ));
    }
    settings.extend(devices(request.spec));
    settings
}

/// What the work is about, wherever somebody has put it.
fn needed(request: &Request<'_>) -> Vec<PathBuf> {
    let mut paths = writable(request);
    match &request.spec.work {
        Work::Backup(work)
        | Work::Watch(WatchWork { backup: work, .. })
        | Work::Estimate(EstimateWork { backup: work, .. }) => {
            paths.extend_from_slice(&work.sources);
            paths.extend_from_slice(&work.optional_sources);
        }
        Work::Restore(work) => paths.push(work.target.clone()),
        _ => {}
    }
    let needs_password = request.spec.work.needs_password();
    let own = Some(&request.spec.repository).filter(|_| needs_password);
    for repository in own.into_iter().chain(request.spec.work.beside()) {
        for source in std::iter::once(&repository.password).chain(repository.sources_of_secrets()) {
            if let PasswordSource::File(path) = source {
                paths.push(path.clone());
            }
        }
        let reach = &repository.reach;
        let files = [
            &reach.ca_file,
            &reach.ssh_key,
            &reach.ssh_known_hosts,
            &reach.rclone_config,
        ];
        paths.extend(files.into_iter().flatten().cloned());
    }
    paths
}

/// Run directory, repository (for locks, too), its cache, and where a directory may have to be made.
fn writable(request: &Request<'_>) -> Vec<PathBuf> {
    let spec = request.spec;
    let mut paths = vec![request.directory.to_owned()];
    if let Some(secrets) = spec.work.secrets() {
        paths.push(secrets.to_owned());
        paths.extend(spec.repository.credentials.encrypted.first().cloned());
    }
    if seals(&spec.work) {
        // The first credential of a machine makes the key of them all.
        paths.push(CREDENTIAL_KEY.into());
    }
    // For a password that is set the repository is only opened.
    if spec.work.opens_repository() && !matches!(spec.work, Work::StorePassword(_)) {
        for repository in spec.opened() {
            paths.extend(repository.local_path());
            paths.extend(repository.cache.clone());
        }
    }
    paths.extend_from_slice(request.grounds);
    if has_command(spec) {
        paths.extend(["/tmp", "/var/tmp"].map(PathBuf::from));
    }
    let mut named: Vec<PathBuf> = Vec::new();
    for path in paths {
        let path = sayable(&path);
        if path != Path::new("/") && !named.contains(&path) {
            named.push(path);
        }
    }
    named
}

/// The bus has no texts but UTF-8: a directory with another name is reached through the one above it.
fn sayable(path: &Path) -> PathBuf {
    path.ancestors()
        .find(|path| path.to_str().is_some())
        .unwrap_or(path)
        .to_owned()
}

/// uid 0 owns the disks: without these it could read and write them past all else here.
fn devices(spec: &Spec) -> Vec<Setting> {
    match &spec.work {
        // A password may come from a smart card or a TPM.
        _ if has_command(spec) => Vec::new(),
        // A restore makes device nodes, and opens none.
        Work::Restore(_) => vec![
            Setting::new("DevicePolicy", Value::Word("closed")),
            Setting::new(
                "DeviceAllow",
                Value::Devices(vec![("char-*", "m"), ("block-*", "m")]),
            ),
        ],
        // The key of a credential is in the TPM where there is one.
        work if seals(work) => vec![
            Setting::new("DevicePolicy", Value::Word("closed")),
            Setting::new("DeviceAllow", Value::Devices(vec![("/dev/tpmrm0", "rw")])),
        ],
        _ => vec![yes("PrivateDevices")],
    }
}

fn kernel(spec: &Spec) -> Vec<Setting> {
    let mut settings = vec![
        yes("ProtectKernelTunables"),
        yes("ProtectKernelLogs"),
        yes("ProtectControlGroups"),
        yes("ProtectClock"),
        yes("ProtectHostname"),
        yes("LockPersonality"),
        yes("RestrictRealtime"),
        Setting::new("RestrictNamespaces", Value::NoNamespaces),
        Setting::new("SystemCallArchitectures", Value::Words(vec!["native"])),
        Setting::new("SystemCallFilter", Value::Only(vec!["@system-service"])),
    ];
    // It hides `/usr/lib/modules`, which people back up. Modules cannot be loaded all the same: neither the
    // capability nor the system call is there.
    if !matches!(spec.work, Work::Backup(_) | Work::Watch(_) | Work::Estimate(_)) {
        settings.push(yes("ProtectKernelModules"));
    }
    match &spec.work {
        // Whatever a password command does to itself.
        _ if has_command(spec) => {}
        // Owners are given back.
        Work::Restore(_) => settings.push(Setting::new(
            "SystemCallFilter",
            Value::Except(vec!["@resources"]),
        )),
        _ => settings.push(Setting::new(
            "SystemCallFilter",
            Value::Except(vec!["@privileged", "@resources"]),
        )),
    }
    // A call that is not there is an error that libraries know to live with, and no end.
    settings.push(Setting::new("SystemCallErrorNumber", Value::Errno("EPERM", 1)));
    settings
}

fn surroundings(spec: &Spec) -> Vec<Setting> {
    let mut settings = vec![Setting::new("KeyringMode", Value::Word("private"))];
    // Set-id bits are part of what a restore brings back.
    if !matches!(spec.work, Work::Restore(_)) {
        settings.push(yes("RestrictSUIDSGID"));
    }
    if has_command(spec) {
        // It may ask a server, and may be a program that writes its own code.
        let families = vec!["AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"];
        settings.push(Setting::new("RestrictAddressFamilies", Value::Only(families)));
        return settings;
    }
    settings.extend([
        yes("MemoryDenyWriteExecute"),
        yes("PrivateIPC"),
        Setting::new("ProtectProc", Value::Word("invisible")),
        Setting::new("ProcSubset", Value::Word("pid")),
    ]);
    let is_remote = spec.opened().any(|repository| repository.local_path().is_none());
    if is_remote || matches!(spec.work, Work::Reach { .. }) {
        // Routes are asked for over netlink when a name is looked up.
        let families = vec!["AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"];
        settings.push(Setting::new("RestrictAddressFamilies", Value::Only(families)));
    } else {
        // The progress socket is a path, which a network of its own does not hide.
        settings.push(yes("PrivateNetwork"));
        settings.push(Setting::new(
            "RestrictAddressFamilies",
            Value::Only(vec!["AF_UNIX"]),
        ));
    }
    settings
}
