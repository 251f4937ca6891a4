//! What a seed makes of a world: its zone, its jobs, and what befalls them.

use std::{fmt::Write as _, fs, path::Path};

use backupd_core::zones;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{engine::Odds, ground::Ground};

/// What somebody or something may do in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whim {
    Start,
    StartAll,
    Cancel,
    Pause,
    Resume,
    Trigger,
    Hook,
    Suspend,
    Restart,
    Crash,
    Reboot,
    SmallStep,
    Step,
    Leap,
    Epoch,
    Edit,
    Toggle,
    Break,
    Delete,
    Limit,
    Outage,
    Flap,
    Disk,
    Zone,
}

const WHIMS: [Whim; 24] = [
    Whim::Start,
    Whim::StartAll,
    Whim::Cancel,
    Whim::Pause,
    Whim::Resume,
    Whim::Trigger,
    Whim::Hook,
    Whim::Suspend,
    Whim::Restart,
    Whim::Crash,
    Whim::Reboot,
    Whim::SmallStep,
    Whim::Step,
    Whim::Leap,
    Whim::Epoch,
    Whim::Edit,
    Whim::Toggle,
    Whim::Break,
    Whim::Delete,
    Whim::Limit,
    Whim::Outage,
    Whim::Flap,
    Whim::Disk,
    Whim::Zone,
];

const ZONES: [&str; 7] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "America/Santiago",
    "Asia/Kolkata",
    "UTC",
];

const SCHEDULES: [&str; 26] = [
    "\"daily\"",
    "\"02:30\"",
    "\"hourly\"",
    "\"every 4h\"",
    "\"every 90m\"",
    "\"weekly\"",
    "\"monthly\"",
    "\"weekdays at 18:00\"",
    "\"monthly on the 1st at 03:00\"",
    "[\"02:00\", \"14:00\"]",
    "[{ cron = \"30 2 * * 1-5\" }, { every = \"5h\" }]",
    "{ cron = \"*/20 8-18 * * *\" }",
    "{ calendar = \"Mon..Fri 02:15\", timezone = \"Europe/Berlin\", jitter = \"10m\" }",
    "{ calendar = \"02:15\", timezone = \"America/New_York\", jitter = \"3h\" }",
    "{ calendar = \"02:15\", catch_up = false }",
    "{ every = \"3h\", catch_up = false }",
    "{ calendar = \"02:15\", settle = \"5m\" }",
    "{ every = \"2h\", settle = \"0s\" }",
    "{ calendar = \"02:15\", window = \"22:00-06:00\" }",
    "{ every = \"3h\", window = \"18:00-08:00\" }",
    "{ calendar = \"hourly\", window = \"Mon..Fri 18:00-08:00, Sat,Sun 00:00-24:00\" }",
    "{ calendar = \"02:30\", window = \"02:00-02:45\", timezone = \"Australia/Lord_Howe\" }",
    "{ calendar = \"*:0/30\", window = \"00:00-03:30\" }",
    "{ calendar = \"*-*-01 00:00\" }",
    "{ every = \"10m\" }",
    "{ calendar = \"Sun *-*~07/1 02:30\" }",
];

const RETRIES: [&str; 6] = [
    "",
    "",
    "retry = { attempts = 1 }",
    "retry = { attempts = 3, initial = \"10s\", maximum = \"5m\" }",
    "retry = { attempts = 6, initial = \"1m\", factor = 3, maximum = \"2h\", deadline = \"3h\" }",
    "retry = { attempts = 8, initial = \"10m\", factor = 2, maximum = \"6h\" }",
];

const CONDITIONS: [&str; 8] = [
    "",
    "",
    "",
    "",
    "[conditions]\nac_power = true",
    "[conditions]\nnetwork = true\nunmetered = true\nwhen_lost = \"stop\"",
    "[conditions]\nmounted = [\"/srv/usb\"]\nwhen_lost = \"stop\"",
    "[conditions]\nreachable = [\"nas:22\"]\nbattery_above = 40",
];

/// See the module.
pub(super) struct Life {
    pub(super) lasts: SignedDuration,
    /// From one whim to the next, at most.
    pub(super) calm: SignedDuration,
    whims: Vec<Whim>,
    pub(super) odds: Odds,
    pub(super) jobs: usize,
    pub(super) repositories: usize,
    pub(super) zone: TimeZone,
}

