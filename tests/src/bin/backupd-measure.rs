//! Measures the daemon: how soon it is ready, how fast it answers, what it holds, and how often it wakes.
//!
//! Prints one line a measure. `--idle SECONDS` says how long it is watched while it has nothing to do.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a tool for developers, whose output is the result"
)]

use std::time::{Duration, Instant};

use backupd_tests::{
    Bed,
    measure::{context_switches, context_switches_since, peak_kib, resident_kib},
    programs::is_release,
};

/// Answers are measured so often; the one in the middle counts.
const CALLS: usize = 101;

fn main() {
    let idle = idle();
    if !is_release() {
        println!("note: these programs are not optimised; `--release` gives numbers that count");
    }
    let mut bed = Bed::new();
    bed.write_repository("main");
    for number in 0..10 {
        let job = format!("job-{number}");
        bed.write_source(&job, "a", "a");
        bed.write_job(&job, "max_age = \"26h\"");
    }
    let ready = bed.start();
    println!("ready after             {:>9.1} ms", milliseconds(ready));
    bed.init("main");
    bed.ctl(["start", "job-0", "--wait"]).well();

    let call = median(|| {
        bed.bus().objects();
    });
    println!("all objects, one call   {:>9.2} ms", milliseconds(call));
    let status = median(|| {
        bed.ctl(["status"]).well();
    });
    println!("backupctl status        {:>9.2} ms", milliseconds(status));

    let pid = bed.daemon_pid();
    println!("resident, ten jobs      {:>9} KiB", resident_kib(pid));
    println!("resident at most        {:>9} KiB", peak_kib(pid));

    let listener = bed.bus().listen();
    while listener.next(Duration::from_secs(1)).is_some() {}
    let before = context_switches(pid);
    let heard = listener.next(idle);
    let woken = context_switches_since(pid, &before);
    println!("context switches        {woken:>9} in {} s", idle.as_secs());
    if heard.is_some() {
        println!("note: something happened meanwhile");
    }
}

fn idle() -> Duration {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("--idle"), Some(seconds)) => Duration::from_secs(seconds.parse().expect("seconds")),
        (None, _) => Duration::from_secs(30),
        _ => {
            println!("usage: backupd-measure [--idle SECONDS]");
            std::process::exit(64);
        }
    }
}

fn median(mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..CALLS)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    times.sort();
    times.get(CALLS / 2).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
