use clap::{Command, CommandFactory as _};
use clap_complete::engine::ArgValueCandidates;

use super::prepared;
use crate::cli::Cli;

fn each(command: &Command, look: &mut impl FnMut(&Command)) {
    look(command);
    command.get_subcommands().for_each(|sub| each(sub, look));
}

#[test]
fn each_name_of_an_object_is_completed() {
    each(&prepared(Cli::command(), true), &mut |command| {
        for argument in command.get_arguments() {
            let names = argument.get_value_names().unwrap_or_default();
            let object = names.iter().any(|name| {
                ["JOB", "GROUP", "RUN", "REPOSITORY", "SNAPSHOT"]
                    .iter()
                    .any(|kind| name.split('|').any(|part| part == *kind))
            });
            assert_eq!(
                argument.get::<ArgValueCandidates>().is_some(),
                object,
                "`{}`: `{}`",
                command.get_name(),
                argument.get_id()
            );
        }
    });
}

#[test]
fn options_stand_back_until_one_is_begun() {
    let shown = |options| {
        let mut shown = 0;
        each(&prepared(Cli::command(), options), &mut |command| {
            shown += command.get_opts().filter(|option| !option.is_hide_set()).count();
        });
        shown
    };
    assert_eq!(shown(false), 0);
    assert!(shown(true) > 0);
}
