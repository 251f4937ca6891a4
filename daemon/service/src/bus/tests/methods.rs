//! The surface as a whole: what the introspection says, and that each method asks for leave.

use std::collections::HashMap;

use backupd_dbus::{
    BUS_NAME, Interaction, JOB_INTERFACE, JobProxy, MANAGER_INTERFACE, REPOSITORY_INTERFACE, ROOT_PATH,
    RUN_INTERFACE, job_path, repository_path,
};
use zbus::{ObjectPath, Variant, fdo, object_server::Interface, proxy::MethodFlags};

use super::{
    super::{
        authority::{About, Action},
        job, manager,
        objects::path_of_run,
        repository, run,
    },
    Asked, Bus, Steered, USER, bus, bus_of,
};
use crate::testing::job;

/// Introspection of one interface, in a document of its own.
fn xml<I: Interface>(interface: &I) -> String {
    let mut text = String::from(concat!(
        "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n",
        " \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n",
        "<!-- Generated from the daemon's code; `make interfaces` writes it anew. -->\n<node>\n"
    ));
    interface.introspect_to_writer(&mut text, 2);
    text.push_str("</node>\n");
    text
}

/// Of one object.
async fn xml_of<I: Interface>(
    bus: &Bus,
    path: impl TryInto<ObjectPath<'_>, Error: Into<zbus::Error>>,
) -> String {
    let object = bus.server.object_server().interface::<_, I>(path).await.unwrap();
    xml(&*object.get().await)
}

pub(super) async fn interfaces() -> Vec<(&'static str, String)> {
    let bus = bus(true).await;
    let run = bus
        .manager()
        .await
        .start_job("home", &HashMap::new())
        .await
        .unwrap();
    vec![
        (
            MANAGER_INTERFACE,
            xml_of::<manager::Manager>(&bus, ROOT_PATH).await,
        ),
        (JOB_INTERFACE, xml_of::<job::Job>(&bus, job_path("home")).await),
        (
            REPOSITORY_INTERFACE,
            xml_of::<repository::Repository>(&bus, repository_path("nas")).await,
        ),
        (RUN_INTERFACE, xml_of::<run::Run>(&bus, run).await),
    ]
}

#[tokio::test]
async fn the_committed_introspection_is_what_the_code_serves() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dbus/interfaces");
    for (name, text) in interfaces().await {
        let file = directory.join(format!("{name}.xml"));
        if std::env::var_os("UPDATE_INTERFACES").is_some() {
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(&file, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            committed == text,
            "`{}` is not what the code serves\nhint: `make interfaces` writes it anew",
            file.display()
        );
    }
}

#[tokio::test]
async fn every_method_ends_in_options_and_names_its_arguments() {
    for (name, text) in interfaces().await {
        let node = zbus_xml::Node::from_reader(text.as_bytes()).unwrap();
        for method in node.interfaces().iter().flat_map(zbus_xml::Interface::methods) {
            let inputs: Vec<_> = method
                .args()
                .iter()
                .filter(|argument| argument.direction() != Some(zbus_xml::ArgDirection::Out))
                .collect();
            let last = inputs
                .last()
                .unwrap_or_else(|| panic!("{name}.{} has no options", method.name()));
            assert_eq!(last.name(), Some("options"), "{name}.{}", method.name());
            for argument in method.args() {
                assert!(
                    argument.name().is_some_and(|n| !n.is_empty()),
                    "{name}.{}",
                    method.name()
                );
            }
        }
    }
}

/// The table of docs/authorization.md: every method, the action that it needs leave for, and what of. A new method
/// without a line there fails the test below, and so does a line without a method.
fn table() -> Vec<(String, String, bool, bool)> {
    const DOCUMENT: &str = include_str!("../../../../../docs/authorization.md");
    let (_, lines) = DOCUMENT
        .split_once("| Method | Action | Details |\n|---|---|---|\n")
        .unwrap();
    let line = |line: &str| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let word = |cell: &str| cell.trim_matches('`').to_owned();
        let [method, action, details] = cells[..] else {
            panic!("`{line}` has no three cells");
        };
        let known = |name| details.split(", ").any(|detail| word(detail) == name);
        (word(method), word(action), known("job"), known("repository"))
    };
    lines
        .lines()
        .take_while(|line| !line.is_empty())
        .map(line)
        .collect()
}

