//! What each method leaves in the audit log.

use std::{io::Read as _, sync::atomic::Ordering};

use backupd_core::{
    audit::{Action as AuditAction, Entry, Outcome, Record, Sealed, Verifier},
    protocol::EventKind,
    run::RunResult,
};
use jiff::SignedDuration;
use zbus::wire::{Structure, StructureBuilder};

use super::{keys::keep_password, methods::interfaces, *};
use crate::{coordinator::StartOptions, ports::AuditQuery, testing::job};

const JOB: &str = "repository = \"nas\"\nsources = [\"/opt\"]\n";
const REPOSITORY: &str = "url = \"/srv/disk\"\npassword_file = \"/etc/other\"\n";

/// All records so far, which form a good log.
pub(super) async fn records(bus: &Bus) -> Vec<Entry> {
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
        (MANAGER_INTERFACE, "StartJobs") => (none.add_field(vec!["home"]), Some("run-start")),
        (MANAGER_INTERFACE, "Trigger") => (none.add_field("package-upgrade"), Some("run-start")),
        (MANAGER_INTERFACE | JOB_INTERFACE, "Pause") => (none.add_field(0_u64), Some("pause")),
        (MANAGER_INTERFACE | JOB_INTERFACE, "Resume") => (none, Some("resume")),
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
        (JOB_INTERFACE, "Copy") => (none.add_field("cloud"), Some("run-copy")),
        (JOB_INTERFACE, "Forget") => (none, Some("run-forget")),
        (RUN_INTERFACE, "Unforget") => (none, Some("run-unforget")),
        (JOB_INTERFACE, "SetEnabled") => (none.add_field(false), Some("job-disable")),
        (JOB_INTERFACE, "Delete") => (none, Some("job-delete")),
        (JOB_INTERFACE, "SetConfiguration") => (none.add_field(JOB), Some("job-replace")),
        (REPOSITORY_INTERFACE, "Initialize") => (none, Some("repository-initialize")),
        (REPOSITORY_INTERFACE, "Check") => (none, Some("run-check")),
        (REPOSITORY_INTERFACE, "Prune") => (none, Some("run-prune")),
        (REPOSITORY_INTERFACE, "Unlock") => (none.add_field(vec!["0".repeat(64)]), Some("repository-unlock")),
        (REPOSITORY_INTERFACE, "Repair") => (none.add_field("index"), Some("run-repair")),
        (REPOSITORY_INTERFACE, "Move") => (
            none.add_field("bring").add_field("url = \"/srv/other\""),
            Some("run-move"),
        ),
        (REPOSITORY_INTERFACE, "OpenRepairPlan") => (none.add_field("snapshots"), None),
        (REPOSITORY_INTERFACE, "MarkSnapshot") => (none.add_field("0".repeat(64)), Some("snapshot-mark")),
        (REPOSITORY_INTERFACE, "RemoveKey") => {
            (none.add_field("0".repeat(64)), Some("repository-key-remove"))
        }
        (REPOSITORY_INTERFACE, "RotateKey") => (none, Some("repository-key-rotate")),
        (REPOSITORY_INTERFACE, "AddKey") => (none.add_field(nothing()), Some("repository-key-add")),
        (REPOSITORY_INTERFACE, "RevealPassword") => (none.add_field(nothing()), Some("repository-reveal")),
        (REPOSITORY_INTERFACE, "SetPassword") => (none.add_field(nothing()), Some("repository-password")),
        (REPOSITORY_INTERFACE, "OpenListing") => (none.add_field("latest"), None),
        (RUN_INTERFACE, "Cancel") => (none, Some("run-cancel")),
        (MANAGER_INTERFACE, "GetSettings" | "OpenAudit" | "ListElapses")
        | (
            REPOSITORY_INTERFACE,
            "Test" | "OpenSnapshots" | "OpenContents" | "OpenPrunePlan" | "OpenLocks" | "OpenStatistics"
            | "OpenKeys" | "OpenRecovery",
        )
        | (JOB_INTERFACE | REPOSITORY_INTERFACE, "GetConfiguration")
        | (JOB_INTERFACE, "GetUnit" | "OpenRetentionPreview" | "OpenEstimate")
        | (RUN_INTERFACE, "OpenLog" | "OpenDecisions") => (none, None),
        (RUN_INTERFACE, "SetLimits") => (none, Some("run-limit")),
        _ => panic!("{interface}.{method} has no entry"),
    }
}

