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
        catalog.jobs.insert(name, job.into());
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
fn a_snapshot_is_adopted_by_one_job() {
    let with = |adopts: &str| format!("sources = [\"/home\"]\nadopts = [{adopts}]");
    let (all, home) = (
        with("{ host = \"box\" }"),
        with("{ host = \"a\" }, { host = \"box\", paths = [\"/home\"] }"),
    );
    let etc = with("{ host = \"box\", paths = [\"/etc\"] }");
    let places = [("nas", "/a"), ("usb", "/b")];
    assert_eq!(
        faults(
            &[("a", "nas", &home), ("b", "nas", &etc), ("c", "usb", &all)],
            &places
        ),
        ""
    );
    assert_snapshot!(faults(&[("a", "nas", &home), ("b", "nas", &all)], &places), @"
    jobs.d/b.toml:3:11: the job `a` adopts snapshots of the host `box` that are meant here, too
    hint: a snapshot is of one job: say with `paths` or `tags` which are whose
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

#[test]
fn a_job_waits_for_jobs_that_there_are() {
    let job = |after: &str| format!("sources = [\"/home\"]\nafter = [{after}]");
    let (database, home) = (job(""), job("\"database\", \"databse\", \"mails\""));
    let jobs = [
        ("database", "nas", database.as_str()),
        ("home", "nas", home.as_str()),
    ];
    assert_snapshot!(faults(&jobs, &[("nas", "/srv")]), @"
    jobs.d/home.toml:3:22: the job `databse` is not known
    hint: did you mean `database`?
    jobs.d/home.toml:3:33: the job `mails` is not known
    hint: remove it, or write a file for that job
    ");
    // One whose file is not well today is no slip of the others.
    let mut catalog = catalog(&jobs, &[("nas", "/srv")]);
    catalog.faulty = ["databse", "mails"].map(|name| name.parse().unwrap()).into();
    assert_eq!(catalog.check(file_of), []);
    let [database, home] = ["database", "home"].map(|name| name.parse().unwrap());
    assert_eq!(catalog.waiting_for(&database).collect::<Vec<_>>(), [&home]);
    assert_eq!(catalog.waiting_for(&home).count(), 0);
}

#[test]
fn nobody_waits_for_himself_in_the_end() {
    let job = |after: &[&str]| format!("sources = [\"/home\"]\nafter = {after:?}");
    let jobs = [
        ("a", job(&["d", "b"])),
        ("b", job(&["d", "c"])),
        ("c", job(&["a"])),
        ("d", job(&[])),
        // It waits for a circle, and is in none.
        ("e", job(&["d", "a"])),
    ];
    let jobs = jobs.each_ref().map(|(name, text)| (*name, "nas", text.as_str()));
    assert_snapshot!(faults(&jobs, &[("nas", "/srv")]), @"
    jobs.d/a.toml:3:15: `after` leads in a circle: `a` waits for `b`, `b` for `c`, `c` for `a`
    hint: take one of them out of the `after` of another
    jobs.d/b.toml:3:15: `after` leads in a circle: `b` waits for `c`, `c` for `a`, `a` for `b`
    hint: take one of them out of the `after` of another
    jobs.d/c.toml:3:10: `after` leads in a circle: `c` waits for `a`, `a` for `b`, `b` for `c`
    hint: take one of them out of the `after` of another
    ");
    let ring: Vec<(String, String)> = (10..40)
        .map(|number| {
            (
                format!("j{number}"),
                job(&[&format!("j{}", 10 + (number - 9) % 30)]),
            )
        })
        .collect();
    let ring: Vec<_> = ring
        .iter()
        .map(|(name, text)| (name.as_str(), "nas", text.as_str()))
        .collect();
    let long = faults(&ring, &[("nas", "/srv")]);
    assert_snapshot!(long.lines().next().unwrap(), @"jobs.d/j10.toml:3:10: `after` leads in a circle: `j10` waits for `j11`, `j11` for `j12`, `j12` for `j13`, `j13` for `j14`, `j14` for `j15`, `j15` for `j16`, `j16` for `j17`, `j17` for `j18`, `j18` for `j19`, `j19` for `j20`, `j20` for `j21`, `j21` for `j22`, and so on over 18 more back to `j10`");
    assert_eq!(long.lines().count(), 60);
}

#[test]
fn long_chains_are_no_circles() {
    let job = |after: String| format!("sources = [\"/home\"]\nafter = [{after}]");
    let chain: Vec<(String, String)> = (0..2000)
        .map(|number: u32| {
            let after = number.checked_sub(1).map(|before| format!("\"j{before}\""));
            (format!("j{number}"), job(after.unwrap_or_default()))
        })
        .collect();
    let chain: Vec<_> = chain
        .iter()
        .map(|(name, text)| (name.as_str(), "nas", text.as_str()))
        .collect();
    assert_eq!(faults(&chain, &[("nas", "/srv")]), "");
}

#[test]
fn jobs_ask_nothing_of_restic_that_it_cannot_do() {
    let job = "sources = [\"/x\"]\ninclude = [\"*.txt\"]\nexclude_if_present = [\"a:b\"]";
    let mut catalog = catalog(&[("a", "nas", job)], &[("nas", "/srv")]);
    assert_eq!(catalog.check(file_of), []);
    for repository in catalog.repositories.values_mut() {
        repository.engine = EngineName::Restic;
    }
    let faults: Vec<String> = catalog.check(file_of).iter().map(ToString::to_string).collect();
    assert_snapshot!(faults.join("\n"), @"
    jobs.d/a.toml:3:11: the repository's engine is `restic`, which stores all that is not excluded
    hint: say with `exclude` what is left out, or let another engine write the repository
    jobs.d/a.toml:4:22: the repository's engine is `restic`, which takes no `:` in these names
    hint: name another file
    ");
}

#[test]
fn copies_go_to_what_is_there_and_is_not_backed_up() {
    let sources = "sources = [\"/home\"]\n";
    let said = |copies: &str| {
        faults(
            &[("home", "nas", &format!("{sources}copies = {copies}"))],
            &[
                ("nas", "/srv/a"),
                ("cloud", "rest:https://x/y"),
                ("mine", "/home/me/copy"),
            ],
        )
    };
    assert_eq!(said("[\"cloud\"]"), "");
    assert_snapshot!(said("[\"cloud\", { to = \"clout\" }]"), @"
    jobs.d/home.toml:3:20: the repository `clout` is not known
    hint: did you mean `cloud`?
    ");
    assert_snapshot!(said("[\"mine\"]"), @"
    jobs.d/home.toml:2:12: the repository `mine` lies inside of the source `/home`
    hint: exclude it: add `/home/me/copy` to `exclude`
    ");
}