/// At the beginning of one of these years, or in the weeks of a change of the clock.
pub(super) fn begins(seed: u64) -> Timestamp {
    let mut rng = fastrand::Rng::with_seed(!seed);
    let year = 1_700_000_000 + rng.i64(0..3) * 365 * 86400;
    let near = [rng.i64(0..365), 130, 345, 355, 140];
    Timestamp::from_second(year + rng.choice(&near).unwrap() * 86400 + rng.i64(0..86400)).unwrap()
}

impl Life {
    pub(super) fn new(ground: &Ground, lasts: SignedDuration) -> Self {
        // Not everything happens everywhere: what goes wrong is found sooner where little else does.
        let share = *ground.choice(&[0.15, 0.4, 0.9]);
        let whims: Vec<Whim> = WHIMS.into_iter().filter(|_| ground.chance(share)).collect();
        let odds = Odds {
            fails: *ground.choice(&[0.0, 0.05, 0.4]),
            vanishes: *ground.choice(&[0.0, 0.02, 0.2]),
            partial: *ground.choice(&[0.0, 0.1]),
            unstartable: *ground.choice(&[0.0, 0.0, 0.05]),
            longest: SignedDuration::from_mins(*ground.choice(&[5, 60, 60 * 9])),
        };
        Self {
            lasts,
            calm: SignedDuration::from_hours(*ground.choice(&[3, 12, 48])),
            whims,
            odds,
            jobs: 1 + ground.index(7),
            repositories: 1 + ground.index(3),
            zone: zone(ground),
        }
    }

    pub(super) fn whim(&self, ground: &Ground) -> Option<Whim> {
        (!self.whims.is_empty()).then(|| *ground.choice(&self.whims))
    }

    /// What the next whim waits for.
    pub(super) fn pause(&self, ground: &Ground) -> SignedDuration {
        // Some come together.
        if ground.chance(0.2) {
            ground.while_up_to(SignedDuration::from_mins(3))
        } else {
            ground.while_up_to(self.calm * 2)
        }
    }

    /// Writes all files.
    pub(super) fn write(&self, ground: &Ground, configuration: &Path) {
        for directory in ["repositories.d", "jobs.d"] {
            fs::create_dir_all(configuration.join(directory)).unwrap();
        }
        write_settings(ground, configuration);
        for index in 0..self.repositories {
            let text = format!("url = \"/srv/r{index}\"\npassword_file = \"/etc/secret\"\n");
            fs::write(configuration.join(format!("repositories.d/r{index}.toml")), text).unwrap();
        }
        for index in 0..self.jobs {
            self.write_job(ground, configuration, index);
        }
    }

    /// The file of one job, whatever it said before.
    pub(super) fn write_job(&self, ground: &Ground, configuration: &Path, index: usize) {
        let mut text = format!(
            "repository = \"r{}\"\nsources = [\"/home/j{index}\"]\n",
            index % self.repositories
        );
        let mut line = |line: String| writeln!(text, "{line}").unwrap();
        if ground.chance(0.9) {
            line(format!("schedule = {}", ground.choice(&SCHEDULES)));
        }
        line(format!(
            "conflict = \"{}\"",
            ground.choice(&["queue", "skip", "replace"])
        ));
        line(format!(
            "priority = \"{}\"",
            ground.choice(&["high", "normal", "low"])
        ));
        if ground.chance(0.6) {
            line(format!("max_age = \"{}\"", ground.choice(&["3h", "26h", "8d"])));
        }
        if index > 0 && ground.chance(0.3) {
            line(format!("after = [\"j{}\"]", index - 1));
        }
        line((*ground.choice(&RETRIES)).to_owned());
        line((*ground.choice(&CONDITIONS)).to_owned());
        line("[triggers]\nshutdown = true".to_owned());
        fs::write(configuration.join(format!("jobs.d/j{index}.toml")), text).unwrap();
    }
}

pub(super) fn zone(ground: &Ground) -> TimeZone {
    let name: &&str = ground.choice(&ZONES);
    zones::get(name).unwrap()
}

pub(super) fn write_settings(ground: &Ground, configuration: &Path) {
    let text = format!(
        "max_parallel_runs = {}\nhistory_keep = \"{}\"\nhistory_keep_runs = {}\n",
        1 + ground.below(4),
        ground.choice(&["2d", "20d", "400d"]),
        ground.choice(&[1, 5, 20]),
    );
    fs::write(configuration.join("backupd.toml"), text).unwrap();
}
