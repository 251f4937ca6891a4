//! `backupctl repository move`

use backupd_core::config::edit::render_repository;
use backupd_dbus::ExitCode;

use super::{Context, care, confirm::confirmed, place, start};
use crate::{
    cli::MoveArgs,
    connect::Daemon,
    errors::{Done, Failure, SUCCESS},
    output::escape::escape,
};

pub(super) async fn run(context: &Context<'_>, arguments: &MoveArgs) -> Done {
    let daemon = Daemon::connect(context).await?;
    let objects = daemon.objects().await?;
    let repository = objects.known_repository(&arguments.name)?;
    let left = repository.moved_from.as_deref().filter(|url| !url.is_empty());
    let (what, place) = match &arguments.to {
        None => ("release", String::new()),
        Some(to) => {
            let place = render_repository(&place::draft(to, &arguments.place)?);
            (if arguments.give_up { "give-up" } else { "bring" }, place)
        }
    };
    if what != "bring" && !arguments.yes {
        let name = escape(&arguments.name);
        let place = escape(arguments.to.as_deref().or(left).unwrap_or("its place before"));
        let question = format!("remove the files of the repository `{name}` at `{place}`?");
        if !confirmed(context, &question, "give `--yes` to remove without a question")? {
            context.output.note("nothing was changed");
            return Ok(ExitCode::Failed as u8);
        }
    }
    let options = start::options(&arguments.note);
    let reply = daemon
        .repository(&arguments.name)
        .await?
        .r#move(what, &place, &options)
        .await;
    let ended = care::stay(context, &daemon, reply, None, arguments.stay).await?;
    if what == "bring" && ended == SUCCESS && care::mode(context, arguments.stay).is_some() {
        tell(context, &daemon, &arguments.name).await?;
    }
    Ok(ended)
}

/// Where it was, and how to be rid of that.
async fn tell(context: &Context<'_>, daemon: &Daemon, name: &str) -> Result<(), Failure> {
    let objects = daemon.objects().await?;
    let repository = objects.known_repository(name)?;
    if let Some(before) = repository.moved_from.as_deref().filter(|url| !url.is_empty()) {
        let release = context
            .scope
            .command(&format!("repository move {name} --release"));
        context.output.note(&format!(
            "what was at `{}` is there still; once all works, `{release}` removes it",
            escape(before)
        ));
    }
    Ok(())
}
