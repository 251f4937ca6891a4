use insta::assert_snapshot;

use crate::{client::World, fixtures};

#[tokio::test]
async fn the_whole_is_told_with_jobs_and_exit_code_7() {
    let world = World::new().await;
    assert_snapshot!(world.shown(&["status"]).await, @"
    ✗ failed  backupd 0.1.0, user scope
         why: the last run of `mail` failed
        next: in 7h (<time>)
        runs: 1 at work, 0 queued (at most 2 at once)
        jobs: 3 jobs, 2 repositories
       since: 3h ago (<time>)
      config: /home/me/.config/backupd

    HEALTH      JOB   REPOSITORY  LAST SUCCESS  LAST RESULT  NEXT   NOW
    ● ok        home  nas         2h ago        ✓ success    in 7h  ↻ backup 50 %, 12.0 MiB/s, 1m 25s left
    ✗ failed    mail  nas         2d ago        ✗ failed     –      –
    ○ disabled  old   usb         never         –            –      –
    --- exit 7
    ");
}

#[tokio::test]
async fn the_answer_may_tell_of_the_manager_too() {
    let world = World::new().await;
    let apart = world.shown(&["status"]).await;
    world.fake.state().whole = true;
    assert_eq!(world.shown(&["status"]).await, apart);
}

#[tokio::test]
async fn faults_of_the_configuration_are_told_with_their_advice() {
    let world = World::new().await;
    world.fake.state().manager.configuration_faults = Some(vec![backupd_dbus::Fault {
        file: fixtures::text("/etc/backupd/jobs.d/a.toml"),
        line: Some(3),
        column: Some(7),
        message: fixtures::text("`sorces` is not known"),
        hint: fixtures::text("did you mean `sources`?"),
    }]);
    assert_snapshot!(world.shown(&["status"]).await, @"
    ✗ failed  backupd 0.1.0, user scope
         why: the last run of `mail` failed
        next: in 7h (<time>)
        runs: 1 at work, 0 queued (at most 2 at once)
        jobs: 3 jobs, 2 repositories
       since: 3h ago (<time>)
      config: /home/me/.config/backupd

    Faults of the configuration
      /etc/backupd/jobs.d/a.toml:3:7: `sorces` is not known
        hint: did you mean `sources`?

    HEALTH      JOB   REPOSITORY  LAST SUCCESS  LAST RESULT  NEXT   NOW
    ● ok        home  nas         2h ago        ✓ success    in 7h  ↻ backup 50 %, 12.0 MiB/s, 1m 25s left
    ✗ failed    mail  nas         2d ago        ✗ failed     –      –
    ○ disabled  old   usb         never         –            –      –
    --- exit 7
    ");
}

#[tokio::test]
async fn a_daemon_without_jobs_says_how_to_make_one() {
    let world = World::new().await;
    {
        let mut state = world.fake.state();
        state.jobs.clear();
        state.runs.clear();
        state.repositories.truncate(1);
        state.manager.health = fixtures::text("ok");
        state.manager.health_reasons = None;
    }
    assert_snapshot!(world.shown(&["status"]).await, @"
    ● ok  backupd 0.1.0, user scope
        next: in 7h (<time>)
        runs: 1 at work, 0 queued (at most 2 at once)
        jobs: 0 jobs, 1 repository
       since: 3h ago (<time>)
      config: /home/me/.config/backupd

    there are no jobs; create one with `backupctl job create NAME --repository R --source DIR`
    ");
}

#[tokio::test]
async fn a_job_is_told_closely() {
    let world = World::new().await;
    assert_snapshot!(world.shown(&["status", "home"]).await, @r#"
    home – all of /home
                health: ● ok
            repository: nas
              schedule: 02:00 Europe/Berlin, up to 10m later
                  next: in 7h (<time>)
                groups: nightly
                 after: mail
              priority: normal
          last success: 2h ago (<time>)
         last snapshot: 4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091
      may be as old as: 26h
                  late: in 24h (<time>)
                  copy: in cloud: 1h ago (<time>); after each backup

    Active run
            run: 01JD3X0000000000000000BUSY
         result: ↻ running
      operation: backup
        trigger: schedule
      scheduled: 6h ago (<time>)
         queued: 6h ago (<time>)
        started: 5h ago (<time>)
           took: 5h 3m
       progress: backup 50 %, 12.0 MiB/s, 1m 25s left

    Last run
            run: 01JD3V0000000000000000GOOD
         result: ✓ success
      operation: backup
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
    assert_snapshot!(world.shown(&["status", "mail"]).await, @"
    mail
            health: ✗ failed
               why: the last run failed: the password is wrong
        repository: nas
      last success: 2d ago (<time>)

    Last run
            run: 01JD3W00000000000000000BAD
         result: ✗ failed
      operation: backup
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
    --- exit 7
    ");
}

#[tokio::test]
async fn json_is_versioned_and_whole() {
    let world = World::new().await;
    let said = world.run(&["status", "--json"]).await;
    assert_eq!(said.code, 7);
    assert_eq!(said.json()["runs"][0]["id"], fixtures::BUSY_RUN);
    // Two jobs are enough; the shape of a run is pinned where runs are listed.
    let before_old = said.stdout.split("\n      \"name\": \"old\"").next().unwrap();
    assert_snapshot!(before_old, @r#"
    {
      "version": 1,
      "health": "failed",
      "health_reasons": [
        "the last run of `mail` failed"
      ],
      "next": "<time>",
      "paused": false,
      "paused_until": null,
      "daemon": {
        "version": "0.1.0",
        "scope": "user",
        "time_zone": "Europe/Berlin",
        "launcher": "child",
        "launcher_reason": null,
        "started": "<time>",
        "active_runs": 1,
        "queued_runs": 0,
        "max_parallel_runs": 2,
        "configuration_directory": "/home/me/.config/backupd",
        "state_directory": "/home/me/.local/state/backupd"
      },
      "configuration_faults": [],
      "jobs": [
        {
          "name": "home",
          "description": "all of /home",
          "repository": "nas",
          "enabled": true,
          "health": "ok",
          "health_reason": null,
          "last_success": "<time>",
          "last_result": "success",
          "last_run": "01JD3V0000000000000000GOOD",
          "last_snapshot": "4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091",
          "schedule": [
            "02:00 Europe/Berlin, up to 10m later"
          ],
          "next": "<time>",
          "paused": false,
          "paused_until": null,
          "groups": [
            "nightly"
          ],
          "after": [
            "mail"
          ],
          "priority": "normal",
          "active_run": "01JD3X0000000000000000BUSY",
          "blocked_by": [],
          "max_age": 93600.0,
          "late": "<time>",
          "copies": [
            {
              "repository": "cloud",
              "schedule": null,
              "next": null,
              "active_run": null,
              "last_run": null,
              "last_result": "success",
              "last_success": "<time>",
              "late": null
            }
          ]
        },
        {
          "name": "mail",
          "description": null,
          "repository": "nas",
          "enabled": true,
          "health": "failed",
          "health_reason": "the last run failed: the password is wrong",
          "last_success": "<time>",
          "last_result": "failed",
          "last_run": "01JD3W00000000000000000BAD",
          "last_snapshot": null,
          "schedule": [],
          "next": null,
          "paused": false,
          "paused_until": null,
          "groups": [],
          "after": [],
          "priority": null,
          "active_run": null,
          "blocked_by": [],
          "max_age": null,
          "late": null,
          "copies": []
        },
        {
    "#);
}

#[tokio::test]
async fn json_of_one_job_has_that_job_alone() {
    let world = World::new().await;
    let one = world.run(&["status", "home", "--json"]).await;
    assert_eq!((one.code, one.json()["jobs"].as_array().unwrap().len()), (0, 1));
}

#[tokio::test]
async fn jobs_are_listed() {
    let world = World::new().await;
    assert_snapshot!(world.shown(&["jobs"]).await, @"
    HEALTH      JOB   REPOSITORY  LAST SUCCESS  LAST RESULT  NEXT   NOW
    ● ok        home  nas         2h ago        ✓ success    in 7h  ↻ backup 50 %, 12.0 MiB/s, 1m 25s left
    ✗ failed    mail  nas         2d ago        ✗ failed     –      –
    ○ disabled  old   usb         never         –            –      –
    ");
    let json = world.run(&["jobs", "--json"]).await.json();
    assert_eq!(json["version"], 1);
    assert_eq!(json["jobs"][1]["name"], "mail");
    assert_eq!(json["jobs"][2]["last_success"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_wrong_name_is_answered_with_the_nearest() {
    let world = World::new().await;
    assert_snapshot!(world.shown(&["status", "hoem"]).await, @"
    --- stderr
    error: there is no job `hoem`
    hint: did you mean `home`?
    --- exit 6
    ");
}

#[tokio::test]
async fn a_pause_is_told_of_the_whole_and_of_each_job() {
    let world = World::new().await;
    {
        let mut state = world.fake.state();
        state.manager.paused = Some(true);
        for (job, until) in state.jobs.iter_mut().zip([15 * fixtures::HOUR, 0, 0]) {
            job.paused = Some(true);
            job.paused_until_usec = Some(if until == 0 { 0 } else { fixtures::ahead(until) });
        }
        state.jobs[0].health = fixtures::text("paused");
    }
    assert_snapshot!(world.shown(&["status"]).await, @"
    ✗ failed  backupd 0.1.0, user scope
         why: the last run of `mail` failed
      paused: no job starts by itself until it is resumed; `backupctl resume --all` ends that
        runs: 1 at work, 0 queued (at most 2 at once)
        jobs: 3 jobs, 2 repositories
       since: 3h ago (<time>)
      config: /home/me/.config/backupd

    HEALTH      JOB   REPOSITORY  LAST SUCCESS  LAST RESULT  NEXT            NOW
    ○ paused    home  nas         2h ago        ✓ success    paused for 15h  ↻ backup 50 %, 12.0 MiB/s, 1m 25s left
    ✗ failed    mail  nas         2d ago        ✗ failed     paused          –
    ○ disabled  old   usb         never         –            –               –
    --- exit 7
    ");
    let shown = world.shown(&["show", "home"]).await;
    assert_snapshot!(shown.lines().take(12).collect::<Vec<_>>().join("\n"), @"
    home – all of /home
                health: ○ paused
            repository: nas
              schedule: 02:00 Europe/Berlin, up to 10m later
                  next: in 7h (<time>)
                paused: until <time> (in 15h)
                groups: nightly
                 after: mail
              priority: normal
          last success: 2h ago (<time>)
         last snapshot: 4f5e6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091
      may be as old as: 26h
    ");
    let json = world.run(&["status", "--json"]).await.json();
    assert_eq!(
        (&json["paused"], &json["jobs"][1]["paused_until"]),
        (&true.into(), &serde_json::Value::Null)
    );
    world.fake.state().manager.paused_until_usec = Some(fixtures::ahead(2 * fixtures::HOUR));
    let told = world.shown(&["status"]).await;
    assert!(
        told.contains("(in 2h); `backupctl resume --all` ends that"),
        "{told}"
    );
}
