use insta::assert_snapshot;

use super::*;
use crate::config::{parse_job, parse_repository};

fn file_of(entry: Entry<'_>) -> PathBuf {
    match entry {
        Entry::Job(name) => format!("jobs.d/{name}.toml").into(),
        Entry::Repository(name) => format!("repositories.d/{name}.toml").into(),
    }
}

/// A catalog of jobs (name, text below `repository`) and repositories (name, url).
fn catalog(jobs: &[(&str, &str, &str)], repositories: &[(&str, &str)]) -> Catalog {
    let mut catalog = Catalog::default();
    for (name, repository, text) in jobs {
        let name: JobName = name.parse().unwrap();
        let text = format!("repository = \"{repository}\"\n{text}\n");
        let job = parse_job(Path::new("x"), &name, &text).unwrap();
        catalog.jobs.insert(name, job);
    }
    for (name, url) in repositories {
        let name: RepositoryName = name.parse().unwrap();
        let text = format!("url = \"{url}\"\npassword_file = \"/p\"\n");
        let repository = parse_repository(Path::new("x"), &name, &text).unwrap();
        catalog.repositories.insert(name, repository);
    }
    catalog
}

fn faults(jobs: &[(&str, &str, &str)], repositories: &[(&str, &str)]) -> String {
    let faults = catalog(jobs, repositories).check(file_of);
    faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_sound_catalog_has_no_faults() {
    let job = "sources = [\"/home\", \"/etc\"]";
    assert_eq!(
        faults(
            &[("home", "nas", job), ("b", "nas", job)],
            &[("nas", "/srv/a"), ("usb", "/srv/ab")]
        ),
        ""
    );
    assert_eq!(faults(&[], &[]), "");
}

#[test]
fn unknown_repositories_are_guessed() {
    let job = "sources = [\"/home\"]";
    assert_snapshot!(faults(&[("a", "nass", job), ("b", "cloud", job)], &[("nas", "/srv")]), @"
    jobs.d/a.toml:1:14: the repository `nass` is not known
    hint: did you mean `nas`?
    jobs.d/b.toml:1:14: the repository `cloud` is not known
    hint: add it with `backupctl repository add cloud`
    ");
}

#[test]
fn names_that_differ_by_case_are_duplicates() {
    let job = "sources = [\"/home\"]";
    assert_snapshot!(
        faults(&[("Home", "nas", job), ("home", "nas", job), ("other", "nas", job)], &[("NAS", "/a"), ("Nas", "/c"), ("nas", "/b")]),
        @"
    jobs.d/Home.toml: duplicate name: the jobs `Home` and `home` differ by letter case only
    hint: rename one of the two files
    jobs.d/home.toml: duplicate name: the jobs `home` and `Home` differ by letter case only
    hint: rename one of the two files
    repositories.d/NAS.toml: duplicate name: the repositories `NAS` and `Nas` differ by letter case only
    hint: rename one of the two files
    repositories.d/Nas.toml: duplicate name: the repositories `Nas` and `nas` differ by letter case only
    hint: rename one of the two files
    repositories.d/nas.toml: duplicate name: the repositories `nas` and `NAS` differ by letter case only
    hint: rename one of the two files
    "
    );
}

#[test]
fn a_repository_has_one_name() {
    assert_snapshot!(faults(&[], &[("a", "/srv/x"), ("b", "local:/srv//x/"), ("c", "/srv/y")]), @"
    repositories.d/b.toml:1:7: the repository `a` has the same `url`
    hint: let the jobs of `b` use `a`, and remove this file
    ");
}

#[test]
fn a_job_does_not_back_up_its_own_repository() {
    let nas = [("nas", "/srv/nas"), ("usb", "/media/usb/restic")];
    assert_snapshot!(faults(&[("a", "nas", "sources = [\"/home\", \"/srv/nas\"]\noptional_sources = [\"/srv/nas/data\"]")], &nas), @"
    jobs.d/a.toml:2:21: the source `/srv/nas` is the repository `nas` itself
    hint: remove it: a repository cannot hold itself
    jobs.d/a.toml:3:21: the source `/srv/nas/data` lies inside of the repository `nas`
    hint: remove it: a repository cannot hold its own files
    ");
    assert_snapshot!(faults(&[("a", "nas", "sources = [\"/etc\",\n  \"/srv\"]")], &nas), @"
    jobs.d/a.toml:3:3: the repository `nas` lies inside of the source `/srv`
    hint: exclude it: add `/srv/nas` to `exclude`
    ");
    // Another job's repository may well be copied as files.
    assert_eq!(faults(&[("a", "nas", "sources = [\"/media/usb\"]")], &nas), "");
}

#[test]
fn an_excluded_repository_is_no_part_of_its_source() {
    let nas = [("nas", "/srv/nas/restic")];
    for (pattern, excluded) in [
        ("/srv/nas/restic", true),
        ("/srv/nas/restic/", true),
        ("/srv/nas", true),
        ("/srv/nas/**", true),
        ("/srv/nas/restic/data", false),
        ("/srv/na", false),
        ("nas", false),
        ("*.tmp", false),
    ] {
        let job = format!("sources = [\"/\"]\nexclude = [\"{pattern}\"]");
        assert_eq!(
            faults(&[("a", "nas", &job)], &nas).is_empty(),
            excluded,
            "{pattern}"
        );
    }
}
