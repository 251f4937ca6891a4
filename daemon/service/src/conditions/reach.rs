//! Whether hosts answer: a worker looks, which may speak to the network. What is reached is looked at less often.

use std::{collections::BTreeMap, future::pending, time::Duration};

use backupd_core::condition::{Condition, Standing};
use tokio::time::{Instant, sleep_until};

use super::teller::{Teller, standing};
use crate::coordinator::Handle;

/// From one look to the next where a run waits for the host.
const MISSED: Duration = Duration::from_mins(1);
/// And where it has answered.
const REACHED: Duration = Duration::from_mins(5);

/// What is known of a place, until when.
struct Known {
    until: Instant,
    silent: Option<String>,
}

/// Looks for as long as something is wanted.
pub(super) async fn follow(worker: &Handle, teller: &mut Teller) -> ! {
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    loop {
        let wanted: Vec<String> = teller.wanted().iter().filter_map(place).collect();
        known.retain(|place, _| wanted.contains(place));
        let now = Instant::now();
        let is_due = |place: &&String| known.get(*place).is_none_or(|known| known.until <= now);
        let due: Vec<String> = wanted.iter().filter(is_due).cloned().collect();
        if !due.is_empty() {
            look(worker, due, &mut known).await;
        }
        teller.tell(|condition| judge(condition, &known)).await;
        tokio::select! {
            () = teller.changed() => {}
            () = at(known.values().map(|known| known.until).min()) => {}
        }
    }
}

fn place(condition: &Condition) -> Option<String> {
    match condition {
        Condition::Reachable(place) => Some(place.clone()),
        _ => None,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

/// Of a place that no worker can look for nobody can tell: it is taken for reached.
async fn look(worker: &Handle, places: Vec<String>, known: &mut BTreeMap<String, Known>) {
    let mut silent: BTreeMap<String, Option<String>> = match worker.reach(places.clone()).await {
        Ok(records) => records
            .into_iter()
            .map(|record| (record.place, record.silent))
            .collect(),
        Err(error) => {
            tracing::info!("nobody can look for {}: {error}", places.join(", "));
            BTreeMap::new()
        }
    };
    let now = Instant::now();
    for place in places {
        let silent = silent.remove(&place).flatten();
        let until = now + if silent.is_some() { MISSED } else { REACHED };
        known.insert(place, Known { until, silent });
    }
}

fn judge(condition: &Condition, known: &BTreeMap<String, Known>) -> Standing {
    let what = place(condition).and_then(|place| {
        let why = known.get(&place)?.silent.as_ref()?;
        Some(format!("`{place}` cannot be reached: {why}"))
    });
    standing(condition, what)
}
