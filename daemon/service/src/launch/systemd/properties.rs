//! A unit as `StartTransientUnit` takes it: the same values as in a unit file, with the types of the bus.

use std::{os::fd::OwnedFd, path::Path};

use backupd_core::unit::{Setting, Unit, Value};
use zbus::{Fd, Variant};

/// Settings beside those of a unit file: files that the unit is handed.
pub(super) type Extra = (&'static str, OwnedFd);

/// The properties of a unit. A file that it is handed goes before what a setting says; but the setting stays, for with
/// equal ones standard error would follow standard output into the file.
pub(super) fn of_unit(unit: &Unit, extra: Vec<Extra>) -> Vec<(String, Variant<'static>)> {
    let mut properties: Vec<_> = unit
        .settings
        .iter()
        .map(|setting| (setting.property(), of_setting(setting)))
        .collect();
    for (name, file) in extra {
        properties.push((name.to_owned(), Variant::from(Fd::from(file))));
    }
    // While we refer to the unit, systemd keeps what there is to know of its end.
    properties.push(("AddRef".to_owned(), Variant::from(true)));
    properties
}

fn of_setting(setting: &Setting) -> Variant<'static> {
    let owned = |words: &[&'static str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<String>>()
    };
    match &setting.value {
        Value::Flag(flag) => Variant::from(*flag),
        Value::Word(word) => Variant::from(*word),
        Value::Text(text) => Variant::from(text.clone()),
        Value::Number(number) => Variant::from(*number),
        Value::Signed(number) | Value::Errno(_, number) => Variant::from(*number),
        Value::Mode(mode) => Variant::from(*mode),
        Value::Time(time) => Variant::from(u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
        Value::Paths(paths) => Variant::from(
            paths
                .iter()
                .map(|path| format!("-{}", said(path)))
                .collect::<Vec<_>>(),
        ),
        Value::Words(words) => Variant::from(owned(words)),
        Value::Only(words) => Variant::from((true, owned(words))),
        Value::Except(words) => Variant::from((false, owned(words))),
        Value::Capabilities(all) => {
            Variant::from(all.iter().fold(0_u64, |set, capability| set | capability.bit()))
        }
        Value::NoNamespaces => Variant::from(0_u64),
        Value::Devices(devices) => Variant::from(
            devices
                .iter()
                .map(|(group, what)| ((*group).to_owned(), (*what).to_owned()))
                .collect::<Vec<(String, String)>>(),
        ),
        Value::Credential(name, place) => Variant::from(vec![(name.clone(), place.clone())]),
        Value::Codes(codes) => {
            let codes: Vec<i32> = codes.iter().map(|code| i32::from(*code)).collect();
            Variant::from((codes, Vec::<i32>::new()))
        }
        Value::Fields(fields) => Variant::from(
            fields
                .iter()
                .map(|(name, value)| format!("{name}={value}").into_bytes())
                .collect::<Vec<Vec<u8>>>(),
        ),
        Value::Command(words) => {
            let words: Vec<String> = words.iter().map(|word| said(word)).collect();
            let program = words.first().cloned().unwrap_or_default();
            Variant::from(vec![(program, words, false)])
        }
    }
}

/// The bus has no texts but UTF-8. Units have no other paths, but for a state directory of a strange name, which
/// systemd then does not find.
fn said(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
