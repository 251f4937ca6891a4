//! Calls that make no sense: each is answered with an error, and the daemon goes on.

use std::{collections::HashMap, fs::File};

use backupd_dbus::{
    JOB_INTERFACE, MANAGER_INTERFACE, REPOSITORY_INTERFACE, ROOT_PATH, RUN_INTERFACE, job_path,
    repository_path, run_path,
};
use backupd_tests::{Bed, bus::error_name};
use zbus::{Message, Variant};

/// A method of an object: its path, its interface, its name, and the types of its arguments.
type Method = (String, String, String, Vec<String>);

/// Every method of ours on one object of each kind.
fn methods(bed: &Bed, run: &str) -> Vec<Method> {
    let mut methods = Vec::new();
    for (path, interface) in [
        (ROOT_PATH.to_owned(), MANAGER_INTERFACE),
        (job_path("home").to_string(), JOB_INTERFACE),
        (repository_path("main").to_string(), REPOSITORY_INTERFACE),
        (run_path(run).to_string(), RUN_INTERFACE),
    ] {
        let text = introspect(bed, &path);
        let node = zbus_xml::Node::from_reader(text.as_bytes()).unwrap();
        let found = node
            .interfaces()
            .iter()
            .find(|found| found.name() == interface)
            .unwrap();
        for method in found.methods() {
            let arguments = method
                .args()
                .iter()
                .filter(|argument| argument.direction() != Some(zbus_xml::ArgDirection::Out))
                .map(|argument| argument.ty().to_string())
                .collect();
            methods.push((
                path.clone(),
                interface.to_owned(),
                method.name().to_string(),
                arguments,
            ));
        }
    }
    assert!(methods.len() > 15, "{methods:?}");
    methods
}

fn introspect(bed: &Bed, path: &str) -> String {
    bed.bus()
        .call(path, "org.freedesktop.DBus.Introspectable", "Introspect", &())
        .unwrap()
        .body()
        .deserialize()
        .unwrap()
}

/// A bed with a finished run, whose files and repository must not change.
fn bed() -> (Bed, String) {
    let bed = Bed::with_job();
    let id = bed.bus().start("home").unwrap();
    bed.bus().wait_for_end(&id);
    (bed, id)
}

fn assert_unharmed(bed: &mut Bed, pid: u32, files: &[String]) {
    assert!(bed.daemon().lives());
    assert_eq!(bed.bus().owner_pid(), Some(pid));
    assert_eq!(bed.fingerprint(&bed.configuration()), files);
    assert_eq!(bed.bus().paths("run").len(), 1);
    assert!(!bed.log().contains("panicked"), "{}", bed.log());
    bed.ctl(["start", "home", "--wait"]).well();
}

#[test]
fn arguments_of_other_types_are_refused_by_every_method() {
    let (mut bed, run) = bed();
    let pid = bed.daemon_pid();
    let files = bed.fingerprint(&bed.configuration());
    let dictionary: HashMap<&str, &str> = HashMap::from([("a", "b")]);
    for (path, interface, method, arguments) in methods(&bed, &run) {
        let call = |answer: zbus::Result<Message>| {
            let error = answer.expect_err(&format!("{interface}.{method}"));
            // The name tells that there was an answer; a silent daemon has none.
            assert!(!error_name(&error).contains("NoReply"), "{method}: {error}");
        };
        let bus = bed.bus();
        call(bus.call(&path, &interface, &method, &()));
        call(bus.call(&path, &interface, &method, &(7_u32,)));
        call(bus.call(&path, &interface, &method, &(&dictionary,)));
        call(bus.call(&path, &interface, &method, &("a", "b", "c", "d", "e")));
        call(bus.call(&path, &interface, &method, &(Variant::from("x"),)));
        call(bus.call(&path, &interface, &method, &(vec![vec![1_u8; 100]; 100],)));
        assert!(!arguments.is_empty(), "{method} takes no options");
    }
    assert_unharmed(&mut bed, pid, &files);
}

