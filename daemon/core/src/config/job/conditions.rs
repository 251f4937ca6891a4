//! The table `conditions` of a job's file.

use std::{net::Ipv6Addr, path::Path};

use super::{once, values};
use crate::{
    condition::{Condition, Conditions, WhenLost},
    config::{
        fault::{Complaint, quoted},
        path,
        reader::{Reader, Scalar},
    },
};

const AC_POWER: &str = "conditions.ac_power";
const BATTERY_ABOVE: &str = "conditions.battery_above";
const UNMETERED: &str = "conditions.unmetered";
const NETWORK: &str = "conditions.network";
const MOUNTED: &str = "conditions.mounted";
const DEVICE: &str = "conditions.device";
const REACHABLE: &str = "conditions.reachable";
const LOAD_BELOW: &str = "conditions.load_below";
const FREE_MEMORY: &str = "conditions.free_memory";
const WHEN_LOST: &str = "conditions.when_lost";

/// What nobody's machine gets to; a larger limit is a slip.
const MOST_LOAD: f64 = 10_000.0;

/// `windowed` is whether a schedule of the job has a window, which can be lost too.
pub(super) fn conditions(reader: &mut Reader<'_>, windowed: bool) -> Conditions {
    reader.table("conditions", |reader| keys(reader, windowed))
}

fn keys(reader: &mut Reader<'_>, windowed: bool) -> Conditions {
    let ac_power = reader.boolean(AC_POWER, false);
    let battery = reader.scalar(BATTERY_ABOVE);
    let battery = battery.and_then(|value| reader.checked(value, percent));
    let unmetered = reader.boolean(UNMETERED, false);
    let network = reader.boolean(NETWORK, false);
    let mounted = reader.parsed_list(MOUNTED, |text| path::absolute(text, "/srv/usb"));
    let mounted = once(reader, mounted, |path| shown(path));
    let devices = reader.parsed_list(DEVICE, |text| path::absolute(text, "/dev/disk/by-label/backup"));
    let devices = once(reader, devices, |path| shown(path));
    let reachable = reader.parsed_list(REACHABLE, host_and_port);
    let reachable = once(reader, reachable, |place| quoted(place));
    let load = reader.number(LOAD_BELOW);
    let load = load.and_then(|value| reader.checked(value, hundredths));
    let memory = reader.scalar(FREE_MEMORY);
    let memory = memory.and_then(|value| reader.checked(value, amount));
    let when_lost = reader.parsed(WHEN_LOST, |word| {
        values::one_of(&WhenLost::WORDS, word, "is no answer to a lost condition")
    });

    if let Some(battery) = battery.as_ref().filter(|_| ac_power) {
        let complaint = Complaint::new("`battery_above` is without effect beside `ac_power = true`");
        let hint =
            "remove one of the two: `battery_above` holds on mains power as well, `ac_power` on nothing else";
        reader.fault(BATTERY_ABOVE, battery.position, complaint.hint(hint));
    }
    let networked = [("unmetered", unmetered), ("reachable", !reachable.is_empty())];
    if let Some((other, _)) = networked.iter().find(|(_, given)| *given)
        && let Some(position) = reader.position_of(NETWORK).filter(|_| !network)
    {
        let message = format!("`network = false` contradicts `{other}`, which asks for a network");
        reader.fault(
            NETWORK,
            position,
            Complaint::new(message).hint("remove one of the two"),
        );
    }

    let flag = |holds: bool, condition| holds.then_some(condition);
    let all: Vec<Condition> = [
        flag(ac_power, Condition::AcPower),
        battery.map(|percent| Condition::BatteryAbove(percent.value)),
        flag(unmetered, Condition::Unmetered),
        flag(network, Condition::Online),
    ]
    .into_iter()
    .flatten()
    .chain(mounted.into_iter().map(Condition::Mounted))
    .chain(devices.into_iter().map(Condition::Device))
    .chain(reachable.into_iter().map(Condition::Reachable))
    .chain(load.map(|load| Condition::LoadBelow(load.value)))
    .chain(memory.map(|bytes| Condition::FreeMemory(bytes.value)))
    .collect();

    let position = when_lost.as_ref().map(|lost| lost.position);
    let conditions = Conditions {
        all,
        when_lost: when_lost.map_or_else(WhenLost::default, |value| value.value),
    };
    let stops = conditions.when_lost == WhenLost::Stop;
    let complaint = if conditions.all.is_empty() {
        let complaint = Complaint::new("`when_lost` is without effect: there is no condition to lose");
        Some(complaint.hint("add a condition, or remove it"))
    } else if stops && conditions.kept_while_running().next().is_none() {
        let message = "`when_lost = \"stop\"` is without effect: a load and free memory are looked at before a run \
                       begins, and not while it is at work";
        Some(Complaint::new(message).hint("add another condition, or remove it"))
    } else {
        None
    };
    if let Some((position, complaint)) = position.zip(complaint).filter(|_| !windowed) {
        reader.fault(WHEN_LOST, position, complaint);
    }
    conditions
}

fn shown(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

fn percent(value: Scalar) -> Result<u8, Complaint> {
    let hint = "write a number from 1 to 99; for mains power alone write `ac_power = true`";
    values::ranged(value, 1..=99, ("is no level of a battery, in percent", hint))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is in the range"
)]
fn hundredths(load: f64) -> Result<u32, Complaint> {
    if !(0.01..=MOST_LOAD).contains(&load) {
        let whose = if load > 1.0 {
            "every machine has"
        } else {
            "no machine has"
        };
        return Err(Complaint::new(format!("{whose} a load below `{load}`"))
            .hint("write a number such as `4.0`: so many programs want to work at once"));
    }
    Ok((load * 100.0).round() as u32)
}

fn amount(value: Scalar) -> Result<u64, Complaint> {
    let bytes = values::size(value)?;
    if bytes == 0 {
        return Err(Complaint::new("0 bytes of memory are always free")
            .hint("write a size such as `1 GiB`, or remove the key"));
    }
    Ok(bytes)
}

/// `nas:22`, `192.0.2.1:22` or `[2001:db8::1]:22`.
fn host_and_port(text: &str) -> Result<String, Complaint> {
    let complaint =
        |why: &str, hint: String| Err(Complaint::new(format!("{} {why}", quoted(text))).hint(hint));
    let example = "write a host and a port, such as `nas:22` or `[2001:db8::1]:22`";
    let Some((host, port)) = text.rsplit_once(':') else {
        let place = if is_host(text) {
            format!("{text}:22")
        } else {
            "nas:22".to_owned()
        };
        return complaint(
            "names no port",
            format!("write a host and a port, such as `{place}`"),
        );
    };
    if text.parse::<Ipv6Addr>().is_ok() || host.parse::<Ipv6Addr>().is_ok() {
        return complaint(
            "is not clear: an address with colons stands in brackets",
            example.to_owned(),
        );
    }
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if !bracketed.map_or_else(|| is_host(host), |address| address.parse::<Ipv6Addr>().is_ok()) {
        return complaint("names no host", example.to_owned());
    }
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return complaint(
            "names no port",
            "a port is a number from 1 to 65535, such as 22 in `nas:22`".to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// Whether a text can be a name of DNS or an address with dots.
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
}
