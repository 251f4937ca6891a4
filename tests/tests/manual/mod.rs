//! The manual pages: they render, their keys are those that are read, and the page of the bus is the bus.

mod bus;
mod keys;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/man")
}

fn page(name: &str) -> String {
    let path = directory().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
}

fn pages() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_page_renders_without_a_warning() {
    for name in pages() {
        let output = Command::new("man")
            .args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"])
            .arg(directory().join(&name))
            .env("LC_ALL", "C.UTF-8")
            .env("MANROFFSEQ", "")
            .env("MANWIDTH", "80")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "`{name}`:\n{said}");
    }
}

#[test]
fn pages_lead_to_each_other_and_nowhere_else() {
    let names = pages();
    for name in &names {
        let text = page(name);
        assert!(text.contains(".SH \"SEE ALSO\""), "`{name}` leads nowhere");
        for line in text
            .lines()
            .filter(|line| line.starts_with(".BR ") && line.contains('('))
        {
            let (title, rest) = line[4..]
                .split_once(" (")
                .unwrap_or_else(|| panic!("`{name}`: {line}"));
            let target = format!("{title}.{}", &rest[..1]);
            let ours = title.to_lowercase().contains("backup");
            assert!(
                !ours || names.contains(&target),
                "`{name}`: there is no page {target}"
            );
        }
    }
}
