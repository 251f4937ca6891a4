use backupd_dbus::{ElapseProperties, RunProperties, run_path};
use insta::assert_snapshot;

use crate::{
    client::World,
    fake::Answer,
    fixtures::{self, BAD_RUN, HOUR, MINUTE},
};

#[tokio::test]
async fn why_says_what_is_and_what_to_do() {
    let world = World::new().await;
    assert_snapshot!(world.shown(&["why", "home"]).await, @"
    `home` is running since <time>: backup 50 %, 12.0 MiB/s, 1m 25s left
    it was started by its schedule, for the elapse at <time>
    its health is ok: the last success was 2h ago; late from <time> on, unless it succeeds before
    hint: stop it with `backupctl cancel 01JD3X0000000000000000BUSY`
    ");
    assert_snapshot!(world.shown(&["why", "mail"]).await, @r#"
    `mail` is not running: nobody has started it, and it has no schedule
    its health is failed: the last run failed: the password is wrong
    its last run ended 1h ago as failed: the password is wrong
    attempt 1 ended 1h ago as interrupted: the worker ended without saying how
    attempt 2 ended 1h ago as failed: the password is wrong
    it is not tried again, since that would not help
    hint: look at `password_file` of the repository `nas`
    hint: all that its last run told is shown by `backupctl log mail`
    hint: start it with `backupctl start mail`
    hint: its file says when it starts by itself, such as `schedule = "daily"`; try one with `backupctl schedule test daily`
    "#);
    assert_snapshot!(world.shown(&["why", "old"]).await, @"
    `old` is switched off by its file
    its health is disabled: it has not succeeded yet
    hint: let it run with `backupctl job enable old`
    ");
    {
        let mut state = world.fake.state();
        let run = state.runs.get_mut(fixtures::BUSY_RUN).unwrap();
        run.state = fixtures::text("waiting");
        run.blocked_by = Some(vec![fixtures::blocked()]);
    }
    assert_snapshot!(world.shown(&["why", "home"]).await, @"
    `home` waits: repository `nas` is in use, for 5m; cleared by the end of run 7 (`mail`, prune)
    it was started by its schedule, for the elapse at <time>
    its health is ok: the last success was 2h ago; late from <time> on, unless it succeeds before
    hint: stop it with `backupctl cancel 01JD3X0000000000000000BUSY`
    ");
    let json = world.run(&["why", "home", "--json"]).await.json();
    assert_eq!(json["run"]["blocked_by"][0]["what"], "repository `nas` is in use");
}

/// `home`, not at work, with an elapse to come.
async fn idle() -> World {
    let world = World::new().await;
    {
        let mut state = world.fake.state();
        state.jobs[0].active_run = Some(zbus::OwnedObjectPath::default());
        let elapse = ElapseProperties {
            job_name: fixtures::text("home"),
            at_usec: Some(fixtures::ahead(7 * HOUR)),
            schedule: fixtures::text("02:00 Europe/Berlin, up to 10m later"),
            time_zone: fixtures::text("UTC"),
            ..ElapseProperties::default()
        };
        state
            .answers
            .insert("ListElapses".to_owned(), Answer::Elapses(vec![elapse]));
    }
    world
}

#[tokio::test]
async fn why_says_when_it_starts_next_and_what_holds_it() {
    let world = idle().await;
    assert_snapshot!(world.shown(&["why", "home"]).await, @"
    `home` is not running: it is not due
    it starts next in 7h (<time>), by its schedule `02:00 Europe/Berlin, up to 10m later`
    its health is ok: the last success was 2h ago; late from <time> on, unless it succeeds before
    hint: start it with `backupctl start home`
    ");
    world.fake.state().jobs[0].next_usec = Some(fixtures::ago(MINUTE));
    assert_snapshot!(world.shown(&["why", "home"]).await, @"
    `home` is due since <time>; it starts when the machine has settled after its start or its sleep
    it starts next in 7h (<time>), by its schedule `02:00 Europe/Berlin, up to 10m later`
    its health is ok: the last success was 2h ago; late from <time> on, unless it succeeds before
    hint: start it with `backupctl start home`
    ");
    {
        let mut state = world.fake.state();
        state.jobs[0].paused = Some(true);
        state.jobs[0].paused_until_usec = Some(fixtures::ahead(15 * HOUR));
        state.jobs[0].health = fixtures::text("late");
        state.jobs[0].health_reason = fixtures::text("its last good snapshot is older than `max_age`");
        state.jobs[0].late_usec = Some(fixtures::ago(HOUR));
    }
    assert_snapshot!(world.shown(&["why", "home"]).await, @"
    `home` is not running: it is paused, by name, until <time> (in 15h)
    its next elapse is in 7h (<time>), by its schedule `02:00 Europe/Berlin, up to 10m later`
    its health is late: its last good snapshot is older than `max_age`; late since <time>
    hint: end the pause with `backupctl resume home`
    hint: start it with `backupctl start home`
    ");
    {
        let mut state = world.fake.state();
        state.manager.paused = Some(true);
        state.jobs[0].paused_until_usec = Some(0);
    }
    let reasons = world.run(&["why", "home", "--json"]).await.json();
    assert_eq!(reasons["elapse"]["job"], "home");
    assert_snapshot!(reasons["reasons"][0].as_str().unwrap(), @"`home` is not running: it is paused, as all jobs are, until it is resumed");
    assert_snapshot!(reasons["advice"][0].as_str().unwrap(), @"end the pause with `backupctl resume --all`");
}

#[tokio::test]
async fn only_a_failure_that_the_machine_gives_up_on_is_called_final() {
    let world = World::new().await;
    let told = async |kind: &str, class: &str, result: &str, attempts: usize| {
        {
            let mut state = world.fake.state();
            let run = state.runs.get_mut(BAD_RUN).unwrap();
            run.kind = fixtures::text(kind);
            run.failure_class = fixtures::text(class);
            run.result = fixtures::text(result);
            run.attempts.as_mut().unwrap().truncate(attempts);
        }
        let said = "it is not tried again, since that would not help";
        let (why, show) = (
            world.shown(&["why", "mail"]).await,
            world.shown(&["show", BAD_RUN]).await,
        );
        assert_eq!(why.contains(said), show.contains(said), "{why}{show}");
        why.contains(said)
    };
    assert!(
        told("manual", "credentials", "failed", 2).await,
        "it was tried again"
    );
    assert!(
        !told("automatic", "network", "failed", 2).await,
        "its attempts are used up"
    );
    assert!(!told("automatic", "a-class-of-tomorrow", "failed", 2).await);
    assert!(!told("automatic", "timed-out", "timed-out", 2).await);
    assert!(told("automatic", "credentials", "failed", 1).await);
    assert!(
        !told("manual", "credentials", "failed", 1).await,
        "nobody thinks it would be"
    );
}

#[tokio::test]
async fn why_tells_of_attempts_and_of_what_was_passed_over() {
    let world = idle().await;
    {
        let mut state = world.fake.state();
        state.jobs[0].active_run = Some(run_path(BAD_RUN));
        let run = state.runs.get_mut(BAD_RUN).unwrap();
        run.state = fixtures::text("backoff");
        run.result = fixtures::text("");
        run.trigger = fixtures::text("catch-up");
        run.scheduled_usec = Some(fixtures::ago(3 * HOUR));
        run.next_attempt_usec = Some(fixtures::ahead(3 * MINUTE));
        run.overrode = Some(vec!["the battery is at 20 %".to_owned()]);
        let skipped = RunProperties {
            result: fixtures::text("skipped"),
            failure_message: fixtures::text("a run of the job was at work"),
            scheduled_usec: Some(fixtures::ago(2 * HOUR)),
            ..fixtures::run("01JD3Z0000000000000000SKIP")
        };
        let runs = Answer::Runs(vec![skipped], String::new());
        state.answers.insert("ListRuns".to_owned(), runs);
    }
    assert_snapshot!(world.shown(&["why", "home"]).await, @"
    `home` waits before its attempt 3: in 3m (<time>)
    it makes up for what was missed: the elapse at <time>
    whoever started it overrode: the battery is at 20 %
    attempt 1 ended 1h ago as interrupted: the worker ended without saying how
    attempt 2 ended 1h ago as failed: the password is wrong
    it starts next in 7h (<time>), by its schedule `02:00 Europe/Berlin, up to 10m later`
    its elapse at <time> was passed over: a run of the job was at work
    its health is ok: the last success was 2h ago; late from <time> on, unless it succeeds before
    hint: stop it with `backupctl cancel 01JD3W00000000000000000BAD`
    ");
    let listed = world.shown(&["jobs"]).await;
    assert!(listed.contains("○ backoff: attempt 3 in 3m"), "{listed}");
    assert_snapshot!(world.shown(&["show", BAD_RUN]).await, @"
           run: 01JD3W00000000000000000BAD
        result: ○ backoff
     operation: backup
           job: mail
    repository: nas
       trigger: catch-up
     scheduled: 3h ago (<time>)
        queued: 1h ago (<time>)
       started: 1h ago (<time>)
      finished: 1h ago (<time>)
          took: 2.0s
          next: attempt 3 in 3m (<time>)
      overrode: the battery is at 20 %
       failure: the password is wrong (credentials)
          hint: look at `password_file` of the repository `nas`
      attempts: 1: interrupted, 1h ago: the worker ended without saying how
                2: failed, 1h ago: the password is wrong
    ");
}
