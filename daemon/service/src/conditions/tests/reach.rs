use std::time::Duration;

use backupd_core::{condition::Condition::Reachable, protocol::ReachRecord};

use super::{Scene, kernel};
use crate::testing::Stage;

/// What the worker answers from now on.
fn say(stage: &Stage, places: &[(&str, Option<&str>)]) {
    let lines = places.iter().map(|(place, silent)| {
        let record = ReachRecord {
            place: (*place).to_owned(),
            silent: silent.map(str::to_owned),
        };
        serde_json::to_string(&record).unwrap() + "\n"
    });
    *stage.launcher.answer.lock().unwrap() = Some(lines.collect());
}

fn scene(stage: &Stage) -> Scene {
    let mut sources = kernel("/nowhere".as_ref());
    sources.worker = Some(stage.handle.clone());
    let mut scene = Scene::new(sources);
    scene.patience = Duration::from_hours(1);
    scene
}

#[tokio::test]
async fn hosts_are_looked_for_until_they_answer_and_now_and_then_after() {
    let stage = Stage::new(&[]).await;
    let (nas, other) = (Reachable("nas:22".to_owned()), Reachable("other:1".to_owned()));
    say(&stage, &[("nas:22", Some("connection refused"))]);
    let mut scene = scene(&stage);
    scene.want([nas.clone()]);
    scene
        .fails(&nas, "`nas:22` cannot be reached: connection refused")
        .await;
    // From here on time passes as soon as everybody waits.
    tokio::time::pause();
    say(&stage, &[("nas:22", None)]);
    scene.holds(&nas).await;
    say(&stage, &[("nas:22", Some("timed out")), ("other:1", None)]);
    scene.want([nas.clone(), other.clone()]);
    scene.holds(&other).await;
    scene.fails(&nas, "`nas:22` cannot be reached: timed out").await;
}

#[tokio::test]
async fn a_worker_that_does_not_look_holds_nobody_up() {
    let stage = Stage::new(&[]).await;
    let mut scene = scene(&stage);
    for (number, nonsense) in [None, Some("nonsense\n"), Some(""), Some("{}\n")]
        .into_iter()
        .enumerate()
    {
        *stage.launcher.answer.lock().unwrap() = nonsense.map(str::to_owned);
        let place = Reachable(format!("nas:{}", number + 1));
        scene.want([place.clone()]);
        scene.holds(&place).await;
    }
}
