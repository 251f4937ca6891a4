//! Which snapshots stay, which go, and which come back.

use backupd_dbus::{RunProperties, StatisticsProperties, run_path};
use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};

use crate::{
    client::World,
    fake::Answer,
    fixtures::{GOOD_RUN, MIB, run, succeeded, text},
};

/// What a worker told of three snapshots, of 30, 50 and 75 hours ago.
fn decisions() -> String {
    let line = |letter: &str, hours: i64, verdict: &str, sizes: &str| {
        let time = Timestamp::now() - SignedDuration::from_hours(hours);
        let id = letter.repeat(64);
        format!(
            "{{\"record\":\"snapshot\",\"id\":\"{id}\",\"time\":\"{time}\",\"day\":\"2026-11-25\",{verdict},{sizes}}}\n"
        )
    };
    let reasons = r#"[{"reason":"last","place":1,"of":2},{"reason":"daily","bucket":"2026-11-25"}]"#;
    let unknown = r#""bytes_stored":null,"bytes":null"#;
    let sized = |bytes: u64| format!("\"bytes_stored\":{bytes},\"bytes\":5000000");
    [
        line(
            "c",
            30,
            &format!("\"verdict\":\"keep\",\"reasons\":{reasons}"),
            &sized(MIB),
        ),
        line(
            "b",
            50,
            r#""verdict":"keep","reasons":[{"reason":"pinned"}]"#,
            unknown,
        ),
        line(
            "a",
            75,
            r#""verdict":"forget","reasons":[{"reason":"no-rule"}]"#,
            &sized(2 * MIB),
        ),
    ]
    .concat()
}

const OBJECTION: &str = r#"{"record":"objection","kind":"collapse","message":"most of the history would go at once","hint":"look with `backupctl retention preview` what would go","snapshots":[],"overridden":false}
"#;

