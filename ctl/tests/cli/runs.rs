use backupd_dbus::Error;
use insta::assert_snapshot;

use crate::{
    client::World,
    fake::Answer,
    fixtures::{self, BAD_RUN, BUSY_RUN, GOOD_RUN},
};

#[tokio::test]
async fn runs_are_listed_newest_first() {
    let world = World::new().await;
    assert_snapshot!(world.shown(&["runs"]).await, @"
    RUN                         JOB   OPERATION  TRIGGER   STARTED  TOOK    RESULT
    01JD3X0000000000000000BUSY  home  backup     schedule  5h ago   5h 3m   ↻ backup 50 %, 12.0 MiB/s, 1m 25s left
    01JD3W00000000000000000BAD  mail  backup     manual    1h ago   2.0s    ✗ failed: the password is wrong
    01JD3V0000000000000000GOOD  home  backup     manual    2h ago   1m 23s  ✓ success
    ");
}

#[tokio::test]
async fn runs_in_json_have_the_shape_that_scripts_know() {
    let world = World::new().await;
    world.fake.state().runs.retain(|id, _| id == BUSY_RUN);
    let said = world.run(&["runs", "--json"]).await.stdout;
    // How long it has been at work depends on the moment.
    let said: Vec<&str> = said
        .lines()
        .filter(|line| !line.contains("\"duration\""))
        .collect();
    assert_snapshot!(said.join("\n"), @r#"
    {
      "version": 1,
      "runs": [
        {
          "id": "01JD3X0000000000000000BUSY",
          "job": "home",
          "operation": "backup",
          "state": "running",
          "result": null,
          "attempt": 1,
          "snapshot": null,
          "repository": "nas",
          "source": null,
          "trigger": "schedule",
          "kind": "automatic",
          "phase": "backup",
          "cancel_requested": false,
          "queued": "<time>",
          "scheduled": "<time>",
          "next_attempt": null,
          "started": "<time>",
          "finished": null,
          "progress": {
            "files_done": 120,
            "files_total": 300,
            "bytes_done": 1073741824,
            "bytes_total": 2147483648,
            "bytes_added": 104857600,
            "unreadable": 1,
            "fraction": 0.5,
            "rate": 12582912.0,
            "left": 85.0
          },
          "statistics": {
            "files_new": 0,
            "files_changed": 0,
            "files_unmodified": 0,
            "files_unreadable": 0,
            "files_restored": 0,
            "directories": 0,
            "bytes_processed": 0,
            "bytes_read": 0,
            "bytes_added": 0,
            "bytes_stored": 0,
            "bytes_restored": 0,
            "bytes_checked": 0,
            "errors_found": 0,
            "bytes_repository": 0,
            "bytes_unused": 0,
            "bytes_repacked": 0,
            "bytes_freed": 0,
            "snapshots_forgotten": 0,
            "snapshots_kept": 0,
            "snapshots_copied": 0,
            "snapshots_present": 0,
            "warnings": 0,
            "compression_ratio": null,
            "bytes_per_second": null
          },
          "failure": null,
          "description": null,
          "metadata": {},
          "blocked_by": [],
          "overrode": [],
          "attempts": [],
          "unit": null,
          "engine": null,
          "engine_version": null,
          "expires": null
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn show_finds_runs_jobs_and_repositories() {
    let world = World::new().await;
    assert_snapshot!(world.shown(&["show", GOOD_RUN]).await, @r#"
           run: 01JD3V0000000000000000GOOD
        result: ✓ success
     operation: backup
           job: home
    repository: nas
       trigger: manual
          note: before the upgrade
      metadata: {"ticket":7}
        queued: 2h ago (<time>)
       started: 2h ago (<time>)
      finished: 1h ago (<time>)
          took: 1m 23s
         files: 12 new, 3 changed, 123 456 unmodified, 0 unreadable
          data: 1.5 GiB read, 1.0 GiB added, 512.0 MiB stored (ratio 2.00)
         speed: 12.0 MiB/s
      snapshot: 4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091
        engine: embedded 0.13.0
    "#);
    assert_snapshot!(world.shown(&["show", BAD_RUN]).await, @"
           run: 01JD3W00000000000000000BAD
        result: ✗ failed
     operation: backup
           job: mail
    repository: nas
       trigger: manual
        queued: 1h ago (<time>)
       started: 1h ago (<time>)
      finished: 1h ago (<time>)
          took: 2.0s
       failure: the password is wrong (credentials)
         retry: it is not tried again, since that would not help
          hint: look at `password_file` of the repository `nas`
      attempts: 1: interrupted, 1h ago: the worker ended without saying how
                2: failed, 1h ago: the password is wrong
    ");
    assert_snapshot!(world.shown(&["show", "nas"]).await, @"
    nas
      health: ● ok
       place: /srv/backup
      engine: embedded
        jobs: home, mail
       check: only by hand
       prune: only by hand
    ");
    let several = world
        .run(&["show", "home", "nas", &GOOD_RUN.to_lowercase(), "--json"])
        .await
        .json();
    let kinds: Vec<&str> = several["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|object| object["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["job", "repository", "run"]);
    let one = world.run(&["show", GOOD_RUN, "--json"]).await.json();
    assert_eq!((&one["version"], &one["id"]), (&1.into(), &GOOD_RUN.into()));
    assert_eq!(one["statistics"]["files_unmodified"], 123_456);
    assert_eq!(one["attempts"][0]["duration"], 83.0);
    assert_eq!(one["metadata"]["ticket"], 7);
    assert_eq!(one["failure"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_beginning_of_an_id_must_be_unique() {
    let world = World::new().await;
    let runs: Vec<_> = world.fake.state().runs.values().cloned().collect();
    world
        .fake
        .answer("ListRuns", Answer::Runs(runs[..1].to_vec(), String::new()));
    assert_eq!(
        world.run(&["show", "01jd3v", "--json"]).await.json()["id"],
        GOOD_RUN
    );
    world.fake.answer("ListRuns", Answer::Runs(runs, String::new()));
    assert_snapshot!(world.shown(&["show", "01JD3"]).await, @"
    --- stderr
    error: more than one run begins with `01JD3`
    hint: there are `01JD3V0000000000000000GOOD`, `01JD3W00000000000000000BAD` and `01JD3X0000000000000000BUSY`
    --- exit 6
    ");
    world
        .fake
        .answer("ListRuns", Answer::Runs(Vec::new(), String::new()));
    assert_snapshot!(world.shown(&["show", "01JD3"]).await, @"
    --- stderr
    error: there is no job, repository or run `01JD3`
    hint: there are the names `home`, `mail`, `old`, `nas` and `usb`
    --- exit 6
    ");
}

#[tokio::test]
async fn history_passes_its_filter_on_and_reads_page_by_page() {
    let world = World::new().await;
    let runs: Vec<_> = world.fake.state().runs.values().rev().cloned().collect();
    world
        .fake
        .answer("ListRuns", Answer::Runs(runs[1..].to_vec(), "more".to_owned()));
    let said = world
        .run(&[
            "history",
            "home",
            "--limit",
            "4",
            "--result",
            "failed",
            "--since",
            "2026-11-01T00:00:00Z",
        ])
        .await;
    assert_snapshot!(said.whole(), @"
    RUN                         JOB   OPERATION  TRIGGER  STARTED  TOOK    RESULT
    01JD3W00000000000000000BAD  mail  backup     manual   1h ago   2.0s    ✗ failed: the password is wrong
    01JD3V0000000000000000GOOD  home  backup     manual   2h ago   1m 23s  ✓ success
    01JD3W00000000000000000BAD  mail  backup     manual   1h ago   2.0s    ✗ failed: the password is wrong
    01JD3V0000000000000000GOOD  home  backup     manual   2h ago   1m 23s  ✓ success
    ");
    let calls = world.fake.calls();
    assert_eq!(calls.len(), 2, "{calls:?}");
    for part in [
        "\"job\": <\"home\">",
        "\"result\": <\"failed\">",
        "\"since-usec\": <",
        "\"limit\": <",
    ] {
        assert!(calls[0].contains(part), "{part}: {}", calls[0]);
    }
    assert!(calls[1].contains("\"before\": <\"more\">"), "{calls:?}");
    world
        .fake
        .answer("ListRuns", Answer::Runs(Vec::new(), String::new()));
    assert_snapshot!(world.shown(&["history", "nobody"]).await, @"
    --- stderr
    error: there is no job `nobody`
    hint: there are the jobs `home`, `mail` and `old`
    --- exit 6
    ");
    assert_eq!(
        world.run(&["history", "--json"]).await.json(),
        serde_json::json!({ "version": 1, "runs": [] })
    );
}

const LOG: &str = r#"{"v":1,"seq":1,"time":"2026-11-20T02:00:00Z","event":"hello","pid":1,"run":"01JD0000000000000000000000","attempt":1,"program":"backupd-worker 0.1.0","engine":{"name":"embedded","version":"0.13.0"}}
{"v":1,"seq":2,"time":"2026-11-20T02:00:01Z","event":"phase","phase":"backup"}
{"v":1,"seq":3,"time":"2026-11-20T02:00:02Z","event":"warning","path":"/home/a\nb","reason":"permission denied"}
{"v":1,"seq":4,"time":"2026-11-20T02:00:03Z","event":"snapshot","snapshot":"4f5e6a7b"}
{"v":1,"seq":5,"time":"2026-11-20T02:00:03Z","event":"stats","statistics":{"files_new":3,"files_changed":0,"bytes_read":2048}}
{"v":1,"seq":6,"time":"2026-11-20T02:00:03Z","event":"failure","failure":{"class":"no-space","message":"full","hint":"make room"}}
{"v":1,"seq":7,"time":"2026-11-20T02:00:03Z","event":"tea-break","cups":2}
{"v":1,"seq":8,"time":"2026-11-20T02:00:04Z","event":"done","result":"failed"}
"#;

#[tokio::test]
async fn a_log_is_readable_and_passes_through_as_json() {
    let world = World::new().await;
    world.fake.answer("OpenLog", Answer::Lines(LOG.to_owned()));
    assert_snapshot!(world.shown(&["log", "mail", "--attempt", "1"]).await, @r#"
    <time>  hello     backupd-worker 0.1.0, engine embedded 0.13.0, attempt 1
    <time>  phase     backup
    <time>  warning   /home/a\nb: permission denied
    <time>  snapshot  4f5e6a7b
    <time>  stats     bytes read 2.0 KiB, files new 3
    <time>  failure   full (no-space); hint: make room
    <time>  tea-break  {"cups":2,"v":1}
    <time>  done      failed
    "#);
    let calls = world.fake.calls();
    assert_eq!(
        calls.last().unwrap(),
        &format!("OpenLog {BAD_RUN} {{\"attempt\": <uint32 1>}}")
    );
    let lines = world.run(&["log", GOOD_RUN, "--json"]).await.stdout;
    assert_eq!(lines.lines().count(), 8);
    let line: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(line["engine"]["name"], "embedded");
}

#[tokio::test]
async fn runs_are_stopped_by_job_or_id() {
    let world = World::new().await;
    assert_snapshot!(world.shown(&["cancel", "home", "mail", BUSY_RUN]).await, @"
    asked run 01JD3X0000000000000000BUSY to stop
    asked run 01JD3X0000000000000000BUSY to stop
    --- stderr
    error: the job `mail` is neither queued nor at work
    hint: `backupctl show mail` shows its last run
    --- exit 1
    ");
    assert_eq!(
        world.fake.calls(),
        [
            format!("Cancel {BUSY_RUN} {{}}"),
            format!("Cancel {BUSY_RUN} {{}}")
        ]
    );
}

#[tokio::test]
async fn a_cancelled_run_is_what_cancel_waits_for() {
    let world = World::new().await;
    let mut run = fixtures::run(BUSY_RUN);
    run.state = fixtures::text("finished");
    run.result = fixtures::text("cancelled");
    world.fake.state().runs.insert(BUSY_RUN.to_owned(), run);
    assert_snapshot!(world.shown(&["cancel", "home", "--wait"]).await, @"○ cancelled home");
}

#[tokio::test]
async fn start_tells_of_each_job_and_ends_with_the_worst() {
    let world = World::new().await;
    let refused = Error::JobNotFound("there is no job `hoem`".to_owned());
    world.fake.answer("StartJob", Answer::Error(refused));
    assert_snapshot!(world.shown(&["start", "hoem"]).await, @"
    --- stderr
    error: there is no job `hoem`
    hint: did you mean `home`?
    --- exit 6
    ");
    world.fake.state().answers.clear();
    assert_snapshot!(
        world.shown(&["start", "home", "--description", "a b", "--metadata", r#"{"a":1}"#]).await, @"
    started `home` as run 01JD3Y00000000000000000NEW
    --- stderr
    watch it with `backupctl show 01JD3Y00000000000000000NEW`
    "
    );
    let call = world.fake.calls().pop().unwrap();
    assert!(
        call.contains(r#""description": <"a b">"#) && call.contains(r#""metadata": <"#),
        "{call}"
    );
    let json = world.run(&["start", "home", "--json"]).await.json();
    assert_eq!(
        json["runs"],
        serde_json::json!([{ "id": fixtures::NEW_RUN, "job": "home" }])
    );
}
