//! What each method leaves in the audit log.

use std::io::Read as _;

use backupd_core::audit::{Entry, Outcome, Record, Sealed, Verifier};
use jiff::SignedDuration;
use zbus::wire::{Structure, StructureBuilder};

use super::{methods::interfaces, *};
use crate::{coordinator::StartOptions, ports::AuditQuery, testing::job};

const JOB: &str = "repository = \"nas\"\nsources = [\"/opt\"]\n";
const REPOSITORY: &str = "url = \"/srv/disk\"\npassword_file = \"/etc/other\"\n";

/// All records so far, which form a good log.
async fn records(bus: &Bus) -> Vec<Entry> {
    let mut text = String::new();
    let mut file = bus.stage.handle.open_audit(AuditQuery::default()).await.unwrap();
    file.read_to_string(&mut text).unwrap();
    let mut verifier = Verifier::new();
    let record = |line| {
        let sealed: Sealed = serde_json::from_str(line).unwrap();
        let Record { entry, .. } = verifier.take(&sealed).unwrap();
        entry
    };
    text.lines().map(record).collect()
}

/// Every method, its arguments before `options`, and the action that is recorded: a method that changes something
/// leaves one record, another none. A new one without an entry fails the test.
fn left_by(interface: &str, method: &str) -> (StructureBuilder<'static>, Option<&'static str>) {
    let none = StructureBuilder::new();
    match (interface, method) {
        (MANAGER_INTERFACE, "StartJob") => (none.add_field("home"), Some("run-start")),
        (MANAGER_INTERFACE, "CreateJob") => (none.add_field("srv").add_field(JOB), Some("job-create")),
        (MANAGER_INTERFACE, "CreateRepository") => (
            none.add_field("disk").add_field(REPOSITORY),
            Some("repository-create"),
        ),
        (MANAGER_INTERFACE, "Reload") => (none, Some("configuration-reload")),
        (MANAGER_INTERFACE, "GetJob") => (none.add_field("home"), None),
        (MANAGER_INTERFACE, "GetRepository") => (none.add_field("nas"), None),
        (MANAGER_INTERFACE, "GetRun") => (none.add_field("01JD3Y00000000000000000000"), None),
        (MANAGER_INTERFACE, "ListRuns") => (none.add_field(HashMap::<String, Variant<'_>>::new()), None),
        (MANAGER_INTERFACE, "ValidateJob") => (none.add_field("srv").add_field(JOB), None),
        (JOB_INTERFACE, "Start") => (none, Some("run-start")),
        (JOB_INTERFACE | REPOSITORY_INTERFACE, "Restore") => (
            none.add_field("latest").add_field(b"/srv/x".to_vec()),
            Some("run-restore"),
        ),
        (JOB_INTERFACE, "SetEnabled") => (none.add_field(false), Some("job-disable")),
        (JOB_INTERFACE, "Delete") => (none, Some("job-delete")),
        (JOB_INTERFACE, "SetConfiguration") => (none.add_field(JOB), Some("job-replace")),
        (REPOSITORY_INTERFACE, "Initialize") => (none, Some("repository-initialize")),
        (REPOSITORY_INTERFACE, "SetPassword") => {
            let nothing = std::fs::File::open("/dev/null").unwrap();
            let nothing = zbus::Fd::from(std::os::fd::OwnedFd::from(nothing));
            (none.add_field(nothing), Some("repository-password"))
        }
        (REPOSITORY_INTERFACE, "OpenListing") => (none.add_field("latest"), None),
        (RUN_INTERFACE, "Cancel") => (none, Some("run-cancel")),
        (MANAGER_INTERFACE, "GetSettings" | "OpenAudit")
        | (REPOSITORY_INTERFACE, "Test" | "OpenSnapshots")
        | (JOB_INTERFACE | REPOSITORY_INTERFACE, "GetConfiguration")
        | (JOB_INTERFACE, "GetUnit")
        // Limits are gone with the run; nothing that lasts is changed.
        | (RUN_INTERFACE, "OpenLog" | "SetLimits") => (none, None),
        _ => panic!("{interface}.{method} has no entry"),
    }
}

fn with_options(arguments: StructureBuilder<'static>) -> Structure<'static> {
    arguments
        .add_field(HashMap::<String, Variant<'_>>::new())
        .build()
        .unwrap()
}

#[tokio::test]
async fn every_method_that_changes_something_leaves_one_record_of_who_and_what() {
    for (interface, text) in interfaces().await {
        let node = zbus_xml::Node::from_reader(text.as_bytes()).unwrap();
        for method in node.interfaces().iter().flat_map(zbus_xml::Interface::methods) {
            let bus = bus(true).await;
            let path = match interface {
                MANAGER_INTERFACE => ROOT_PATH.try_into().unwrap(),
                JOB_INTERFACE => job_path("home"),
                REPOSITORY_INTERFACE => repository_path("nas"),
                _ => {
                    let handle = &bus.stage.handle;
                    let run = handle.start(job("home"), StartOptions::default()).await;
                    objects::path_of_run(run.unwrap())
                }
            };
            let before = records(&bus).await.len();
            let (arguments, action) = left_by(interface, &method.name());
            let answer = bus
                .call(&path, interface, &method.name(), &with_options(arguments))
                .await;
            let left = records(&bus).await.split_off(before);
            let name = method.name();
            let Some(action) = action else {
                assert!(left.is_empty(), "{interface}.{name}: {left:?}");
                continue;
            };
            let entry = &left[0];
            assert_eq!(entry.action.as_str(), action, "{interface}.{name}");
            assert_eq!(
                (entry.uid, entry.pid, entry.bus_name.as_str()),
                (1000, 1, ":1.1"),
                "{interface}.{name}"
            );
            assert_eq!(entry.result, Outcome::Done, "{interface}.{name}");
            assert!(
                [&entry.job, &entry.repository]
                    .iter()
                    .any(|name| !name.is_empty())
                    || name == "Reload",
                "{interface}.{name}: {entry:?}"
            );
            // What was tried and did not work is taken back by a second one.
            if answer.is_ok() {
                assert_eq!(left.len(), 1, "{interface}.{name}: {left:?}");
                continue;
            }
            assert_eq!((left.len(), left[1].result), (2, Outcome::Failed), "{left:?}");
            assert_eq!(left[1].reason, "wrong password");
        }
    }
}

#[tokio::test]
async fn records_say_what_was_and_what_is() {
    let bus = bus(true).await;
    let job = job_path("home");
    for (method, arguments) in [
        ("SetEnabled", StructureBuilder::new().add_field(false)),
        ("SetConfiguration", StructureBuilder::new().add_field(JOB)),
        ("Delete", StructureBuilder::new()),
    ] {
        bus.call(&job, JOB_INTERFACE, method, &with_options(arguments))
            .await
            .unwrap();
    }
    let restore = StructureBuilder::new()
        .add_field("ab12")
        .add_field(b"/srv/x".to_vec());
    let paths = HashMap::from([("paths", Variant::from(vec![b"/a".to_vec(), b"/b".to_vec()]))]);
    let restore = restore.add_field(paths).build().unwrap();
    bus.call(&repository_path("nas"), REPOSITORY_INTERFACE, "Restore", &restore)
        .await
        .unwrap();
    let records = records(&bus).await;
    let [_, disabled, replaced, deleted, restored] = &records[..] else {
        panic!("{records:?}")
    };
    assert_eq!(
        (disabled.old.as_str(), disabled.new.as_str()),
        ("", "enabled = false\n")
    );
    assert_eq!(disabled.job, "home");
    assert_eq!(replaced.old_revision, disabled.new_revision);
    assert!(
        replaced.old.contains("/home/home") && replaced.new.contains("/opt"),
        "{replaced:?}"
    );
    assert_eq!((deleted.old.as_str(), deleted.new.as_str()), (JOB, ""));
    assert_eq!(deleted.old_revision, replaced.new_revision);
    assert_eq!(deleted.new_revision, "");
    assert_eq!(
        (
            restored.snapshot.as_str(),
            restored.target.as_str(),
            restored.new.as_str()
        ),
        ("ab12", "/srv/x", "/a\n/b")
    );
    assert_eq!((restored.job.as_str(), restored.repository.as_str()), ("", "nas"));
}

#[tokio::test]
async fn refused_calls_are_recorded_and_a_flood_of_them_is_counted() {
    let bus = bus(false).await;
    let run = bus.stage.handle.start(job("home"), StartOptions::default()).await;
    let run = run.unwrap();
    let none = || with_options(StructureBuilder::new());
    let path = objects::path_of_run(run);
    bus.call(&path, RUN_INTERFACE, "Cancel", &none())
        .await
        .unwrap_err();
    let before = records(&bus).await.len();
    let refused = &records(&bus).await[before - 1];
    assert_eq!(
        (refused.call.as_str(), refused.result),
        ("Run.Cancel", Outcome::Refused)
    );
    assert_eq!((refused.uid, &refused.run), (1000, &run.to_string()));
    assert_eq!(
        (refused.job.as_str(), refused.repository.as_str()),
        ("home", "nas")
    );
    assert_eq!((refused.reason.as_str(), refused.count), ("no", 1));
    let start = async || {
        bus.call(&job_path("home"), JOB_INTERFACE, "Start", &none())
            .await
            .unwrap_err()
    };
    for _ in 0..50 {
        start().await;
    }
    assert_eq!(records(&bus).await.len(), before + 5);
    bus.stage.clock.advance(SignedDuration::from_mins(2));
    start().await;
    let after = records(&bus).await.split_off(before + 5);
    let [counted, single] = &after[..] else {
        panic!("{after:?}")
    };
    assert_eq!(
        (counted.call.as_str(), counted.count, counted.uid),
        ("org.backupd.backup1.run", 45, 1000)
    );
    assert_eq!((single.call.as_str(), single.count), ("Job.Start", 1));
    // What was counted by then is recorded at the end.
    for _ in 0..9 {
        start().await;
    }
    bus.stage.handle.refusals().finish().await;
    assert_eq!(records(&bus).await.pop().unwrap().count, 5);
}
