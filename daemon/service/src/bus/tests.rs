use std::{collections::HashMap, os::unix::net::UnixStream, sync::Mutex};

use backupd_dbus::{
    BUS_NAME, Interaction, JOB_INTERFACE, MANAGER_INTERFACE, ManagerProxy, REPOSITORY_INTERFACE, ROOT_PATH,
    RUN_INTERFACE, RunProperties, job_path, repository_path,
};
use zbus::{
    Connection, Guid, ObjectPath, OwnedVariant, Variant, connection::Builder, fdo, object_server::Interface,
};

use super::{
    authority::{About, Action, Call},
    objects::Service,
    *,
};
use crate::{
    ports::{Caller, Reply},
    testing::{Stage, job},
};

/// Lets everybody do everything, or nobody anything, and notes what was asked.
struct Steered {
    allow: bool,
    asked: Mutex<Vec<(Action, About)>>,
}

impl authority::Authority for Steered {
    fn check<'a>(&'a self, call: Call<'a>) -> Reply<'a, Result<Caller, backupd_dbus::Error>> {
        self.asked.lock().unwrap().push((call.action, call.about.clone()));
        let outcome = if self.allow {
            Ok(Caller {
                uid: 1000,
                pid: Some(1),
                bus_name: ":1.1".to_owned(),
            })
        } else {
            Err(backupd_dbus::Error::NotAuthorized("no".to_owned()))
        };
        Box::pin(async move { outcome })
    }
}

struct Bus {
    client: Connection,
    stage: Stage,
    authority: std::sync::Arc<Steered>,
    _server: Connection,
}

fn facts() -> Facts {
    Facts {
        scope: "user",
        launcher: "child",
        started: jiff::Timestamp::UNIX_EPOCH,
        configuration: "/etc/backupd".into(),
        state: "/var/lib/backupd".into(),
    }
}

/// The whole bus surface over a socket pair, with one job `home` on the repository `nas`.
async fn bus(allow: bool) -> Bus {
    let stage = Stage::new(&[("home", "")]).await;
    let (near, far) = UnixStream::pair().unwrap();
    let server = Builder::unix_stream(near).server(Guid::generate()).p2p();
    let client = Builder::unix_stream(far).p2p();
    let (server, client) = tokio::join!(server.build(), client.build());
    let (server, client) = (server.unwrap(), client.unwrap());
    let authority = std::sync::Arc::new(Steered {
        allow,
        asked: Mutex::default(),
    });
    let mut publisher = Publisher::new(
        server.clone(),
        std::sync::Arc::clone(&stage.outbox),
        stage.handle.clone(),
        authority.clone(),
        &facts(),
    );
    publisher.begin().await.unwrap();
    tokio::spawn(publisher.serve());
    Bus {
        client,
        stage,
        authority,
        _server: server,
    }
}

impl Bus {
    async fn manager(&self) -> ManagerProxy<'_> {
        ManagerProxy::new(&self.client, ROOT_PATH, Interaction::Forbidden)
            .await
            .unwrap()
    }

    async fn properties(&self, path: &ObjectPath<'_>, interface: &str) -> HashMap<String, OwnedVariant> {
        let proxy = fdo::PropertiesProxy::new(&self.client, BUS_NAME, path)
            .await
            .unwrap();
        proxy.get_all(interface.try_into().unwrap()).await.unwrap()
    }

    async fn call(
        &self,
        path: &ObjectPath<'_>,
        interface: &str,
        method: &str,
        body: &(impl serde::Serialize + zbus::DynamicType),
    ) -> Result<zbus::Message, String> {
        match self
            .client
            .call_method(Some(BUS_NAME), path, Some(interface), method, body)
            .await
        {
            Ok(reply) => Ok(reply),
            Err(zbus::Error::MethodError(name, text, _)) => {
                Err(format!("{name}: {}", text.unwrap_or_default()))
            }
            Err(other) => panic!("{method}: {other}"),
        }
    }
}

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

