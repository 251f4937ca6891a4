//! Servers on the loopback interface, which end with the test.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

/// A server's process.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a server, and waits until it says `ready`; its lines are its standard error's or output's.
fn start(command: &mut Command, on_stderr: bool, ready: &str) -> (Child, String) {
    let piped = || Stdio::piped();
    command.stdin(piped());
    if on_stderr {
        command.stdout(Stdio::null()).stderr(piped());
    } else {
        command.stdout(piped()).stderr(Stdio::null());
    }
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; `scripts/install-deps.sh check` installs it"));
    let output: Box<dyn std::io::Read + Send> = match (child.stdout.take(), child.stderr.take()) {
        (Some(output), _) => Box::new(output),
        (_, Some(output)) => Box::new(output),
        _ => unreachable!(),
    };
    let mut lines = BufReader::new(output).lines();
    let mut all = String::new();
    let line = loop {
        let Some(Ok(line)) = lines.next() else {
            panic!("{command:?} ended: {all}");
        };
        if line.contains(ready) {
            break line;
        }
        all = format!("{all}\n{line}");
    };
    // What comes later must not fill the pipe.
    thread::spawn(move || lines.for_each(drop));
    (child, line)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// The port in `http://127.0.0.1:PORT/`, or with TLS.
fn port_in(line: &str) -> u16 {
    let (_, rest) = line.split_once("://127.0.0.1:").unwrap();
    rest.trim_end_matches('/').parse().unwrap()
}

fn keygen(path: &Path) -> String {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
    fs::read_to_string(path.with_extension("pub")).unwrap()
}

/// An OpenSSH server with a key of its own, and what a client needs.
pub(crate) struct Ssh {
    pub(crate) server: Server,
    /// Logs in.
    pub(crate) key: PathBuf,
    /// Does not.
    pub(crate) wrong_key: PathBuf,
    /// The line of the host's key, without the host.
    pub(crate) host_key: String,
}

impl Ssh {
    pub(crate) fn start(directory: &Path) -> Self {
        let path = |name: &str| directory.join(name);
        let host_key = keygen(&path("host"));
        fs::write(path("authorized"), keygen(&path("key"))).unwrap();
        keygen(&path("wrong"));
        // Where it separates privileges, if it has some.
        if nix::unistd::geteuid().is_root() {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let port = free_port();
        let settings = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\n\
             PidFile none\nMaxStartups 100\nSubsystem sftp internal-sftp\n",
            path("host").display(),
            path("authorized").display(),
        );
        fs::write(path("sshd_config"), settings).unwrap();
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f"]).arg(path("sshd_config"));
        let (child, _) = start(&mut command, true, "Server listening on");
        Self {
            server: Server { child, port },
            key: path("key"),
            wrong_key: path("wrong"),
            host_key: host_key.split(' ').take(2).collect::<Vec<_>>().join(" "),
        }
    }

    /// A file in which the host's key is known at a port.
    pub(crate) fn known_hosts(&self, directory: &Path, port: u16) -> PathBuf {
        let path = directory.join("known_hosts");
        fs::write(&path, format!("[127.0.0.1]:{port} {}\n", self.host_key)).unwrap();
        path
    }
}

pub(crate) const USER: &str = "backup";
pub(crate) const LOGIN: &str = "hush: a secret";

/// rclone serves a directory; `protocol` is `restic` or `webdav`.
pub(crate) fn rclone(protocol: &str, directory: &Path) -> Server {
    rclone_with(protocol, directory, &[])
}

/// The same with TLS, by a certificate that vouches for itself: it is in the file that is answered.
pub(crate) fn rclone_tls(directory: &Path) -> (Server, PathBuf) {
    let path = |name: &str| directory.join(name).display().to_string();
    let (key, certificate) = (path("tls.key"), path("tls.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args([
            "-days",
            "2",
            "-subj",
            "/CN=test",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        ])
        .args([
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ])
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    let stored = directory.join("server");
    let server = rclone_with("restic", &stored, &["--cert", &certificate, "--key", &key]);
    (server, certificate.into())
}

fn rclone_with(protocol: &str, directory: &Path, more: &[&str]) -> Server {
    fs::create_dir_all(directory).unwrap();
    let ready = match protocol {
        "restic" => "Serving restic REST API on",
        _ => "WebDav Server started on",
    };
    let mut command = Command::new("rclone");
    command
        .args([
            "serve",
            protocol,
            "--addr",
            "127.0.0.1:0",
            "--user",
            USER,
            "--pass",
            LOGIN,
        ])
        .args([
            "--config",
            "/dev/null",
            "--retries",
            "1",
            "--low-level-retries",
            "1",
        ])
        .args(if protocol == "webdav" {
            &["--dir-cache-time", "0s"][..]
        } else {
            &[]
        })
        .args(more)
        .arg(directory);
    let (child, said) = start(&mut command, true, ready);
    let port = port_in(&said);
    Server { child, port }
}

/// An S3 server with the bucket `bucket`: port, key, secret.
pub(crate) fn s3() -> (Server, String, String) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/engine/places/s3.py");
    let mut command = Command::new(s3_python());
    command.arg(script);
    let (child, said) = start(&mut command, false, " ");
    let mut words = said.split(' ').map(str::to_owned);
    let mut next = || words.next().unwrap();
    let (port, key, secret) = (next().parse().unwrap(), next(), next());
    (Server { child, port }, key, secret)
}

/// Azure Blob Storage with the container `bucket` of an account of ours: port, account, key. Nothing where there is none.
pub(crate) fn azure(directory: &Path) -> Option<(Server, String, String)> {
    let program = tools().join("azurite-3.37.0/node_modules/.bin/azurite-blob");
    if !program.exists() {
        eprintln!(
            "skipped: there is no `{}` (`scripts/install-tools.sh` installs it where there is npm)",
            program.display()
        );
        return None;
    }
    let (account, key, port) = ("backup", "c2VjcmV0IG9mIHRoZSBhY2NvdW50", free_port());
    let mut command = Command::new(program);
    command
        .args([
            "--blobPort",
            &port.to_string(),
            "--inMemoryPersistence",
            "--skipApiVersionCheck",
        ])
        .current_dir(directory)
        .env("AZURITE_ACCOUNTS", format!("{account}:{key}"));
    let (child, _) = start(&mut command, false, "successfully listens on");
    let server = Server { child, port };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/engine/places/azure.py");
    let made = Command::new(s3_python())
        .arg(script)
        .args([&port.to_string(), account, key, "bucket"])
        .status()
        .unwrap();
    assert!(made.success());
    Some((server, account.to_owned(), key.to_owned()))
}

/// Google Cloud Storage with the bucket `bucket`; it lets everybody in.
pub(crate) fn google() -> Server {
    let python = tools().join("gcs-emulator-2026.7.19/bin/python");
    let port = free_port();
    let mut command = Command::new(python);
    command
        .args([
            "-u",
            "-m",
            "gcp_storage_emulator",
            "start",
            "--in-memory",
            "--host",
            "127.0.0.1",
        ])
        .args(["--port", &port.to_string(), "--default-bucket", "bucket"]);
    let (child, _) = start(&mut command, true, "services started");
    Server { child, port }
}

/// What `scripts/install-tools.sh` installs.
pub(crate) fn tools() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    cache.join("backupd-tools")
}

fn s3_python() -> PathBuf {
    let python = tools().join("s3-moto-5.2.5/bin/python");
    assert!(
        python
            .metadata()
            .is_ok_and(|file| file.permissions().mode() & 0o100 != 0),
        "`scripts/install-tools.sh` installs an S3 server for these tests"
    );
    python
}
