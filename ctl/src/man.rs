//! The manual page `packaging/man/backupctl.1`, from the definition of the command line.
//!
//! One page for all commands, as systemctl(1) is: it can be searched. `UPDATE_MAN=1 cargo test -p backupctl man` writes
//! it anew.

use std::{env, fs, path::Path};

use clap::{Command, CommandFactory as _};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

use crate::cli::Cli;

/// What stands before the commands, and after them.
const FRONT: &str = include_str!("man/front.roff");
const BACK: &str = include_str!("man/back.roff");

/// The whole page.
fn page() -> String {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut page = String::from(".SH COMMANDS\n");
    for command in root.get_subcommands() {
        all(command, &mut page);
    }
    page.push_str(".SH \"GLOBAL OPTIONS\"\n");
    page.push_str(&options(&root.clone().mut_args(|argument| {
        let hidden = argument.is_hide_set();
        argument.help_heading(None).hide(hidden)
    })));
    format!("{FRONT}{}{BACK}", marked(&page))
}

/// A command that does something by itself, and those below it.
fn all(command: &Command, page: &mut String) {
    if !command.is_arg_required_else_help_set() {
        section(command, page);
    }
    command.get_subcommands().for_each(|sub| all(sub, page));
}

fn section(command: &Command, page: &mut String) {
    let name = command.get_bin_name().unwrap_or_default();
    let mut own = command.clone().mut_args(|argument| {
        let hidden = argument.is_hide_set() || argument.is_global_set() || argument.get_id() == "help";
        argument.hide(hidden)
    });
    // The first line is the command's own; those of what is below it stand there.
    let usage = own.render_usage().to_string();
    let usage = usage.lines().next().unwrap_or_default();
    let usage = usage.trim_start_matches("Usage: ").replace(['<', '>'], "");
    let usage = usage.strip_prefix(name).unwrap_or_default().to_owned();

    let mut head = Roff::new();
    head.control("SS", [name.trim_start_matches("backupctl ")]);
    head.text([bold(name), roman(usage.replace(" [OPTIONS]", ""))]);
    let about = own.get_long_about().or_else(|| own.get_about());
    for paragraph in about.map(ToString::to_string).unwrap_or_default().split("\n\n") {
        head.control("PP", []);
        head.text([roman(paragraph)]);
    }
    page.push_str(&head.render());
    page.push_str(&options(&own));
    if let Some(after) = own.get_after_help() {
        page.push_str(&examples(&after.to_string()));
    }
}

/// The options of a command without a heading.
fn options(command: &Command) -> String {
    let mut text = Vec::new();
    Man::new(command.clone())
        .render_options_section(&mut text)
        .unwrap();
    let text = String::from_utf8(text).unwrap();
    let mut body = String::new();
    for line in text.lines().filter(|line| !line.starts_with(".SH")) {
        body.push_str(line);
        body.push('\n');
    }
    body
}

/// What stands indented stays as it is.
fn examples(text: &str) -> String {
    let mut roff = Roff::new();
    let mut indented = false;
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && *line != "Examples:")
    {
        if line.starts_with(' ') != indented {
            indented = !indented;
            if indented {
                roff.control("PP", []).control("RS", ["4"]).control("nf", []);
            } else {
                roff.control("fi", []).control("RE", []).control("PP", []);
            }
        }
        roff.text([roman(line.trim_start())]);
    }
    if indented {
        roff.control("fi", []).control("RE", []);
    }
    roff.render()
}

/// What stands between back-ticks becomes bold, and apostrophes need no macro of their own in each part.
fn marked(page: &str) -> String {
    let mut bold = false;
    let mut marked = String::new();
    for line in page
        .lines()
        .filter(|line| !line.starts_with(".ie ") && !line.starts_with(".el "))
    {
        for (index, part) in line.replace(r"\*(Aq", r"\(aq").split('`').enumerate() {
            if index > 0 {
                bold = !bold;
                marked.push_str(if bold { r"\fB" } else { r"\fR" });
            }
            marked.push_str(part);
        }
        marked.push('\n');
    }
    marked
}

#[test]
fn the_manual_page_says_what_the_commands_are() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/man/backupctl.1");
    let page = page();
    if env::var_os("UPDATE_MAN").is_some() {
        fs::write(&file, &page).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == page,
        "`{}` is not what the commands are; `make man` writes it anew",
        file.display()
    );
}
