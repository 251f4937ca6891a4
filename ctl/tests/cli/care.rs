//! Repositories that are checked and pruned.

use backupd_dbus::{CareProperties, Error, RunProperties, StatisticsProperties, run_path};
use insta::assert_snapshot;

use crate::{
    client::World,
    fake::Answer,
    fixtures::{GOOD_RUN, HOUR, MIB, ago, ahead, run, succeeded, text},
};

const CARE_RUN: &str = "01JD3Z000000000000000CARE0";

/// A world in which the next check or prune is this run, which is over.
async fn with_run(operation: &str, change: impl Fn(RunProperties) -> RunProperties) -> World {
    let world = World::new().await;
    let over = RunProperties {
        job_name: text(""),
        operation: text(operation),
        snapshot: text(""),
        ..succeeded(run(CARE_RUN))
    };
    world.fake.state().runs.insert(CARE_RUN.to_owned(), change(over));
    let answer = Answer::Path(run_path(CARE_RUN));
    for method in ["Check", "Prune"] {
        world.fake.answer(method, answer.clone());
    }
    world
}

fn sums(statistics: StatisticsProperties) -> impl Fn(RunProperties) -> RunProperties {
    move |run| RunProperties {
        statistics: Some(statistics.clone()),
        ..run
    }
}

