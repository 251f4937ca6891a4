//! Which files in `jobs.d` and `repositories.d` count, and the names they give.

use std::{ffi::OsStr, path::Path, str::FromStr};

use super::fault::{Fault, quoted};
use crate::name::NameError;

/// Whether a file is meant as configuration: named `*.toml`, not hidden.
///
/// What editors and package managers leave behind (`x.toml~`, `.#x.toml`, `x.toml.dpkg-old`, `x.toml.rpmsave`,
/// `x.toml.bak`) is not, and neither is a `README`. `X.TOML` is: [`name_from_file`] then says what is wrong.
pub fn is_configuration_file(path: &Path) -> bool {
    let hidden = |name: &OsStr| matches!(name.as_encoded_bytes().first(), Some(b'.' | b'#'));
    path.file_name().is_some_and(|name| !hidden(name))
        && path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

/// The name of the job or repository that a file describes: its own name without `.toml`.
#[allow(
    clippy::result_large_err,
    reason = "on the cold path, and boxed it would be a nuisance to all"
)]
pub fn name_from_file<N: FromStr<Err = NameError>>(path: &Path) -> Result<N, Fault> {
    if path.extension() != Some(OsStr::new("toml")) {
        return Err(Fault::new(path, "a configuration file is named `NAME.toml`")
            .hint("rename the file; `.toml` is written in small letters"));
    }
    let Some(stem) = path.file_stem().and_then(OsStr::to_str) else {
        return Err(Fault::new(path, "the file name is not valid UTF-8").hint("rename the file"));
    };
    stem.parse().map_err(|error: NameError| {
        Fault::new(path, format!("{} is no name: {error}", quoted(stem)))
            .hint("rename the file: its name without `.toml` is the name of what it describes")
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;
    use crate::name::JobName;

    #[test]
    fn leftovers_are_no_configuration() {
        for yes in [
            "home.toml",
            "/etc/backupd/jobs.d/a.b.toml",
            "HOME.TOML",
            "a b.toml",
        ] {
            assert!(is_configuration_file(Path::new(yes)), "{yes}");
        }
        for no in [
            ".home.toml",
            ".#home.toml",
            "#home.toml#",
            "home.toml~",
            "home.toml.dpkg-old",
            "home.toml.dpkg-dist",
            "home.toml.rpmsave",
            "home.toml.rpmnew",
            "home.toml.bak",
            "home.toml.swp",
            "README",
            ".toml",
            "",
            "..",
        ] {
            assert!(!is_configuration_file(Path::new(no)), "{no}");
        }
    }

    #[test]
    fn the_stem_is_the_name() {
        let name: JobName = name_from_file(Path::new("/etc/backupd/jobs.d/db.weekly.toml")).unwrap();
        assert_eq!(name.as_str(), "db.weekly");
        for (file, message) in [
            (
                "/x/a b.toml",
                "/x/a b.toml: `a b` is no name: a name is made of letters, digits, `-`, `_` and `.`, not of ` `",
            ),
            (
                "/x/-a.toml",
                "/x/-a.toml: `-a` is no name: a name starts with a letter or a digit, not with `-`",
            ),
            (
                "/x/HOME.TOML",
                "/x/HOME.TOML: a configuration file is named `NAME.toml`",
            ),
            ("/x/home", "/x/home: a configuration file is named `NAME.toml`"),
        ] {
            let text = name_from_file::<JobName>(Path::new(file))
                .unwrap_err()
                .to_string();
            assert_eq!(text.lines().next().unwrap(), message);
        }
        let foreign = Path::new(OsStr::from_bytes(b"/x/\xff.toml"));
        assert_eq!(
            name_from_file::<JobName>(foreign).unwrap_err().message,
            "the file name is not valid UTF-8"
        );
    }
}
