//! How a remote place is reached: patience, limits of bandwidth, and what its kind needs to know.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    config::{
        fault::{Complaint, quoted},
        path,
        reader::{Located, Part, Reader, Scalar},
        units,
    },
    schedule::Window,
};

use super::location::{self, PlaceKind};

/// What the file says of a remote place beside its address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// How long a request may stand still.
    pub timeout: Option<SignedDuration>,
    /// How often a request that was cut off or given up is made again.
    pub retries: Option<u32>,
    /// Limits of bandwidth.
    #[serde(default)]
    pub limit: Limit,
    /// Certificates that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The region of an S3 server, or of a bucket of Backblaze.
    pub region: Option<String>,
    /// Where the service of an `azure:`, `gs:` or `b2:` answers, if not where all others find it.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The private key with which `ssh` logs in.
    pub ssh_key: Option<PathBuf>,
    /// The file of the only keys that hosts may have.
    pub ssh_known_hosts: Option<PathBuf>,
    /// rclone's configuration.
    pub rclone_config: Option<PathBuf>,
}

/// Bytes a second, or no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rate {
    /// As fast as it goes.
    Unlimited,
    /// So many bytes a second; never 0.
    Bytes(u64),
}

/// Limits of bandwidth, and times in which others hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// To the place.
    pub upload: Option<Rate>,
    /// From the place.
    pub download: Option<Rate>,
    /// The first that is open holds, in what it says.
    pub times: Vec<LimitTime>,
}

/// What holds while a window is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitTime {
    /// When, in local time.
    pub window: Window,
    /// To the place, if another limit than else.
    pub upload: Option<Rate>,
    /// From the place, if another limit than else.
    pub download: Option<Rate>,
}

impl Limit {
    /// Whether there is none at all.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The bytes a second that hold at a time for upload and download; nothing for no limit.
    pub fn at(&self, now: Timestamp, zone: &TimeZone) -> (Option<u64>, Option<u64>) {
        let time = self.times.iter().find(|time| time.window.contains(now, zone));
        let bytes = |inside: Option<Rate>, outside: Option<Rate>| match inside.or(outside) {
            Some(Rate::Bytes(bytes)) => Some(bytes),
            Some(Rate::Unlimited) | None => None,
        };
        (
            bytes(time.and_then(|time| time.upload), self.upload),
            bytes(time.and_then(|time| time.download), self.download),
        )
    }
}

const SHORTEST_TIMEOUT: SignedDuration = SignedDuration::from_secs(1);
const LONGEST_TIMEOUT: SignedDuration = SignedDuration::from_hours(1);
const MOST_RETRIES: i64 = 100;
/// Slower than this nothing ends.
const SLOWEST: u64 = 1024;

const CLOUD: &[PlaceKind] = &[PlaceKind::Azure, PlaceKind::Google, PlaceKind::Backblaze];
const HTTP: &[PlaceKind] = &[
    PlaceKind::Rest,
    PlaceKind::S3,
    PlaceKind::WebDav,
    PlaceKind::Azure,
    PlaceKind::Google,
    PlaceKind::Backblaze,
];
const REMOTE: &[PlaceKind] = &[
    PlaceKind::Sftp,
    PlaceKind::Rest,
    PlaceKind::S3,
    PlaceKind::WebDav,
    PlaceKind::Rclone,
    PlaceKind::Azure,
    PlaceKind::Google,
    PlaceKind::Backblaze,
];

/// Keys, and the kinds of places for which they mean something.
const KINDS: [(&str, &[PlaceKind]); 8] = [
    ("timeout", REMOTE),
    ("retries", REMOTE),
    ("limit", REMOTE),
    ("ca_file", HTTP),
    ("region", &[PlaceKind::S3, PlaceKind::Backblaze]),
    ("endpoint", CLOUD),
    ("ssh", &[PlaceKind::Sftp]),
    ("rclone", &[PlaceKind::Rclone]),
];

