use super::{
    super::{About, Action},
    scene::{Heard, Scene, Script},
};
use crate::ports::Caller;

const YES: Script = Script::Answers(true, false, &[]);
const NO: Script = Script::Answers(false, false, &[]);
const CHALLENGE: Script = Script::Answers(false, true, &[]);
const DISMISSED: Script = Script::Answers(false, false, &[("polkit.dismissed", "true")]);

/// `NAME: text`, as a client sees it.
async fn refusal(script: Script, interactive: bool) -> String {
    use zbus::DBusError as _;
    let error = Scene::new(script).await.run(interactive).await.unwrap_err();
    let name = error.name().as_str().rsplit('.').next().unwrap().to_owned();
    format!("{name}: {}", error.text())
}

#[tokio::test]
async fn polkit_is_asked_about_the_connection_the_job_and_the_repository() {
    let mut scene = Scene::new(YES).await;
    let caller = scene.run(false).await.unwrap();
    let expected = Caller {
        uid: 1000,
        pid: Some(77),
        bus_name: ":1.7".to_owned(),
    };
    assert_eq!(caller, expected);
    let detail = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let check = |cancellation: &str, interactive| Heard::Check {
        subject: "system-bus-name :1.7".to_owned(),
        action: "org.backupd.backup1.run".to_owned(),
        details: vec![detail("job", "home"), detail("repository", "nas")],
        interactive,
        cancellation: cancellation.to_owned(),
    };
    assert_eq!(scene.heard.recv().await.unwrap(), check("", false));
    // Questions that somebody may see can be taken back, each on its own.
    for id in ["backupd-0", "backupd-1"] {
        scene.run(true).await.unwrap();
        assert_eq!(scene.heard.recv().await.unwrap(), check(id, true));
    }
}

#[tokio::test]
async fn a_question_shows_no_names_of_what_is_missing() {
    let mut scene = Scene::new(YES).await;
    for (action, about, message) in [
        (
            Action::Repository,
            About::nothing(),
            Some("Authentication is required to add, create or test repositories"),
        ),
        (
            Action::Cancel,
            About::repository("nas"),
            Some("Authentication is required to cancel runs"),
        ),
        (Action::Configure, About::nothing(), None),
        (Action::Browse, About::repository("nas"), None),
    ] {
        scene.call(action, about, true).await.unwrap().unwrap();
        let Heard::Check { details, .. } = scene.heard.recv().await.unwrap() else {
            panic!("nothing was cancelled");
        };
        let shown = details.iter().find(|(key, _)| key == "polkit.message");
        assert_eq!(shown.map(|(_, text)| text.as_str()), message, "{action:?}");
    }
}

#[tokio::test]
async fn root_is_never_asked_about() {
    let mut scene = Scene::of(Script::Hangs, 0, true).await;
    assert_eq!(scene.run(false).await.unwrap().uid, 0);
    assert!(scene.heard.try_recv().is_err());
}

#[tokio::test]
async fn each_kind_of_no_has_its_own_name() {
    assert_eq!(
        refusal(NO, false).await,
        "NotAuthorized: you may not start jobs (job `home`, repository `nas`): polkit does not allow it\n\
         hint: call `backupctl` with `sudo`, or have an administrator allow `org.backupd.backup1.run`: see \
         backupd(8)"
    );
    assert_eq!(
        refusal(NO, true).await,
        "NotAuthorized: you may not start jobs (job `home`, repository `nas`): authentication failed\n\
         hint: try again, call `backupctl` with `sudo`, or have an administrator allow \
         `org.backupd.backup1.run`: see backupd(8)"
    );
    for interactive in [false, true] {
        assert_eq!(
            refusal(CHALLENGE, interactive).await,
            "NotAuthorizedCanObtain: you may not start jobs (job `home`, repository `nas`): you have to \
             authenticate for that, and nobody could ask you\n\
             hint: call `backupctl` on a terminal without `--no-ask-password`, or with `sudo`"
        );
    }
    assert_eq!(
        refusal(DISMISSED, true).await,
        "NotAuthorizedDismissed: you may not start jobs (job `home`, repository `nas`): you were asked to \
         authenticate and did not\n\
         hint: try again and answer, or call `backupctl` with `sudo`"
    );
}

#[tokio::test]
async fn without_polkit_nobody_but_root_may_do_anything() {
    for interactive in [false, true] {
        let error = refusal(Script::Fails("it is not there"), interactive).await;
        assert!(
            error.starts_with(
                "NotAuthorized: you may not start jobs (job `home`, repository `nas`): polkit, which decides, \
                 cannot be asked: "
            ),
            "{error}"
        );
        assert!(
            error.contains("it is not there\nhint: `systemctl status polkit`"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn polkit_that_asks_nobody_is_not_waited_for_without_end() {
    let error = refusal(Script::Hangs, false).await;
    assert!(
        error.contains("polkit, which decides, has not answered for 200ms\nhint: "),
        "{error}"
    );
}

#[tokio::test]
async fn a_question_whose_asker_has_left_is_taken_back() {
    let mut scene = Scene::new(Script::Hangs).await;
    let call = scene.call(Action::Run, About::job("home", Some("nas")), true);
    let Heard::Check { cancellation, .. } = scene.heard.recv().await.unwrap() else {
        panic!("nothing was asked");
    };
    scene.caller_leaves().await;
    assert_eq!(scene.heard.recv().await.unwrap(), Heard::Cancel(cancellation));
    let error = call.await.unwrap().unwrap_err();
    assert!(
        matches!(error, backupd_dbus::Error::NotAuthorizedDismissed(_)),
        "{error}"
    );
}

#[tokio::test]
async fn nobody_is_waited_for_who_left_before_the_question() {
    let scene = Scene::of(Script::Hangs, 1000, false).await;
    assert!(scene.run(true).await.is_err());
}

#[tokio::test]
async fn a_person_who_does_not_answer_is_not_waited_for_without_end() {
    let longest = std::time::Duration::from_millis(50);
    let mut scene = Scene::patient(Script::Hangs, 1000, true, longest).await;
    let error = scene.run(true).await.unwrap_err();
    assert!(
        matches!(error, backupd_dbus::Error::NotAuthorizedDismissed(_)),
        "{error}"
    );
    let Heard::Check { cancellation, .. } = scene.heard.recv().await.unwrap() else {
        panic!("nothing was asked");
    };
    assert_eq!(scene.heard.recv().await.unwrap(), Heard::Cancel(cancellation));
}

#[tokio::test]
async fn a_user_has_polkit_asked_so_often_at_a_time_and_no_more() {
    let mut scene = Scene::new(Script::Hangs).await;
    let mut waiting = Vec::new();
    for _ in 0..8 {
        waiting.push(scene.call(Action::Run, About::job("home", Some("nas")), true));
        assert!(matches!(scene.heard.recv().await, Some(Heard::Check { .. })));
    }
    for interactive in [false, true] {
        let error = scene.run(interactive).await.unwrap_err();
        assert!(matches!(error, backupd_dbus::Error::LimitsExceeded(_)), "{error}");
        assert!(error.to_string().contains("hint: "), "{error}");
    }
    assert!(scene.heard.try_recv().is_err());
    // Their places are free when they have been answered.
    scene.caller_leaves().await;
    for call in waiting {
        call.await.unwrap().unwrap_err();
        assert!(matches!(scene.heard.recv().await, Some(Heard::Cancel(_))));
    }
    let error = scene.run(false).await.unwrap_err();
    assert!(matches!(error, backupd_dbus::Error::NotAuthorized(_)), "{error}");
}
