//! `backupctl show`

use serde_json::Value;

use super::{Context, jobs, repository, runs};
use crate::{
    cli::ShowArgs,
    connect::Daemon,
    errors::{Done, Failure, SUCCESS, worst},
    find::{self, Found},
    objects::Objects,
    output::{
        Output,
        json::{self, Document},
    },
};

pub(super) async fn run(context: &Context<'_>, arguments: &ShowArgs) -> Done {
    let output = context.output;
    let daemon = Daemon::connect(context).await?;
    let objects = daemon.objects().await?;
    let mut code = SUCCESS;
    let mut found = Vec::new();
    for text in &arguments.objects {
        match find::any(&daemon, &objects, text).await {
            Ok(object) => found.push(object),
            Err(failure) => {
                output.report(&failure);
                code = worst(code, failure.code);
            }
        }
    }
    if output.json {
        documents(output, &found, arguments.objects.len())?;
    } else {
        for (index, object) in found.iter().enumerate() {
            if index > 0 {
                output.line("")?;
            }
            output.lines(lines(output, &objects, object))?;
        }
    }
    Ok(code)
}

/// One object is the document; several are a list in it.
fn documents(output: &Output, found: &[Found<'_>], asked: usize) -> Result<(), Failure> {
    let shapes = output.shapes();
    if asked == 1 {
        return match found.first() {
            None => Ok(()),
            Some(Found::Job(job)) => output.document(&Document::new("job", shapes.job(job))),
            Some(Found::Repository(repository)) => {
                output.document(&Document::new("repository", shapes.repository(repository)))
            }
            Some(Found::Run(run)) => output.document(&Document::new("run", shapes.run(run))),
        };
    }
    let objects: serde_json::Result<Vec<Value>> = found
        .iter()
        .map(|object| match object {
            Found::Job(job) => serde_json::to_value(Document::new("job", shapes.job(job))),
            Found::Repository(repository) => {
                serde_json::to_value(Document::new("repository", shapes.repository(repository)))
            }
            Found::Run(run) => serde_json::to_value(Document::new("run", shapes.run(run))),
        })
        .collect();
    let objects = objects.map_err(|error| Failure::internal(error.to_string()))?;
    output.document(&json::list("objects", &objects))
}

fn lines(output: &Output, objects: &Objects, object: &Found<'_>) -> Vec<String> {
    match object {
        Found::Job(job) => jobs::lines(output, objects, job),
        Found::Repository(repository) => repository::lines(output, repository),
        Found::Run(run) => runs::details(output, run).lines(output),
    }
}
