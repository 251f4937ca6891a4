//! Paths as configuration files may write them: absolute, and without `..`.

use std::path::{Component, Path, PathBuf};

use super::fault::{Complaint, quoted};

/// Checks a path and takes needless `.`, `//` and trailing `/` out of it; a hint shows the example.
pub(super) fn absolute(text: &str, example: &str) -> Result<PathBuf, Complaint> {
    check(text, &quoted(text), example)
}

/// The same, for values that might be a secret in the wrong place: they are not repeated.
pub(super) fn absolute_unseen(text: &str, example: &str) -> Result<PathBuf, Complaint> {
    check(text, "the value", example)
}

fn check(text: &str, shown: &str, example: &str) -> Result<PathBuf, Complaint> {
    let path = Path::new(text);
    if text.is_empty() {
        return Err(Complaint::new("a path must not be empty").hint(format!("write one such as `{example}`")));
    }
    if text.contains('\0') {
        return Err(Complaint::new(format!(
            "{shown} holds a NUL character, which no path can"
        )));
    }
    if !path.is_absolute() {
        let why = match text.chars().next() {
            Some('~') => "`~` is not expanded: ",
            Some('$') => "variables are not expanded: ",
            _ => "",
        };
        return Err(Complaint::new(format!("{shown} is not an absolute path"))
            .hint(format!("{why}write the whole path, such as `{example}`")));
    }
    if path
        .components()
        .any(|component| component == Component::ParentDir)
    {
        return Err(Complaint::new(format!("{shown} has a `..` in it"))
            .hint("write the path that is meant: with symbolic links on the way `..` leads elsewhere"));
    }
    Ok(normal(path))
}

/// Without `.`, `//` and trailing `/`.
pub(super) fn normal(path: &Path) -> PathBuf {
    path.components().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normal() {
        for (text, path) in [
            ("/home/", "/home"),
            ("/a//b/./c", "/a/b/c"),
            ("/", "/"),
            ("/ä b", "/ä b"),
        ] {
            assert_eq!(absolute(text, "/x").unwrap().as_os_str(), path, "{text}");
        }
    }

    #[test]
    fn wrong_paths_are_answered_with_right_ones() {
        for (text, message, hint) in [
            ("", "a path must not be empty", "write one such as"),
            (
                "home",
                "`home` is not an absolute path",
                "such as `/home/alice/Documents`",
            ),
            (
                "./x",
                "`./x` is not an absolute path",
                "such as `/home/alice/Documents`",
            ),
            ("~/x", "`~/x` is not an absolute path", "`~` is not expanded"),
            (
                "$HOME/x",
                "`$HOME/x` is not an absolute path",
                "variables are not expanded",
            ),
            (
                "/a/../b",
                "`/a/../b` has a `..` in it",
                "write the path that is meant",
            ),
            (
                "/a\0b",
                "`/a\\u{0}b` holds a NUL character, which no path can",
                "",
            ),
        ] {
            let complaint = absolute(text, "/home/alice/Documents").unwrap_err();
            assert_eq!(complaint.message, message, "{text}");
            assert!(complaint.hint.unwrap_or_default().contains(hint), "{text}");
        }
        assert!(
            !absolute_unseen("hunter2", "/x")
                .unwrap_err()
                .message
                .contains("hunter2")
        );
    }
}
