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
    drop(bed);
    by_the_number_of_jobs();
}

/// How many jobs make the daemon slower, and how much.
fn by_the_number_of_jobs() {
    let few = Measures::with(10);
    let many = Measures::with(10_000);
    println!("\nby the number of jobs           10       10,000        ratio");
    for (name, few, many) in [
        ("ready after, ms", few.ready, many.ready),
        ("  again, ms", few.again, many.again),
        ("resident, MiB", few.resident, many.resident),
        ("planned anew by a reload, ms", few.reload, many.reload),
        ("all objects, one call, ms", few.objects, many.objects),
        ("backupctl status, ms", few.status, many.status),
        (
            "resident after that, MiB",
            few.resident_later,
            many.resident_later,
        ),
        ("Start to worker, ms", few.start, many.start),
    ] {
        println!("{name:28} {few:>8.1} {many:>12.1} {:>12.1}", many / few);
    }
}

/// What a daemon with so many jobs takes.
struct Measures {
    ready: f64,
    /// With a store that knows the jobs.
    again: f64,
    resident: f64,
    reload: f64,
    objects: f64,
    status: f64,
    resident_later: f64,
    start: f64,
}

impl Measures {
    /// Jobs over twenty repositories, with schedules of all kinds.
    fn with(jobs: usize) -> Self {
        let mut bed = Bed::new();
        for number in 0..20 {
            bed.write_repository(&format!("repository-{number}"));
        }
        for number in 0..jobs {
            bed.write_file(&format!("jobs.d/job-{number}.toml"), &text_of_job(&bed, number));
        }
        bed.write_source("shared", "a", "a");
        let ready = milliseconds(bed.start());
        bed.stop();
        let again = milliseconds(bed.start());
        let pid = bed.daemon_pid();
        let mebibytes = || f64::from(u32::try_from(resident_kib(pid)).unwrap_or(u32::MAX)) / 1024.0;
        let resident = mebibytes();
        let reload = milliseconds(median_of(5, || {
            bed.ctl(["config", "reload"]).well();
        }));
        let objects = milliseconds(median_of(5, || {
            bed.bus().objects();
        }));
        let status = milliseconds(median_of(5, || {
            bed.ctl(["status"]);
        }));
        let resident_later = mebibytes();
        bed.init("repository-0");
        let mut starts: Vec<Duration> = (0..15).map(|_| start_to_worker(&bed)).collect();
        starts.sort();
        let start = milliseconds(starts.get(7).copied().unwrap_or_default());
        Self {
            ready,
            again,
            resident,
            reload,
            objects,
            status,
            resident_later,
            start,
        }
    }
}

/// From the call until its worker says hello.
fn start_to_worker(bed: &Bed) -> Duration {
    let began = Instant::now();
    let run = bed.bus().start("job-0").expect("it starts");
    bed.bus().wait_for_run(&run, "a worker", |run| {
        let attempt = run.attempts.as_ref().and_then(|attempts| attempts.last());
        attempt.is_some_and(|attempt| attempt.pid > Some(0))
    });
    let took = began.elapsed();
    bed.bus().wait_for_end(&run);
    took
}

fn text_of_job(bed: &Bed, number: usize) -> String {
    let (hour, minute) = (number / 5 % 24, number * 7 % 60);
    let schedule = match number % 5 {
        // This one is started by hand.
        0 if number == 0 => "enabled = true".to_owned(),
        0 => format!("schedule = \"daily at {hour:02}:{minute:02}\""),
        1 => format!("schedule = \"sunday at {hour:02}:{minute:02}\""),
        2 => format!("schedule = {{ calendar = \"*:{minute:02}\", jitter = \"5m\" }}"),
        3 => format!("schedule = {{ cron = \"{minute} {hour} * * 1-5\" }}"),
        _ => format!("schedule = \"every {}h\"", 4 + number % 20),
    };
    format!(
        "repository = \"repository-{}\"\nsources = [\"{}\"]\n{schedule}\n",
        number % 20,
        bed.source("shared").display()
    )
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

fn median(work: impl FnMut()) -> Duration {
    median_of(CALLS, work)
}

fn median_of(calls: usize, mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..calls)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    times.sort();
    times.get(calls / 2).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
