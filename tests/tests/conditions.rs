//! A run that is stopped when a condition is lost, and goes on when it holds again, by real workers.

use std::{fs, path::PathBuf};

use backupd_dbus::RunProperties;
use backupd_tests::{Bed, Gate, wait};

use crate::schedule::soon;

/// A run that its schedule began is at the gate when its device goes.
struct Loss {
    bed: Bed,
    gate: Gate,
    device: PathBuf,
    run: String,
}

impl Loss {
    /// The worker is gone, and the run waits.
    fn new() -> Self {
        let mut bed = Bed::new();
        bed.write_source("home", "a", "a");
        let gate = bed.write_gated_repository("main");
        bed.start();
        bed.init("main");
        gate.close();
        let device = bed.path("device");
        fs::write(&device, "").unwrap();
        let conditions = format!(
            "[conditions]\ndevice = [\"{}\"]\nwhen_lost = \"stop\"",
            device.display()
        );
        bed.write_job("home", &format!("{}\n{conditions}", soon(2)));
        bed.ctl(["config", "reload"]).well();
        gate.wait_for(1);
        let runs = bed.ctl(["history", "home", "--json"]).well().json();
        let run = runs["runs"][0]["id"].as_str().unwrap().to_owned();
        let worker = bed.worker(&run);
        fs::remove_file(&device).unwrap();
        wait::for_end("the worker", worker);
        bed.bus().wait_for_state(&run, "waiting");
        Self {
            bed,
            gate,
            device,
            run,
        }
    }

    /// The device is back: the same run stores its one snapshot.
    fn goes_on(mut self) {
        let told = self.bed.ctl(["why", "home"]).well().stdout;
        assert!(told.contains(&self.device.display().to_string()), "{told}");
        assert_eq!(self.bed.snapshots("main"), 0);
        self.gate.open();
        fs::write(&self.device, "").unwrap();
        let run: RunProperties = self.bed.bus().wait_for_end(&self.run);
        assert_eq!(run.result.as_deref(), Some("success"), "{run:?}");
        assert_eq!(run.attempts.as_ref().map(Vec::len), Some(2), "{run:?}");
        assert_eq!(self.bed.snapshots("main"), 1);
        assert_eq!(self.bed.locks("main"), 0);
        let runs = self.bed.ctl(["history", "home", "--json"]).well().json();
        assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn a_run_stops_when_a_condition_is_lost_and_goes_on_when_it_holds() {
    Loss::new().goes_on();
}

#[test]
fn a_run_that_was_stopped_goes_on_under_the_next_daemon() {
    let mut loss = Loss::new();
    loss.bed.kill_and_start();
    loss.bed.bus().wait_for_state(&loss.run, "waiting");
    loss.goes_on();
}
