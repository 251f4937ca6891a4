use std::collections::BTreeMap;

use super::*;
use crate::config::{PasswordSource, Secret};

fn repository(url: &str) -> RepositorySpec {
    RepositorySpec {
        url: url.to_owned(),
        ..RepositorySpec::none()
    }
}

fn names(way: &RecoveryWay) -> Vec<&str> {
    way.variables
        .iter()
        .map(|variable| variable.name.as_str())
        .collect()
}

fn login(name: &str, proof: &str) -> BTreeMap<String, Secret> {
    let proof_from = Secret::From(PasswordSource::File("/etc/hush-file".into()));
    BTreeMap::from([
        (name.to_owned(), Secret::Name("hush-name".to_owned())),
        (proof.to_owned(), proof_from),
    ])
}

#[test]
fn each_kind_of_place_has_its_address_and_its_variables() {
    for (url, address, variables, notes) in [
        ("/srv/backup", "/srv/backup", &[][..], &["mount the disk"][..]),
        ("local:/srv/backup", "local:/srv/backup", &[], &["mount the disk"]),
        ("sftp:me@nas:/b", "sftp:me@nas:/b", &[], &["`ssh` has to log in"]),
        ("rest:https://nas/b/", "rest:https://nas/b/", &[], &[]),
        (
            "s3:https://s3.example.com/b",
            "s3:https://s3.example.com/b",
            &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
            &[],
        ),
        (
            "webdav:https://dav.example.com/b",
            "rclone:backup:",
            &[],
            &["address `https://dav.example.com/b`."],
        ),
        ("rclone:drive:b", "rclone:drive:b", &[], &["the remote `drive`"]),
    ] {
        let way = way(&repository(url));
        assert_eq!(
            (way.address.as_str(), names(&way).as_slice()),
            (address, variables)
        );
        assert_eq!(way.notes.len(), notes.len(), "{url}: {:?}", way.notes);
        for (note, text) in way.notes.iter().zip(notes) {
            assert!(note.contains(text), "{note}");
        }
        assert!(way.arguments.is_empty());
    }
}

#[test]
fn what_lets_one_in_is_named_and_never_shown() {
    let mut rest = repository("rest:https://nas/b/");
    rest.secrets = login("username", "password");
    let mut s3 = repository("s3:https://s3.example.com/b");
    s3.secrets = login("access_key_id", "secret_access_key");
    s3.secrets.extend(login("session_token", "session_token"));
    s3.reach.region = Some("eu-north-1".to_owned());
    let mut webdav = repository("webdav:https://dav.example.com/b");
    webdav.secrets = login("username", "password");
    let (of_rest, of_s3, of_webdav) = (way(&rest), way(&s3), way(&webdav));
    assert_eq!(names(&of_rest), ["RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD"]);
    assert_eq!(
        names(&of_s3),
        [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_DEFAULT_REGION"
        ]
    );
    let values: Vec<_> = of_s3
        .variables
        .iter()
        .filter_map(|v| v.value.as_deref())
        .collect();
    assert_eq!(values, ["eu-north-1"]);
    assert!(of_webdav.notes[0].contains("user name and the password"));
    for way in [of_rest, of_s3, of_webdav] {
        let text = serde_json::to_string(&way).unwrap();
        assert!(!text.contains("hush"), "{text}");
    }
}

#[test]
fn what_is_only_on_this_machine_is_named_for_who_has_to_copy_it() {
    let mut rest = repository("rest:https://nas/b/");
    rest.reach.ca_file = Some("/etc/ssl/own.pem".into());
    let of_rest = way(&rest);
    assert_eq!(of_rest.arguments, ["--cacert", "ca.pem"]);
    assert!(of_rest.notes[0].contains("`/etc/ssl/own.pem`"));
    let mut sftp = repository("sftp:me@nas:/b");
    sftp.reach.ssh_key = Some("/root/.ssh/nas".into());
    assert!(way(&sftp).notes[0].contains("the key `/root/.ssh/nas`"));
    let mut rclone = repository("rclone:drive:b");
    rclone.reach.rclone_config = Some("/etc/rclone.conf".into());
    assert!(way(&rclone).notes[0].contains("configuration `/etc/rclone.conf`"));
}
