//! Configuration that changes under a running daemon.

use backupd_dbus::{Fault, job_path};
use backupd_tests::{Bed, Listener};
use nix::sys::signal::Signal;

/// Waits until an object came or went.
fn wait_for_object(listener: &Listener, member: &str, job: &str) {
    let path = job_path(job);
    listener.expect(&format!("{member} of {job}"), |signal| {
        let (found, _): (zbus::OwnedObjectPath, zbus::OwnedVariant);
        if signal.member() != member {
            return None;
        }
        let body = signal.message.body();
        found = match member {
            "InterfacesAdded" => {
                body.deserialize::<(
                    zbus::OwnedObjectPath,
                    std::collections::HashMap<String, std::collections::HashMap<String, zbus::OwnedVariant>>,
                )>()
                .unwrap()
                .0
            }
            _ => {
                body.deserialize::<(zbus::OwnedObjectPath, Vec<String>)>()
                    .unwrap()
                    .0
            }
        };
        (found == path).then_some(())
    });
}

fn fault_in<'a>(faults: &'a [Fault], file: &str) -> &'a Fault {
    faults
        .iter()
        .find(|fault| fault.file.as_deref().is_some_and(|path| path.ends_with(file)))
        .unwrap_or_else(|| panic!("no fault in {file}: {faults:?}"))
}

#[test]
fn jobs_come_and_go_with_their_files() {
    let mut bed = Bed::with_job();
    let listener = bed.bus().listen();
    bed.write_source("new", "a", "a");
    let file = bed.write_job("new", "");
    bed.daemon().signal(Signal::SIGHUP);
    wait_for_object(&listener, "InterfacesAdded", "new");
    bed.ctl(["start", "new", "--wait"]).well();

    std::fs::remove_file(file).unwrap();
    bed.ctl(["config", "reload"]).well();
    wait_for_object(&listener, "InterfacesRemoved", "new");
    bed.ctl(["start", "new"]).with_code(6).complains("new");
    // What was stored stays.
    assert_eq!(bed.snapshots("main"), 1);
}

#[test]
fn a_file_with_a_fault_stays_in_force_as_it_was() {
    let mut bed = Bed::with_job();
    let file = bed.write_job("home", "description = \"old\"");
    bed.ctl(["config", "reload"]).well();
    let text = bed.job_text("home", "descripton = \"new\"");
    std::fs::write(&file, text).unwrap();
    let listener = bed.bus().listen();
    bed.daemon().signal(Signal::SIGHUP);
    let faults = listener
        .until(|_| {
            bed.bus()
                .manager_properties()
                .configuration_faults
                .filter(|faults| !faults.is_empty())
        })
        .unwrap();
    assert_eq!(faults.len(), 1, "{faults:?}");
    let fault = fault_in(&faults, "jobs.d/home.toml");
    assert_eq!((fault.line, fault.column), (Some(3), Some(1)), "{fault:?}");
    let said = format!("{:?} {:?}", fault.message, fault.hint);
    assert!(
        said.contains("descripton") && said.contains("`description`"),
        "{said}"
    );

    let manager = bed.bus().manager_properties();
    assert_eq!(manager.health.as_deref(), Some("degraded"));
    assert!(!manager.health_reasons.unwrap().is_empty());
    let job = bed.bus().job("home");
    assert_eq!(job.description.as_deref(), Some("old"));
    bed.ctl(["start", "home", "--wait"]).well();
    assert_eq!(bed.snapshots("main"), 1);

    bed.write_job("home", "description = \"mended\"");
    bed.ctl(["config", "reload"]).well();
    let manager = bed.bus().manager_properties();
    assert_eq!(manager.configuration_faults, Some(Vec::new()));
    assert_eq!(manager.health.as_deref(), Some("ok"));
    assert_eq!(bed.bus().job("home").description.as_deref(), Some("mended"));
}

#[test]
fn all_faults_are_told_at_once() {
    let bed = Bed::with_job();
    bed.write_job("home", "max_age = \"soon\"\nenabeld = true");
    bed.write_file("jobs.d/broken.toml", "repository = \"main\nsources = [");
    bed.write_file(
        "jobs.d/lost.toml",
        "repository = \"mian\"\nsources = [\"/etc\"]\n",
    );
    bed.write_file(
        "jobs.d/relative.toml",
        "repository = \"main\"\nsources = [\"etc\"]\n",
    );
    bed.write_file("repositories.d/no-password.toml", "url = \"/srv/x\"\n");
    bed.settings("max_parallel_runs = 0\n");
    let said = bed.ctl(["config", "reload"]).with_code(1);
    let faults = bed.bus().manager_properties().configuration_faults.unwrap();
    assert_eq!(
        faults
            .iter()
            .filter(|fault| fault.file.as_deref().unwrap().ends_with("jobs.d/home.toml"))
            .count(),
        2,
        "{faults:?}"
    );
    for file in [
        "jobs.d/broken.toml",
        "jobs.d/lost.toml",
        "jobs.d/relative.toml",
        "repositories.d/no-password.toml",
        "backupd.toml",
    ] {
        let fault = fault_in(&faults, file);
        assert!(fault.hint.is_some() || file.contains("broken"), "{fault:?}");
        // What is missing stands nowhere.
        if !file.contains("no-password") {
            assert!(fault.line.unwrap() > 0 && fault.column.unwrap() > 0, "{fault:?}");
        }
        assert!(
            said.stderr.contains(file) || said.stdout.contains(file),
            "{said:?}"
        );
    }
    let lost = fault_in(&faults, "jobs.d/lost.toml");
    assert!(format!("{lost:?}").contains("`main`"), "{lost:?}");
    // The job that was there is there, and can be started.
    bed.ctl(["start", "home", "--wait"]).well();
    // The faults survive a look at the status.
    let status = bed.ctl(["status", "--json"]).json();
    assert_eq!(
        status["configuration_faults"].as_array().unwrap().len(),
        faults.len()
    );
}

#[test]
fn a_daemon_starts_with_faulty_files_and_says_so() {
    let mut bed = Bed::with_job();
    bed.stop();
    bed.write_file("jobs.d/broken.toml", "= nonsense");
    bed.write_file("conf.d/10-broken.toml", "max_parallel_runs = \"many\"");
    bed.start();
    let manager = bed.bus().manager_properties();
    let faults = manager.configuration_faults.unwrap();
    fault_in(&faults, "jobs.d/broken.toml");
    fault_in(&faults, "conf.d/10-broken.toml");
    assert_eq!(manager.max_parallel_runs, Some(2));
    bed.ctl(["start", "home", "--wait"]).well();
}

#[test]
fn edits_over_the_bus_keep_comments_and_refuse_stale_revisions() {
    let bed = Bed::with_job();
    let file = bed.write_job("home", "# why it is so\nenabled = true # for now");
    bed.ctl(["config", "reload"]).well();
    bed.ctl(["job", "disable", "home"]).well();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("# why it is so\nenabled = false # for now"),
        "{text}"
    );
    bed.ctl(["start", "home"]).with_code(1).complains("disabled");
    bed.ctl(["job", "enable", "home"]).well();

    let path = job_path("home");
    let interface = backupd_dbus::JOB_INTERFACE;
    let options = std::collections::HashMap::from([("revision", zbus::Variant::from("stale"))]);
    let error = bed
        .bus()
        .call(&path, interface, "SetEnabled", &(false, options))
        .unwrap_err();
    assert_eq!(backupd_tests::bus::error_name(&error), "StaleRevision");
    assert_eq!(bed.bus().job("home").enabled, Some(true));
}
