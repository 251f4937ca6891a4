//! `backupctl copy`

use super::{Context, care, start};
use crate::{
    cli::CopySnapshotsArgs,
    connect::{Daemon, run_id},
    errors::{Done, Failure},
};

pub(super) async fn run(context: &Context<'_>, arguments: &CopySnapshotsArgs) -> Done {
    let daemon = Daemon::connect(context).await?;
    let objects = daemon.objects().await?;
    let job = objects.known_job(&arguments.job)?;
    let named = job
        .copies
        .iter()
        .flatten()
        .filter_map(|copy| copy.repository_name.clone());
    let places: Vec<String> = match &arguments.to {
        Some(to) => {
            objects.known_repository(to)?;
            vec![to.clone()]
        }
        None => named.collect(),
    };
    if places.is_empty() {
        let message = format!("the job `{}` has no copies", arguments.job);
        return Err(Failure::failed(message).hint(format!(
            "write where to into its file, such as `copies = [\"cloud\"]`, with `backupctl job edit {}`",
            arguments.job
        )));
    }
    let mut started = Vec::with_capacity(places.len());
    for place in &places {
        let options = start::options(&arguments.note);
        let reply = daemon.job(&arguments.job).await?.copy(place, &options).await;
        let path = reply.map_err(|error| daemon.failure(error))?;
        started.push(start::Started {
            id: run_id(&path)?,
            job: Some(arguments.job.clone()),
        });
    }
    start::stay(context, &daemon, &started, care::mode(context, arguments.stay)).await
}
