//! Tests that cannot be run on this host.

use std::{env, fs::File, io::Write as _, thread};

/// Names a file that takes a line for each test that was skipped.
const VARIABLE: &str = "BACKUPD_SKIPPED";

/// Says that the test of this thread is skipped, here and in the summary of all tests.
pub fn skip(why: &str) {
    eprintln!("skipped: {why}");
    let Some(path) = env::var_os(VARIABLE) else {
        return;
    };
    let test = thread::current().name().unwrap_or_default().to_owned();
    // One write a line, for others write too.
    let line = format!("{test}: {why}\n");
    let file = File::options().create(true).append(true).open(path);
    let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
}
