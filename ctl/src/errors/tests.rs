use super::*;

#[test]
fn each_error_of_the_daemon_has_its_exit_code_and_name() {
    let told: Vec<String> = Error::samples()
        .into_iter()
        .map(|error| {
            let failure = Failure::from_daemon(error, Scope::System);
            format!("{} {}", failure.code, failure.name)
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    6 JobNotFound
    6 UnknownRepository
    6 RunNotFound
    6 SnapshotNotFound
    6 PathNotFound
    1 AlreadyRunning
    1 JobDisabled
    1 NotRunning
    1 AlreadyExists
    2 InvalidArgument
    2 UnknownOption
    1 InvalidConfiguration
    1 StaleRevision
    4 NotAuthorized
    4 NotAuthorizedCanObtain
    4 NotAuthorizedDismissed
    1 LimitsExceeded
    1 RepositoryNotFound
    1 RepositoryExists
    1 Credentials
    1 Locked
    1 Network
    1 NoSpace
    1 Corrupt
    1 WorkerFailed
    1 StateUnavailable
    1 NotSupported
    5 ShuttingDown
    1 Failed
    ");
}

#[test]
fn advice_in_the_text_is_told_once_and_in_its_place() {
    let error = Error::JobNotFound("there is no job `hoem`\nhint: did you mean `home`?".to_owned());
    let failure = Failure::from_daemon(error, Scope::User).hint_if_none(Some("other".to_owned()));
    insta::assert_snapshot!(failure.human(&Look::default()), @"
    error: there is no job `hoem`
    hint: did you mean `home`?
    ");
    insta::assert_snapshot!(failure.json(), @r#"
    {"version":1,"error":{"name":"JobNotFound","message":"there is no job `hoem`","hint":"did you mean `home`?"}}
    "#);
}

#[test]
fn nothing_from_outside_steers_the_terminal() {
    let failure = Failure::failed("a\u{1b}[31m\nb\tc").hint("d\re");
    insta::assert_snapshot!(failure.human(&Look::default()), @r"
    error: a\x1b[31m
      b\tc
    hint: d\re
    ");
}

#[test]
fn errors_of_the_bus_are_told_apart() {
    let told = |error: fdo::Error| {
        let error = Error::ZBus(zbus::Error::FDO(Box::new(error)));
        let failure = Failure::from_daemon(error, Scope::User);
        format!("{} {}: {}", failure.code, failure.name, failure.message)
    };
    let text = || "text".to_owned();
    let told = [
        told(fdo::Error::ServiceUnknown(text())),
        told(fdo::Error::NoReply(text())),
        told(fdo::Error::AccessDenied(text())),
        told(fdo::Error::InteractiveAuthorizationRequired(text())),
        told(fdo::Error::SpawnChildExited(text())),
        told(fdo::Error::UnknownMethod(text())),
        told(fdo::Error::NoMemory(text())),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    5 Unreachable: the backup daemon is not running in the user scope
    5 Unreachable: the daemon went away before it answered
    4 AccessDenied: the bus refused it: text
    4 NotAuthorizedCanObtain: text
    5 Unreachable: the daemon could not be started: text
    1 Failed: the daemon does not understand: text
    1 Failed: org.freedesktop.DBus.Error.NoMemory: text
    ");
}

#[test]
fn the_worst_code_wins() {
    assert_eq!([0, 3, 1, 3].into_iter().fold(0, worst), 1);
    assert_eq!(worst(0, 3), 3);
    assert_eq!(worst(6, 1), 6);
    assert_eq!(worst(1, 5), 5);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let failure = Failure::output(&io::Error::from(io::ErrorKind::BrokenPipe));
    assert_eq!((failure.code, failure.quiet), (0, true));
    let failure = Failure::output(&io::Error::other("full"));
    assert_eq!((failure.code, failure.quiet), (1, false));
}
