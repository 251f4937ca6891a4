use backupd_dbus::Error;
use insta::assert_snapshot;

use crate::{
    bus::Bus,
    client::{World, command, said},
    fake::Answer,
};

#[tokio::test]
async fn each_error_of_the_daemon_ends_with_its_code() {
    let world = World::new().await;
    for error in Error::samples() {
        let code = i32::from(error.exit_code() as u8);
        let text = error.text();
        world.fake.answer("StartJob", Answer::Error(error));
        let said = world.run(&["start", "home", "--json"]).await;
        assert_eq!(said.code, code, "{text}: {}", said.stderr);
        let told: serde_json::Value = serde_json::from_str(&said.stderr).unwrap();
        assert_eq!(
            (&told["version"], &told["error"]["name"]),
            (&1.into(), &text.as_str().into())
        );
    }
}

#[tokio::test]
async fn nobody_is_asked_for_a_password_against_the_users_will() {
    let world = World::new().await;
    assert_eq!(world.run(&["start", "home"]).await.code, 0);
    assert_eq!(world.run(&["--no-ask-password", "start", "home"]).await.code, 0);
    assert_eq!(world.run(&["history", "--no-ask-password"]).await.code, 0);
    assert_eq!(world.run(&["history"]).await.code, 0);
    assert_eq!(world.fake.state().interactive, [true, false, false, true]);
}

#[tokio::test]
async fn a_missing_bus_and_a_missing_daemon_are_told_apart() {
    let home = tempfile::tempdir().unwrap();
    let address = format!("unix:path={}", home.path().join("none").display());
    let none = said(command(home.path(), &address, &["status"])).await.whole();
    assert_snapshot!(none.replace(home.path().to_str().unwrap(), "HERE"), @"
    --- stderr
    error: there is no session bus at `unix:path=HERE/none`: No such file or directory (os error 2)
    hint: log in, or run both daemon and client under `dbus-run-session`; the machine's daemon is reached with `--system`
    --- exit 5
    ");
    let bus = Bus::start();
    let nobody = said(command(home.path(), &bus.address, &["status"]))
        .await
        .whole();
    assert_snapshot!(nobody, @"
    --- stderr
    error: the backup daemon is not running in the user scope
    hint: start it with `systemctl --user start backupd`, or run `backupd --user`; the machine's daemon is reached with `--system`
    --- exit 5
    ");
    let json = said(command(home.path(), &bus.address, &["status", "--json"])).await;
    assert_eq!((json.code, json.stdout.as_str()), (5, ""));
    let error: serde_json::Value = serde_json::from_str(&json.stderr).unwrap();
    assert_eq!(error["error"]["name"], "Unreachable");
}

#[tokio::test]
async fn wrong_usage_ends_with_2() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [
        &["nonsense"][..],
        &["start"],
        &["history", "--since", "soon"],
        &["start", "home", "--metadata", "[]"],
        &["status", "--system"],
        &["restore", "latest"],
    ] {
        let said = said(command(home.path(), "unix:path=/nowhere", arguments)).await;
        assert_eq!(said.code, 2, "{arguments:?}: {}", said.whole());
    }
}

#[tokio::test]
async fn help_is_there_for_every_command() {
    let home = tempfile::tempdir().unwrap();
    let help = said(command(home.path(), "unix:path=/nowhere", &["start", "--help"])).await;
    assert_snapshot!(help.whole(), @"
    Starts jobs now: by name, all of a group, or all there are. Several are started together: each waits
    for those that its file says it comes `after`. Without `--wait` or `--follow` it returns as soon as
    the daemon has them in its queue.

    Whoever starts a job by hand overrides its conditions and its pause; the run says what it overrode.

    With `--wait` or `--follow` the exit code is the run's: 0 success, 3 partial (a snapshot is stored,
    some files could not be read), 1 otherwise; of several jobs the worst. Ctrl-C while waiting leaves
    the run going.

    Usage: backupctl start [OPTIONS] <JOB|--group <GROUP>|--all>

    Arguments:
      [JOB]...
              The jobs

    Options:
          --group <GROUP>
              All jobs that are in this group by their files; those that are switched off are left out

          --all
              All jobs; those that are switched off are left out

          --wait
              Wait until it is over, without showing progress

      -f, --follow
              Wait until it is over, and show progress and a summary

          --description <TEXT>
              Free text to keep with the run

          --metadata <JSON>
              Free data to keep with the run: a JSON object

      -h, --help
              Print help (see a summary with '-h')

    Global options:
          --system
              Talk to the daemon of the machine, on the system bus; the default for root

          --user
              Talk to your own daemon, on the session bus; the default for everyone but root

          --json
              Write JSON for programs; errors become JSON on standard error

          --no-pager
              Do not show long output in a pager; the pager is `$PAGER`, or else `less`

          --no-ask-password
              Never ask for a password; what needs one is refused

          --color <WHEN>
              When to use colours; `auto` is on a terminal unless `NO_COLOR` is set

              Possible values:
              - auto:   On a terminal, unless `NO_COLOR` is set
              - always: Always
              - never:  Never

    Examples:
      backupctl start home --follow
      backupctl start home mail --wait
      backupctl start --group nightly --wait
      backupctl start home --description 'before the upgrade'
    ");
}
