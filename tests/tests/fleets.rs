//! Several machines with one repository, on an object store of three nodes.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
};

use backupd_dbus::RunProperties;
use backupd_tests::{Bed, Cluster, cluster::BUCKET, files::look, process::send, repositories::text};
use nix::sys::signal::Signal;

/// A machine of that name with a daemon and a job, whose repository is that of the cluster.
fn machine(cluster: &Cluster, host: &str, job: &str, more: &str) -> Bed {
    let mut bed = Bed::new();
    bed.host = Some(host.to_owned());
    bed.write_source(job, "name", host);
    cluster.write_repository(&bed, "");
    bed.write_job(job, more);
    bed.start();
    bed
}

fn ended_well(run: &RunProperties) {
    assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
    assert_eq!(run.attempt, Some(1), "{run:?}");
}

/// The ids and hosts of what is listed.
fn listed(bed: &Bed, which: &[&str]) -> Vec<(String, String)> {
    let listed = bed.ctl([&["snapshots", "--json"], which].concat()).well().json();
    let listed = listed["snapshots"].as_array().unwrap().iter();
    listed
        .map(|snapshot| (text(snapshot, "id").to_owned(), text(snapshot, "host").to_owned()))
        .collect()
}

/// How many snapshots of each host stock restic sees.
fn hosts(cluster: &Cluster, bed: &Bed) -> Vec<(String, usize)> {
    let listed = cluster.restic(bed, &["snapshots", "--no-lock", "--json"]).well();
    let mut hosts = BTreeMap::new();
    for snapshot in listed.json().as_array().unwrap() {
        *hosts.entry(text(snapshot, "hostname").to_owned()).or_default() += 1;
    }
    hosts.into_iter().collect()
}

/// Nothing is wrong with any byte of it.
fn assert_whole(cluster: &Cluster, bed: &Bed) {
    bed.ctl(["check", "main", "--read-data", "all", "--wait"]).well();
    cluster.restic(bed, &["check", "--read-data", "--no-lock"]).well();
}

/// The newest snapshot of a machine's job is what its source is.
fn assert_restores(bed: &Bed, job: &str) {
    let out = bed.path(format!("out-{job}"));
    bed.ctl([
        "restore",
        "latest",
        "--job",
        job,
        "--to",
        out.to_str().unwrap(),
        "--wait",
    ])
    .well();
    let restored = out.join(bed.source(job).strip_prefix("/").unwrap());
    assert_eq!(look(&restored), look(&bed.source(job)));
}

/// The run of a job that has just been asked for, at its end.
fn back_up(bed: &Bed, job: &str) -> RunProperties {
    let id = bed.bus().start(job).unwrap();
    let run = bed.bus().wait_for_end(&id);
    ended_well(&run);
    run
}

fn added(run: &RunProperties) -> u64 {
    run.statistics.as_ref().unwrap().bytes_stored.unwrap()
}

#[test]
fn machines_that_store_at_once_share_a_repository() {
    let Some(cluster) = Cluster::start() else { return };
    // Two have a job of the same name.
    let keep = "retention = { keep_last = 1 }";
    let machines = [
        ("alpha", "home", machine(&cluster, "alpha", "home", "")),
        ("beta", "home", machine(&cluster, "beta", "home", "")),
        ("gamma", "etc", machine(&cluster, "gamma", "etc", keep)),
    ];
    let [(.., alpha), (.., beta), (.., gamma)] = &machines;
    alpha.init("main");
    for (seed, (_, job, bed)) in (10..).zip(&machines) {
        bed.write_big(job, "own", 2, seed);
        bed.write_big(job, "common", 4, 1);
    }
    // All stand before the store together.
    cluster.balancer.hold_after(0);
    let runs = machines.each_ref().map(|(_, job, bed)| {
        let id = bed.bus().start(job).unwrap();
        bed.worker(&id);
        id
    });
    cluster.balancer.release();
    for (id, (_, _, bed)) in runs.iter().zip(&machines) {
        ended_well(&bed.bus().wait_for_end(id));
    }
    for (host, job, bed) in &machines {
        let of_job = listed(bed, &[job]);
        assert!(matches!(&of_job[..], [(_, of)] if of == host), "{of_job:?}");
        assert_restores(bed, job);
    }

    // What one machine has stored is not stored again by another.
    gamma.write_big("etc", "of-alpha", 2, 10);
    let listener = gamma.bus().listen();
    let run = back_up(gamma, "etc");
    assert!(added(&run) < 1 << 20, "{run:?}");

    // Retention lets go what is of the job and the machine alone, and a prune of another leaves that where it is.
    let filter = HashMap::from([("operation", "forget".into())]);
    let forget = listener.until(|_| {
        let mut runs = gamma.bus().history(&filter).into_iter();
        runs.find(|run| run.statistics.as_ref().and_then(|sums| sums.snapshots_forgotten) == Some(1))
    });
    let left =
        |gamma| [("alpha", 1), ("beta", 1), ("gamma", gamma)].map(|(host, count)| (host.to_owned(), count));
    assert_eq!(hosts(&cluster, beta), left(1));
    beta.ctl(["prune", "main", "--max-unused", "0%", "--wait"]).well();
    gamma
        .ctl(["forget", "--undo", &forget.unwrap().id.unwrap()])
        .well();
    assert_eq!(hosts(&cluster, beta), left(2));
    assert_whole(&cluster, alpha);

    // A bucket that may not have more.
    cluster
        .garage(&["bucket", "set-quotas", BUCKET, "--max-size", "20MiB"])
        .well();
    alpha.write_big("home", "too-large", 20, 4);
    alpha
        .ctl(["start", "home", "--wait"])
        .with_code(1)
        .tells("(no-space)");
    assert_eq!(cluster.locks(alpha), "");
}

