//! Text and paths from the command line.

use std::{
    fs,
    io::{self, Read as _},
    path::{Component, Path, PathBuf},
};

use crate::errors::Failure;

/// The path from the root, without `.` and `..`; nothing on the disk is asked.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    let whole = std::path::absolute(path).map_err(|error| Failure::file("resolve", path, &error))?;
    let mut plain = PathBuf::new();
    for component in whole.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            component => plain.push(component),
        }
    }
    Ok(plain)
}

/// The path from the root as text, for a configuration file.
pub(super) fn absolute_text(path: &Path) -> Result<String, Failure> {
    let path = absolute(path)?;
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::usage(format!(
            "`{}` is no UTF-8, and cannot stand in a configuration file",
            path.display()
        ))
    })
}

/// The text of a file; `-` is standard input.
pub(super) fn read(file: &Path) -> Result<String, Failure> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    text.map_err(|error| Failure::file("read", file, &error))
}

/// As a shell reads it.
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_absolute_and_plain() {
        assert_eq!(absolute(Path::new("/a/./b/../c")).unwrap(), Path::new("/a/c"));
        assert_eq!(absolute(Path::new("/..")).unwrap(), Path::new("/"));
        let here = std::env::current_dir().unwrap();
        assert_eq!(absolute(Path::new("a")).unwrap(), here.join("a"));
    }
}