/// Reads the keys for a place of a kind; what is for another kind is a fault.
pub(super) fn reach(reader: &mut Reader<'_>, kind: Option<PlaceKind>) -> Reach {
    let timeout = reader.scalar("timeout");
    let timeout = timeout.and_then(|value| reader.checked(value, patience));
    let retries = reader.scalar("retries");
    let retries = retries.and_then(|value| reader.checked(value, |value| tries(&value)));
    let limit = reader.table("limit", limit);
    let ca_file = reader.parsed("ca_file", |text| path::absolute(text, "/etc/ssl/nas.pem"));
    let region = reader.parsed("region", |text| plain(text, "eu-central-1"));
    let endpoint = reader.parsed("endpoint", endpoint);
    let (ssh_key, ssh_known_hosts) = reader.table("ssh", |reader| {
        (
            reader.parsed("ssh.key", |text| path::absolute(text, "/root/.ssh/backup")),
            reader.parsed("ssh.known_hosts", |text| {
                path::absolute(text, "/etc/backupd/known_hosts")
            }),
        )
    });
    let rclone_config = reader.table("rclone", |reader| {
        reader.parsed("rclone.config", |text| {
            path::absolute(text, "/etc/backupd/rclone.conf")
        })
    });
    for (key, kinds) in KINDS {
        if let (Some(kind), Some(position)) = (kind, reader.position_of(key))
            && !kinds.contains(&kind)
            && !reader.has_faults_in(&[key])
        {
            let message = format!("`{key}` is without effect for {}", location::said(kind));
            reader.fault(key, position, Complaint::new(message).hint("remove it"));
        }
    }
    if kind == Some(PlaceKind::Backblaze)
        && region.is_none()
        && endpoint.is_none()
        && !reader.has_faults_in(&["region", "endpoint"])
    {
        let hint =
            "write that of the bucket, as Backblaze shows it in its endpoint: `region = \"us-west-004\"`";
        reader.missing("region", "`region` is missing", hint);
    }
    Reach {
        timeout: value(timeout),
        retries: value(retries),
        limit,
        ca_file: value(ca_file),
        region: value(region),
        endpoint: value(endpoint),
        ssh_key: value(ssh_key),
        ssh_known_hosts: value(ssh_known_hosts),
        rclone_config: value(rclone_config),
    }
}