#[test]
fn a_prune_waits_for_the_backup_of_another_machine() {
    let Some(cluster) = Cluster::start() else { return };
    let alpha = machine(&cluster, "alpha", "home", "");
    let beta = machine(&cluster, "beta", "home", "");
    alpha.init("main");
    // It stands still while it writes.
    alpha.write_big("home", "large", 40, 3);
    cluster.balancer.hold_after(4 << 20);
    let backup = alpha.bus().start("home").unwrap();
    cluster.balancer.wait_until_held();
    let worker = alpha.worker(&backup);
    send(worker, Signal::SIGSTOP);
    cluster.balancer.release();

    let said = beta.ctl(["prune", "main", "--no-wait", "--json"]).well().json();
    let prune = said["runs"][0]["id"].as_str().unwrap();
    let run = beta.bus().wait_for_run(prune, "who is in its way", |run| {
        run.blocked_by.as_ref().is_some_and(|reasons| !reasons.is_empty())
    });
    let what = &run.blocked_by.unwrap()[0].what;
    for text in ["`alpha`", &format!("(pid {worker}")] {
        assert!(what.contains(text), "`{text}` is not in: {what}");
    }
    // A backup does not wait, and the prune of the same machine makes way for it.
    back_up(&beta, "home");
    send(worker, Signal::SIGCONT);
    ended_well(&alpha.bus().wait_for_end(&backup));
    let run = beta.bus().wait_for_end(prune);
    assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
    assert_restores(&alpha, "home");
    assert_whole(&cluster, &beta);
    assert_eq!(cluster.locks(&beta), "");
}

#[test]
fn a_node_that_dies_in_the_middle_of_a_backup_is_not_missed() {
    let Some(mut cluster) = Cluster::start() else {
        return;
    };
    let alpha = machine(&cluster, "alpha", "home", "");
    let beta = machine(&cluster, "beta", "home", "");
    alpha.init("main");
    alpha.write_big("home", "old", 2, 1);
    let old = back_up(&alpha, "home").snapshot.unwrap();
    fs::remove_file(alpha.source("home").join("old")).unwrap();
    alpha.write_big("home", "large", 40, 3);
    cluster.balancer.hold_after(8 << 20);
    let id = alpha.bus().start("home").unwrap();
    cluster.balancer.wait_until_held();
    // The one that all requests have gone to so far.
    cluster.kill(0);
    cluster.balancer.release();
    ended_well(&alpha.bus().wait_for_end(&id));
    let log = fs::read_to_string(alpha.attempt_directory(&id).join("worker.log")).unwrap();
    assert!(log.contains("a request failed and is made again"), "{log}");
    assert_restores(&alpha, "home");
    back_up(&beta, "home");
    // What the dead node does not learn of.
    cluster
        .restic(&beta, &["forget", &old, "--prune", "--max-unused", "0"])
        .well();

    // One node of three is too few for anything.
    cluster.kill(1);
    cluster.write_repository(&alpha, "retries = 0");
    alpha.ctl(["config", "reload"]).well();
    alpha.write_big("home", "old", 2, 1);
    let said = alpha.ctl(["start", "home", "--wait"]).with_code(1);
    said.tells("the server answers 503 (Service Unavailable)");

    // It still lists what is gone, and we have read that before.
    cluster.start_again(0);
    let run = back_up(&alpha, "home");
    assert!(added(&run) > 2 << 20, "it was taken for stored: {run:?}");
    let gamma = machine(&cluster, "gamma", "home", "");
    let there = listed(&gamma, &["--repository", "main"]);
    assert!(
        there.len() > 1 && there.iter().all(|(id, _)| *id != old),
        "{there:?}"
    );

    cluster.start_again(1);
    cluster.settle(&alpha);
    assert_whole(&cluster, &alpha);
}
