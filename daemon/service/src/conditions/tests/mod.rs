//! The real port on a bus of its own, where the test plays the services of the machine.

mod bus;
mod kernel;
mod network;
mod paths;
mod power;
mod reach;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use backupd_core::condition::{Condition, Standing};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Conditions, Sources, serve};
use crate::{
    coordinator::{Coordinator, Message},
    ports::Surroundings as _,
};

/// Nothing takes so long on a machine that works.
const DEADLINE: Duration = Duration::from_mins(1);

/// The port, and what it has told.
struct Scene {
    port: Conditions,
    messages: mpsc::Receiver<Message>,
    served: JoinHandle<()>,
    patience: Duration,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.served.abort();
    }
}

impl Scene {
    fn new(sources: Sources) -> Self {
        let (inbox, messages) = Coordinator::channel();
        let (port, wanted) = Conditions::new();
        let served = tokio::spawn(serve(sources, wanted, inbox));
        Self {
            port,
            messages,
            served,
            patience: DEADLINE,
        }
    }

    fn want<const N: usize>(&self, conditions: [Condition; N]) {
        self.port.want(BTreeSet::from(conditions));
    }

    /// What is told next.
    async fn next(&mut self) -> BTreeMap<Condition, Standing> {
        let told = tokio::time::timeout(self.patience, self.messages.recv()).await;
        match told.expect("nothing is told").expect("the port is gone") {
            Message::Standings(standings) => standings,
            _ => panic!("not a standing"),
        }
    }

    /// Waits until it is told that the condition holds.
    async fn holds(&mut self, condition: &Condition) {
        self.until(condition, &Standing::Holds).await;
    }

    /// Waits until it is told that the condition does not hold, for this reason.
    async fn fails(&mut self, condition: &Condition, what: &str) {
        self.until(condition, &super::teller::fails(condition, what))
            .await;
    }

    async fn until(&mut self, condition: &Condition, standing: &Standing) {
        while self.next().await.get(condition) != Some(standing) {}
    }

    /// Whether nothing was told that nobody has read.
    fn is_quiet(&mut self) -> bool {
        self.messages.try_recv().is_err()
    }
}

/// A machine without a bus, whose kernel says what these files say.
fn kernel(directory: &Path) -> Sources {
    Sources {
        system_bus: None,
        kernel: directory.to_owned(),
        mounts: directory.join("mountinfo"),
        worker: None,
    }
}

#[test]
fn what_is_wanted_again_is_told_again() {
    let mut wanted = super::Wanted::default();
    assert!(wanted.replace([Condition::AcPower].into()));
    assert!(!wanted.replace([Condition::AcPower].into()));
    let first = wanted.conditions[&Condition::AcPower];
    assert!(wanted.replace([Condition::AcPower, Condition::Online].into()));
    assert_eq!(wanted.conditions[&Condition::AcPower], first);
    assert!(wanted.replace([Condition::Online].into()));
    assert!(wanted.replace([Condition::AcPower, Condition::Online].into()));
    assert_ne!(wanted.conditions[&Condition::AcPower], first);
}
