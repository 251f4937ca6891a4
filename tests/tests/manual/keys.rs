//! Pages and `docs/configuration.md` name the keys that the parser knows. Its hint for an unknown key lists them.

use std::{collections::BTreeSet, fs, path::Path};

use backupd_core::config::{Fault, parse_job, parse_repository, parse_settings};

use super::page;

/// Like no key that there is.
const UNKNOWN: &str = "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq";

fn known(faults: &[Fault]) -> BTreeSet<String> {
    let hint = faults
        .iter()
        .filter_map(|fault| fault.hint.as_deref())
        .find(|hint| hint.starts_with("the keys are"))
        .unwrap_or_else(|| panic!("no hint lists the keys: {faults:?}"));
    // Every other part stands between back-ticks; of a key in a table, the last part is its name there.
    let quoted = hint.split('`').skip(1).step_by(2);
    quoted
        .map(|key| key.rsplit('.').next().unwrap().to_owned())
        .collect()
}

/// The keys that a section of a page explains.
fn explained(name: &str, section: &str) -> BTreeSet<String> {
    let text = page(name);
    let (_, section) = text.split_once(&format!(".SH {section}\n")).unwrap();
    let section = section.split(".SH").next().unwrap();
    let heads = section.split(".TP\n").skip(1);
    heads
        .map(|head| {
            head.trim_start_matches("\\fB")
                .split('\\')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect()
}

/// The keys in the table below a heading of the document.
fn documented(heading: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once(&format!("# {heading}\n")).unwrap();
    let rows = section.lines().skip_while(|line| !line.starts_with("| `"));
    rows.map_while(|line| line.strip_prefix("| `"))
        .map(|row| row.split('`').next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_keys_are_those_that_are_read() {
    let file = Path::new("x.toml");
    let top = format!("{UNKNOWN} = 1\n");
    let inner = |table: &str| format!("[{table}]\n{UNKNOWN} = 1\n");
    let job = |text: &str| parse_job(file, &"x".parse().unwrap(), text).unwrap_err();
    let repository = |text: &str| parse_repository(file, &"x".parse().unwrap(), text).unwrap_err();
    let cares = |section, heading, faults| ("backupd.repository.5", section, heading, faults);
    let tables = |section, heading, faults| ("backupd.job.5", section, heading, faults);
    let of_repository = |section, heading, table: &str| {
        let faults = parse_repository(file, &"x".parse().unwrap(), &inner(table)).unwrap_err();
        ("backupd.repository.5", section, heading, faults)
    };
    for (name, section, heading, faults) in [
        (
            "backupd.toml.5",
            "KEYS",
            "`backupd.toml`",
            parse_settings(file, &top).unwrap_err(),
        ),
        (
            "backupd.repository.5",
            "KEYS",
            "`repositories.d/NAME.toml`",
            repository(&top),
        ),
        of_repository("CREDENTIALS", "`[credentials]` of a repository", "credentials"),
        of_repository("LIMIT", "`[limit]` of a repository", "limit"),
        of_repository(
            "TIMES OF LIMITS",
            "`[[limit.times]]` of a repository",
            "[limit.times]",
        ),
        of_repository("SNAPSHOTS", "`[[snapshots]]` of a repository", "[snapshots]"),
        of_repository("SSH", "`[ssh]` of a repository", "ssh"),
        of_repository("RCLONE", "`[rclone]` of a repository", "rclone"),
        cares("CHECK", "`[check]` of a repository", repository(&inner("check"))),
        cares("PRUNE", "`[prune]` of a repository", repository(&inner("prune"))),
        ("backupd.job.5", "KEYS", "`jobs.d/NAME.toml`", job(&top)),
        tables("SCHEDULE", "`schedule` of a job", job(&inner("schedule"))),
        tables("RETENTION", "`[retention]` of a job", job(&inner("retention"))),
        tables("RETRY", "`[retry]` of a job", job(&inner("retry"))),
        tables("COPIES", "`[[copies]]` of a job", job(&inner("[copies]"))),
        tables("CONDITIONS", "`[conditions]` of a job", job(&inner("conditions"))),
        tables("TRIGGERS", "`[triggers]` of a job", job(&inner("triggers"))),
        tables(
            "PATH CHANGES",
            "`[triggers.path_change]` of a job",
            job(&inner("triggers.path_change")),
        ),
        tables("RESOURCES", "`[resources]` of a job", job(&inner("resources"))),
    ] {
        let known = known(&faults);
        assert_eq!(explained(name, section), known, "{section} of {name}");
        assert_eq!(documented(heading), known, "{heading} of docs/configuration.md");
    }
}

/// Whether a text is a job, where it says no more than it must of what is backed up.
fn assert_job(text: &str) {
    let lead = if text.contains("repository =") {
        ""
    } else {
        "repository = \"nas\"\nsources = [\"/home\"]\n"
    };
    let whole = format!("{lead}{text}");
    let read = parse_job(Path::new("x.toml"), &"x".parse().unwrap(), &whole);
    read.unwrap_or_else(|faults| panic!("{whole}\n{faults:#?}"));
}

/// Whether a text is a repository, where it says no more than it must of where it is.
fn assert_repository(text: &str) {
    let whole = format!("url = \"/srv/nas\"\npassword_file = \"/etc/secret\"\n{text}");
    let read = parse_repository(Path::new("x.toml"), &"x".parse().unwrap(), &whole);
    read.unwrap_or_else(|faults| panic!("{whole}\n{faults:#?}"));
}

#[test]
fn the_examples_are_jobs() {
    let text = page("backupd.job.5").replace("\\-", "-");
    let (_, examples) = text.split_once(".SH EXAMPLES\n.nf\n").unwrap();
    let (examples, _) = examples.split_once(".fi\n").unwrap();
    let jobs: Vec<&str> = examples.split("# /etc/backupd/jobs.d/").skip(1).collect();
    assert!(jobs.len() > 2);
    for job in jobs {
        assert_job(&format!("# {job}"));
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let text: String = ["configuration.md", "retention.md"]
        .map(|name| fs::read_to_string(docs.join(name)).unwrap())
        .concat();
    for block in text.split("```toml\n").skip(1) {
        let (block, _) = block.split_once("```").unwrap();
        // Several ways to write one key, a line each.
        let ways = |key: &str| block.lines().filter(|line| line.starts_with(key)).count();
        if block.starts_with("[check]") {
            assert_repository(block);
        } else if ways("schedule =") > 1 || ways("retention =") > 1 {
            block.lines().for_each(assert_job);
        } else {
            assert_job(block);
        }
    }
}
