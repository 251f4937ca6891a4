mod audit;
mod crowd;
mod keys;
mod methods;
mod object_manager;
mod schedule;

use std::{collections::HashMap, os::unix::net::UnixStream, sync::Mutex};

use backupd_dbus::{
    BUS_NAME, Interaction, JOB_INTERFACE, MANAGER_INTERFACE, ManagerProxy, REPOSITORY_INTERFACE, ROOT_PATH,
    RUN_INTERFACE, job_path, repository_path,
};
use zbus::{
    Connection, Guid, ObjectPath, OwnedVariant, Variant, connection::Builder, fdo, proxy::MethodFlags,
};

use super::{
    authority::{About, Action, Call},
    *,
};
use crate::{
    ports::{Caller, Reply},
    testing::Stage,
};

/// What an authority was asked.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    action: Action,
    about: About,
    interactive: bool,
}

/// Lets a user do this and nothing else, and notes what was asked.
struct Steered {
    user: u32,
    allow: fn(&About) -> bool,
    asked: Mutex<Vec<Asked>>,
}

impl Steered {
    fn new(user: u32, allow: fn(&About) -> bool) -> std::sync::Arc<Self> {
        let asked = Mutex::default();
        std::sync::Arc::new(Self { user, allow, asked })
    }
}

impl authority::Authority for Steered {
    fn check<'a>(&'a self, call: Call<'a>) -> Reply<'a, Result<Caller, backupd_dbus::Error>> {
        self.asked.lock().unwrap().push(Asked {
            action: call.action,
            about: call.about.clone(),
            interactive: call.interactive(),
        });
        let outcome = if (self.allow)(call.about) {
            Ok(caller(self.user))
        } else {
            Err(backupd_dbus::Error::NotAuthorized("no".to_owned()))
        };
        Box::pin(async move { outcome })
    }

    fn refused<'a>(&'a self, _call: Call<'a>) -> Reply<'a, Option<Caller>> {
        Box::pin(async { Some(caller(self.user)) })
    }
}

const USER: u32 = 1000;

fn caller(uid: u32) -> Caller {
    Caller {
        uid,
        pid: Some(1),
        bus_name: ":1.1".to_owned(),
    }
}

struct Bus {
    client: Connection,
    stage: Stage,
    authority: std::sync::Arc<Steered>,
    open: leave::Open,
    server: Connection,
}

fn facts() -> Facts {
    Facts {
        scope: "user",
        launcher: "child",
        launcher_reason: "`launcher` is `child`".into(),
        started: jiff::Timestamp::UNIX_EPOCH,
        configuration: "/etc/backupd".into(),
        state: "/var/lib/backupd".into(),
    }
}

/// The whole bus surface over a socket pair, with one job `home` on the repository `nas`, which a package upgrade starts.
async fn bus(allow: bool) -> Bus {
    bus_of(Steered::new(USER, if allow { |_| true } else { |_| false })).await
}

async fn bus_of(authority: std::sync::Arc<Steered>) -> Bus {
    let stage = Stage::new(&[("home", "triggers.package_upgrade = true\n")]).await;
    let (near, far) = UnixStream::pair().unwrap();
    let server = Builder::unix_stream(near).server(Guid::generate()).p2p();
    let client = Builder::unix_stream(far).p2p();
    let (server, client) = tokio::join!(server.build(), client.build());
    let (server, client) = (server.unwrap(), client.unwrap());
    let mut publisher = Publisher::new(
        server.clone(),
        std::sync::Arc::clone(&stage.outbox),
        stage.handle.clone(),
        authority.clone(),
        &facts(),
    );
    publisher.begin().await.unwrap();
    let open = publisher.service.open.clone();
    tokio::spawn(publisher.serve());
    Bus {
        client,
        stage,
        authority,
        open,
        server,
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
            Err(error) => Err(told(error)),
        }
    }

    /// The error that the call ends with.
    async fn refused(
        &self,
        path: &ObjectPath<'_>,
        interface: &str,
        method: &str,
        body: &(impl serde::Serialize + zbus::DynamicType),
        flags: MethodFlags,
    ) -> String {
        let proxy = zbus::Proxy::new(&self.client, BUS_NAME, path, interface)
            .await
            .unwrap();
        let answer = proxy.call_with_flags::<_, _, ()>(method, flags, body);
        told(answer.await.expect_err(method))
    }
}

/// `NAME: text` of an error that the daemon answered.
fn told(error: zbus::Error) -> String {
    match error {
        zbus::Error::MethodError(name, text, _) => format!("{name}: {}", text.unwrap_or_default()),
        other => panic!("{other}"),
    }
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
