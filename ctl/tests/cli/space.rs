//! Sizes, and the room that there is for more.

use backupd_dbus::{RunProperties, SpaceProperties, StatisticsProperties};
use insta::assert_snapshot;

use crate::{
    client::World,
    fake::Answer,
    fixtures::{HOUR, MIB, ago, run, succeeded, text},
};

const GIB: u64 = 1024 * MIB;

fn counted() -> serde_json::Value {
    let growth: Vec<_> = (1..=30)
        .map(|day| serde_json::json!({ "time": format!("2026-10-{day:02}T02:00:00Z"), "bytes_stored": (70 + day) * GIB }))
        .collect();
    serde_json::json!({
        "repository": "nas", "time": "2026-10-30T02:00:00Z", "snapshots": 41, "packs": 6402, "blobs": 812_345,
        "bytes_stored": 100 * GIB, "bytes_restored": 3600 * GIB, "bytes_unique": 150 * GIB, "bytes_needed": 90 * GIB,
        "deduplication": 24.0, "compression": 1.6667, "bytes_unused": 6 * GIB, "bytes_marked": 4 * GIB,
        "jobs": [
            { "job": "home", "snapshots": 30, "bytes_restored": 3000 * GIB, "bytes_needed": 80 * GIB, "bytes_alone": 75 * GIB },
            { "job": null, "snapshots": 11, "bytes_restored": 600 * GIB, "bytes_needed": 15 * GIB, "bytes_alone": 10 * GIB },
        ],
        "growth": growth, "bytes_per_day": GIB, "days_until_full": 59,
        "bytes_free": 60 * GIB, "bytes_place": 200 * GIB, "bytes_reserve": 256 * MIB, "bytes_quota": 500 * GIB,
    })
}

