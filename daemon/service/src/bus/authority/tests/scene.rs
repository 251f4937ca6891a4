//! A bus and a polkit that say what the test says, at the other end of a socket pair.

use std::{collections::HashMap, future::pending, os::unix::net::UnixStream, sync::Arc, time::Duration};

use backupd_dbus::Error;
use tokio::sync::mpsc;
use zbus::{
    Connection, Guid, OwnedVariant, Variant,
    connection::Builder,
    fdo, interface,
    message::{Flags, Message},
};

use super::super::{About, Action, Authority, Call, Polkit};
use crate::ports::Caller;

/// What polkit says.
#[derive(Clone, Copy)]
pub(super) enum Script {
    Answers(bool, bool, &'static [(&'static str, &'static str)]),
    Fails(&'static str),
    Hangs,
}

/// What polkit was asked or told.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    Check {
        subject: String,
        action: String,
        details: Vec<(String, String)>,
        interactive: bool,
        cancellation: String,
    },
    Cancel(String),
}

struct FakePolkit {
    script: Script,
    heard: mpsc::UnboundedSender<Heard>,
}

#[interface(name = "org.freedesktop.PolicyKit1.Authority")]
impl FakePolkit {
    async fn check_authorization(
        &self,
        subject: (String, HashMap<String, OwnedVariant>),
        action: String,
        details: HashMap<String, String>,
        flags: u32,
        cancellation: String,
    ) -> fdo::Result<(bool, bool, HashMap<String, String>)> {
        let (kind, name) = (subject.0, String::try_from(subject.1["name"].clone()).unwrap());
        let mut details: Vec<_> = details.into_iter().collect();
        details.sort();
        let heard = Heard::Check {
            subject: format!("{kind} {name}"),
            action,
            details,
            interactive: flags == 1,
            cancellation,
        };
        self.heard.send(heard).unwrap();
        match self.script {
            Script::Answers(authorized, challenge, details) => {
                let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
                Ok((authorized, challenge, details.iter().map(own).collect()))
            }
            Script::Fails(text) => Err(fdo::Error::ServiceUnknown(text.to_owned())),
            Script::Hangs => pending().await,
        }
    }

    fn cancel_check_authorization(&self, cancellation: String) {
        self.heard.send(Heard::Cancel(cancellation)).unwrap();
    }
}

struct FakeBus {
    uid: u32,
    present: bool,
}

#[interface(name = "org.freedesktop.DBus")]
impl FakeBus {
    fn get_connection_credentials(&self, name: &str) -> HashMap<&'static str, Variant<'static>> {
        assert_eq!(name, ":1.7");
        HashMap::from([
            ("UnixUserID", Variant::from(self.uid)),
            ("ProcessID", Variant::from(77_u32)),
        ])
    }

    fn get_name_owner(&self, name: String) -> String {
        assert!(self.present || name == "org.freedesktop.DBus");
        name
    }

    fn name_has_owner(&self, name: &str) -> bool {
        self.present && name == ":1.7"
    }
}

pub(super) struct Scene {
    pub(super) heard: mpsc::UnboundedReceiver<Heard>,
    daemon: Connection,
    _callers: Connection,
    world: Connection,
    authority: Arc<Polkit>,
}

impl Scene {
    /// The user 1000 calls.
    pub(super) async fn new(script: Script) -> Self {
        Self::of(script, 1000, true).await
    }

    pub(super) async fn of(script: Script, uid: u32, present: bool) -> Self {
        Self::patient(script, uid, present, Duration::from_mins(5)).await
    }

    /// Where a person is waited for so long.
    pub(super) async fn patient(script: Script, uid: u32, present: bool, longest: Duration) -> Self {
        let (sender, heard) = mpsc::unbounded_channel();
        let polkit = FakePolkit {
            script,
            heard: sender,
        };
        // What calls come in over knows no polkit, and says of nobody that he leaves.
        let ends = || {
            let (near, far) = UnixStream::pair().unwrap();
            let near = Builder::unix_stream(near).server(Guid::generate()).p2p();
            let far = Builder::unix_stream(far)
                .p2p()
                .serve_at("/org/freedesktop/DBus", FakeBus { uid, present });
            (near, far)
        };
        let ((daemon, callers), (asking, world)) = (ends(), ends());
        let world = world.serve_at("/org/freedesktop/PolicyKit1/Authority", polkit);
        let (daemon, callers) = tokio::join!(daemon.build(), callers.build());
        let (asking, world) = tokio::join!(asking.build(), world.build());
        let authority = Polkit::strict(asking.unwrap(), Duration::from_millis(200), longest);
        Self {
            heard,
            daemon: daemon.unwrap(),
            _callers: callers.unwrap(),
            world: world.unwrap(),
            authority: Arc::new(authority),
        }
    }

    /// A call of `:1.7` comes in; answers what becomes of it.
    pub(super) fn call(
        &self,
        action: Action,
        about: About,
        interactive: bool,
    ) -> tokio::task::JoinHandle<Result<Caller, Error>> {
        let (daemon, authority) = (self.daemon.clone(), Arc::clone(&self.authority));
        tokio::spawn(async move {
            let flags = if interactive {
                Flags::ALLOW_INTERACTIVE_AUTH
            } else {
                Flags::empty()
            };
            let message = Message::method_call("/", "Any")
                .sender(":1.7")
                .with_flags(flags)
                .build(&())
                .unwrap();
            let call = Call {
                connection: &daemon,
                header: &message.header(),
                action,
                about: &about,
            };
            authority.check(call).await
        })
    }

    /// `Run` on the job `home`, whose repository is `nas`.
    pub(super) async fn run(&self, interactive: bool) -> Result<Caller, Error> {
        let about = About::job("home", Some("nas"));
        self.call(Action::Run, about, interactive).await.unwrap()
    }

    /// The bus tells that the caller has left.
    pub(super) async fn caller_leaves(&self) {
        let signal = Message::signal(
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus",
            "NameOwnerChanged",
        )
        .sender("org.freedesktop.DBus")
        .build(&(":1.7", ":1.7", ""))
        .unwrap();
        self.world.send(&signal).await.unwrap();
    }
}
