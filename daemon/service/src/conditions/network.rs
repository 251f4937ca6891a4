//! The network, of which `NetworkManager` tells; where it is not in charge, systemd-networkd.

use std::future::pending;

use backupd_core::condition::{Condition, Standing};
use zbus::Connection;

use super::{
    service::{Properties, Service},
    teller::{Teller, standing},
};

const MANAGER: &str = "org.freedesktop.NetworkManager";
const MANAGER_PATH: &str = "/org/freedesktop/NetworkManager";
const NETWORKD: &str = "org.freedesktop.network1";
const NETWORKD_PATH: &str = "/org/freedesktop/network1";
const NETWORKD_MANAGER: &str = "org.freedesktop.network1.Manager";

/// `NM_STATE_CONNECTED_LOCAL`: there are addresses. A repository may be on a network that leads nowhere else.
const CONNECTED: u32 = 50;
/// `NM_STATE_UNKNOWN`.
const UNKNOWN: u32 = 0;
/// `NM_CONNECTIVITY_PORTAL`.
const PORTAL: u32 = 2;
/// `NM_METERED_YES` and `NM_METERED_GUESS_YES`.
const METERED: [u32; 2] = [1, 3];

/// Follows the network until the bus is gone.
pub(super) async fn follow(connection: &Connection, teller: &mut Teller) -> zbus::Result<()> {
    let mut manager = Service::new(connection, MANAGER, MANAGER_PATH, MANAGER).await?;
    let mut networkd = None;
    loop {
        let online = teller.wanted().contains(&Condition::Online);
        let network = match manager.read().await {
            Some(said) => {
                networkd = None;
                Network::of_manager(&said)
            }
            None if online => {
                if networkd.is_none() {
                    let service = Service::new(connection, NETWORKD, NETWORKD_PATH, NETWORKD_MANAGER);
                    networkd = Some(service.await?);
                }
                match &networkd {
                    Some(networkd) => Network::of_networkd(&networkd.read().await.unwrap_or_default()),
                    None => Network::default(),
                }
            }
            None => Network::default(),
        };
        teller.tell(|condition| network.judge(condition)).await;
        tokio::select! {
            () = teller.changed() => {}
            change = manager.changed() => change?,
            change = either(networkd.as_mut()) => change?,
        }
    }
}

async fn either(networkd: Option<&mut Service>) -> zbus::Result<()> {
    match networkd {
        Some(networkd) => networkd.changed().await,
        None => pending().await,
    }
}

/// What is wrong with it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Network {
    metered: bool,
    missing: Option<&'static str>,
}

impl Network {
    fn of_manager(said: &Properties) -> Self {
        let missing = match (said.get("State"), said.get("Connectivity")) {
            (_, Some(PORTAL)) => Some("on a network that wants a log-in first"),
            (Some(state @ 0..CONNECTED), _) if state != UNKNOWN => Some("no network"),
            _ => None,
        };
        Self {
            metered: said
                .get("Metered")
                .is_some_and(|metered| METERED.contains(&metered)),
            missing,
        }
    }

    fn of_networkd(said: &Properties) -> Self {
        let state: Option<String> = said.get("OperationalState");
        Self {
            metered: false,
            missing: state.filter(|state| state != "routable").map(|_| "no network"),
        }
    }

    fn judge(&self, condition: &Condition) -> Standing {
        let what = match condition {
            Condition::Unmetered if self.metered => Some("on a metered network"),
            Condition::Online => self.missing,
            _ => None,
        };
        standing(condition, what.map(str::to_owned))
    }
}
