use std::path::PathBuf;

use insta::assert_snapshot;

use super::*;
use crate::config::Adopts;

fn read(lines: &str) -> Result<Job, String> {
    let text = format!("repository = \"nas\"\nsources = [\"/home\"]\n{lines}");
    parse_job(Path::new("home.toml"), &"home".parse().unwrap(), &text).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        faults.join("\n")
    })
}

#[test]
fn what_others_have_made_is_named() {
    let job =
        read("adopts = [{ host = \"box\", paths = [\"/home\"], tags = [] }, { host = \"old\" }]").unwrap();
    let of = |host: &str, paths: Option<&str>, tags| Adopts {
        host: host.to_owned(),
        paths: paths.map(|path| vec![PathBuf::from(path)]),
        tags,
    };
    assert_eq!(
        job.adopts,
        [of("box", Some("/home"), Some(Vec::new())), of("old", None, None)]
    );
    assert!(read("").unwrap().adopts.is_empty());
}

#[test]
fn what_does_not_say_whose_they_are_is_refused() {
    assert_snapshot!(
        read("adopts = [\"box\", { paths = [\"/home\"] }, { host = \"a\", tags = [\"job=x\"], path = 1 }]").unwrap_err(),
        @"
    home.toml:3:11: `box` does not say what of its snapshots is meant
    hint: write whose snapshots they are, such as `adopts = [{ host = \"laptop\", paths = [\"/home\"] }]`
    home.toml:3:18: `adopts` does not say which host the snapshots are of
    hint: write whose snapshots they are, such as `adopts = [{ host = \"laptop\", paths = [\"/home\"] }]`
    home.toml:3:63: what is tagged with `job=x` is a job's own already
    hint: name snapshots that no job has made
    home.toml:3:73: unknown key `adopts.path`
    hint: did you mean `paths`?
    "
    );
    assert_snapshot!(read("adopts = [{ host = \"a\" }, { host = \"a\" }]").unwrap_err(), @"
    home.toml:3:27: the host `a` stands here twice
    hint: remove one of the two
    ");
}