#[test]
fn every_method_names_an_option_that_it_does_not_know() {
    let (mut bed, run) = bed();
    let pid = bed.daemon_pid();
    let files = bed.fingerprint(&bed.configuration());
    let options = HashMap::from([("no-such-option", Variant::from(1_u32))]);
    let empty: HashMap<&str, Variant<'_>> = HashMap::new();
    for (path, interface, method, arguments) in methods(&bed, &run) {
        let bus = bed.bus();
        let text = bed.job_text("home", "");
        let types: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let answer = match types.as_slice() {
            ["a{sv}"] => bus.call(&path, &interface, &method, &(&options,)),
            ["a{sv}", "a{sv}"] => bus.call(&path, &interface, &method, &(&empty, &options)),
            ["h", "a{sv}"] => {
                let file = File::open("/dev/null").unwrap();
                bus.call(&path, &interface, &method, &(zbus::Fd::from(&file), &options))
            }
            ["as", "a{sv}"] => bus.call(&path, &interface, &method, &(["home"].as_slice(), &options)),
            ["t", "a{sv}"] => bus.call(&path, &interface, &method, &(0_u64, &options)),
            ["b", "a{sv}"] => bus.call(&path, &interface, &method, &(true, &options)),
            ["s", "a{sv}"] => bus.call(&path, &interface, &method, &("home", &options)),
            ["s", "s", "a{sv}"] => bus.call(&path, &interface, &method, &("new", &text, &options)),
            ["s", "ay", "a{sv}"] => bus.call(
                &path,
                &interface,
                &method,
                &("latest", b"/nowhere/x".as_slice(), &options),
            ),
            other => panic!("{method} has arguments that this test does not know: {other:?}"),
        };
        let error = answer.expect_err(&method);
        assert_eq!(error_name(&error), "UnknownOption", "{method}: {error}");
        assert!(error.to_string().contains("no-such-option"), "{method}: {error}");
    }
    assert_unharmed(&mut bed, pid, &files);
}

#[test]
fn weird_and_huge_texts_are_answered_by_every_method_that_takes_texts() {
    let (mut bed, run) = bed();
    let pid = bed.daemon_pid();
    let files = bed.fingerprint(&bed.configuration());
    let options: HashMap<&str, Variant<'_>> = HashMap::new();
    let huge = "x".repeat(4 << 20);
    let weird = [
        "",
        " ",
        "..",
        "../../../etc/passwd",
        "/",
        "a\nb",
        "\u{202e}evil",
        "%s%n",
        "'; DROP TABLE runs; --",
        "\u{1f980}",
        "latest:0",
        "\u{7f}\u{1}",
        huge.as_str(),
    ];
    for (path, interface, method, arguments) in methods(&bed, &run) {
        let types: Vec<&str> = arguments.iter().map(String::as_str).collect();
        for text in weird {
            let bus = bed.bus();
            let answer = match types.as_slice() {
                ["s", "a{sv}"] => bus.call(&path, &interface, &method, &(text, &options)),
                ["s", "s", "a{sv}"] => bus.call(&path, &interface, &method, &(text, text, &options)),
                _ => continue,
            };
            // A listing of a weird snapshot, a job of a weird name: there is none of it.
            match answer {
                Err(error) => {
                    assert!(!error_name(&error).contains("NoReply"), "{method}: {error}");
                    let length = error.to_string().len();
                    assert!(length < 10_000, "{method} answers {length} bytes to {text:.20?}");
                }
                Ok(_) => panic!("{method} takes {text:.20?}"),
            }
        }
    }
    assert_unharmed(&mut bed, pid, &files);
}

#[test]
fn unknown_objects_interfaces_methods_and_properties_are_answered() {
    let (mut bed, _run) = bed();
    let pid = bed.daemon_pid();
    let files = bed.fingerprint(&bed.configuration());
    let bus = bed.bus();
    for (path, interface, method) in [
        ("/", MANAGER_INTERFACE, "Reload"),
        ("/org/backupd/Backup1/job/none", JOB_INTERFACE, "Start"),
        ("/org/backupd/Backup1/job/_zz", JOB_INTERFACE, "Start"),
        (ROOT_PATH, JOB_INTERFACE, "Start"),
        (ROOT_PATH, MANAGER_INTERFACE, "Frobnicate"),
    ] {
        let options: HashMap<&str, Variant<'_>> = HashMap::new();
        assert!(bus.call(path, interface, method, &(options,)).is_err());
    }
    let properties = "org.freedesktop.DBus.Properties";
    assert!(
        bus.call(ROOT_PATH, properties, "Get", &(MANAGER_INTERFACE, "None"))
            .is_err()
    );
    for name in ["Version", "Health", "MaxParallelRuns"] {
        let value = Variant::from("changed");
        assert!(
            bus.call(ROOT_PATH, properties, "Set", &(MANAGER_INTERFACE, name, value))
                .is_err(),
            "{name} can be set"
        );
    }
    assert_unharmed(&mut bed, pid, &files);
}
