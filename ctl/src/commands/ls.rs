//! `backupctl ls`

use std::{collections::HashMap, os::unix::ffi::OsStrExt as _, path::Path};

use backupd_dbus::Entry;
use zbus::Variant;

use super::{Context, text};
use crate::{
    cli::ListArgs,
    connect::Daemon,
    errors::{Done, Failure, SUCCESS},
    find::{self, Place},
    output::{
        Output,
        escape::escape,
        human, json,
        table::{Cell, Table},
    },
    records::Records,
};

pub(super) async fn run(context: &Context<'_>, arguments: &ListArgs) -> Done {
    let output = context.output;
    let daemon = Daemon::connect(context).await?;
    let objects = daemon.objects().await?;
    let place = find::place(&objects, &arguments.place, &arguments.snapshot)?;
    let mut options: HashMap<&str, Variant<'_>> = HashMap::new();
    if let Some(path) = &arguments.path {
        let path = text::absolute(path)?;
        options.insert("path", Variant::new(path.as_os_str().as_bytes().to_vec()));
    }
    if arguments.recursive {
        options.insert("recursive", Variant::from(true));
    }
    if let Place::Job { job, .. } = &place {
        options.insert("job", Variant::from(job.as_str()));
    }
    let repository = daemon.repository(place.repository()).await?;
    let fd = repository.open_listing(&arguments.snapshot, &options).await;
    let records = Records::<Entry>::new(fd.map_err(|error| daemon.failure(error))?);
    if output.json {
        let shapes = output.shapes();
        let entries: Result<Vec<_>, Failure> = records.map(|entry| Ok(shapes.entry(entry?))).collect();
        output.document(&json::list("entries", &entries?))?;
    } else if arguments.long {
        output.page()?;
        let mut table = Table::new(&["MODE", "OWNER", "GROUP", ">SIZE", "MODIFIED", "PATH"]).without_head();
        for entry in records {
            table.row(row(output, &entry?));
        }
        output.table(&table)?;
    } else {
        output.page()?;
        for entry in records {
            output.line(name(output, &entry?))?;
        }
    }
    Ok(SUCCESS)
}

/// A path, marked as what it is.
fn name(output: &Output, entry: &Entry) -> String {
    let palette = output.look.palette;
    let path = escape(&entry.path);
    match entry.kind.as_str() {
        "directory" => output
            .look
            .paint(palette.directory, &format!("{}/", path.trim_end_matches('/'))),
        "symlink" => output.look.paint(palette.busy, &path),
        _ => path,
    }
}

fn row(output: &Output, entry: &Entry) -> Vec<Cell> {
    let palette = output.look.palette;
    let who = |name: &Option<String>, id: Option<u32>| match (name, id) {
        (Some(name), _) if !name.is_empty() => name.clone(),
        (_, Some(id)) => id.to_string(),
        _ => "–".to_owned(),
    };
    let size = if entry.kind == "file" {
        human::size(entry.size)
    } else {
        "–".to_owned()
    };
    let path = match &entry.target {
        Some(target) => format!("{} → {target}", entry.path),
        None => entry.path.clone(),
    };
    let style = match entry.kind.as_str() {
        "directory" => palette.directory,
        "symlink" => palette.busy,
        _ => anstyle::Style::new(),
    };
    vec![
        mode(entry).into(),
        who(&entry.user, entry.uid).into(),
        who(&entry.group, entry.gid).into(),
        size.into(),
        entry
            .modified
            .map_or_else(|| "–".to_owned(), |time| human::compact(time, &output.zone))
            .into(),
        Cell::styled(path, style),
    ]
}

/// `drwxr-xr-x`
fn mode(entry: &Entry) -> String {
    let mut shown = String::from(match entry.kind.as_str() {
        "directory" => "d",
        "symlink" => "l",
        "file" => "-",
        _ => "?",
    });
    let Some(mode) = entry.mode else {
        return shown + "?????????";
    };
    for (shift, special, letters) in [
        (6, 0o4000, ('s', 'S')),
        (3, 0o2000, ('s', 'S')),
        (0, 0o1000, ('t', 'T')),
    ] {
        let bits = mode >> shift;
        shown.push(if bits & 4 == 0 { '-' } else { 'r' });
        shown.push(if bits & 2 == 0 { '-' } else { 'w' });
        shown.push(match (mode & special != 0, bits & 1 != 0) {
            (false, false) => '-',
            (false, true) => 'x',
            (true, true) => letters.0,
            (true, false) => letters.1,
        });
    }
    shown
}

/// Paths of a snapshot are absolute.
pub(super) fn in_snapshot(path: &Path) -> Result<Vec<u8>, Failure> {
    Ok(text::absolute(path)?.as_os_str().as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_shown_as_ls_does() {
        let shown = |kind: &str, mode| {
            mode_of(&format!(
                r#"{{"path":"/a","kind":"{kind}","size":0,"mode":{mode}}}"#
            ))
        };
        assert_eq!(shown("file", 0o644), "-rw-r--r--");
        assert_eq!(shown("directory", 0o1777), "drwxrwxrwt");
        assert_eq!(shown("file", 0o4755), "-rwsr-xr-x");
        assert_eq!(shown("file", 0o2604), "-rw---Sr--");
        assert_eq!(
            mode_of(r#"{"path":"/a","kind":"special","size":0,"mode":null}"#),
            "??????????"
        );
    }

    fn mode_of(line: &str) -> String {
        mode(&serde_json::from_str(line).unwrap())
    }
}