#[tokio::test]
async fn a_preview_says_what_goes_and_why() {
    let world = World::new().await;
    world
        .fake
        .answer("OpenRetentionPreview", Answer::Lines(decisions()));
    assert_snapshot!(world.shown(&["retention", "preview", "home"]).await, @"
    SNAPSHOT  TIME                 AGE        ADDED         WHY
    cccccccc  <time>  30h ago  1.0 MiB  stays  last 1 of 2, daily 2026-11-25
    bbbbbbbb  <time>  2d ago         –  stays  pinned
    aaaaaaaa  <time>  3d ago   2.0 MiB  goes   no rule keeps it

    1 of 3 snapshots goes: 2.0 MiB as stored, of which a prune frees what no other needs
    ");
    let json = world
        .run(&["retention", "preview", "home", "--json"])
        .await
        .json();
    assert_eq!(json["type"], "retention");
    assert_eq!(json["snapshots"][2]["verdict"], "forget");
    assert_eq!(json["snapshots"][0]["reasons"][1]["bucket"], "2026-11-25");
    world
        .shown(&["retention", "preview", "home", "--at", "2996-10-26 14:00"])
        .await;
    assert_snapshot!(world.fake.calls().join("\n"), @r#"
    OpenRetentionPreview home {}
    OpenRetentionPreview home {}
    OpenRetentionPreview home {"at-usec": <uint64 32403333600000000>}
    "#);
    let guarded = decisions() + OBJECTION;
    world
        .fake
        .answer("OpenRetentionPreview", Answer::Lines(guarded.clone()));
    assert_snapshot!(world.shown(&["retention", "preview", "home"]).await, @"
    SNAPSHOT  TIME                 AGE        ADDED         WHY
    cccccccc  <time>  30h ago  1.0 MiB  stays  last 1 of 2, daily 2026-11-25
    bbbbbbbb  <time>  2d ago         –  stays  pinned
    aaaaaaaa  <time>  3d ago   2.0 MiB  goes   no rule keeps it

    1 of 3 snapshots goes: 2.0 MiB as stored, of which a prune frees what no other needs
    the guard refuses: most of the history would go at once
    hint: look with `backupctl retention preview` what would go
    ");
    world.fake.answer("OpenDecisions", Answer::Lines(guarded));
    assert_snapshot!(world.shown(&["retention", "show", GOOD_RUN]).await, @"
    SNAPSHOT  TIME                 AGE        ADDED         WHY
    cccccccc  <time>  30h ago  1.0 MiB  stays  last 1 of 2, daily 2026-11-25
    bbbbbbbb  <time>  2d ago         –  stays  pinned
    aaaaaaaa  <time>  3d ago   2.0 MiB  goes   no rule keeps it

    1 of 3 snapshots goes: 2.0 MiB as stored, of which a prune frees what no other needs
    the guard refuses: most of the history would go at once
    hint: look with `backupctl retention preview` what would go
    ");
    world
        .fake
        .answer("OpenRetentionPreview", Answer::Lines(String::new()));
    assert_snapshot!(world.shown(&["retention", "preview", "home"]).await, @"
    --- stderr
    the job has no snapshots
    ");
    assert_snapshot!(world.shown(&["retention", "preview", "hoem"]).await, @"
    --- stderr
    error: there is no job `hoem`
    hint: did you mean `home`?
    --- exit 6
    ");
}

#[tokio::test]
async fn a_forget_is_a_run_like_others() {
    let world = World::new().await;
    let over = RunProperties {
        operation: text("forget"),
        snapshot: text(""),
        statistics: Some(StatisticsProperties {
            snapshots_forgotten: Some(3),
            snapshots_kept: Some(12),
            ..StatisticsProperties::default()
        }),
        ..succeeded(run(GOOD_RUN))
    };
    world.fake.state().runs.insert(GOOD_RUN.to_owned(), over);
    world.fake.answer("Forget", Answer::Path(run_path(GOOD_RUN)));
    assert_snapshot!(world.shown(&["forget", "home", "--follow"]).await, @"
    ✓ success forget of home in 1m 23s
      forgotten: 3 snapshots
           kept: 12
    ");
    assert_snapshot!(world.shown(&["forget", "home", "--force", "--no-wait"]).await, @"
    started `home` as run 01JD3V0000000000000000GOOD
    --- stderr
    watch it with `backupctl show 01JD3V0000000000000000GOOD`
    ");
    assert_snapshot!(world.fake.calls().join("\n"), @r#"
    Forget home {}
    Forget home {"force": <true>}
    "#);
    assert_snapshot!(world.shown(&["forget"]).await, @"
    --- stderr
    error: the following required arguments were not provided:
      <JOB>

    Usage: backupctl forget <JOB>

    For more information, try '--help'.
    --- exit 2
    ");
    assert_snapshot!(world.shown(&["forget", "home", "--undo", "01JD3V"]).await, @"
    --- stderr
    error: the argument '[JOB]' cannot be used with '--undo <RUN>'

    Usage: backupctl forget <JOB>

    For more information, try '--help'.
    --- exit 2
    ");
}

#[tokio::test]
async fn what_was_forgotten_comes_back_as_far_as_it_can() {
    let world = World::new().await;
    let answer = format!(
        "{{\"id\":\"{}\",\"present\":true,\"reason\":null}}\n{{\"id\":\"{}\",\"present\":false,\"reason\":\"a prune has removed what it needs\"}}\n",
        "a".repeat(64),
        "b".repeat(64)
    );
    world.fake.answer("Unforget", Answer::Lines(answer));
    assert_snapshot!(world.shown(&["forget", "--undo", GOOD_RUN]).await, @"
    aaaaaaaa is there
    bbbbbbbb is lost: a prune has removed what it needs
    --- stderr
    note: the job's next backup lets them go again, unless its `retention` says something else by then
    --- exit 3
    ");
    let json = world.run(&["forget", "--undo", GOOD_RUN, "--json"]).await.json();
    assert_eq!(json["snapshots"][1]["present"], false);
    let one = "a".repeat(64);
    world
        .shown(&["forget", "--undo", GOOD_RUN, "--snapshot", &one])
        .await;
    assert_snapshot!(world.fake.calls().last().unwrap(), @r#"Unforget 01JD3V0000000000000000GOOD {"snapshots": <["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]>}"#);
    // A beginning is enough, if it is that of one that went.
    world.fake.answer("OpenDecisions", Answer::Lines(decisions()));
    world
        .shown(&["forget", "--undo", GOOD_RUN, "--snapshot", "aaa"])
        .await;
    assert_snapshot!(world.fake.calls().last().unwrap(), @r#"Unforget 01JD3V0000000000000000GOOD {"snapshots": <["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]>}"#);
    assert_snapshot!(world.shown(&["forget", "--undo", GOOD_RUN, "--snapshot", "ccc"]).await, @"
    --- stderr
    error: run 01JD3V0000000000000000GOOD has removed no snapshot `ccc`
    hint: `backupctl retention show 01JD3V0000000000000000GOOD` lists what it removed
    --- exit 6
    ");
}
