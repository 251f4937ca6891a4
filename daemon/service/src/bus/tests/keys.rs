//! Rotations as the bus asks for them.

use backupd_core::{
    audit::{Action as AuditAction, Outcome},
    protocol::{EndRotationWork, Keep, RotateKeyWork, Work},
};
use zbus::wire::StructureBuilder;

use super::{
    audit::{records, with_options},
    *,
};

/// Lets the repository have a password that is the daemon's to change.
pub(super) async fn keep_password(bus: &Bus) {
    let secret = bus.stage.configuration("secrets/nas");
    let file = bus.stage.configuration("repositories.d/nas.toml");
    let text = format!("url = \"/srv/nas\"\npassword_file = \"{}\"\n", secret.display());
    std::fs::write(file, text).unwrap();
    bus.stage.handle.reload().await.unwrap();
}

#[tokio::test]
async fn a_rotation_is_recorded_before_and_after_with_its_keys_and_without_its_password() {
    let bus = bus(true).await;
    keep_password(&bus).await;
    let before = records(&bus).await.len();
    let secret = bus.stage.configuration("secrets/nas");
    let (old, new) = ("0".repeat(64), "1".repeat(64));
    // The one answer is read as that of both halves.
    *bus.stage.launcher.answer.lock().unwrap() = Some(format!(
        r#"{{"password":{{"file":"{0}+2"}},"before":{{"file":"{0}"}},"key":"{new}","old_key":"{old}","resumed":false,"removed":"{old}","spared":null}}"#,
        secret.display()
    ));
    let path = repository_path("nas");
    let none = StructureBuilder::new();
    bus.call(&path, REPOSITORY_INTERFACE, "RotateKey", &with_options(none))
        .await
        .unwrap();
    let left = records(&bus).await.split_off(before);
    let [begun, named, ended] = &left[..] else {
        panic!("{left:?}")
    };
    assert_eq!((begun.old.as_str(), begun.new.as_str()), ("", ""));
    assert_eq!(named.action, AuditAction::RepositoryPassword);
    assert!(named.new.contains("secrets/nas+2"), "{named:?}");
    assert_eq!((&ended.old, &ended.new), (&old, &new));
    for entry in [begun, ended] {
        assert_eq!(
            (entry.action, entry.result, entry.uid, entry.repository.as_str()),
            (AuditAction::RepositoryKeyRotate, Outcome::Done, 1000, "nas")
        );
    }
    let asked = bus.stage.launcher.asked.lock().unwrap();
    let works: Vec<_> = asked.iter().map(|spec| &spec.work).collect();
    assert!(
        matches!(
            works[..],
            [
                Work::RotateKey(RotateKeyWork {
                    keep: Keep::File,
                    given: false,
                    ..
                }),
                Work::EndRotation(EndRotationWork { spare: false, .. })
            ]
        ),
        "{works:?}"
    );
    assert_ne!(
        asked[0].repository.password, asked[1].repository.password,
        "the second half opens with the new one"
    );
}

#[tokio::test]
async fn a_password_that_is_not_ours_is_not_rotated_and_the_way_by_hand_is_told() {
    let bus = bus(true).await;
    let before = records(&bus).await.len();
    let path = repository_path("nas");
    let none = StructureBuilder::new();
    let error = bus
        .call(&path, REPOSITORY_INTERFACE, "RotateKey", &with_options(none))
        .await
        .unwrap_err();
    for part in [
        "does not lie in",
        "hint: ",
        "key add nas",
        "key remove nas KEY",
        "set-password nas",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(records(&bus).await.len(), before);
    assert!(bus.stage.launcher.asked.lock().unwrap().is_empty());
}
