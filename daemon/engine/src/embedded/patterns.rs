//! Include and exclude patterns: gitignore's, with restic's reading of slashes.

use std::path::Path;

use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};

use crate::{BackupRequest, EngineError, ErrorKind, Result};

/// What a request wants of each path.
#[derive(Debug, Clone)]
pub(super) struct Patterns {
    include: Option<Gitignore>,
    exclude: Gitignore,
}

/// What the include patterns say of a path on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Included {
    Yes,
    No,
    /// As the directory that it is in.
    Inherited,
}

impl Patterns {
    /// Parses all patterns, or names all that are faulty.
    pub(super) fn parse(request: &BackupRequest) -> Result<Self> {
        let mut faults = Vec::new();
        let include = build(&request.include, &mut faults);
        let exclude = build(&request.exclude, &mut faults);
        for name in &request.exclude_if_present {
            if name.is_empty() || name.contains('/') {
                faults.push(format!("`{name}` (a plain file name is needed)"));
            }
        }
        if !faults.is_empty() {
            return Err(EngineError::new(
                ErrorKind::InvalidRequest,
                format!(
                    "cannot understand the pattern{} {}",
                    if faults.len() > 1 { "s" } else { "" },
                    faults.join(", ")
                ),
            ));
        }
        Ok(Self {
            include: (!request.include.is_empty()).then_some(include),
            exclude,
        })
    }

    /// Whether only some files are wanted.
    pub(super) fn selects(&self) -> bool {
        self.include.is_some()
    }

    pub(super) fn excludes(&self, path: &Path, is_directory: bool) -> bool {
        self.exclude.matched(path, is_directory).is_ignore()
    }

    /// Whether a path, or one above it, is excluded: restic leaves out what is below, too.
    pub(super) fn excludes_within(&self, path: &Path) -> bool {
        self.exclude.matched_path_or_any_parents(path, true).is_ignore()
    }

    pub(super) fn includes(&self, path: &Path, is_directory: bool) -> Included {
        match self
            .include
            .as_ref()
            .map(|include| include.matched(path, is_directory))
        {
            None | Some(Match::Ignore(_)) => Included::Yes,
            Some(Match::Whitelist(_)) => Included::No,
            Some(Match::None) => Included::Inherited,
        }
    }
}

fn build(patterns: &[String], faults: &mut Vec<String>) -> Gitignore {
    let mut builder = GitignoreBuilder::new("/");
    builder.allow_unclosed_class(false);
    for pattern in patterns {
        let line = line(pattern);
        let wrong = match builder.add_line(None, &line) {
            _ if pattern.trim_matches(['!', '/', ' ']).is_empty() => Some("it is empty".to_owned()),
            Ok(_) => None,
            Err(error) => Some(reason(&error)),
        };
        faults.extend(wrong.map(|wrong| format!("`{pattern}` ({wrong})")));
    }
    builder.build().unwrap_or_else(|error| {
        faults.push(reason(&error));
        Gitignore::empty()
    })
}

/// gitignore anchors a pattern with a slash inside at the top and takes `#` for a comment; restic does neither.
fn line(pattern: &str) -> String {
    let (negation, body) = pattern
        .strip_prefix('!')
        .map_or(("", pattern), |body| ("!", body));
    let inside = body.trim_end_matches('/');
    if inside.contains('/') && !inside.starts_with('/') && !inside.starts_with("**/") {
        format!("{negation}**/{body}")
    } else if body.starts_with('#') {
        format!("{negation}\\{body}")
    } else {
        pattern.to_owned()
    }
}

fn reason(error: &ignore::Error) -> String {
    match error {
        ignore::Error::Glob { err, .. } => err.clone(),
        ignore::Error::WithLineNumber { err, .. } | ignore::Error::WithPath { err, .. } => reason(err),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excluded(pattern: &str, path: &str, is_directory: bool) -> bool {
        let request = BackupRequest {
            exclude: vec![pattern.to_owned()],
            ..BackupRequest::default()
        };
        Patterns::parse(&request)
            .unwrap()
            .excludes(Path::new(path), is_directory)
    }

    #[test]
    fn patterns_match_as_restic_reads_them() {
        for (pattern, path, directory, expected) in [
            ("*.tmp", "/a/b/c.tmp", false, true),
            ("*.tmp", "/a/b/c.tmpx", false, false),
            ("**/.cache", "/home/u/.cache", true, true),
            (".cache/", "/home/u/.cache", true, true),
            (".cache/", "/home/u/.cache", false, false),
            ("/home/*/tmp", "/home/u/tmp", true, true),
            ("/home/*/tmp", "/x/home/u/tmp", true, false),
            ("node/cache", "/a/node/cache", true, true),
            ("node/cache", "/node/cache", true, true),
            ("node/*/x", "/a/b/node/y/x", false, true),
            ("a/**/z", "/q/a/b/c/z", false, true),
            ("#draft", "/x/#draft", false, true),
            ("[ab].txt", "/x/b.txt", false, true),
            ("\\!odd", "/x/!odd", false, true),
        ] {
            assert_eq!(
                excluded(pattern, path, directory),
                expected,
                "{pattern} on {path}"
            );
        }
    }

    #[test]
    fn the_last_match_wins() {
        let request = BackupRequest {
            exclude: vec!["*.log".to_owned(), "!keep.log".to_owned()],
            ..BackupRequest::default()
        };
        let patterns = Patterns::parse(&request).unwrap();
        assert!(patterns.excludes(Path::new("/x/a.log"), false));
        assert!(!patterns.excludes(Path::new("/x/keep.log"), false));
    }

    #[test]
    fn all_faulty_patterns_are_named_at_once() {
        let request = BackupRequest {
            exclude: vec!["ok".to_owned(), "a[".to_owned()],
            include: vec!["{b".to_owned(), String::new()],
            ..BackupRequest::default()
        };
        let error = Patterns::parse(&request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        for part in ["`a[`", "`{b`", "``"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        assert!(!error.to_string().contains("`ok`"), "{error}");
    }
}
