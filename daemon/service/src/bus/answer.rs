//! What a worker answers goes on to the client through a descriptor.

use std::fs::File;

use backupd_dbus::Error;
use zbus::OwnedFd;

use super::errors::{of_question, of_refusal};
use crate::{coordinator::Refusal, ports::AskError};

pub(super) fn answered(answer: Result<Result<File, AskError>, Refusal>) -> Result<OwnedFd, Error> {
    let answer = answer.map_err(of_refusal)?.map_err(of_question)?;
    Ok(OwnedFd::from(std::os::fd::OwnedFd::from(answer)))
}
