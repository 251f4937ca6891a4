//! A daemon with nothing to do.

use std::time::Duration;

use backupd_dbus::job_path;
use backupd_tests::{
    Bed,
    measure::{context_switches, context_switches_since, resident_kib},
    programs::is_release,
};

#[test]
fn an_idle_daemon_does_not_wake_and_stays_small() {
    let mut bed = Bed::new();
    bed.write_repository("main");
    for number in 0..10 {
        let job = format!("job-{number}");
        bed.write_source(&job, "a", "a");
        // Runs wait for all of this, and there is no run.
        bed.write_job(
            &job,
            "max_age = \"26h\"\n[conditions]\nac_power = true\nunmetered = true\nnetwork = true\n\
             mounted = [\"/nowhere\"]\ndevice = [\"/dev/disk/by-label/nowhere\"]\n\
             reachable = [\"127.0.0.1:1\"]\nload_below = 1000\nfree_memory = \"1 MiB\"",
        );
    }
    bed.start();
    bed.init("main");
    bed.ctl(["start", "job-0", "--wait"]).well();
    bed.ctl(["status"]).well();
    let pid = bed.daemon_pid();
    let listener = bed.bus().listen();
    // The last reply is out when another was answered and nothing more is told for a moment.
    bed.bus().manager_properties();
    while listener.next(Duration::from_secs(1)).is_some() {}
    let before = context_switches(pid);
    // Waiting for a signal that must not come: the bus stays silent, and so does the daemon.
    let heard = listener.next(Duration::from_secs(30));
    let woken = context_switches_since(pid, &before);
    assert!(heard.is_none(), "{:?}", heard.map(|signal| signal.message));
    assert!(woken <= 2, "the idle daemon woke {woken} times in 30 s");
    let resident = resident_kib(pid);
    println!("resident: {resident} KiB with ten jobs");
    if is_release() {
        assert!(resident <= 15 * 1024, "{resident} KiB");
    }
}

#[test]
fn a_job_becomes_late_on_time_without_anybody_asking() {
    let mut bed = Bed::new();
    bed.write_source("home", "a", "a");
    bed.write_repository("main");
    bed.write_job("home", "max_age = \"2s\"");
    bed.start();
    bed.init("main");
    bed.ctl(["start", "home", "--wait"]).well();
    let listener = bed.bus().listen();
    let path = job_path("home");
    let late = |health: Option<String>| (health.as_deref() == Some("late")).then_some(());
    listener
        .until(|signal| match signal {
            None => late(bed.bus().job("home").health),
            Some(signal) => late(
                signal
                    .changed()
                    .filter(|changed| changed.path == path.as_str())?
                    .text("Health"),
            ),
        })
        .unwrap();
    bed.ctl(["status"]).with_code(7);
    bed.ctl(["start", "home", "--wait"]).well();
}