/// Everything served: interface, method, and values for its arguments, which name the job `home` and the repository
/// `nas`.
async fn methods() -> Vec<(&'static str, String, zbus::Structure<'static>)> {
    let mut served = Vec::new();
    for (interface, text) in interfaces().await {
        let node = zbus_xml::Node::from_reader(text.as_bytes()).unwrap();
        for method in node.interfaces().iter().flat_map(zbus_xml::Interface::methods) {
            let name = method.name().to_string();
            let mut body = zbus::wire::StructureBuilder::new();
            let inputs = method.args().iter();
            for argument in inputs.filter(|arg| arg.direction() != Some(zbus_xml::ArgDirection::Out)) {
                body = match argument.ty().to_string().as_str() {
                    "s" if argument.name() == Some("configuration") => {
                        body.add_field("repository = \"nas\"\nsources = [\"/opt\"]\n")
                    }
                    "s" if name.ends_with("Repository") => body.add_field("nas"),
                    "s" => body.add_field("home"),
                    "as" => body.add_field(vec!["home"]),
                    "t" => body.add_field(0_u64),
                    "b" => body.add_field(false),
                    "h" => {
                        let file = std::fs::File::open("/dev/null").unwrap();
                        body.add_field(zbus::Fd::from(std::os::fd::OwnedFd::from(file)))
                    }
                    "ay" => body.add_field(b"/tmp/x".to_vec()),
                    "a{sv}" => body.add_field(HashMap::<String, Variant<'_>>::new()),
                    other => panic!("{interface}.{name}: no value for `{other}`"),
                };
            }
            served.push((interface, name, body.build().unwrap()));
        }
    }
    served
}

#[tokio::test]
async fn every_method_asks_whether_the_caller_may_before_anything_else() {
    let bus = bus(false).await;
    let run = bus
        .stage
        .handle
        .start(job("home"), crate::coordinator::StartOptions::default())
        .await
        .unwrap();
    let state = |bus: &Bus| {
        let job = crate::testing::read(bus.stage.configuration("jobs.d/home.toml"));
        (job, bus.stage.launcher.launched.lock().unwrap().len())
    };
    let before = state(&bus);
    let (table, served) = (table(), methods().await);
    for (interface, name, body) in &served {
        let short = interface.rsplit('.').next().unwrap();
        let (_, action, job, repository) = table
            .iter()
            .find(|(method, ..)| *method == format!("{short}.{name}"))
            .unwrap_or_else(|| panic!("docs/authorization.md has no line for `{short}.{name}`"));
        let expected = Asked {
            action: Action::ALL
                .iter()
                .copied()
                .find(|known| known.id() == format!("org.backupd.backup1.{action}"))
                .unwrap_or_else(|| panic!("`{short}.{name}`: there is no action `{action}`")),
            about: About {
                job: job.then(|| "home".parse().unwrap()),
                repository: repository.then(|| "nas".parse().unwrap()),
            },
            interactive: false,
        };
        let path = match *interface {
            MANAGER_INTERFACE => ROOT_PATH.try_into().unwrap(),
            JOB_INTERFACE => job_path("home"),
            REPOSITORY_INTERFACE => repository_path("nas"),
            _ => path_of_run(run),
        };
        for (interactive, flags) in [
            (false, MethodFlags::empty()),
            (true, MethodFlags::ALLOW_INTERACTIVE_AUTH),
        ] {
            let error = bus.refused(&path, interface, name, body, flags).await;
            assert_eq!(
                error, "org.backupd.Backup1.Error.NotAuthorized: no",
                "{short}.{name}"
            );
            let expected = Asked {
                interactive,
                ..expected.clone()
            };
            let asked = std::mem::take(&mut *bus.authority.asked.lock().unwrap());
            assert_eq!(asked, [expected], "{short}.{name}");
        }
    }
    assert_eq!(
        served.len(),
        table.len(),
        "docs/authorization.md has a line of no method"
    );
    assert_eq!(state(&bus), before);
}

#[tokio::test]
async fn leave_for_one_repository_is_none_for_another() {
    let bus = bus_of(Steered::new(USER, |about| {
        about
            .repository
            .as_ref()
            .is_none_or(|name| name.as_str() == "nas")
    }))
    .await;
    let manager = bus.manager().await;
    let none = HashMap::new();
    let text = |repository| format!("repository = \"{repository}\"\nsources = [\"/opt\"]\n");
    let asked = |about: &[(&str, &str)]| {
        let expected: Vec<_> = about
            .iter()
            .map(|(job, repository)| About::job(job, Some(repository)))
            .collect();
        let asked = std::mem::take(&mut *bus.authority.asked.lock().unwrap());
        assert_eq!(
            asked.into_iter().map(|asked| asked.about).collect::<Vec<_>>(),
            expected
        );
    };
    let refused = |error: Result<_, backupd_dbus::Error>| {
        let error = error.map(|_: String| ()).unwrap_err();
        assert!(matches!(error, backupd_dbus::Error::NotAuthorized(_)), "{error}");
    };

    let created = manager.create_job("srv", &text("other"), &none).await;
    refused(created.map(|path| path.to_string()));
    asked(&[("srv", "other")]);
    manager.create_job("srv", &text("nas"), &none).await.unwrap();
    asked(&[("srv", "nas")]);

    let job = JobProxy::new(&bus.client, job_path("srv"), Interaction::Forbidden)
        .await
        .unwrap();
    refused(job.set_configuration(&text("other"), &none).await);
    asked(&[("srv", "nas"), ("srv", "other")]);
    job.set_configuration(&text("nas"), &none).await.unwrap();
    asked(&[("srv", "nas")]);
    // What names none is asked about as before, and is no job.
    let error = job.set_configuration("repository = 7", &none).await.unwrap_err();
    assert!(
        matches!(error, backupd_dbus::Error::InvalidConfiguration(_)),
        "{error}"
    );
    asked(&[("srv", "nas")]);
}

#[tokio::test]
async fn properties_are_read_without_leave_and_written_by_nobody() {
    let bus = bus(false).await;
    let objects = fdo::ObjectManagerProxy::new(&bus.client, BUS_NAME, ROOT_PATH)
        .await
        .unwrap();
    assert!(
        objects
            .get_managed_objects()
            .await
            .unwrap()
            .contains_key(&job_path("home"))
    );
    assert!(!bus.properties(&job_path("home"), JOB_INTERFACE).await.is_empty());
    assert!(bus.authority.asked.lock().unwrap().is_empty());
    for (interface, text) in interfaces().await {
        let node = zbus_xml::Node::from_reader(text.as_bytes()).unwrap();
        for property in node.interfaces().iter().flat_map(zbus_xml::Interface::properties) {
            assert_eq!(
                property.access(),
                zbus_xml::PropertyAccess::Read,
                "{interface}.{}",
                property.name()
            );
        }
    }
}
