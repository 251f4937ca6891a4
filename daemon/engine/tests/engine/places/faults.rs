//! What goes wrong on the way or at the other end is told apart, and nothing that was sound is lost.

use std::{
    num::NonZeroU64,
    sync::Arc,
    time::{Duration, Instant},
};

use backupd_engine::{Access, Direction, EngineError, ErrorKind, Options, Pace, Secrets};
use tempfile::TempDir;

use super::{
    proxy::{Proxy, babbling},
    servers::{self, LOGIN},
    site::{Place, Site},
};
use crate::engine::engine;
use crate::{
    selection::Mounted,
    world::{is_root, noise, picture},
};

/// Those that are reached over a network that can be cut.
const NETWORKED: [Place; 4] = [Place::Sftp, Place::Rest, Place::S3, Place::WebDav];

/// A repository with a snapshot, and something new to store.
fn site(place: Place) -> Site {
    let site = Site::new(place);
    begin(&site);
    site
}

fn begin(site: &Site) {
    site.init();
    site.write("old", noise(500_000, 1));
    site.backup().unwrap();
    site.write("new", noise(4_000_000, 2));
}

/// The same place, with less patience.
fn hasty(site: &Site, timeout: Duration, retries: u32) -> Access {
    Access {
        options: Options {
            timeout,
            retries,
            ..site.access.options.clone()
        },
        ..site.access.clone()
    }
}

fn plain(place: Place, error: &EngineError, kind: ErrorKind) {
    let chain = error.chain();
    assert_eq!(error.kind(), kind, "{place:?}: {chain}");
    for noise in [LOGIN, "hush", "Authorization", "\n", "os error", "context:"] {
        assert!(!chain.contains(noise), "{place:?}: {chain}");
    }
}

fn proxy(site: &Site) -> &Proxy {
    site.proxy.as_ref().unwrap()
}

/// After a failure: what was there is there, and the next run works.
fn goes_on(site: &Site) {
    assert_eq!(site.snapshots().len(), 1, "{:?}", site.place);
    site.backup()
        .unwrap_or_else(|error| panic!("{:?}: {}", site.place, error.chain()));
    assert_eq!(picture(&site.restore("out")), picture(&site.source()));
    site.is_sound();
}

#[test]
fn a_connection_that_is_cut_once_is_made_again() {
    for place in NETWORKED {
        let site = site(place);
        proxy(&site).cut_after(1_000_000, true);
        site.backup()
            .unwrap_or_else(|error| panic!("{place:?}: {}", error.chain()));
        assert!(proxy(&site).was_cut(), "{place:?}");
        assert_eq!(site.snapshots().len(), 2);
        site.is_sound();
    }
}

#[test]
fn a_network_that_goes_away_fails_the_backup_and_loses_nothing() {
    for place in NETWORKED {
        let site = site(place);
        proxy(&site).cut_after(1_000_000, false);
        let error = site
            .backup_as(&hasty(&site, Duration::from_secs(5), 1))
            .unwrap_err();
        plain(place, &error, ErrorKind::Network);
        proxy(&site).heal();
        // The lock could not be removed, and its process is this one, which is still there.
        site.restic_well(&["unlock", "--remove-all"]);
        goes_on(&site);
    }
}

#[test]
fn a_server_that_says_nothing_is_given_up_in_time() {
    for place in NETWORKED {
        let site = site(place);
        proxy(&site).hold();
        let begun = Instant::now();
        let error = engine()
            .probe(&hasty(&site, Duration::from_secs(1), 1))
            .unwrap_err();
        plain(place, &error, ErrorKind::Network);
        assert!(
            begun.elapsed() < Duration::from_secs(15),
            "{place:?}: {:?}",
            begun.elapsed()
        );
        proxy(&site).heal();
        goes_on(&site);
    }
}

#[test]
fn a_server_that_is_away_is_told_from_an_empty_place() {
    for place in NETWORKED {
        let site = site(place);
        proxy(&site).cut();
        let access = hasty(&site, Duration::from_secs(5), 0);
        plain(place, &engine().probe(&access).unwrap_err(), ErrorKind::Network);
        plain(place, &engine().init(&access).unwrap_err(), ErrorKind::Network);
    }
}

#[test]
fn refused_credentials_are_named_and_not_tried_again() {
    for place in NETWORKED {
        let site = site(place);
        let mut access = site.access.clone();
        let names: &[&str] = match place {
            Place::S3 => &["secret_access_key"],
            _ => &["password"],
        };
        for name in names {
            access.secrets.set(*name, "hush, wrong".to_owned());
        }
        access.options.ssh_key = site.ssh.as_ref().map(|ssh| ssh.wrong_key.clone());
        let before = proxy(&site).connections();
        let error = engine().probe(&access).unwrap_err();
        plain(place, &error, ErrorKind::AccessRefused);
        assert!(proxy(&site).connections() <= before + 1, "{place:?}");
        access.secrets = Secrets::default();
        if matches!(place, Place::Rest | Place::WebDav) {
            plain(
                place,
                &engine().probe(&access).unwrap_err(),
                ErrorKind::AccessRefused,
            );
        }
        goes_on(&site);
    }
}