/// A file with nothing in it, as a client hands it over.
fn nothing() -> zbus::Fd<'static> {
    let nothing = std::fs::File::open("/dev/null").unwrap();
    zbus::Fd::from(std::os::fd::OwnedFd::from(nothing))
}

pub(super) fn with_options(arguments: StructureBuilder<'static>) -> Structure<'static> {
    with(arguments, HashMap::new())
}

fn with(
    arguments: StructureBuilder<'static>,
    options: HashMap<&'static str, Variant<'static>>,
) -> Structure<'static> {
    arguments.add_field(options).build().unwrap()
}

/// The options without which a method does nothing.
fn options_of(method: &str) -> HashMap<&'static str, Variant<'static>> {
    match method {
        "SetLimits" => HashMap::from([("cpu-weight", Variant::from(20_u64))]),
        "MarkSnapshot" => HashMap::from([("pinned", Variant::from(true))]),
        _ => HashMap::new(),
    }
}

#[tokio::test]
async fn every_method_that_changes_something_leaves_one_record_of_who_and_what() {
    for (interface, text) in interfaces().await {
        let node = zbus_xml::Node::from_reader(text.as_bytes()).unwrap();
        for method in node.interfaces().iter().flat_map(zbus_xml::Interface::methods) {
            let bus = bus(true).await;
            if ["Forget", "Unforget"].contains(&&*method.name()) {
                let file = bus.stage.configuration("jobs.d/home.toml");
                let text = crate::testing::read(&file) + "\nretention.keep_last = 3\n";
                std::fs::write(file, text).unwrap();
                bus.stage.handle.reload().await.unwrap();
            }
            if method.name() == "Copy" {
                let cloud = bus.stage.configuration("repositories.d/cloud.toml");
                std::fs::write(cloud, REPOSITORY).unwrap();
                let file = bus.stage.configuration("jobs.d/home.toml");
                let text = crate::testing::read(&file) + "\ncopies = [\"cloud\"]\n";
                std::fs::write(file, text).unwrap();
                bus.stage.handle.reload().await.unwrap();
            }
            if method.name() == "RotateKey" {
                keep_password(&bus).await;
            }
            let path = match interface {
                MANAGER_INTERFACE => ROOT_PATH.try_into().unwrap(),
                JOB_INTERFACE => job_path("home"),
                REPOSITORY_INTERFACE => repository_path("nas"),
                _ if method.name() == "Unforget" => {
                    let handle = &bus.stage.handle;
                    let run = handle.forget(job("home"), false, StartOptions::default());
                    let run = run.await.unwrap();
                    let result = RunResult::Success;
                    let over = vec![EventKind::Done { result }];
                    bus.stage.worker_says(run, over, true).await;
                    bus.stage.stored(run).await;
                    objects::path_of_run(run)
                }
                _ => {
                    let handle = &bus.stage.handle;
                    let run = handle.start(job("home"), StartOptions::default()).await;
                    objects::path_of_run(run.unwrap())
                }
            };
            if method.name() == "Resume" {
                let paused = (interface == JOB_INTERFACE).then(|| job("home"));
                bus.stage.handle.pause(paused, None, None).await.unwrap();
            }
            let before = records(&bus).await.len();
            let (arguments, action) = left_by(interface, &method.name());
            let answer = bus
                .call(
                    &path,
                    interface,
                    &method.name(),
                    &with(arguments, options_of(&method.name())),
                )
                .await;
            let left = records(&bus).await.split_off(before);
            let name = method.name();
            let Some(action) = action else {
                assert!(left.is_empty(), "{interface}.{name}: {left:?}");
                continue;
            };
            let Some(entry) = left.first() else {
                panic!("{interface}.{name} leaves nothing: {answer:?}")
            };
            assert_eq!(entry.action.as_str(), action, "{interface}.{name}");
            assert_eq!(
                (entry.uid, entry.pid, entry.bus_name.as_str()),
                (1000, 1, ":1.1"),
                "{interface}.{name}"
            );
            assert!(
                [&entry.job, &entry.repository]
                    .iter()
                    .any(|name| !name.is_empty())
                    || (interface == MANAGER_INTERFACE && ["Reload", "Pause", "Resume"].contains(&&*name)),
                "{interface}.{name}: {entry:?}"
            );
            let results: Vec<_> = left.iter().map(|entry| entry.result).collect();
            let wanted: &[_] = match (answer.is_ok(), &*name) {
                (true, _) => &[Outcome::Done],
                // Nothing was to change before the password was seen to be good.
                (false, "SetPassword") => &[Outcome::Failed],
                // What was tried and did not work is taken back by a second one.
                (false, _) => &[Outcome::Done, Outcome::Failed],
            };
            assert_eq!(results, wanted, "{interface}.{name}: {left:?}");
            if answer.is_err() {
                assert_eq!(left.last().unwrap().reason, "wrong password");
            }
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
async fn a_password_that_is_set_leaves_one_record_with_what_the_file_said_and_says() {
    let bus = bus(true).await;
    let before = records(&bus).await.len();
    *bus.stage.launcher.answer.lock().unwrap() =
        Some(r#"{"password":{"file":"/etc/new"},"opens":true}"#.to_owned());
    let (arguments, _) = left_by(REPOSITORY_INTERFACE, "SetPassword");
    let path = repository_path("nas");
    bus.call(
        &path,
        REPOSITORY_INTERFACE,
        "SetPassword",
        &with_options(arguments),
    )
    .await
    .unwrap();
    let left = records(&bus).await.split_off(before);
    let [entry] = &left[..] else { panic!("{left:?}") };
    assert_eq!(
        (entry.action, entry.result),
        (AuditAction::RepositoryPassword, Outcome::Done)
    );
    assert!(
        entry.new.contains("/etc/new") && !entry.old.is_empty(),
        "{entry:?}"
    );
    assert_ne!(entry.old_revision, entry.new_revision);
}

#[tokio::test]
async fn limits_are_recorded_with_what_they_were_before_they_change() {
    let bus = bus(true).await;
    let run = bus.stage.handle.start(job("home"), StartOptions::default()).await;
    let run = run.unwrap();
    let path = objects::path_of_run(run);
    let limit = async |key, value: u64| {
        let options = HashMap::from([(key, Variant::from(value))]);
        let arguments = with(StructureBuilder::new(), options);
        bus.call(&path, RUN_INTERFACE, "SetLimits", &arguments).await
    };
    let before = records(&bus).await.len();
    limit("cpu-weight", 20).await.unwrap();
    limit("cpu-weight", 30).await.unwrap();
    bus.stage.launcher.broken.store(true, Ordering::SeqCst);
    limit("io-weight", 7).await.unwrap_err();
    let left = records(&bus).await.split_off(before);
    let values: Vec<_> = left
        .iter()
        .map(|entry| (entry.old.as_str(), entry.new.as_str(), entry.result))
        .collect();
    assert_eq!(
        values,
        [
            ("", "cpu-weight = 20\n", Outcome::Done),
            ("cpu-weight = 20\n", "cpu-weight = 30\n", Outcome::Done),
            (
                "cpu-weight = 30\n",
                "cpu-weight = 30\nio-weight = 7\n",
                Outcome::Done
            ),
            (
                "cpu-weight = 30\n",
                "cpu-weight = 30\nio-weight = 7\n",
                Outcome::Failed
            ),
        ]
    );
    for entry in &left {
        assert_eq!(entry.action, AuditAction::RunLimit);
        assert_eq!(
            (
                entry.uid,
                entry.run.as_str(),
                entry.job.as_str(),
                entry.repository.as_str()
            ),
            (1000, run.to_string().as_str(), "home", "nas")
        );
    }
    assert!(left[3].reason.contains("no such property"), "{:?}", left[3]);
    // What cannot be recorded is not done.
    bus.stage.launcher.broken.store(false, Ordering::SeqCst);
    bus.stage.store.full.store(true, Ordering::SeqCst);
    limit("cpu-weight", 40).await.unwrap_err();
    assert_eq!(bus.stage.launcher.limits.lock().unwrap().cpu_weight, Some(30));
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
