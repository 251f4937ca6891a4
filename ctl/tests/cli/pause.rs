use insta::assert_snapshot;

use crate::client::{World, said};

#[tokio::test]
async fn jobs_are_paused_until_somebody_resumes_them() {
    let world = World::new().await;
    assert_snapshot!(world.shown(&["pause", "home", "mail", "--reason", "on a train"]).await, @"
    `home` does not start by itself until it is resumed
    `mail` does not start by itself until it is resumed
    --- stderr
    `backupctl resume home mail` ends the pause; what gets too old in the meantime is `late` all the same
    ");
    assert_snapshot!(world.shown(&["resume", "home"]).await, @"ended the pause of `home`");
    assert_snapshot!(world.fake.calls().join("\n"), @r#"
    Pause home uint64 0 {"reason": <"on a train">}
    Pause mail uint64 0 {"reason": <"on a train">}
    Resume home {}
    "#);
    assert_snapshot!(world.shown(&["pause", "hoem"]).await, @"
    --- stderr
    error: there is no job `hoem`
    hint: did you mean `home`?
    --- exit 6
    ");
}

#[tokio::test]
async fn jobs_are_paused_until_a_time() {
    let world = World::new().await;
    assert_snapshot!(world.shown(&["pause", "home", "--for", "1h 30s"]).await, @"
    `home` does not start by itself until <time> (in 1h)
    --- stderr
    `backupctl resume home` ends the pause; what gets too old in the meantime is `late` all the same
    ");
    let said = world
        .run(&["pause", "home", "--until", "2996-12-24 18:00", "--json"])
        .await;
    assert_snapshot!(said.whole(), @r#"
    {
      "version": 1,
      "jobs": [
        {
          "name": "home",
          "paused": true,
          "paused_until": "<time>"
        }
      ]
    }
    "#);
    let calls = world.fake.calls();
    assert!(calls[1].starts_with("Pause home uint64 324"), "{calls:?}");
    assert_snapshot!(world.shown(&["pause", "home", "--until", "2020-01-01"]).await, @"
    --- stderr
    error: a pause until <time> is over already
    hint: write a time to come, such as `tomorrow 08:00` or `2h`
    --- exit 2
    ");
    assert_snapshot!(world.shown(&["pause", "home", "--until", "soon"]).await, @"
    --- stderr
    error: invalid value 'soon' for '--until <WHEN>': `soon` is no time; write one such as `tomorrow 08:00`, `monday`, `18:00` or `2h`

    For more information, try '--help'.
    --- exit 2
    ");
    for wrong in [
        &["pause"][..],
        &["resume"],
        &["pause", "home", "--all"],
        &["pause", "home", "--for", "1h", "--until", "monday"],
    ] {
        assert_eq!(world.run(wrong).await.code, 2, "{wrong:?}");
    }
}

#[tokio::test]
async fn all_are_paused_and_those_that_were_by_name_stay_so() {
    let world = World::new().await;
    world.fake.state().jobs[1].paused = Some(true);
    assert_snapshot!(world.shown(&["pause", "--all"]).await, @"
    no job starts by itself until it is resumed
    --- stderr
    `backupctl resume --all` ends the pause; what gets too old in the meantime is `late` all the same
    ");
    assert_snapshot!(world.shown(&["resume", "--all"]).await, @"
    jobs start by themselves again
    --- stderr
    paused by name, and still so: `mail`; `backupctl resume mail` ends that
    ");
    world.fake.state().manager.paused = Some(true);
    assert_snapshot!(world.shown(&["resume", "mail"]).await, @"
    ended the pause of `mail`
    --- stderr
    all jobs are paused; `backupctl resume --all` ends that
    ");
    let json = world.run(&["resume", "mail", "--json"]).await.json();
    assert_eq!(json["jobs"][0]["paused"], true);
    let json = said(world.command(&["pause", "--all", "--json"])).await.json();
    assert_eq!(
        (&json["version"], &json["paused_until"]),
        (&1.into(), &serde_json::Value::Null)
    );
}