#[tokio::test]
async fn what_a_repository_stores_is_counted() {
    let world = World::new().await;
    let answer = |value: &serde_json::Value| Answer::Lines(format!("{value}\n"));
    world.fake.answer("OpenStatistics", answer(&counted()));
    assert_snapshot!(world.shown(&["repository", "stats", "nas"]).await, @"
    nas
          holds: 41 snapshots, restored 3.5 TiB
         stores: 100.0 GiB in 6 402 packs, of which snapshots need 90.0 GiB (812 345 blobs)
        smaller: 24.0 times by storing once what is the same, 1.7 times by compression, 40.0 times in all
      of no use: 6.0 GiB for the next prune to remove, and 4.0 GiB that are marked and go with a later one
           room: [##############------] 70 % used: 60.0 GiB free of 200.0 GiB, of which 256.0 MiB are kept for a prune
          quota: 100.0 GiB of 500.0 GiB
           full: in 59 days, at the pace of the last months
         growth: 1.0 GiB a day
                 <time>  72.0 GiB
                 <time>  76.0 GiB
                 <time>  80.0 GiB
                 <time>  84.0 GiB
                 <time>  88.0 GiB
                 <time>  92.0 GiB
                 <time>  96.0 GiB
                 <time>  100.0 GiB

    SNAPSHOTS  RESTORED   NEEDS     ALONE     JOB
    30         2.9 TiB    80.0 GiB  75.0 GiB  home
    11         600.0 GiB  15.0 GiB  10.0 GiB  (no job)
    ");
    let json = world.run(&["repository", "stats", "nas", "--json"]).await.json();
    assert_eq!(
        (&json["version"], &json["type"], &json["bytes_needed"]),
        (&1.into(), &"repository-statistics".into(), &(90 * GIB).into())
    );
    assert_eq!(json["growth"][29]["bytes_stored"], 100 * GIB);
    assert_eq!(json["growth"][0]["time"], "<time>");
    assert_eq!(json["jobs"][1]["job"], serde_json::Value::Null);

    let mut young = counted();
    for unknown in [
        "bytes_per_day",
        "days_until_full",
        "bytes_free",
        "bytes_place",
        "bytes_quota",
        "deduplication",
    ] {
        young[unknown] = serde_json::Value::Null;
    }
    young["growth"] = serde_json::json!([{ "time": "2026-10-30T02:00:00Z", "bytes_stored": 0 }]);
    young["jobs"] = serde_json::json!([]);
    young["bytes_marked"] = 0.into();
    world.fake.answer("OpenStatistics", answer(&young));
    assert_snapshot!(world.shown(&["repository", "stats", "nas"]).await, @"
    nas
          holds: 41 snapshots, restored 3.5 TiB
         stores: 100.0 GiB in 6 402 packs, of which snapshots need 90.0 GiB (812 345 blobs)
      of no use: 6.0 GiB for the next prune to remove
           room: not known: its place does not say how much is free
         growth: not known yet: it takes sizes of a week at least
                 <time>  0 B
    ");
    assert_eq!(world.run(&["repository", "stats", "nsa"]).await.code, 6);
}

#[tokio::test]
async fn what_a_backup_would_add_is_said_beside_the_room_that_there_is() {
    let world = World::new().await;
    let mut estimate = serde_json::json!({
        "job": "home", "repository": "nas", "runs": 10, "bytes_median": 700 * MIB, "bytes_largest": 5 * GIB, "scan": null,
        "bytes_stored": 100 * GIB, "bytes_free": 60 * GIB, "bytes_place": 200 * GIB, "bytes_reserve": 256 * MIB,
        "bytes_quota": null, "days_until_full": 1,
    });
    let answer = |value: &serde_json::Value| Answer::Lines(format!("{value}\n"));
    world.fake.answer("OpenEstimate", answer(&estimate));
    assert_snapshot!(world.shown(&["job", "estimate", "home"]).await, @"
    a backup of `home` to `nas`:
        adds: about 700.0 MiB, and 5.0 GiB at most, as the last 10 backups did
      stored: 100.0 GiB
        room: [##############------] 70 % used: 60.0 GiB free of 200.0 GiB, of which 256.0 MiB are kept for a prune
        full: in 1 day, at the pace of the last months
    --- stderr
    what the sources hold now is shown by `backupctl job estimate home --scan`
    ");
    estimate["scan"] = serde_json::json!({
        "files": 120_345, "bytes": 310 * GIB, "files_new": 12, "bytes_new": 20 * MIB, "files_changed": 1,
        "bytes_changed": 3 * GIB, "files_unreadable": 2, "snapshot": "ab".repeat(32),
    });
    world.fake.answer("OpenEstimate", answer(&estimate));
    assert_snapshot!(world.shown(&["job", "estimate", "home", "--scan"]).await, @"
    a backup of `home` to `nas`:
        adds: about 700.0 MiB, and 5.0 GiB at most, as the last 10 backups did
       finds: 120 345 files, 310.0 GiB
              new since snapshot abababab: 12 files, 20.0 MiB
              changed since then: 1 file, 3.0 GiB
              2 files cannot be read
      stored: 100.0 GiB
        room: [##############------] 70 % used: 60.0 GiB free of 200.0 GiB, of which 256.0 MiB are kept for a prune
        full: in 1 day, at the pace of the last months
    ");
    let json = world
        .run(&["job", "estimate", "home", "--scan", "--json"])
        .await
        .json();
    assert_eq!(
        (&json["type"], &json["scan"]["files_new"]),
        (&"job-estimate".into(), &12.into())
    );

    for unknown in [
        "bytes_median",
        "bytes_largest",
        "bytes_stored",
        "bytes_free",
        "bytes_place",
        "days_until_full",
    ] {
        estimate[unknown] = serde_json::Value::Null;
    }
    estimate["scan"]["snapshot"] = serde_json::Value::Null;
    estimate["scan"]["files_unreadable"] = 0.into();
    world.fake.answer("OpenEstimate", answer(&estimate));
    assert_snapshot!(world.shown(&["job", "estimate", "home", "--scan"]).await, @"
    a backup of `home` to `nas`:
       adds: nobody knows: no backup of it went well yet
      finds: 120 345 files, 310.0 GiB
             all of them new: there is no snapshot to compare with
       room: not known: its place does not say how much is free
    ");
    assert_snapshot!(world.fake.calls().join("\n"), @r#"
    OpenEstimate home {}
    OpenEstimate home {"scan": <true>}
    OpenEstimate home {"scan": <true>}
    OpenEstimate home {"scan": <true>}
    "#);
    assert_eq!(world.run(&["job", "estimate", "hom"]).await.code, 6);
}

#[tokio::test]
async fn the_room_of_a_repository_is_part_of_what_is_shown() {
    let world = World::new().await;
    world.fake.answer(
        "GetConfiguration",
        Answer::File("url = \"/srv/backup\"\n".to_owned(), "5f".to_owned()),
    );
    {
        let mut state = world.fake.state();
        state.repositories[0].space = Some(SpaceProperties {
            measured_usec: Some(ago(2 * HOUR)),
            bytes_stored: Some(100 * GIB),
            bytes_free: Some(200 * MIB),
            bytes_place: Some(101 * GIB),
            bytes_reserve: Some(256 * MIB),
            bytes_quota: Some(300 * GIB),
            days_until_full: Some(0),
        });
    }
    assert_snapshot!(world.shown(&["repository", "list"]).await, @"
    REPOSITORY  HEALTH  ENGINE    SIZE       FREE       PLACE        JOBS
    nas         ● ok    embedded  100.0 GiB  200.0 MiB  /srv/backup  home, mail
    usb         ● ok    embedded  –          –          /media/usb   old
    ");
    assert_snapshot!(world.shown(&["repository", "show", "nas"]).await, @r#"
    nas
      health: ● ok
       place: /srv/backup
      engine: embedded
        jobs: home, mail
       check: only by hand
       prune: only by hand
      stores: 100.0 GiB, 2h ago (<time>)
        room: [###################-] 99 % used: 200.0 MiB free of 101.0 GiB, less than the 256.0 MiB that are kept for a prune: backups stop
       quota: 300.0 GiB
        full: now, at the pace of the last months

    url = "/srv/backup"
    "#);
    let json = world.run(&["repository", "list", "--json"]).await.json();
    assert_eq!(json["repositories"][0]["space"]["bytes_free"], 200 * MIB);
    assert_eq!(
        json["repositories"][1]["space"]["bytes_free"],
        serde_json::Value::Null
    );
}

#[tokio::test]
async fn a_backup_that_stored_nothing_tells_no_sums_but_why() {
    const RUN: &str = "01JD3Y00000000000000000NEW";
    let world = World::new().await;
    let full = RunProperties {
        result: text("failed"),
        snapshot: text(""),
        failure_class: text("no-space"),
        failure_message: text("job `home`: there is too little room for repository `nas`"),
        failure_hint: text("make some"),
        statistics: Some(StatisticsProperties {
            bytes_repository: Some(5 * GIB),
            ..StatisticsProperties::default()
        }),
        ..succeeded(run(RUN))
    };
    world.fake.state().runs.insert(RUN.to_owned(), full);
    assert_snapshot!(world.shown(&["start", "home", "--wait"]).await, @"
    ✗ failed home in 1m 23s
      failure: job `home`: there is too little room for repository `nas` (no-space)
         hint: make some
    --- stderr
    all it told is shown by `backupctl log 01JD3Y00000000000000000NEW`
    --- exit 1
    ");
}
