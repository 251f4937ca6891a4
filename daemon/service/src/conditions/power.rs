//! Mains and battery, of which `UPower` tells. Where it is installed and not running, asking starts it.

use std::future::pending;

use backupd_core::condition::{Condition, Standing};
use zbus::Connection;

use super::{
    service::{Properties, Service},
    teller::{Teller, standing},
};

const NAME: &str = "org.freedesktop.UPower";
const MACHINE: &str = "/org/freedesktop/UPower";
/// All batteries taken together.
const BATTERY: &str = "/org/freedesktop/UPower/devices/DisplayDevice";
const DEVICE: &str = "org.freedesktop.UPower.Device";

/// Follows the power supply until the bus is gone.
pub(super) async fn follow(connection: &Connection, teller: &mut Teller) -> zbus::Result<()> {
    let mut machine = Service::new(connection, NAME, MACHINE, NAME).await?;
    let mut battery = None;
    loop {
        // Its level changes all the time; it is listened to while somebody cares.
        let cares = |condition: &Condition| matches!(condition, Condition::BatteryAbove(_));
        if !teller.wanted().iter().any(cares) {
            battery = None;
        } else if battery.is_none() {
            battery = Some(Service::new(connection, NAME, BATTERY, DEVICE).await?);
        }
        let supply = Supply::read(&machine, battery.as_ref()).await;
        teller.tell(|condition| supply.judge(condition)).await;
        tokio::select! {
            () = teller.changed() => {}
            change = machine.changed() => change?,
            change = either(battery.as_mut()) => change?,
        }
    }
}

async fn either(battery: Option<&mut Service>) -> zbus::Result<()> {
    match battery {
        Some(battery) => battery.changed().await,
        None => pending().await,
    }
}

/// What is known of it.
#[derive(Debug, Default, PartialEq)]
struct Supply {
    on_battery: bool,
    percent: Option<f64>,
}

impl Supply {
    async fn read(machine: &Service, battery: Option<&Service>) -> Self {
        let Some(on_battery) = machine.read().await.and_then(|said| said.get("OnBattery")) else {
            return Self::default();
        };
        let said = match battery {
            Some(battery) if on_battery => battery.read().await,
            _ => None,
        };
        Self {
            on_battery,
            percent: said.as_ref().and_then(percent),
        }
    }

    fn judge(&self, condition: &Condition) -> Standing {
        let what = match (condition, self.percent) {
            _ if !self.on_battery => None,
            (Condition::AcPower, _) => Some("on battery power".to_owned()),
            (Condition::BatteryAbove(least), Some(percent)) => {
                // What is shown must not be above the level that it is said not to be above.
                (percent <= f64::from(*least))
                    .then(|| format!("on battery power, at {:.0} %", percent.floor()))
            }
            _ => None,
        };
        standing(condition, what)
    }
}

/// The level, where there is one and it is possible.
fn percent(said: &Properties) -> Option<f64> {
    let present = said.get("IsPresent").unwrap_or(true);
    said.get("Percentage")
        .filter(|percent| present && (0.0..=100.0).contains(percent))
}
