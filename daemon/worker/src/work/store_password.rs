//! Keeping a new password. What is kept already stays: whoever still needs it finds it.

use std::io::Write;

use backupd_core::{
    failure::{Failure, FailureClass},
    protocol::{StorePasswordWork, StoredRecord},
};
use backupd_engine::ErrorKind;

use super::{
    keeping::Keeping,
    query::{ended, tell},
    shelf::Shelf,
};
use crate::{
    attempt::{Context, Ended},
    failure,
};

/// Opens the repository with the new password, and keeps it if it may.
pub(crate) fn store_password(
    context: &Context<'_>,
    work: &StorePasswordWork,
    answer: &mut dyn Write,
) -> Ended {
    let stored = opens(context, work.unchecked).and_then(|opens| {
        let keeping = Keeping {
            context,
            secrets: &work.secrets,
        };
        let _shelf = Shelf::lock(context, &work.secrets)?;
        let password = keeping.keep(context.access.password.reveal(), work.keep, &mut |_| Ok(()))?;
        Ok(StoredRecord { password, opens })
    });
    match stored {
        Ok(record) => ended(context, tell(answer, &record).and_then(|()| answer.flush())),
        Err(failure) => failure.into(),
    }
}

/// Whether the password opens the repository; one that it does not open is a failure, none is not.
fn opens(context: &Context<'_>, unchecked: bool) -> Result<bool, Failure> {
    let Err(error) = context.engine.probe(context.access) else {
        return Ok(true);
    };
    let mut failed = failure::explain(&error, context.spec, context.cancellation);
    match error.kind() {
        ErrorKind::RepositoryNotFound => Ok(false),
        ErrorKind::WrongPassword => {
            let message = "the new password does not open it, and was not kept";
            Err(
                Failure::new(FailureClass::Credentials, failure::about(context.spec, message)).hint(
                    "give the password that the repository was created with: its key is not changed by this",
                ),
            )
        }
        ErrorKind::Cancelled => Err(failed),
        _ if unchecked => Ok(false),
        _ => {
            failed
                .message
                .push_str("; the new password was not tried and not kept");
            Err(failed
                .hint("try again when it can be opened, or keep the password untried with `--unchecked`"))
        }
    }
}
