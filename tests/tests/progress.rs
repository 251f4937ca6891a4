//! How soon and how often clients are told.

use backupd_dbus::run_path;
use backupd_tests::{Bed, listener::Signal, wait::DEADLINE};
use jiff::{SignedDuration, Timestamp};

/// A run with enough to do, and all that was told of it.
fn watched() -> (Bed, String, Vec<Signal>) {
    let bed = Bed::with_job();
    for number in 0..12 {
        bed.write_big("home", &format!("big-{number}"), 16, number);
    }
    let listener = bed.bus().listen();
    let id = bed.bus().start("home").unwrap();
    let path = run_path(&id);
    let mut signals = Vec::new();
    loop {
        let signal = listener.next(DEADLINE).expect("the run ends");
        if signal.path() != path.as_str() {
            continue;
        }
        let state = signal.changed().and_then(|changed| changed.text("State"));
        signals.push(signal);
        if state.as_deref() == Some("finished") {
            break;
        }
    }
    (bed, id, signals)
}

/// When the worker wrote its first event like that.
fn event_time(bed: &Bed, id: &str, member: &str, value: &str) -> Timestamp {
    let events = bed.events(id);
    let event = events.iter().find(|event| event[member] == value);
    let event = event.unwrap_or_else(|| panic!("no {member} {value} in {events:?}"));
    event["time"].as_str().unwrap().parse().unwrap()
}

#[test]
fn progress_is_told_soon_and_not_too_often() {
    let (bed, id, signals) = watched();
    let changes: Vec<_> = signals
        .iter()
        .filter_map(|signal| Some((signal, signal.changed()?)))
        .collect();
    let progress_alone: Vec<_> = changes
        .iter()
        .filter(|(_, changed)| changed.properties.len() == 1 && changed.properties.contains_key("Progress"))
        .collect();
    let (first, last) = (changes.first().unwrap(), changes.last().unwrap());
    let whole = (last.0.at - first.0.at).as_secs_f64();
    assert!(
        f64::from(u32::try_from(progress_alone.len()).unwrap()) <= 2.0 * whole + 1.0,
        "{} in {whole} s",
        progress_alone.len()
    );

    // A second is what is promised; a machine that does a lot else gets three times as long.
    let bound = SignedDuration::from_secs(3);
    let began = event_time(&bed, &id, "event", "hello");
    let told = changes
        .iter()
        .find(|(_, changed)| changed.properties.contains_key("Progress"))
        .unwrap();
    assert!(
        told.0.time.duration_since(began) < bound,
        "{began} {}",
        told.0.time
    );
}

#[test]
fn states_and_phases_are_told_at_once() {
    let (bed, id, signals) = watched();
    let mut states = Vec::new();
    let mut phases = Vec::new();
    for signal in &signals {
        let Some(changed) = signal.changed() else { continue };
        states.extend(changed.text("State"));
        if let Some(phase) = changed.text("Phase").filter(|phase| !phase.is_empty()) {
            let written = event_time(&bed, &id, "phase", &phase);
            let late = signal.time.duration_since(written);
            assert!(late < SignedDuration::from_secs(2), "{phase} is told {late} late");
            phases.push(phase);
        }
    }
    assert_eq!(states.last().map(String::as_str), Some("finished"));
    assert!(states.contains(&"running".to_owned()), "{states:?}");
    assert!(phases.contains(&"backup".to_owned()), "{phases:?}");
    let run = bed.bus().run(&id);
    assert_eq!(run.result.as_deref(), Some("success"));
}

#[test]
fn progress_says_how_far_the_run_is() {
    let (_bed, _id, signals) = watched();
    let mut done = 0;
    let mut seen = 0;
    for changed in signals.iter().filter_map(Signal::changed) {
        if changed.text("Phase").is_some() {
            done = 0;
        }
        let Some(progress) = changed.properties.get("Progress") else {
            continue;
        };
        let progress: std::collections::HashMap<String, zbus::OwnedVariant> =
            progress.clone().try_into().unwrap();
        let Some(bytes) = progress.get("BytesDone") else {
            continue;
        };
        let bytes = u64::try_from(bytes.clone()).unwrap();
        assert!(bytes >= done, "progress goes back from {done} to {bytes}");
        done = bytes;
        seen += 1;
    }
    assert!(seen > 2, "progress was told {seen} times");
}
