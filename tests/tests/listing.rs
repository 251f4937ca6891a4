//! Paging through history, and its filters.

use std::collections::{BTreeSet, HashMap};

use backupd_dbus::RunProperties;
use backupd_tests::Bed;
use zbus::Variant;

/// Ids of the runs that match.
fn ids(bed: &Bed, filter: &[(&str, Variant<'_>)]) -> Vec<String> {
    let filter: HashMap<&str, Variant<'_>> =
        filter.iter().map(|(key, value)| (*key, value.clone())).collect();
    bed.bus().history(&filter).into_iter().map(id).collect()
}

fn id(run: RunProperties) -> String {
    run.id.unwrap()
}

#[test]
fn pages_lead_from_the_newest_to_the_oldest_run_without_gaps() {
    let mut bed = Bed::new();
    bed.write_source("home", "a", "a");
    bed.write_repository("main");
    bed.write_job("home", "");
    bed.settings("worker = \"/bin/true\"\n");
    bed.start();
    let mut started: Vec<String> = (0..25)
        .map(|_| {
            let id = bed.bus().start("home").unwrap();
            bed.bus().wait_for_end(&id);
            id
        })
        .collect();
    started.reverse();
    let mut found = Vec::new();
    let mut next = String::new();
    let mut pages = 0;
    loop {
        let mut options = HashMap::from([("limit", Variant::from(10_u32))]);
        if pages > 0 {
            options.insert("before", Variant::from(next.clone()));
        }
        let (runs, following) = bed
            .bus()
            .wait(bed.bus().manager().list_runs(&HashMap::new(), &options))
            .unwrap();
        found.extend(runs.into_iter().map(id));
        pages += 1;
        if following.is_empty() {
            break;
        }
        next = following;
    }
    assert_eq!(pages, 3);
    assert_eq!(found, started);
    let listed = bed
        .ctl(["history", "home", "--limit", "0", "--json"])
        .well()
        .json();
    assert_eq!(listed["runs"].as_array().unwrap().len(), 25);
    let listed = bed.ctl(["history", "--limit", "7", "--json"]).well().json();
    assert_eq!(listed["runs"].as_array().unwrap().len(), 7);
}

#[test]
fn every_filter_narrows() {
    let mut bed = Bed::new();
    let gate = bed.write_gated_repository("main");
    bed.write_repository("other");
    bed.write_source("home", "a", "a");
    bed.write_source("mail", "a", "a");
    bed.write_job("home", "");
    let text = bed.job_text("mail", "").replace("\"main\"", "\"other\"");
    bed.write_file("jobs.d/mail.toml", &text);
    bed.start();
    bed.init("main");
    bed.init("other");
    let bus = bed.bus();
    let good = bus.start("home").unwrap();
    let first = bus.wait_for_end(&good);
    let target = bed.path("restored");
    bed.ctl([
        "restore",
        "latest",
        "--job",
        "home",
        "--to",
        target.to_str().unwrap(),
    ])
    .well();
    let restore = ids(&bed, &[("operation", Variant::from("restore"))]);
    assert_eq!(restore.len(), 1);
    let restore = restore[0].clone();
    let mail = bus.start("mail").unwrap();
    bus.wait_for_end(&mail);
    gate.close();
    let active = bus.start("home").unwrap();
    gate.wait_for(1);

    let all: BTreeSet<String> = ids(&bed, &[]).into_iter().collect();
    assert_eq!(
        all,
        BTreeSet::from([good.clone(), restore.clone(), mail.clone(), active.clone()])
    );
    let since = first.finished_usec.unwrap();
    for (filter, wanted) in [
        (vec![("id", Variant::from(good.clone()))], vec![&good]),
        (
            vec![("job", Variant::from("home"))],
            vec![&active, &restore, &good],
        ),
        (vec![("repository", Variant::from("other"))], vec![&mail]),
        (
            vec![("operation", Variant::from("backup"))],
            vec![&active, &mail, &good],
        ),
        (
            vec![("trigger", Variant::from("manual"))],
            vec![&active, &mail, &restore, &good],
        ),
        (
            vec![("kind", Variant::from("manual"))],
            vec![&active, &mail, &restore, &good],
        ),
        (vec![("kind", Variant::from("automatic"))], vec![]),
        (vec![("state", Variant::from("running"))], vec![&active]),
        (
            vec![("result", Variant::from("success"))],
            vec![&mail, &restore, &good],
        ),
        (vec![("result", Variant::from("failed"))], vec![]),
        (
            vec![("since-usec", Variant::from(since))],
            vec![&active, &mail, &restore],
        ),
        (vec![("until-usec", Variant::from(since))], vec![&good]),
        (
            vec![("until-usec", Variant::from(u64::MAX))],
            vec![&active, &mail, &restore, &good],
        ),
        (
            vec![
                ("job", Variant::from("home")),
                ("operation", Variant::from("backup")),
                ("result", Variant::from("success")),
            ],
            vec![&good],
        ),
    ] {
        let found = ids(&bed, &filter);
        assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{filter:?}");
    }
    // `%` and `_` are no wild cards.
    for id in ["%", "_"] {
        assert!(ids(&bed, &[("id", Variant::from(id))]).is_empty());
    }
}
