//! What the object manager says of all objects, and of those that come and go.

use std::collections::HashMap;

use backupd_dbus::{BUS_NAME, JOB_INTERFACE, ROOT_PATH, RUN_INTERFACE, job_path, repository_path};
use zbus::{
    MessageStream, OwnedObjectPath, OwnedVariant, export::ordered_stream::OrderedStreamExt as _, fdo,
    message::Type,
};

use super::{Bus, bus};

async fn object_manager(bus: &Bus) -> fdo::ObjectManagerProxy<'_> {
    fdo::ObjectManagerProxy::new(&bus.client, BUS_NAME, ROOT_PATH)
        .await
        .unwrap()
}

async fn managed(bus: &Bus) -> fdo::ManagedObjects {
    object_manager(bus).await.get_managed_objects().await.unwrap()
}

/// The signals of the object manager as they come.
struct Signals(MessageStream);

impl Signals {
    fn of(bus: &Bus) -> Self {
        Self(MessageStream::from(&bus.client))
    }

    /// The next one: its name, and what it is about.
    async fn next(&mut self) -> (String, OwnedObjectPath, zbus::Message) {
        loop {
            let message = self.0.next().await.unwrap().unwrap();
            let header = message.header();
            let interface = header.interface().map(ToString::to_string);
            if message.message_type() != Type::Signal
                || interface.as_deref() != Some("org.freedesktop.DBus.ObjectManager")
            {
                continue;
            }
            let member = header.member().unwrap().to_string();
            let path = match member.as_str() {
                "InterfacesAdded" => {
                    let body: (OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>) =
                        message.body().deserialize().unwrap();
                    body.0
                }
                _ => {
                    message
                        .body()
                        .deserialize::<(OwnedObjectPath, Vec<String>)>()
                        .unwrap()
                        .0
                }
            };
            return (member, path, message.clone());
        }
    }
}

#[tokio::test]
async fn all_objects_are_told_with_the_properties_that_each_has() {
    let bus = bus(true).await;
    let run = bus
        .manager()
        .await
        .start_job("home", &HashMap::new())
        .await
        .unwrap();
    let all = managed(&bus).await;
    let mut paths: Vec<String> = all.keys().map(ToString::to_string).collect();
    paths.sort();
    // The root is not below itself.
    let expected = [job_path("home"), repository_path("nas"), run].map(|path| path.to_string());
    assert_eq!(paths, expected);
    for (path, interfaces) in all {
        assert_eq!(interfaces.len(), 1, "{path}");
        for (interface, properties) in interfaces {
            assert!(!properties.is_empty());
            assert_eq!(properties, bus.properties(&path, &interface).await, "{path}");
        }
    }
}

#[tokio::test]
async fn jobs_come_and_go_with_their_files() {
    let bus = bus(true).await;
    let mut signals = Signals::of(&bus);
    let manager = bus.manager().await;
    let text = "repository = \"nas\"\nsources = [\"/opt\"]\n";
    let path = manager.create_job("srv", text, &HashMap::new()).await.unwrap();
    assert!(managed(&bus).await.contains_key(&path));
    let (member, told, message) = signals.next().await;
    assert_eq!((member.as_str(), &told), ("InterfacesAdded", &path));
    let (_, interfaces): (OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>) =
        message.body().deserialize().unwrap();
    assert_eq!(interfaces.len(), 1);
    assert_eq!(
        interfaces[JOB_INTERFACE],
        bus.properties(&path, JOB_INTERFACE).await
    );

    let none: HashMap<String, zbus::Variant<'_>> = HashMap::new();
    bus.call(&path, JOB_INTERFACE, "Delete", &(none,)).await.unwrap();
    let all = managed(&bus).await;
    assert!(!all.contains_key(&path) && all.contains_key(&job_path("home")));
    // Of the coming nothing was told twice.
    let (member, told, message) = signals.next().await;
    assert_eq!((member.as_str(), &told), ("InterfacesRemoved", &path));
    let (_, interfaces): (OwnedObjectPath, Vec<String>) = message.body().deserialize().unwrap();
    assert_eq!(interfaces, [JOB_INTERFACE]);
}

#[tokio::test]
async fn a_run_is_told_when_it_comes() {
    let bus = bus(true).await;
    let mut signals = Signals::of(&bus);
    let run = bus
        .manager()
        .await
        .start_job("home", &HashMap::new())
        .await
        .unwrap();
    let (member, told, _) = signals.next().await;
    assert_eq!((member.as_str(), told), ("InterfacesAdded", run.clone()));
    assert!(managed(&bus).await[&run].contains_key(RUN_INTERFACE));
}