#[test]
fn hosts_that_are_not_known_are_not_believed() {
    let site = site(Place::Sftp);
    let ssh = site.ssh.as_ref().unwrap();
    let port = proxy(&site).port;
    let hosts = site.directory.path().join("hosts");
    let mut access = site.access.clone();
    access.options.ssh_known_hosts = Some(hosts.clone());
    // Another host's key, and none.
    let other = std::fs::read_to_string(ssh.wrong_key.with_extension("pub")).unwrap();
    for line in [String::new(), format!("[127.0.0.1]:{port} {other}")] {
        std::fs::write(&hosts, &line).unwrap();
        let error = engine().probe(&access).unwrap_err();
        plain(Place::Sftp, &error, ErrorKind::Untrusted);
        assert_eq!(std::fs::read_to_string(&hosts).unwrap(), line);
    }
}

#[test]
fn certificates_are_trusted_that_somebody_vouches_for() {
    let site = Site::new(Place::Rest);
    let (server, certificate) = servers::rclone_tls(site.directory.path());
    let mut access = Access {
        url: format!("rest:https://127.0.0.1:{}/repository/", server.port),
        ..site.access.clone()
    };
    let error = engine().init(&access).unwrap_err();
    plain(Place::Rest, &error, ErrorKind::Untrusted);
    access.options.ca_file = Some(certificate);
    engine().init(&access).unwrap();
    site.write("file", "x");
    site.backup_as(&access).unwrap();
    access.options.ca_file = Some(site.source().join("file"));
    let error = engine().probe(&access).unwrap_err();
    plain(Place::Rest, &error, ErrorKind::InvalidRequest);
}

#[test]
fn a_full_disk_behind_the_server_is_told_as_one() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    for place in [Place::Sftp, Place::Rest, Place::Rclone] {
        let directory = TempDir::new().unwrap();
        let stored = directory.path().join("small");
        std::fs::create_dir(&stored).unwrap();
        let _mounted = Mounted::tmpfs(&stored, "6m");
        let site = Site::storing(place, directory, &stored);
        begin(&site);
        site.write("large", noise(30_000_000, 3));
        let error = site.backup().unwrap_err();
        // This server has one answer for all that it meets.
        let kind = match place {
            Place::Rest => ErrorKind::Network,
            _ => ErrorKind::NoSpace,
        };
        plain(place, &error, kind);
        site.write("large", "");
        site.write("new", "");
        goes_on(&site);
    }
}

/// So many bytes a second, both ways.
#[derive(Debug)]
struct Slow(u64);

impl Pace for Slow {
    fn limit(&self, _: Direction) -> Option<NonZeroU64> {
        NonZeroU64::new(self.0)
    }
}

#[test]
fn bandwidth_is_limited_on_every_way() {
    for place in [Place::Sftp, Place::Rest, Place::S3, Place::Rclone] {
        let site = Site::new(place);
        site.init();
        site.write("new", noise(3_000_000, 1));
        let mut access = site.access.clone();
        access.options.pace = Some(Arc::new(Slow(1_500_000)));
        let begun = Instant::now();
        site.backup_as(&access).unwrap();
        let took = begun.elapsed();
        // A quarter of a second goes free.
        assert!(took > Duration::from_millis(1700), "{place:?}: {took:?}");
        site.is_sound();
    }
}

/// The place, where somebody answers all with these words.
fn spoken_for(site: &Site, words: &'static [u8]) -> Access {
    let port = babbling(words);
    let old = format!(":{}", proxy(site).port);
    Access {
        url: site.access.url.replace(&old, &format!(":{port}")),
        ..hasty(site, Duration::from_secs(2), 1)
    }
}

#[test]
fn a_server_in_trouble_that_says_nothing_is_told_by_its_status() {
    const TROUBLE: &[u8] =
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for place in [Place::Rest, Place::S3, Place::WebDav] {
        let site = Site::new(place);
        let error = engine().probe(&spoken_for(&site, TROUBLE)).unwrap_err();
        plain(place, &error, ErrorKind::Network);
        let text = "the server answers 503 (Service Unavailable)";
        assert!(error.chain().contains(text), "{place:?}: {}", error.chain());
    }
}

#[test]
fn answers_that_make_no_sense_are_no_repository() {
    const PAGE: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 30\r\nConnection: close\r\n\r\n<html>Welcome to our Wi-Fi!\n\n\n";
    const BABBLE: &[u8] = b"\x00\x01\x02 what? \r\n\r\n";
    for words in [PAGE, BABBLE] {
        for place in NETWORKED {
            let site = Site::new(place);
            let error = engine().probe(&spoken_for(&site, words)).unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Network | ErrorKind::Corrupt),
                "{place:?}: {:?} {}",
                error.kind(),
                error.chain()
            );
            assert!(!error.chain().contains('<'), "{place:?}: {}", error.chain());
        }
    }
}
