//! Repositories on remote places, with real servers on the loopback interface.

#[path = "../engine/places/cycle.rs"]
mod cycle;
#[path = "../engine/places/proxy.rs"]
mod proxy;
#[path = "../engine/places/servers.rs"]
pub(crate) mod servers;
#[path = "../engine/places/site.rs"]
mod site;

use backupd_engine::{Access, ErrorKind, Password, Secrets};

use crate::{
    engine::engine,
    world::{noise, picture},
};

use site::{Place, Site};

/// A repository with a snapshot, and something new to store.
fn site(place: Place) -> Site {
    let site = Site::new(place);
    site.init();
    site.write("old", noise(500_000, 1));
    site.backup().unwrap();
    site.write("new", noise(4_000_000, 2));
    site
}

#[test]
fn a_connection_that_is_cut_fails_the_backup_and_loses_nothing() {
    // restic tries others again for many minutes.
    let site = site(Place::Sftp);
    site.proxy.as_ref().unwrap().cut_after(1_000_000, true);
    let error = site.backup().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{}", error.chain());
    assert_eq!(site.snapshots().len(), 1);
    // It could not remove its lock any more, which excludes no backup.
    site.backup().unwrap_or_else(|error| panic!("{}", error.chain()));
    assert_eq!(picture(&site.restore("out")), picture(&site.source()));
    site.restic_well(&["unlock", "--remove-all"]);
    site.is_sound();
}

#[test]
fn who_is_refused_is_told_so() {
    for place in [Place::Rest, Place::S3] {
        let site = site(place);
        let mut access = Access {
            secrets: Secrets::default(),
            ..site.access.clone()
        };
        for name in ["username", "password", "access_key_id", "secret_access_key"] {
            access.secrets.set(name, "nobody".to_owned());
        }
        let error = engine().probe(&access).unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::AccessRefused,
            "{place:?}: {}",
            error.chain()
        );
        let access = Access {
            password: Password::new("wrong".to_owned()),
            ..site.access.clone()
        };
        let error = engine().probe(&access).unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::WrongPassword,
            "{place:?}: {}",
            error.chain()
        );
    }
}

#[test]
fn a_server_that_answers_nonsense_is_told_so_before_restic_is_asked() {
    const PAGE: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\nConnection: close\r\n\r\n<html>hello</html>\n\n";
    for place in [Place::Rest, Place::S3] {
        let site = site(place);
        let old = format!(":{}", site.proxy.as_ref().unwrap().port);
        let mut access = site.access.clone();
        access.url = access.url.replace(&old, &format!(":{}", proxy::babbling(PAGE)));
        access.options.retries = 1;
        let error = site.backup_as(&access).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Network | ErrorKind::Corrupt),
            "{place:?}: {:?} {}",
            error.kind(),
            error.chain()
        );
        assert_eq!(site.snapshots().len(), 1);
    }
}
