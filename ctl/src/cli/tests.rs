use clap::{Command, CommandFactory as _};

use super::Cli;

fn each(command: &Command, path: &str, look: &mut impl FnMut(&Command, &str)) {
    let path = format!("{path} {}", command.get_name());
    look(command, path.trim());
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        each(sub, &path, look);
    }
}

#[test]
fn the_definitions_are_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_option_is_explained() {
    let mut command = Cli::command();
    command.build();
    each(&command, "", &mut |command, path| {
        assert!(command.get_about().is_some(), "`{path}` says nothing of itself");
        for argument in command.get_arguments() {
            assert!(
                argument.get_help().is_some(),
                "`{path}`: `{}` is not explained",
                argument.get_id()
            );
        }
    });
}

#[test]
fn every_command_has_examples_of_itself() {
    let mut command = Cli::command();
    command.build();
    each(&command, "", &mut |command, path| {
        let after = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(
            after.starts_with("Examples:\n  backupctl "),
            "`{path}` has no examples"
        );
        let whole = format!("  {path}");
        assert!(
            after.lines().any(|line| line.starts_with(&whole)),
            "`{path}` shows others' examples"
        );
    });
}
