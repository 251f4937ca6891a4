//! Makes repositories, by `restic init`, and shows that the program can read one.

use crate::{
    Access, Cancellation, Engine, EngineError, ErrorKind, RepositoryInfo, Result,
    embedded::{Embedded, beside},
};

use super::{
    child::{self, Listener, Nobody},
    command::command,
    failure,
    program::Program,
};

pub(super) fn create(program: &Program, access: &Access) -> Result<RepositoryInfo> {
    program.version()?;
    beside::require_nothing(access)?;
    let mut command = command(program, access, "init")?;
    command.args(["--json", "--repository-version", "2"]);
    let ended = child::run(&mut command, access, &Cancellation::default(), &mut Nobody)?;
    if !ended.status.success() {
        return Err(failure::explain(access, "create", ended.status, &ended.said));
    }
    Embedded::new().probe(access)
}

/// As the embedded engine sees it, if the program sees the same.
pub(super) fn probe(program: &Program, access: &Access) -> Result<RepositoryInfo> {
    program.version()?;
    let info = Embedded::new().probe(access)?;
    let mut command = command(program, access, "cat")?;
    command.args(["--no-lock", "--json", "config"]);
    let mut config = Text(String::new());
    let ended = child::run(&mut command, access, &Cancellation::default(), &mut config)?;
    if !ended.status.success() {
        return Err(failure::explain(access, "open", ended.status, &ended.said));
    }
    if config.0.contains(&info.id) {
        Ok(info)
    } else {
        Err(EngineError::new(
            ErrorKind::Other,
            format!(
                "restic finds another repository than `{}` at its place, or none that makes sense",
                access.name
            ),
        ))
    }
}

/// All that it says.
struct Text(String);

impl Listener for Text {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
    }
}
