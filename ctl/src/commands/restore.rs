//! `backupctl restore`

use std::{os::unix::ffi::OsStrExt as _, path::Path};

use zbus::Variant;

use super::{
    Context, ls,
    start::{self, Started},
    text,
};
use crate::{
    cli::RestoreArgs,
    connect::{Daemon, run_id},
    errors::{Done, Failure},
    find::{self, Place},
    follow::Mode,
};

pub(super) async fn run(context: &Context<'_>, arguments: &RestoreArgs) -> Done {
    let daemon = Daemon::connect(context).await?;
    let objects = daemon.objects().await?;
    let place = find::place(&objects, &arguments.place, &arguments.snapshot)?;
    let directory = text::absolute(&arguments.to)?;
    let target = directory.as_os_str().as_bytes();
    let mut options = start::options(&arguments.note);
    if !arguments.paths.is_empty() {
        let paths: Result<Vec<Vec<u8>>, Failure> = arguments
            .paths
            .iter()
            .map(|path| ls::in_snapshot(Path::new(path)))
            .collect();
        options.insert("paths", Variant::new(paths?));
    }
    let (reply, job) = match place {
        Place::Job { job, .. } => {
            let proxy = daemon.job(&job).await?;
            (
                proxy.restore(&arguments.snapshot, target, &options).await,
                Some(job),
            )
        }
        Place::Repository(repository) => {
            let proxy = daemon.repository(&repository).await?;
            (proxy.restore(&arguments.snapshot, target, &options).await, None)
        }
    };
    let path = reply.map_err(|error| daemon.failure(error))?;
    let started = [Started {
        id: run_id(&path)?,
        job,
    }];
    let mode = if arguments.no_wait {
        None
    } else if arguments.follow || (!arguments.wait && context.output.draws()) {
        Some(Mode::Follow)
    } else {
        Some(Mode::Wait)
    };
    start::stay(context, &daemon, &started, mode).await
}
