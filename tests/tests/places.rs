//! Repositories on remote places, from the client's command to the server.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
};

use backupd_tests::Bed;
use tempfile::TempDir;

use crate::secrets::{assert_nowhere, unique};

/// A server of restic's protocol, which ends with the test.
struct Server {
    child: Child,
    port: u16,
    _files: TempDir,
}

impl Server {
    fn start(password: &str) -> Self {
        let files = TempDir::new().unwrap();
        let mut child = Command::new("rclone")
            .args([
                "serve",
                "restic",
                "--addr",
                "127.0.0.1:0",
                "--config",
                "/dev/null",
            ])
            .arg(files.path())
            .envs([("RCLONE_USER", "backup"), ("RCLONE_PASS", password)])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("`scripts/install-deps.sh check` installs rclone");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let port = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some((_, rest)) = line.split_once("http://127.0.0.1:") {
                break rest.trim_end_matches('/').parse().unwrap();
            }
        };
        thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            port,
            _files: files,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn failure_class(bed: &Bed) -> String {
    let run = bed.bus().history(&std::collections::HashMap::new()).remove(0);
    assert!(!run.failure_hint.unwrap().is_empty());
    run.failure_class.unwrap()
}

#[test]
fn a_repository_on_a_server_is_added_used_and_missed() {
    let secret = unique();
    let mut server = Server::start(&secret);
    let mut bed = Bed::new();
    bed.write_source("home", "letter", "dear");
    bed.start();
    let file = bed.secret("login", &secret);
    let url = format!("rest:http://127.0.0.1:{}/laptop/", server.port);
    bed.ctl(
        [
            "repository",
            "add",
            "main",
            "--url",
            &url,
            "--login",
            "backup",
            "--secret-file",
        ]
        .map(str::to_owned)
        .into_iter()
        .chain([
            file.display().to_string(),
            "--limit-upload".into(),
            "50MiB".into(),
        ])
        .chain(["--generate-password".into(), "--init".into()]),
    )
    .well();
    bed.write_job("home", "");
    // What fails fast is seen fast.
    let repository = bed.configuration().join("repositories.d/main.toml");
    let text = fs::read_to_string(&repository).unwrap();
    fs::write(&repository, format!("retries = 0\n{text}")).unwrap();
    bed.ctl(["config", "reload"]).well();
    bed.ctl(["start", "home", "--wait"]).well();
    bed.ctl(["snapshots", "home"]).well();
    let out = bed.path("out");
    bed.ctl([
        "restore",
        "latest",
        "--job",
        "home",
        "--to",
        out.to_str().unwrap(),
    ])
    .well();
    let restored = out.join(bed.source("home").strip_prefix("/").unwrap());
    assert_eq!(fs::read_to_string(restored.join("letter")).unwrap(), "dear");
    assert_nowhere(&bed, &secret, true, &[&file]);

    bed.secret("login", "wrong");
    bed.ctl(["repository", "test", "main"])
        .with_code(1)
        .complains("`[credentials]`");
    bed.ctl(["start", "home", "--wait"]).with_code(1);
    assert_eq!(failure_class(&bed), "credentials");
    bed.secret("login", &secret);
    bed.ctl(["start", "home", "--wait"]).well();

    server.child.kill().unwrap();
    server.child.wait().unwrap();
    bed.ctl(["start", "home", "--wait"]).with_code(1);
    assert_eq!(failure_class(&bed), "network");
    assert_nowhere(&bed, &secret, true, &[&file]);
}

#[test]
fn secrets_in_addresses_are_refused_before_anything_is_written() {
    let mut bed = Bed::new();
    bed.start();
    let secret = unique();
    let url = format!("rest:https://backup:{secret}@127.0.0.1/");
    let said = bed.ctl([
        "repository",
        "add",
        "main",
        "--url",
        &url,
        "--password-file",
        "/p",
    ]);
    said.with_code(1).complains("[credentials]");
    assert!(!bed.configuration().join("repositories.d/main.toml").exists());
}
