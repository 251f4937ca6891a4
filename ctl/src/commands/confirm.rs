//! Asking a person before something is done.

use std::io::{self, Write as _};

use super::Context;
use crate::errors::Failure;

/// Asks on the terminal; only "y" and "yes" are a yes. `hint` says how to go without the question.
pub(super) fn confirmed(context: &Context<'_>, question: &str, hint: &str) -> Result<bool, Failure> {
    if !context.output.interactive() {
        return Err(Failure::usage("there is no terminal to ask on").hint(hint.to_owned()));
    }
    let mut answer = String::new();
    let asked = {
        let mut stderr = io::stderr().lock();
        write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush())
    };
    asked
        .and_then(|()| io::stdin().read_line(&mut answer))
        .map_err(|error| Failure::failed(format!("cannot ask: {error}")))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