#[tokio::test]
async fn a_check_says_what_it_read() {
    let world = with_run(
        "check",
        sums(StatisticsProperties {
            bytes_repository: Some(4096 * MIB),
            bytes_unused: Some(12 * MIB),
            bytes_checked: Some(512 * MIB),
            ..StatisticsProperties::default()
        }),
    )
    .await;
    assert_snapshot!(world.shown(&["check", "nas", "--read-data", "1/12", "--follow"]).await, @"
    ✓ success check of nas in 1m 23s
         stored: 4.0 GiB, of which 12.0 MiB of no use
      data read: 512.0 MiB
    ");
    assert_snapshot!(world.shown(&["check", "nas", "--wait"]).await, @"✓ success check of nas in 1m 23s");
    assert_snapshot!(world.shown(&["check", "nas", "--no-wait"]).await, @"
    started as run 01JD3Z000000000000000CARE0
    --- stderr
    watch it with `backupctl show 01JD3Z000000000000000CARE0`
    ");
    assert_snapshot!(world.fake.calls().join("\n"), @r#"
    Check nas {"read-data": <"1/12">}
    Check nas {}
    Check nas {}
    "#);
}

#[tokio::test]
async fn damage_is_told_and_where_to_read_on() {
    let world = with_run("check", |run| RunProperties {
        result: text("failed"),
        failure_class: text("corrupt"),
        failure_message: text("repository `nas`: 2 packs are damaged"),
        failure_hint: text("repair it"),
        statistics: Some(StatisticsProperties {
            errors_found: Some(2),
            warnings: Some(2),
            ..StatisticsProperties::default()
        }),
        ..run
    })
    .await;
    assert_snapshot!(world.shown(&["check", "nas", "--wait"]).await, @"
    ✗ failed check of nas in 1m 23s
        errors: 2
      warnings: 2
       failure: repository `nas`: 2 packs are damaged (corrupt)
          hint: repair it
    --- stderr
    all it told is shown by `backupctl log 01JD3Z000000000000000CARE0`
    --- exit 1
    ");
}

#[tokio::test]
async fn a_prune_is_shown_before_it_is_done() {
    let world = with_run(
        "prune",
        sums(StatisticsProperties {
            bytes_repository: Some(4000 * MIB),
            bytes_repacked: Some(100 * MIB),
            bytes_freed: Some(96 * MIB),
            ..StatisticsProperties::default()
        }),
    )
    .await;
    let plan = serde_json::json!({
        "snapshots": 41, "bytes_repository": 4096 * MIB, "bytes_unused": 128 * MIB, "packs_repacked": 5,
        "bytes_repacked": 80 * MIB, "packs_marked": 9, "packs_removed": 3, "bytes_freed": 48 * MIB,
        "bytes_unused_after": 16 * MIB
    });
    world
        .fake
        .answer("OpenPrunePlan", Answer::Lines(format!("{plan}\n")));
    assert_snapshot!(world.shown(&["prune", "nas", "--dry-run", "--max-unused", "5%"]).await, @"
    a prune of `nas` would do this:
              keep: 41 snapshots
            stored: 4.0 GiB, of which 128.0 MiB of no use
        write anew: 5 packs, 80.0 MiB
              mark: 9 packs, to be removed by a later prune
            remove: 3 packs, 48.0 MiB
      stays unused: 16.0 MiB
    ");
    let json = world.run(&["prune", "nas", "--dry-run", "--json"]).await.json();
    assert_eq!(
        (&json["repository"], &json["packs_marked"]),
        (&"nas".into(), &9.into())
    );
    assert_snapshot!(
        world.shown(&["prune", "nas", "--follow", "--max-unused", "unlimited", "--max-repack", "20 GiB"]).await,
        @"
    ✓ success prune of nas in 1m 23s
            stored: 3.9 GiB
      written anew: 100.0 MiB
             freed: 96.0 MiB
    "
    );
    assert_snapshot!(world.fake.calls().join("\n"), @r#"
    OpenPrunePlan nas {"max-unused": <"5%">}
    OpenPrunePlan nas {}
    Prune nas {"max-repack": <uint64 21474836480>, "max-unused": <"unlimited">}
    "#);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_anybody_is_asked() {
    let world = with_run("check", |run| run).await;
    assert_snapshot!(world.shown(&["check", "nsa"]).await, @"
    --- stderr
    error: there is no repository `nsa`
    hint: did you mean `nas`?
    --- exit 6
    ");
    assert_snapshot!(world.shown(&["check", "nas", "--read-data", "2/12"]).await, @"
    --- stderr
    error: invalid value '2/12' for '--read-data <PART>': `2/12` does not say how much data is read
    hint: write `none`, `all`, a part such as `1/12`, or a size such as `10 GiB`

    For more information, try '--help'.
    --- exit 2
    ");
    assert_snapshot!(world.shown(&["prune", "nas", "--max-unused", "much"]).await, @"
    --- stderr
    error: invalid value 'much' for '--max-unused <PART>': `much` does not say how much may be unused
    hint: write a part of the repository such as `5%`, a size such as `10 GiB`, or `unlimited`

    For more information, try '--help'.
    --- exit 2
    ");
    assert!(world.fake.calls().is_empty());
    let busy = Error::AlreadyRunning(
        "a check of repository `nas` is queued or at work already, as run 7\nhint: `backupctl show 7` shows how far it is"
            .to_owned(),
    );
    world.fake.answer("Check", Answer::Error(busy));
    assert_snapshot!(world.shown(&["check", "nas"]).await, @"
    --- stderr
    error: a check of repository `nas` is queued or at work already, as run 7
    hint: `backupctl show 7` shows how far it is
    --- exit 1
    ");
}

#[tokio::test]
async fn a_repository_tells_how_it_is_cared_for() {
    let world = World::new().await;
    {
        let mut state = world.fake.state();
        let nas = &mut state.repositories[0];
        nas.health = text("late");
        nas.health_reason = text("the last good check is older than its schedule lets expect");
        nas.check_care = Some(CareProperties {
            schedule: text("Sun 04:00"),
            next_usec: Some(ahead(7 * HOUR)),
            last_run: Some(run_path(GOOD_RUN)),
            last_result: text("success"),
            last_success_usec: Some(ago(200 * HOUR)),
            bytes_repository: Some(4096 * MIB),
            bytes_unused: Some(128 * MIB),
            ..CareProperties::default()
        });
        nas.prune_care = Some(CareProperties {
            active_run: Some(run_path(GOOD_RUN)),
            ..CareProperties::default()
        });
    }
    assert_snapshot!(world.shown(&["repository", "list"]).await, @"
    REPOSITORY  HEALTH  ENGINE    SIZE  FREE  PLACE        JOBS
    nas         ● late  embedded  –     –     /srv/backup  home, mail
    usb         ● ok    embedded  –     –     /media/usb   old
    ");
    assert_snapshot!(world.shown(&["show", "nas"]).await, @"
    nas
      health: ● late, the last good check is older than its schedule lets expect
       place: /srv/backup
      engine: embedded
        jobs: home, mail
       check: Sun 04:00, next in 7h (<time>)
              last success, run 01JD3V0000000000000000GOOD; last good 8d ago (<time>)
              4.0 GiB stored then, of which 128.0 MiB of no use
       prune: only by hand
              at work or queued as run 01JD3V0000000000000000GOOD
    ");
    let json = world.run(&["show", "nas", "--json"]).await.json();
    assert_eq!(json["check"]["schedule"], "Sun 04:00");
    assert_eq!(json["check"]["last_run"], GOOD_RUN);
    assert_eq!(json["prune"]["active_run"], GOOD_RUN);
    assert_eq!(json["prune"]["schedule"], serde_json::Value::Null);
}
