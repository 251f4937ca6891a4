//! The copy of the audit log in the journal.

use std::{
    io::{BufRead as _, BufReader, ErrorKind, Read as _},
    process::{Command, Stdio},
};

use backupd_core::audit::Comparer;
use backupd_dbus::AUDIT_MESSAGE_ID;
use serde::Deserialize;
use serde_json::Value;

use crate::scope::Scope;

/// A line of `journalctl --output=json`; a field that is no text is an array of bytes.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "BACKUPD_AUDIT_RECORD")]
    record: Option<Value>,
    #[serde(rename = "BACKUPD_AUDIT_HASH")]
    hash: Option<Value>,
}

/// Gives all copies that the user may read to the comparer. Answers how many there were, or why there are none to be
/// had.
pub(super) fn read(scope: Scope, comparer: &mut Comparer) -> Result<u64, String> {
    // What the journal itself notes of whoever wrote: nobody else can pass for the daemon.
    let (unit, user) = match scope {
        Scope::System => ("_SYSTEMD_UNIT=backupd.service".to_owned(), None),
        Scope::User => (
            "_SYSTEMD_USER_UNIT=backupd.service".to_owned(),
            Some(format!("_UID={}", rustix::process::geteuid().as_raw())),
        ),
    };
    let mut command = Command::new("journalctl");
    command
        .args(["--output=json", "--all", "--no-pager", "--quiet"])
        .arg("--output-fields=BACKUPD_AUDIT_RECORD,BACKUPD_AUDIT_HASH")
        .arg(format!("MESSAGE_ID={AUDIT_MESSAGE_ID}"))
        .arg(unit)
        .args(user)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => "there is no `journalctl`".to_owned(),
        _ => format!("`journalctl` cannot be started: {error}"),
    })?;
    let mut copies = 0;
    let mut broken = None;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            match line.map_err(|error| error.to_string()) {
                Ok(line) => copies += u64::from(take(&line, comparer)),
                Err(error) => broken = Some(error),
            }
        }
    }
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = stderr.read_to_string(&mut said);
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    if let Some(error) = broken {
        return Err(format!("the journal cannot be read: {error}"));
    }
    // It also fails where nothing matches.
    let said = said.lines().next().unwrap_or_default();
    if !status.success() && !said.is_empty() {
        return Err(format!("the journal cannot be read: {said}"));
    }
    if copies == 0 {
        return Err("the journal has no copy of it that you may read".to_owned());
    }
    Ok(copies)
}

fn take(line: &str, comparer: &mut Comparer) -> bool {
    let Ok(line) = serde_json::from_str::<Line>(line) else {
        return false;
    };
    match (text(line.record), text(line.hash)) {
        (Some(record), Some(hash)) => comparer.copy(&record, &hash),
        _ => false,
    }
}

fn text(field: Option<Value>) -> Option<String> {
    match field? {
        Value::String(text) => Some(text),
        Value::Array(bytes) => {
            let bytes: Option<Vec<u8>> = bytes
                .iter()
                .map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok()))
                .collect();
            String::from_utf8(bytes?).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_texts_or_bytes() {
        assert_eq!(text(Some("é".into())).as_deref(), Some("é"));
        assert_eq!(text(Some(vec![0xc3, 0xa9, 10].into())).as_deref(), Some("é\n"));
        assert_eq!(text(Some(vec![0xc3, 300].into())), None);
        assert_eq!(text(Some(Value::Null)), None);
        assert!(!take("{}", &mut Comparer::default()));
        assert!(!take("-- No entries --", &mut Comparer::default()));
    }
}
