//! A bus of the test's own, and services on it.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use futures_util::StreamExt as _;
use tokio::{sync::mpsc, task::JoinHandle};
use zbus::{Connection, MessageStream, Variant, connection::Builder, message::Type};

use super::Scene;

pub(super) struct Bus {
    daemon: Child,
    address: String,
    _directory: tempfile::TempDir,
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl Bus {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("bus");
        let configuration = directory.path().join("bus.conf");
        let text = format!(
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
             \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
             <busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>\n\
             <policy context=\"default\"><allow send_destination=\"*\"/><allow receive_sender=\"*\"/>\
             <allow own=\"*\"/></policy></busconfig>\n",
            socket.display()
        );
        std::fs::write(&configuration, text).unwrap();
        let mut daemon = Command::new("dbus-daemon")
            .args(["--nofork", "--print-address"])
            .arg(format!("--config-file={}", configuration.display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        Self {
            daemon,
            address: address.trim().to_owned(),
            _directory: directory,
        }
    }

    pub(super) async fn connect(&self) -> Connection {
        Builder::address(self.address.as_str()).build().await.unwrap()
    }

    /// The port, on this bus.
    pub(super) async fn scene(&self) -> Scene {
        let mut sources = super::kernel("/nowhere".as_ref());
        sources.system_bus = Some(self.connect().await);
        Scene::new(sources)
    }
}

type Properties = HashMap<String, Variant<'static>>;

/// What a service says, by object.
#[derive(Default)]
struct Script {
    objects: HashMap<&'static str, Properties>,
    is_silent: bool,
}

/// A service that says what the test says; gone from the bus when this is dropped.
pub(super) struct Fake {
    connection: Connection,
    script: Arc<Mutex<Script>>,
    asked: mpsc::UnboundedReceiver<()>,
    served: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.served.abort();
    }
}

impl Fake {
    /// A service with these properties at each path.
    pub(super) async fn new<const N: usize>(
        bus: &Bus,
        name: &'static str,
        said: [(&'static str, &[(&str, Variant<'static>)]); N],
    ) -> Self {
        let connection = bus.connect().await;
        let own = |(path, properties): (_, &[(&str, Variant<'static>)])| {
            let own = properties
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()));
            (path, own.collect())
        };
        let script = Arc::new(Mutex::new(Script {
            objects: said.into_iter().map(own).collect(),
            is_silent: false,
        }));
        let (heard, asked) = mpsc::unbounded_channel();
        let calls = MessageStream::from(&connection);
        let served = tokio::spawn(answer(connection.clone(), calls, Arc::clone(&script), heard));
        connection.request_name(name).await.unwrap();
        Self {
            connection,
            script,
            asked,
            served,
        }
    }

    /// Says something else from now on, and tells everybody.
    pub(super) async fn say(&self, path: &'static str, interface: &str, name: &str, value: Variant<'static>) {
        {
            let mut script = self.script.lock().unwrap();
            let properties = script.objects.get_mut(path).unwrap();
            properties.insert(name.to_owned(), value.clone());
        }
        let changed = HashMap::from([(name, value)]);
        let body = (interface, changed, Vec::<&str>::new());
        let (tells, signal) = ("org.freedesktop.DBus.Properties", "PropertiesChanged");
        self.connection
            .emit_signal(None::<&str>, path, tells, signal, &body)
            .await
            .unwrap();
    }

    /// Answers nothing from now on.
    pub(super) fn hang(&self) {
        self.script.lock().unwrap().is_silent = true;
    }

    /// Waits until it is asked, after all that it was asked before.
    pub(super) async fn asked(&mut self) {
        while self.asked.try_recv().is_ok() {}
        self.asked.recv().await.unwrap();
    }

    /// It ends.
    pub(super) async fn end(self) {
        self.connection.clone().close().await.unwrap();
    }
}

async fn answer(
    connection: Connection,
    mut calls: MessageStream,
    script: Arc<Mutex<Script>>,
    heard: mpsc::UnboundedSender<()>,
) {
    while let Some(Ok(call)) = calls.next().await {
        let header = call.header();
        if header.message_type() != Type::MethodCall {
            continue;
        }
        let _ = heard.send(());
        let said = {
            let script = script.lock().unwrap();
            if script.is_silent {
                continue;
            }
            let path = header.path().unwrap().as_str();
            script.objects.get(path).cloned()
        };
        if let Some(said) = said {
            connection.reply(&header, &said).await.unwrap();
        } else {
            let error = "org.freedesktop.DBus.Error.UnknownObject";
            let nothing = "there is no such object";
            connection.reply_error(&header, error, &nothing).await.unwrap();
        }
    }
}
