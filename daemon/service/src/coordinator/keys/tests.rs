use super::*;

#[test]
fn only_what_is_named_after_the_repository_is_taken_for_ours() {
    let repository: RepositoryName = "nas".parse().unwrap();
    let secrets = Path::new("/etc/backupd/secrets");
    let file = |path: &str| is_made_here(&PasswordSource::File(path.into()), &repository, secrets);
    assert!(file("/etc/backupd/secrets/nas") && file("/etc/backupd/secrets/nas+2"));
    for others in [
        "/etc/backupd/secrets/nas2",
        "/etc/backupd/secrets/nas+x",
        "/etc/backupd/secrets/nas.old",
        "/etc/backupd/secrets/shared",
        "/etc/backupd/nas",
        "/root/nas",
    ] {
        assert!(!file(others), "{others}");
    }
    let credential = |name: &str| {
        let source = PasswordSource::Credential(name.parse().unwrap());
        is_made_here(&source, &repository, secrets)
    };
    assert!(credential("backupd-repository-nas") && credential("backupd-repository-nas+11"));
    assert!(!credential("backupd-repository-nas-2") && !credential("nas"));
    assert!(!is_made_here(
        &PasswordSource::Command(vec!["nas".into()]),
        &repository,
        secrets
    ));
}
