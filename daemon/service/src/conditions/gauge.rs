//! Load and free memory: the kernel tells of no change, so it is asked now and then, while somebody wants to know.

use std::{path::Path, time::Duration};

use backupd_core::{
    condition::{Condition, Standing},
    config::format_size,
};
use tokio::time::{Instant, sleep_until};

use super::teller::{Teller, standing};

/// From one look to the next.
const PERIOD: Duration = Duration::from_secs(30);

/// Looks for as long as something is wanted.
pub(super) async fn follow(kernel: &Path, teller: &mut Teller) -> ! {
    loop {
        let gauges = Gauges::read(kernel);
        teller.tell(|condition| gauges.judge(condition)).await;
        let next = Instant::now() + PERIOD;
        tokio::select! {
            () = teller.changed() => {}
            () = sleep_until(next) => {}
        }
    }
}

#[derive(Debug, PartialEq)]
struct Gauges {
    /// Of the last minute, in hundredths.
    load: Option<u32>,
    /// In bytes.
    available: Option<u64>,
}

impl Gauges {
    fn read(kernel: &Path) -> Self {
        let text = |name| std::fs::read_to_string(kernel.join(name)).ok();
        Self {
            load: text("loadavg").as_deref().and_then(load),
            available: text("meminfo").as_deref().and_then(available),
        }
    }

    fn judge(&self, condition: &Condition) -> Standing {
        let what = match condition {
            Condition::LoadBelow(limit) => self.load.filter(|load| load >= limit).map(|load| {
                // Less exact than it is known: what is shown should not change all the time.
                format!("a load of {:.1}", f64::from(load) / 100.0)
            }),
            Condition::FreeMemory(least) => self
                .available
                .filter(|available| available < least)
                .map(|_| format!("less than {} of free memory", format_size(*least))),
            _ => None,
        };
        standing(condition, what)
    }
}

/// `0.52 0.58 0.59 3/602 13579`, in hundredths.
fn load(text: &str) -> Option<u32> {
    let (whole, hundredths) = text.split_whitespace().next()?.split_once('.')?;
    let hundredths: u32 = (hundredths.len() == 2).then_some(hundredths)?.parse().ok()?;
    whole
        .parse::<u32>()
        .ok()?
        .checked_mul(100)?
        .checked_add(hundredths)
}

/// `MemAvailable:   12345678 kB`, in bytes.
fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim()
        .strip_suffix(" kB")?
        .trim()
        .parse::<u64>()
        .ok()?
        .checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read() {
        assert_eq!(load("0.52 0.58 0.59 3/602 13579\n"), Some(52));
        assert_eq!(load("12.00 0.58 0.59 3/602 13579\n"), Some(1200));
        let memory = "MemTotal:       16316412 kB\nMemFree:  1 kB\nMemAvailable:   12345678 kB\n";
        assert_eq!(available(memory), Some(12_345_678 * 1024));
    }

    #[test]
    fn nonsense_is_nothing() {
        for text in ["", "x", "1 2 3", "-1.00 2", "99999999999.00", "1.5 2", "1.xx"] {
            assert_eq!(load(text), None, "{text}");
        }
        for text in [
            "",
            "MemAvailable:",
            "MemAvailable: 5",
            "MemAvailable: -5 kB",
            "MemAvailable: 99999999999999999999 kB",
        ] {
            assert_eq!(available(text), None, "{text}");
        }
    }
}
