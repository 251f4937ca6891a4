//! The contract on the real bus, with other people's tools.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use backupd_dbus::{
    BUS_NAME, JOB_INTERFACE, MANAGER_INTERFACE, REPOSITORY_INTERFACE, ROOT_PATH, RUN_INTERFACE, job_path,
    repository_path, run_path,
};
use backupd_tests::Bed;

fn bed() -> (Bed, Vec<(String, &'static str)>) {
    let bed = Bed::with_job();
    let id = bed.bus().start("home").unwrap();
    bed.bus().wait_for_end(&id);
    let objects = vec![
        (ROOT_PATH.to_owned(), MANAGER_INTERFACE),
        (job_path("home").to_string(), JOB_INTERFACE),
        (repository_path("main").to_string(), REPOSITORY_INTERFACE),
        (run_path(&id).to_string(), RUN_INTERFACE),
    ];
    (bed, objects)
}

/// Methods and properties of an interface, a line each.
fn lines(xml: &str, interface: &str) -> BTreeSet<String> {
    let node = zbus_xml::Node::from_reader(xml.as_bytes()).unwrap();
    let found = node.interfaces().iter().find(|found| found.name() == interface);
    let found = found.unwrap_or_else(|| panic!("no {interface} in {xml}"));
    let mut lines = BTreeSet::new();
    for method in found.methods() {
        let arguments: Vec<String> = method
            .args()
            .iter()
            .map(|argument| {
                let name = argument.name().unwrap_or_default();
                assert!(
                    !name.is_empty(),
                    "{} has an argument without a name",
                    method.name()
                );
                format!("{:?} {} {name}", argument.direction(), argument.ty())
            })
            .collect();
        lines.insert(format!("method {} {arguments:?}", method.name()));
    }
    for property in found.properties() {
        let (name, ty, access) = (property.name(), property.ty(), property.access());
        lines.insert(format!(
            "property {name} {ty} read {} write {}",
            access.read(),
            access.write()
        ));
    }
    lines
}

#[test]
fn the_interfaces_on_the_bus_are_those_that_are_published() {
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dbus/interfaces");
    let (bed, objects) = bed();
    for (path, interface) in objects {
        let live: String = bed
            .bus()
            .call(&path, "org.freedesktop.DBus.Introspectable", "Introspect", &())
            .unwrap()
            .body()
            .deserialize()
            .unwrap();
        let file = published.join(format!("{interface}.xml"));
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(lines(&live, interface), lines(&text, interface), "{interface}");
    }
}

#[test]
fn the_object_manager_lists_every_object_with_all_its_properties() {
    let (bed, objects) = bed();
    let managed = bed.bus().objects();
    for (path, interface) in &objects[1..] {
        let found = managed
            .iter()
            .find(|(managed, _)| managed.as_str() == path)
            .unwrap_or_else(|| panic!("{path} is not listed"));
        let listed: BTreeSet<&String> = found.1[*interface].keys().collect();
        let all: std::collections::HashMap<String, zbus::OwnedVariant> =
            bed.bus().properties(path, interface).unwrap();
        assert_eq!(listed, all.keys().collect(), "{interface}");
    }
    // Paths on the way to them carry no interface of ours.
    let ours = managed
        .values()
        .filter(|interfaces| interfaces.keys().any(|name| name.starts_with(BUS_NAME)));
    assert_eq!(ours.count(), 3, "{managed:?}");
}

#[test]
fn busctl_shows_the_tree_and_every_method() {
    let (bed, objects) = bed();
    let address = format!("--address={}", bed.address());
    let tree = bed.call(Command::new("busctl").args([&address, "--no-pager", "tree", BUS_NAME]));
    let tree = tree.well().stdout;
    for (path, interface) in objects {
        assert!(tree.contains(path.as_str()), "{path} is not in:\n{tree}");
        let shown =
            bed.call(Command::new("busctl").args([&address, "--no-pager", "introspect", BUS_NAME, &path]));
        assert!(shown.well().stdout.contains(interface));
    }
}

#[test]
fn gdbus_shows_arguments_with_their_names() {
    let (bed, objects) = bed();
    for ((path, _), wanted) in objects.iter().zip([
        ["StartJob(in  s name,", "out o run)"],
        ["Restore(in  s snapshot,", "in  ay target,"],
        ["OpenListing(in  s snapshot,", "out h entries)"],
        ["Cancel(in  a{sv} options)", "out h events)"],
    ]) {
        let mut command = bed.command("gdbus");
        command.args([
            "introspect",
            "--session",
            "--dest",
            BUS_NAME,
            "--object-path",
            path,
        ]);
        let shown = bed.call(&mut command).well().stdout;
        for text in wanted {
            assert!(shown.contains(text), "`{text}` is not in:\n{shown}");
        }
    }
}

#[test]
fn other_clients_can_call_methods() {
    let (bed, _) = bed();
    let mut command = bed.command("gdbus");
    command.args([
        "call",
        "--session",
        "--dest",
        BUS_NAME,
        "--object-path",
        ROOT_PATH,
    ]);
    command.args(["--method", "org.backupd.Backup1.Manager.GetJob", "home", "{}"]);
    let said = bed.call(&mut command).well();
    assert!(said.stdout.contains(job_path("home").as_str()), "{said:?}");
}
