//! A repository on a server, with a network in between, seen by us and by stock restic.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use backupd_engine::{
    Access, BackupReport, Cancellation, CheckReport, CheckRequest, ForgetRequest, Options, Password,
    PruneRequest, ReadData, RestoreRequest, Result, Secrets, SnapshotQuery,
};
use tempfile::TempDir;

use crate::engine::engine;
use crate::world::{self, Log, PASSWORD};

use super::{
    proxy::Proxy,
    servers::{self, LOGIN, Server, Ssh, USER},
};

/// Kinds of places that have servers here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Place {
    Sftp,
    Rest,
    S3,
    Rclone,
    WebDav,
    Azure,
    Google,
    Backblaze,
}

/// A server, what is backed up to it, and how to get there.
pub(crate) struct Site {
    pub(crate) place: Place,
    pub(crate) directory: TempDir,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) access: Access,
    pub(crate) ssh: Option<Ssh>,
    /// Ends with the site.
    server: Option<Server>,
    /// How restic is called.
    restic: Vec<(&'static str, String)>,
}

impl Site {
    pub(crate) fn new(place: Place) -> Self {
        let directory = TempDir::new().unwrap();
        let stored = directory.path().join("server");
        Self::storing(place, directory, &stored)
    }

    /// A server whose files are in `stored`.
    pub(crate) fn storing(place: Place, directory: TempDir, stored: &Path) -> Self {
        fs::create_dir_all(directory.path().join("source")).unwrap();
        fs::create_dir_all(stored).unwrap();
        let mut site = Self {
            place,
            directory,
            proxy: None,
            access: Access {
                name: "test".to_owned(),
                url: String::new(),
                password: Password::new(PASSWORD.to_owned()),
                cache: None,
                secrets: Secrets::default(),
                options: Options {
                    timeout: Duration::from_secs(20),
                    retries: 2,
                    ..Options::default()
                },
            },
            ssh: None,
            server: None,
            restic: Vec::new(),
        };
        match place {
            Place::Sftp => site.sftp(stored),
            Place::Rest => site.rest(stored),
            Place::S3 => site.s3(),
            Place::Rclone => site.rclone(stored),
            Place::WebDav => site.webdav(stored),
            Place::Azure => site.azure(stored),
            Place::Google => site.google(),
            Place::Backblaze => site.backblaze(),
        }
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn proxied(&mut self, port: u16) -> u16 {
        let proxy = Proxy::to(port);
        let port = proxy.port;
        self.proxy = Some(proxy);
        port
    }

    fn login(&mut self, user: &str, password: &str, names: [&str; 2]) {
        self.access.secrets.set(names[0], user.to_owned());
        self.access.secrets.set(names[1], password.to_owned());
    }

    fn sftp(&mut self, stored: &Path) {
        let ssh = Ssh::start(self.directory.path());
        let direct = ssh.server.port;
        let port = self.proxied(direct);
        let hosts = ssh.known_hosts(self.directory.path(), port);
        let user = nix::unistd::User::from_uid(nix::unistd::geteuid())
            .unwrap()
            .unwrap()
            .name;
        let repository = stored.join("repository");
        self.access.url = format!("sftp://{user}@127.0.0.1:{port}/{}", repository.display());
        self.access.options.ssh_key = Some(ssh.key.clone());
        self.access.options.ssh_known_hosts = Some(hosts);
        let command = format!(
            "ssh -p {direct} -i {} -o BatchMode=yes -o StrictHostKeyChecking=no \
             -o UserKnownHostsFile=/dev/null -l {user} 127.0.0.1 -s sftp",
            ssh.key.display()
        );
        self.restic = vec![
            (
                "RESTIC_REPOSITORY",
                format!("sftp:{user}@127.0.0.1:{}", repository.display()),
            ),
            ("sftp.command", command),
        ];
        self.ssh = Some(ssh);
    }

    fn rest(&mut self, stored: &Path) {
        let server = servers::rclone("restic", stored);
        let port = self.proxied(server.port);
        self.access.url = format!("rest:http://127.0.0.1:{port}/repository/");
        self.login(USER, LOGIN, ["username", "password"]);
        let login = LOGIN.replace(' ', "%20");
        self.restic = vec![(
            "RESTIC_REPOSITORY",
            format!("rest:http://{USER}:{login}@127.0.0.1:{}/repository/", server.port),
        )];
        self.server = Some(server);
    }

    fn s3(&mut self) {
        let (server, key, secret) = servers::s3();
        let port = self.proxied(server.port);
        self.access.url = format!("s3:http://127.0.0.1:{port}/bucket/repository");
        self.login(&key, &secret, ["access_key_id", "secret_access_key"]);
        self.restic = vec![
            (
                "RESTIC_REPOSITORY",
                format!("s3:http://127.0.0.1:{}/bucket/repository", server.port),
            ),
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ];
        self.server = Some(server);
    }

    fn rclone(&mut self, stored: &Path) {
        let config = self.path("rclone.conf");
        fs::write(&config, "[cloud]\ntype = local\n").unwrap();
        let url = format!("rclone:cloud:{}", stored.join("repository").display());
        self.access.url.clone_from(&url);
        self.access.options.rclone_config = Some(config.clone());
        self.restic = vec![
            ("RESTIC_REPOSITORY", url),
            ("RCLONE_CONFIG", config.display().to_string()),
        ];
    }

    fn webdav(&mut self, stored: &Path) {
        let server = servers::rclone("webdav", stored);
        let port = self.proxied(server.port);
        self.access.url = format!("webdav:http://127.0.0.1:{port}/repository");
        self.login(USER, LOGIN, ["username", "password"]);
        // restic speaks no WebDAV: it looks at the files themselves.
        self.restic = vec![(
            "RESTIC_REPOSITORY",
            stored.join("repository").display().to_string(),
        )];
        self.server = Some(server);
    }

    /// What restic cannot reach here: it asks the service's own addresses alone.
    fn azure(&mut self, stored: &Path) {
        let (server, account, key) = servers::azure(stored).expect("whoever asks has looked");
        let port = self.proxied(server.port);
        "azure:bucket:/repository".clone_into(&mut self.access.url);
        self.access.options.endpoint = Some(format!("http://127.0.0.1:{port}/{account}"));
        self.login(&account, &key, ["account_name", "account_key"]);
        self.server = Some(server);
    }

    fn google(&mut self) {
        let server = servers::google();
        let port = self.proxied(server.port);
        "gs:bucket:/repository".clone_into(&mut self.access.url);
        self.access.options.endpoint = Some(format!("http://127.0.0.1:{port}"));
        self.access.secrets.set("access_token", "a token".to_owned());
        self.server = Some(server);
    }

    /// Backblaze's own words for it are those of S3.
    fn backblaze(&mut self) {
        self.s3();
        let port = self.proxy.as_ref().map_or(0, |proxy| proxy.port);
        "b2:bucket:repository".clone_into(&mut self.access.url);
        self.access.options.endpoint = Some(format!("http://127.0.0.1:{port}"));
    }

    pub(crate) fn init(&self) {
        let created = engine().init(&self.access).unwrap();
        assert_eq!(created.snapshots, 0, "{:?}", self.place);
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path("source").join(name), content).unwrap();
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.path("source").canonicalize().unwrap()
    }