async fn interfaces() -> Vec<(&'static str, String)> {
    let stage = Stage::new(&[]).await;
    let service = Service::new(
        stage.handle.clone(),
        std::sync::Arc::new(Steered {
            allow: true,
            asked: Mutex::default(),
        }),
    );
    let shown = || service.clone();
    vec![
        (
            MANAGER_INTERFACE,
            xml(&manager::Manager {
                service: shown(),
                shown: objects::Shown::new(facts().properties()),
            }),
        ),
        (
            JOB_INTERFACE,
            xml(&job::Job {
                name: job("x"),
                service: shown(),
                shown: objects::Shown::new(backupd_dbus::JobProperties::default()),
            }),
        ),
        (
            REPOSITORY_INTERFACE,
            xml(&repository::Repository {
                name: "x".parse().unwrap(),
                service: shown(),
                shown: objects::Shown::new(backupd_dbus::RepositoryProperties::default()),
            }),
        ),
        (
            RUN_INTERFACE,
            xml(&run::Run {
                id: backupd_core::name::RunId::from_parts(0, 0),
                service: shown(),
                shown: objects::Shown::new(RunProperties::default()),
            }),
        ),
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

/// What a method says that it acts on, when it is called for the job `home` or the repository `nas`.
#[derive(Clone, Copy)]
enum Known {
    Nothing,
    Job,
    Repository,
    Both,
}

impl Known {
    fn about(self) -> About {
        match self {
            Self::Nothing => About::nothing(),
            Self::Job => About::job("home", None),
            Self::Repository => About::repository("nas"),
            Self::Both => About::job("home", Some("nas")),
        }
    }
}

/// Every method, what it needs leave for, and what of: a new one without an entry fails the test below.
type Entry = (&'static str, &'static str, Action, Known);
const METHODS: &[Entry] = &[
    (MANAGER_INTERFACE, "StartJob", Action::Run, Known::Both),
    (MANAGER_INTERFACE, "GetJob", Action::Read, Known::Both),
    (
        MANAGER_INTERFACE,
        "GetRepository",
        Action::Read,
        Known::Repository,
    ),
    (MANAGER_INTERFACE, "GetRun", Action::Read, Known::Nothing),
    (MANAGER_INTERFACE, "ListRuns", Action::Read, Known::Nothing),
    (MANAGER_INTERFACE, "CreateJob", Action::Configure, Known::Job),
    (MANAGER_INTERFACE, "ValidateJob", Action::Read, Known::Job),
    (
        MANAGER_INTERFACE,
        "CreateRepository",
        Action::Repository,
        Known::Repository,
    ),
    (MANAGER_INTERFACE, "Reload", Action::Configure, Known::Nothing),
    (MANAGER_INTERFACE, "GetSettings", Action::Read, Known::Nothing),
    (MANAGER_INTERFACE, "OpenAudit", Action::Audit, Known::Nothing),
    (JOB_INTERFACE, "Start", Action::Run, Known::Both),
    (JOB_INTERFACE, "Restore", Action::Restore, Known::Both),
    (JOB_INTERFACE, "SetEnabled", Action::Configure, Known::Both),
    (JOB_INTERFACE, "Delete", Action::Configure, Known::Both),
    (JOB_INTERFACE, "GetConfiguration", Action::Browse, Known::Both),
    (JOB_INTERFACE, "SetConfiguration", Action::Configure, Known::Both),
    (
        REPOSITORY_INTERFACE,
        "Initialize",
        Action::Repository,
        Known::Repository,
    ),
    (
        REPOSITORY_INTERFACE,
        "Test",
        Action::Repository,
        Known::Repository,
    ),
    (
        REPOSITORY_INTERFACE,
        "OpenSnapshots",
        Action::Browse,
        Known::Repository,
    ),
    (
        REPOSITORY_INTERFACE,
        "OpenListing",
        Action::Browse,
        Known::Repository,
    ),
    (
        REPOSITORY_INTERFACE,
        "Restore",
        Action::Restore,
        Known::Repository,
    ),
    (
        REPOSITORY_INTERFACE,
        "GetConfiguration",
        Action::Browse,
        Known::Repository,
    ),
    (RUN_INTERFACE, "Cancel", Action::Cancel, Known::Both),
    (RUN_INTERFACE, "OpenLog", Action::Browse, Known::Both),
];

#[tokio::test]
async fn every_method_asks_whether_the_caller_may_before_anything_else() {
    let bus = bus(false).await;
    let run = bus
        .stage
        .handle
        .start(job("home"), crate::coordinator::StartOptions::default())
        .await
        .unwrap();
    let files = |bus: &Bus| crate::testing::read(bus.stage.configuration("jobs.d/home.toml"));
    let before = files(&bus);
    let mut served = Vec::new();
    for (interface, text) in interfaces().await {
        let node = zbus_xml::Node::from_reader(text.as_bytes()).unwrap();
        for method in node.interfaces().iter().flat_map(zbus_xml::Interface::methods) {
            served.push((interface, method.name().to_string(), method.clone()));
        }
    }
    for (interface, name, method) in &served {
        let entry = METHODS.iter().find(|(i, n, ..)| i == interface && n == name);
        let (_, _, action, known) = entry.unwrap_or_else(|| panic!("{interface}.{name} has no entry"));
        let path = match *interface {
            MANAGER_INTERFACE => ROOT_PATH.try_into().unwrap(),
            JOB_INTERFACE => job_path("home"),
            REPOSITORY_INTERFACE => repository_path("nas"),
            _ => objects::path_of_run(run),
        };
        let mut body = zbus::wire::StructureBuilder::new();
        for argument in method.args() {
            if argument.direction() == Some(zbus_xml::ArgDirection::Out) {
                continue;
            }
            body = match argument.ty().to_string().as_str() {
                "s" if name.ends_with("Repository") => body.add_field("nas"),
                "s" => body.add_field("home"),
                "b" => body.add_field(false),
                "ay" => body.add_field(b"/tmp/x".to_vec()),
                "a{sv}" => body.add_field(HashMap::<String, Variant<'_>>::new()),
                other => panic!("{interface}.{name}: no value for `{other}`"),
            };
        }
        let body = body.build().unwrap();
        let error = bus.call(&path, interface, name, &body).await.expect_err(name);
        assert_eq!(
            error, "org.backupd.Backup1.Error.NotAuthorized: no",
            "{interface}.{name}"
        );
        assert_eq!(
            bus.authority.asked.lock().unwrap().pop(),
            Some((*action, known.about())),
            "{interface}.{name}"
        );
    }
    assert_eq!(served.len(), METHODS.len(), "an entry is of no method");
    assert_eq!(files(&bus), before);
}

#[tokio::test]
async fn a_run_is_an_object_when_its_path_is_answered_and_its_end_is_told() {
    let bus = bus(true).await;
    let manager = bus.manager().await;
    let path = manager.start_job("home", &HashMap::new()).await.unwrap();
    let state =
        |properties: &HashMap<String, OwnedVariant>| String::try_from(properties["State"].clone()).unwrap();
    assert_eq!(state(&bus.properties(&path, RUN_INTERFACE).await), "starting");
    let active = bus.properties(&job_path("home"), JOB_INTERFACE).await["ActiveRun"].clone();
    assert_eq!(zbus::OwnedObjectPath::try_from(active).unwrap(), path);

    let proxy = fdo::PropertiesProxy::new(&bus.client, BUS_NAME, &path)
        .await
        .unwrap();
    let mut changes = proxy.receive_properties_changed().await.unwrap();
    let run = path
        .as_str()
        .rsplit('/')
        .next()
        .and_then(backupd_dbus::unescape)
        .unwrap()
        .parse()
        .unwrap();
    bus.stage.worker_succeeds(run).await;
    loop {
        let change = zbus::export::ordered_stream::OrderedStreamExt::next(&mut changes)
            .await
            .unwrap();
        let arguments = change.args().unwrap();
        assert_eq!(arguments.interface_name, RUN_INTERFACE);
        if arguments.changed_properties.get("Result") == Some(&Variant::from("success")) {
            break;
        }
    }
    let properties = bus.properties(&path, RUN_INTERFACE).await;
    assert_eq!(state(&properties), "finished");
    let (runs, next) = manager.list_runs(&HashMap::new(), &HashMap::new()).await.unwrap();
    assert_eq!((runs.len(), next.as_str()), (1, ""));
    assert_eq!(runs[0].snapshot.as_deref(), Some("ab".repeat(32).as_str()));
}

#[tokio::test]
async fn options_are_refused_by_name_and_type() {
    let bus = bus(true).await;
    let root: ObjectPath<'_> = ROOT_PATH.try_into().unwrap();
    let start = async |key: &str, value: Variant<'_>| {
        let options = HashMap::from([(key.to_owned(), value)]);
        bus.call(&root, MANAGER_INTERFACE, "StartJob", &("home", options))
            .await
            .unwrap_err()
    };
    let error = start("descripton", Variant::from("x")).await;
    assert!(
        error.contains("UnknownOption") && error.contains("did you mean `description`?"),
        "{error}"
    );
    let error = start("description", Variant::from(7_i32)).await;
    assert!(
        error.contains("InvalidArgument") && error.contains("`description` is a string (`s`), not `i`"),
        "{error}"
    );
    let error = start("metadata", Variant::from("[1]")).await;
    assert!(error.contains("`metadata` is no JSON object"), "{error}");
    assert!(bus.stage.launcher.launched.lock().unwrap().is_empty());

    let filter = HashMap::from([
        ("result".to_owned(), Variant::from("great")),
        ("since-usec".to_owned(), Variant::from("today")),
        ("jbo".to_owned(), Variant::from("home")),
    ]);
    let none: HashMap<String, Variant<'_>> = HashMap::new();
    let error = bus
        .call(&root, MANAGER_INTERFACE, "ListRuns", &(filter, none))
        .await
        .unwrap_err();
    for part in [
        "`great` is no result",
        "`since-usec`",
        "unknown option `jbo`: did you mean `job`?",
    ] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
}

#[tokio::test]
async fn paths_that_could_leave_the_target_are_refused() {
    let bus = bus(true).await;
    let job = job_path("home");
    for (target, path) in [
        ("relative", "/a"),
        ("/srv/../etc", "/a"),
        ("/ok", "a"),
        ("/ok", "/a/../b"),
        ("", "/a"),
    ] {
        let options = HashMap::from([("paths", Variant::from(vec![path.as_bytes().to_vec()]))]);
        let body = ("latest", target.as_bytes().to_vec(), options);
        let error = bus
            .call(&job, JOB_INTERFACE, "Restore", &body)
            .await
            .expect_err(target);
        assert!(error.contains("InvalidArgument"), "{target} {path}: {error}");
    }
    assert!(bus.stage.launcher.launched.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_question_that_fails_is_an_error_with_the_name_of_its_class() {
    let bus = bus(true).await;
    let none: HashMap<String, Variant<'_>> = HashMap::new();
    let error = bus
        .call(&repository_path("nas"), REPOSITORY_INTERFACE, "Test", &(none,))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        "org.backupd.Backup1.Error.Credentials: wrong password\nhint: ask nobody"
    );
}

#[tokio::test]
async fn jobs_come_and_go_with_their_files() {
    let bus = bus(true).await;
    let objects = fdo::ObjectManagerProxy::new(&bus.client, BUS_NAME, ROOT_PATH)
        .await
        .unwrap();
    let manager = bus.manager().await;
    let text = "repository = \"nas\"\nsources = [\"/opt\"]\n";
    let path = manager.create_job("srv", text, &HashMap::new()).await.unwrap();
    assert!(objects.get_managed_objects().await.unwrap().contains_key(&path));
    let none: HashMap<String, Variant<'_>> = HashMap::new();
    bus.call(&path, JOB_INTERFACE, "Delete", &(none,)).await.unwrap();
    assert!(!objects.get_managed_objects().await.unwrap().contains_key(&path));
    assert!(
        objects
            .get_managed_objects()
            .await
            .unwrap()
            .contains_key(&job_path("home"))
    );
}
