//! What starts jobs beside their schedules and people.

use std::collections::HashMap;

use backupd_tests::{Bed, Bus, Logind};

/// Waits until a run with this trigger is over, beside those known; answers its id.
fn ended(bus: &Bus, trigger: &str, known: usize) -> String {
    let filter = HashMap::from([("trigger", trigger.into()), ("state", "finished".into())]);
    let found = bus.listen().until(|_| {
        let runs = bus.history(&filter);
        (runs.len() > known).then(|| runs[0].id.clone().unwrap())
    });
    found.unwrap_or_else(|| panic!("in vain waited for a run that `{trigger}` starts"))
}

#[test]
fn changes_are_stored_soon_also_those_that_nobody_saw() {
    let mut bed = Bed::new();
    bed.write_source("home", "deep/a", "a");
    bed.write_repository("main");
    bed.write_job("home", "exclude = [\"*.tmp\"]");
    bed.start();
    bed.init("main");
    bed.ctl(["start", "home", "--wait"]).well();
    // From here on changes count.
    bed.write_job(
        "home",
        "exclude = [\"*.tmp\"]\n[triggers]\npath_change = { quiet = \"1s\", distance = \"1s\" }",
    );
    bed.write_source("home", "deep/b", "b");
    bed.ctl(["config", "reload"]).well();
    ended(bed.bus(), "path-change", 0);
    bed.write_source("home", "new/and/deep/c", "c");
    ended(bed.bus(), "path-change", 1);
    // Between two daemons.
    bed.stop();
    bed.write_source("home", "d", "d");
    bed.start();
    ended(bed.bus(), "path-change", 2);
    let listed = bed
        .ctl(["ls", "latest", "--job", "home", "--recursive"])
        .well()
        .stdout;
    for name in ["deep/b", "new/and/deep/c", "/d"] {
        assert!(listed.contains(name), "{listed}");
    }
}

#[test]
fn jobs_that_want_it_run_before_the_machine_goes_down() {
    let mut bed = Bed::new();
    let logind = Logind::new(&mut bed);
    bed.write_source("home", "a", "a");
    bed.write_repository("main");
    bed.write_job("home", "[triggers]\nshutdown = true");
    bed.start();
    bed.init("main");
    // Sleep need not wait for it.
    let departure = [("shutdown", "delay")];
    logind.wait_for_locks(&departure);
    logind.prepare_for_shutdown(true);
    let run = ended(bed.bus(), "shutdown", 0);
    // History has it before the object says so.
    assert_eq!(bed.bus().wait_for_end(&run).result.as_deref(), Some("success"));
    logind.wait_for_locks(&[]);
    logind.prepare_for_shutdown(false);
    logind.wait_for_locks(&departure);
}