    pub(crate) fn backup(&self) -> Result<BackupReport> {
        self.backup_as(&self.access)
    }

    pub(crate) fn backup_as(&self, access: &Access) -> Result<BackupReport> {
        let request = world::request(vec![self.source()]);
        engine().backup(access, &request, &Log::default(), &Cancellation::default())
    }

    pub(crate) fn snapshots(&self) -> Vec<String> {
        let listed = engine().snapshots(&self.access, &SnapshotQuery::default());
        let listed = listed.unwrap_or_else(|error| panic!("{:?}: {}", self.place, error.chain()));
        listed.into_iter().map(|snapshot| snapshot.id).collect()
    }

    /// Restores all of the newest snapshot; where the source is then.
    pub(crate) fn restore(&self, name: &str) -> PathBuf {
        let target = self.directory.path().canonicalize().unwrap().join(name);
        let request = RestoreRequest {
            snapshot: "latest".to_owned(),
            query: SnapshotQuery::default(),
            paths: Vec::new(),
            target: target.clone(),
        };
        let report = engine()
            .restore(&self.access, &request, &Log::default(), &Cancellation::default())
            .unwrap_or_else(|error| panic!("{:?}: {}", self.place, error.chain()));
        assert_eq!(report.failed, 0);
        world::below(&target, &self.source())
    }

    pub(crate) fn check(&self) -> CheckReport {
        let request = CheckRequest {
            read_data: ReadData::All,
            ..CheckRequest::default()
        };
        engine()
            .check(&self.access, &request, &Log::default(), &Cancellation::default())
            .unwrap_or_else(|error| panic!("{:?}: {}", self.place, error.chain()))
    }

    pub(crate) fn is_whole(&self) {
        let report = self.check();
        assert_eq!(report.errors_total, 0, "{:?}: {report:?}", self.place);
    }

    pub(crate) fn is_sound(&self) {
        self.is_whole();
        self.restic_well(&["check", "--read-data"]);
    }

    pub(crate) fn forget(&self, snapshots: &[String]) {
        let request = ForgetRequest {
            snapshots: snapshots.to_vec(),
            keep: self.path("kept"),
        };
        let report = engine()
            .forget(&self.access, &request, &Log::default(), &Cancellation::default())
            .unwrap_or_else(|error| panic!("{:?}: {}", self.place, error.chain()));
        assert_eq!(report.forgotten, snapshots);
    }

    pub(crate) fn bring_back(&self, snapshots: &[String]) {
        let report = engine()
            .unforget(
                &self.access,
                &self.path("kept"),
                snapshots,
                &Log::default(),
                &Cancellation::default(),
            )
            .unwrap_or_else(|error| panic!("{:?}: {}", self.place, error.chain()));
        assert!(report.lost.is_empty(), "{:?}: {report:?}", self.place);
    }

    pub(crate) fn prune(&self) -> Result<backupd_engine::PruneReport> {
        let request = PruneRequest {
            keep_delete: Duration::ZERO,
            ..PruneRequest::default()
        };
        engine().prune(&self.access, &request, &Log::default(), &Cancellation::default())
    }

    /// Stock restic, straight to the server.
    pub(crate) fn restic(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("restic");
        command.arg("--no-cache").env("RESTIC_PASSWORD", PASSWORD);
        for (name, value) in &self.restic {
            if name.contains('.') {
                command.args(["-o", &format!("{name}={value}")]);
            } else {
                command.env(name, value);
            }
        }
        command.args(arguments).output().unwrap()
    }

    pub(crate) fn restic_well(&self, arguments: &[&str]) -> String {
        let output = self.restic(arguments);
        assert!(
            output.status.success(),
            "{:?}: restic {arguments:?}: {}",
            self.place,
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}
