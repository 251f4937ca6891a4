//! What is mounted: the kernel's own list, which tells when it has changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs::{self, File},
    io,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

use backupd_core::condition::{Condition, Standing};

use super::{
    patience::look,
    teller::{Teller, standing},
};
use crate::readiness::Readiness;

/// Follows the list until it cannot be read.
pub(super) async fn follow(list: &Path, teller: &mut Teller) -> io::Result<()> {
    let changes = Readiness::urgent(File::open(list)?)?;
    loop {
        let places = places(teller.wanted()).await;
        let mounts = Mounts::read(&fs::read(list)?);
        teller.tell(|condition| mounts.judge(condition, &places)).await;
        tokio::select! {
            () = teller.changed() => {}
            change = changes.happened() => change?,
        }
    }
}

/// Where each path leads: the list knows no links. The last part of it is not followed, for what is mounted there may
/// not answer.
async fn places(wanted: Vec<Condition>) -> BTreeMap<PathBuf, PathBuf> {
    let paths: Vec<PathBuf> = wanted
        .into_iter()
        .filter_map(|condition| match condition {
            Condition::Mounted(path) => Some(path),
            _ => None,
        })
        .collect();
    let resolved = paths.clone();
    let places = look(move || resolved.iter().map(|path| resolve(path)).collect::<Vec<_>>()).await;
    paths.into_iter().zip(places.unwrap_or_default()).collect()
}

fn resolve(path: &Path) -> PathBuf {
    let above = path.parent().and_then(|above| fs::canonicalize(above).ok());
    match (above, path.file_name()) {
        (Some(above), Some(name)) => above.join(name),
        _ => path.to_owned(),
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Mounts {
    file_systems: BTreeSet<PathBuf>,
    /// Where something will be mounted when somebody looks.
    automatic: BTreeSet<PathBuf>,
}

impl Mounts {
    /// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
    fn read(list: &[u8]) -> Self {
        let mut mounts = Self::default();
        for line in list.split(|byte| *byte == b'\n') {
            let mut fields = line.split(|byte| *byte == b' ');
            let Some(path) = fields.nth(4).map(unescape) else {
                continue;
            };
            let kind = fields.skip_while(|field| *field != b"-").nth(1);
            let set = match kind {
                Some(b"autofs") => &mut mounts.automatic,
                Some(_) => &mut mounts.file_systems,
                None => continue,
            };
            set.insert(path);
        }
        mounts
    }

    fn judge(&self, condition: &Condition, places: &BTreeMap<PathBuf, PathBuf>) -> Standing {
        let Condition::Mounted(path) = condition else {
            return Standing::Holds;
        };
        let place = places.get(path).unwrap_or(path);
        let what = if self.file_systems.contains(place) {
            None
        } else if self.automatic.contains(place) {
            Some(format!(
                "`{}` is mounted when somebody looks, and nobody has",
                path.display()
            ))
        } else {
            Some(format!("`{}` is not mounted", path.display()))
        };
        standing(condition, what)
    }
}

/// Spaces and the like are three octal digits there: `\040`.
fn unescape(field: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..3).filter(|_| *first == b'\\');
        let code = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 8).ok());
        rest = match code {
            Some(_) => after.get(3..).unwrap_or_default(),
            None => after,
        };
        path.push(code.unwrap_or(*first));
    }
    OsString::from_vec(path).into()
}
