//! Services with addresses of their own, each asked at another one.

use std::path::Path;

use backupd_engine::{ErrorKind, Secrets};

use super::{
    moving::moves,
    servers,
    site::{Place, Site},
};
use crate::engine::engine;

fn has_azure() -> bool {
    servers::azure(Path::new("/tmp")).is_some()
}

#[test]
fn to_azure_and_back() {
    if has_azure() {
        moves(Place::Azure);
    }
}

#[test]
fn to_google_and_back() {
    moves(Place::Google);
}

#[test]
fn to_backblaze_and_back() {
    moves(Place::Backblaze);
}

#[test]
fn azure_lets_nobody_in_with_a_wrong_key_and_has_no_other_container() {
    if !has_azure() {
        return;
    }
    let site = Site::new(Place::Azure);
    site.init();
    let mut wrong = site.access.clone();
    wrong.secrets.set("account_key", "d3Jvbmc=".to_owned());
    let error = engine().probe(&wrong).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessRefused, "{}", error.chain());
    assert!(!error.chain().contains("d3Jvbmc"), "{}", error.chain());
    let mut missing = site.access.clone();
    missing.url = "azure:nothing:/repository".to_owned();
    let error = engine().probe(&missing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RepositoryNotFound, "{}", error.chain());
    missing.secrets = Secrets::default();
    let error = engine().probe(&missing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{}", error.chain());
    assert!(error.chain().contains("storage account"), "{}", error.chain());
}

#[test]
fn a_bucket_that_is_missing_at_google_is_no_repository() {
    let mut site = Site::new(Place::Google);
    site.access.url = "gs:nothing:/repository".to_owned();
    let error = engine().probe(&site.access).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RepositoryNotFound, "{}", error.chain());
}