/// An address without anything secret in it.
fn endpoint(text: &str) -> Result<String, Complaint> {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    match host {
        Some(host)
            if !host.is_empty()
                && !host.contains(['@', '?', '#'])
                && !host.contains(|c: char| c.is_whitespace() || c.is_control()) =>
        {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err(Complaint::new("the value is no address of a service")
            .hint("write one such as `https://ACCOUNT.blob.core.windows.net`")),
    }
}

fn value<T>(located: Option<Located<T>>) -> Option<T> {
    located.map(|located| located.value)
}

fn limit(reader: &mut Reader<'_>) -> Limit {
    let upload = rate(reader, "limit.upload");
    let download = rate(reader, "limit.download");
    let hint = "write `[[limit.times]]`, and below it `window = \"08:00-18:00\"` and `upload` or `download`";
    let times = reader.each("limit.times", hint, |reader, part| {
        if part.value != Part::Table {
            let complaint = Complaint::new("a time of a limit is a table").hint(hint);
            reader.fault("limit.times", part.position, complaint);
            return None;
        }
        let window = reader.parsed("limit.times.window", |text| {
            text.parse::<Window>().map_err(|error| {
                Complaint::new(error.to_string()).hint("write one such as `Mon..Fri 08:00-18:00`")
            })
        });
        let upload = rate(reader, "limit.times.upload");
        let download = rate(reader, "limit.times.download");
        if upload.is_none() && download.is_none() {
            let complaint =
                Complaint::new("the window limits nothing").hint("write `upload` or `download` beside it");
            reader.fault("limit.times", part.position, complaint);
        }
        let Some(window) = window else {
            let complaint = Complaint::new("the window is missing").hint("write `window = \"08:00-18:00\"`");
            reader.fault("limit.times", part.position, complaint);
            return None;
        };
        Some(LimitTime {
            window: window.value,
            upload,
            download,
        })
    });
    Limit {
        upload,
        download,
        times: times.into_iter().map(|time| time.value).collect(),
    }
}

fn rate(reader: &mut Reader<'_>, key: &'static str) -> Option<Rate> {
    let rate = reader.scalar(key)?;
    reader.checked(rate, speed).map(|rate| rate.value)
}

/// `5 MiB/s`, or `none`.
fn speed(value: Scalar) -> Result<Rate, Complaint> {
    const HINT: &str = "write bytes a second, such as `5 MiB/s`, or `none`";
    let Scalar::Text(text) = value else {
        return Err(Complaint::new("a number without a unit is no bandwidth").hint(HINT));
    };
    if text.trim() == "none" {
        return Ok(Rate::Unlimited);
    }
    let size = text
        .trim()
        .strip_suffix("/s")
        .ok_or_else(|| Complaint::new(format!("{} is no bandwidth", quoted(&text))).hint(HINT))?;
    let bytes = units::parse_size(size)
        .map_err(|_| Complaint::new(format!("{} is no bandwidth", quoted(&text))).hint(HINT))?;
    if bytes < SLOWEST {
        return Err(Complaint::new(format!(
            "{} is less than 1 KiB/s, and nothing would end",
            quoted(&text)
        ))
        .hint(HINT));
    }
    Ok(Rate::Bytes(bytes))
}

fn patience(value: Scalar) -> Result<SignedDuration, Complaint> {
    let hint = "write a duration from `1s` to `1h`";
    let Scalar::Text(text) = value else {
        return Err(Complaint::new("a number without a unit is no duration").hint(hint));
    };
    let duration = units::parse_duration(&text).map_err(Complaint::new)?;
    if (SHORTEST_TIMEOUT..=LONGEST_TIMEOUT).contains(&duration) {
        Ok(duration)
    } else {
        Err(Complaint::new(format!("{} is no sensible timeout", quoted(&text))).hint(hint))
    }
}

fn tries(value: &Scalar) -> Result<u32, Complaint> {
    let wrong = || Complaint::new("this is no number of retries").hint("write a number from 0 to 100");
    match value {
        Scalar::Integer(number @ 0..=MOST_RETRIES) => u32::try_from(*number).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

fn plain(text: &str, example: &str) -> Result<String, Complaint> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !text.is_empty() && text.chars().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err(Complaint::new(format!(
            "{} has something else in it than letters and digits",
            quoted(text)
        ))
        .hint(format!(
            "write it as it is shown by the provider, such as `{example}`"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_follow_the_local_time_of_day() {
        let limit = Limit {
            upload: Some(Rate::Bytes(1000)),
            download: None,
            times: vec![
                LimitTime {
                    window: "Mon..Fri 08:00-18:00".parse().unwrap(),
                    upload: Some(Rate::Bytes(10)),
                    download: Some(Rate::Bytes(20)),
                },
                LimitTime {
                    window: "22:00-06:00".parse().unwrap(),
                    upload: Some(Rate::Unlimited),
                    download: None,
                },
            ],
        };
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let at = |text: &str| {
            let time: jiff::civil::DateTime = text.parse().unwrap();
            limit.at(time.to_zoned(zone.clone()).unwrap().timestamp(), &zone)
        };
        // A Thursday.
        assert_eq!(at("2026-11-26T07:59"), (Some(1000), None));
        assert_eq!(at("2026-11-26T08:00"), (Some(10), Some(20)));
        assert_eq!(at("2026-11-26T18:00"), (Some(1000), None));
        assert_eq!(at("2026-11-26T23:00"), (None, None));
        assert_eq!(at("2026-11-28T12:00"), (Some(1000), None));
    }
}
