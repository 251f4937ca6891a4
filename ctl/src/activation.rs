//! A daemon that is not there is started by the bus. The bus does not tell when systemd gives up; systemd does.

use std::{collections::HashMap, time::Duration};

use backupd_dbus::{BUS_NAME, Error};
use zbus::{
    Connection, OwnedObjectPath, OwnedVariant,
    fdo::{DBusProxy, PropertiesProxy},
    names::WellKnownName,
};

use crate::{errors::Failure, scope::Scope};

const UNIT: &str = "backupd.service";
const SYSTEMD: &str = "org.freedesktop.systemd1";
/// How often systemd is asked. A start that goes well is over before.
const PAUSE: Duration = Duration::from_millis(300);

/// Whether the daemon is on the bus. A question to the daemon itself would start it.
pub(crate) async fn is_there(connection: &Connection) -> bool {
    let Ok(bus) = DBusProxy::new(connection).await else {
        return false;
    };
    let name = WellKnownName::from_static_str_unchecked(BUS_NAME);
    bus.name_has_owner(name.into()).await.is_ok_and(|owned| owned)
}

/// Returns as soon as the daemon is on the bus, or nobody is going to start it any more.
pub(crate) async fn awake(connection: &Connection, scope: Scope) -> Result<(), Failure> {
    if is_there(connection).await {
        return Ok(());
    }
    let name = WellKnownName::from_static_str_unchecked(BUS_NAME);
    let failure = |error: zbus::Error| Failure::from_daemon(Error::ZBus(error), scope);
    let bus = DBusProxy::new(connection).await.map_err(failure)?;
    tokio::select! {
        started = bus.start_service_by_name(name, 0) => started.map(drop).map_err(|error| failure(error.into())),
        why = given_up(connection) => {
            Err(Failure::unreachable(format!("the daemon could not be started: {why}")).hint(scope.log_hint()))
        }
    }
}

/// Why systemd has given up; without end while it has not, or there is none.
async fn given_up(connection: &Connection) -> String {
    loop {
        tokio::time::sleep(PAUSE).await;
        if let Ok(Some(why)) = reason(connection).await {
            return why;
        }
    }
}

async fn reason(connection: &Connection) -> zbus::Result<Option<String>> {
    let manager = format!("{SYSTEMD}.Manager");
    let unit = connection
        .call_method(
            Some(SYSTEMD),
            "/org/freedesktop/systemd1",
            Some(manager.as_str()),
            "GetUnit",
            &(UNIT,),
        )
        .await?;
    let unit: OwnedObjectPath = unit.body().deserialize()?;
    let properties = PropertiesProxy::builder(connection)
        .destination(SYSTEMD)
        .path(unit)
        .build()
        .await?;
    let of_unit = properties.get_all(format!("{SYSTEMD}.Unit").try_into()?).await?;
    if text(&of_unit, "ActiveState") != "failed" || is_about_to_start(&of_unit) {
        return Ok(None);
    }
    let of_service = properties
        .get_all(format!("{SYSTEMD}.Service").try_into()?)
        .await?;
    Ok(Some(match text(&of_service, "StatusText") {
        // The daemon has said it itself.
        said if !said.is_empty() => said,
        _ => format!("`{UNIT}` has failed (`{}`)", text(&of_service, "Result")),
    }))
}

type Properties = HashMap<String, OwnedVariant>;

fn text(properties: &Properties, name: &str) -> String {
    properties
        .get(name)
        .and_then(|value| String::try_from(value.clone()).ok())
        .unwrap_or_default()
}

fn is_about_to_start(unit: &Properties) -> bool {
    let job = unit.get("Job").cloned();
    job.and_then(|job| <(u32, OwnedObjectPath)>::try_from(job).ok())
        .is_some_and(|(number, _)| number != 0)
}
