//! The page `org.backupd.Backup1.5`, from the introspection XML. `make man` writes it anew.

use std::{env, fmt::Write as _, fs};

use backupd_dbus::Error;

use super::directory;

const FRONT: &str = include_str!("bus/front.roff");
const BACK: &str = include_str!("bus/back.roff");

/// The interfaces, in the order in which one meets them.
const INTERFACES: [&str; 4] = ["Manager", "Job", "Repository", "Run"];

fn generated() -> String {
    let mut page = String::from(FRONT);
    for name in INTERFACES {
        let file = directory().join(format!("../../dbus/interfaces/org.backupd.Backup1.{name}.xml"));
        interface(&fs::read_to_string(file).unwrap(), &mut page);
    }
    page.push_str(".SH ERRORS\nTheir names begin with\n.BR org.backupd.Backup1.Error. .\n");
    for (name, meaning) in Error::NAMES.iter().zip(Error::MEANINGS) {
        writeln!(page, ".TP\n.B {name}\n{}", text(meaning.trim())).unwrap();
    }
    page + BACK
}

/// One interface. The XML is our own: an element begins on a line of its own, and a comment stands before what it is on.
fn interface(xml: &str, page: &mut String) {
    let mut comment = String::new();
    let mut members = Vec::new();
    let mut lines = xml.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if line == "<!--" {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "-->").collect();
            comment = body.join("\n");
        } else if line.starts_with("<interface ") {
            writeln!(page, ".SH {}", attribute(line, "name")).unwrap();
        } else if line.starts_with("<method ") || line.starts_with("<signal ") {
            let arguments: Vec<&str> = if line.ends_with("/>") {
                Vec::new()
            } else {
                lines
                    .by_ref()
                    .take_while(|line| line.starts_with("<arg "))
                    .collect()
            };
            members.push((
                "Methods",
                signature(line, &arguments),
                std::mem::take(&mut comment),
            ));
        } else if line.starts_with("<property ") {
            let head = format!(r"\fB{}\fR {}", attribute(line, "name"), attribute(line, "type"));
            members.push(("Properties", head, std::mem::take(&mut comment)));
        }
    }
    for heading in ["Methods", "Properties"] {
        let mut first = true;
        for (_, head, comment) in members.iter().filter(|(section, ..)| *section == heading) {
            if std::mem::take(&mut first) {
                writeln!(page, ".SS {heading}").unwrap();
            }
            writeln!(page, ".TP\n{head}\n{}", text(comment)).unwrap();
        }
    }
}

/// `Start(a{sv} options) → (o run)`
fn signature(line: &str, arguments: &[&str]) -> String {
    let list = |direction: &str| {
        let wanted = |argument: &&&str| attribute(argument, "direction") == direction;
        let each = arguments.iter().filter(wanted).map(|argument| {
            format!(
                r"{} \fI{}\fR",
                attribute(argument, "type"),
                attribute(argument, "name")
            )
        });
        each.collect::<Vec<_>>().join(", ")
    };
    let answer = list("out");
    let answer = if answer.is_empty() {
        answer
    } else {
        format!(r" \(-> ({answer})")
    };
    format!(r"\fB{}\fR({}){answer}", attribute(line, "name"), list("in"))
}

fn attribute<'a>(line: &'a str, name: &str) -> &'a str {
    let (_, rest) = line
        .split_once(&format!(" {name}=\""))
        .unwrap_or_else(|| panic!("no `{name}` in {line}"));
    rest.split('"').next().unwrap()
}

/// Prose of a comment: paragraphs, and words between back-ticks.
fn text(comment: &str) -> String {
    let mut text = String::new();
    let plain = comment
        .replace('\\', r"\e")
        .replace('-', r"\-")
        .replace('\'', r"\(aq");
    for (index, part) in plain.split('`').enumerate() {
        if index > 0 {
            text.push_str(if index % 2 == 1 { r"\fB" } else { r"\fR" });
        }
        text.push_str(part);
    }
    let paragraphs: Vec<&str> = text.split("\n\n").map(str::trim).collect();
    let text = paragraphs.join("\n.sp\n");
    for (entity, character) in [("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")] {
        assert!(
            !text.contains(entity),
            "`{character}` needs no entity in a comment"
        );
    }
    if text.is_empty() { r"\&".to_owned() } else { text }
}

#[test]
fn the_manual_page_of_the_bus_is_the_bus() {
    let file = directory().join("org.backupd.Backup1.5");
    let page = generated();
    if env::var_os("UPDATE_MAN").is_some() {
        fs::write(&file, &page).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == page,
        "`{}` is not what the interfaces are; `make man` writes it anew",
        file.display()
    );
}
