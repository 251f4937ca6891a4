//! Failures as users and scripts are told of them.

use std::{borrow::Cow, io};

use backupd_dbus::{Error, ExitCode};
use serde::Serialize;
use zbus::fdo;

use crate::{
    output::{escape::escape, json, style::Look},
    scope::Scope,
};

/// What the client exits with when Ctrl-C ended it.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// Something that did not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// A word that scripts can branch on.
    pub(crate) name: Cow<'static, str>,
    pub(crate) message: String,
    pub(crate) hints: Vec<String>,
    pub(crate) code: u8,
    /// Nothing is said of it: the exit code alone tells.
    pub(crate) quiet: bool,
}

/// What commands return: the exit code.
pub(crate) type Done = Result<u8, Failure>;

/// All went well.
pub(crate) const SUCCESS: u8 = ExitCode::Success as u8;

impl Failure {
    pub(crate) fn new(name: &'static str, code: ExitCode, message: impl Into<String>) -> Self {
        let name = Cow::Borrowed(name);
        Self {
            name,
            message: message.into(),
            hints: Vec::new(),
            code: code as u8,
            quiet: false,
        }
    }

    /// It failed, and there is no better word for it.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new("Failed", ExitCode::Failed, message)
    }

    /// The command line makes no sense, by what there is.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new("InvalidArgument", ExitCode::Usage, message)
    }

    /// What cannot happen did.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new("Internal", ExitCode::Failed, message)
    }

    /// A file that cannot be read or written.
    pub(crate) fn file(what: &str, path: &std::path::Path, error: &io::Error) -> Self {
        let message = format!("cannot {what} `{}`: {error}", path.display());
        let code = match error.kind() {
            io::ErrorKind::PermissionDenied => ExitCode::NotAuthorised,
            _ => ExitCode::Failed,
        };
        Self::new("File", code, message)
    }

    /// Standard output cannot be written. A reader that has seen enough is no error.
    pub(crate) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self {
                quiet: true,
                ..Self::new("BrokenPipe", ExitCode::Success, "")
            };
        }
        Self::failed(format!("cannot write to standard output: {error}"))
    }

    /// The daemon, or the bus, cannot be reached.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self::new("Unreachable", ExitCode::Unreachable, message)
    }

    /// Adds what to do next.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds advice unless the daemon gave some.
    #[must_use]
    pub(crate) fn hint_if_none(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) if self.hints.is_empty() => self.hint(hint),
            _ => self,
        }
    }

    /// Says first what it is about.
    #[must_use]
    pub(crate) fn about(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Lines for people.
    pub(crate) fn human(&self, look: &Look) -> String {
        let mut text = format!("{}: ", look.paint(look.palette.bad, "error"));
        let mut lines = self.message.lines();
        text.push_str(&look.degrade(&escape(lines.next().unwrap_or_default())));
        for line in lines {
            text.push_str("\n  ");
            text.push_str(&look.degrade(&escape(line)));
        }
        for hint in &self.hints {
            text.push('\n');
            text.push_str(&look.paint(look.palette.busy, "hint"));
            text.push_str(": ");
            text.push_str(&look.degrade(&escape(hint)));
        }
        text.push('\n');
        text
    }

    /// A line for programs.
    pub(crate) fn json(&self) -> String {
        #[derive(Serialize)]
        struct Document<'a> {
            version: u32,
            error: Told<'a>,
        }
        #[derive(Serialize)]
        struct Told<'a> {
            name: &'a str,
            message: &'a str,
            hint: Option<String>,
        }
        let hint = (!self.hints.is_empty()).then(|| self.hints.join("\n"));
        let error = Told {
            name: &self.name,
            message: &self.message,
            hint,
        };
        let document = Document {
            version: json::VERSION,
            error,
        };
        // Texts always are JSON.
        serde_json::to_string(&document).unwrap_or_default() + "\n"
    }

    /// An error of the daemon, or of the way to it.
    pub(crate) fn from_daemon(error: Error, scope: Scope) -> Self {
        if let Error::ZBus(error) = error {
            return from_bus(error, scope);
        }
        let name = short_name(&error);
        let (message, hints) = parted(&error.text());
        let failure = Self {
            name: Cow::Borrowed(name),
            message,
            hints,
            code: error.exit_code() as u8,
            quiet: false,
        };
        match error {
            Error::WorkerFailed(_) | Error::StateUnavailable(_) => {
                failure.hint_if_none(Some(scope.log_hint()))
            }
            Error::NotAuthorizedCanObtain(_) => failure.hint_if_none(Some(
                "no authentication agent answered; try again as root, or from a session that has one"
                    .to_owned(),
            )),
            _ => failure,
        }
    }
}

/// The variant's name, as it stands on the bus below our prefix.
fn short_name(error: &Error) -> &'static str {
    use zbus::DBusError as _;
    let name = error.name();
    let short = name.as_str().rsplit('.').next().unwrap_or_default();
    Error::NAMES
        .iter()
        .find(|known| **known == short)
        .copied()
        .unwrap_or("Failed")
}

/// Parts a text from its lines of advice.
fn parted(text: &str) -> (String, Vec<String>) {
    let (mut message, mut hints) = (Vec::new(), Vec::new());
    for line in text.lines() {
        match line.strip_prefix("hint: ") {
            Some(hint) => hints.push(hint.to_owned()),
            None => message.push(line),
        }
    }
    (message.join("\n"), hints)
}

fn from_bus(error: zbus::Error, scope: Scope) -> Failure {
    match error {
        zbus::Error::FDO(error) => from_standard(*error, scope),
        // systemd, whom the bus has asked to start the daemon.
        zbus::Error::MethodError(name, text, _) if name.starts_with("org.freedesktop.systemd1.") => {
            let why = text.unwrap_or_else(|| name.to_string());
            Failure::unreachable(format!("the daemon could not be started: {why}")).hint(
                match name.rsplit('.').next() {
                    Some("NoSuchUnit" | "UnitMasked") => scope.start_hint(),
                    _ => scope.log_hint(),
                },
            )
        }
        zbus::Error::MethodError(name, text, _) => {
            // An error that this version does not know.
            let (message, hints) = parted(text.as_deref().unwrap_or("the daemon gave no reason"));
            let name = name.as_str().rsplit('.').next().unwrap_or_default().to_owned();
            Failure {
                name: Cow::Owned(name),
                message,
                hints,
                code: ExitCode::Failed as u8,
                quiet: false,
            }
        }
        zbus::Error::InputOutput(error) => {
            Failure::unreachable(format!("the connection to the {} broke: {error}", scope.bus()))
        }
        error => Failure::failed(format!("the daemon's answer makes no sense: {error}"))
            .hint("`backupctl` and `backupd` should be of one version; restart the daemon after an upgrade"),
    }
}

fn from_standard(error: fdo::Error, scope: Scope) -> Failure {
    use fdo::Error as Bus;
    match error {
        Bus::ServiceUnknown(_) | Bus::NameHasNoOwner(_) => {
            Failure::unreachable(format!("the backup daemon is not running in the {scope} scope"))
                .hint(scope.start_hint())
        }
        Bus::NoReply(_) | Bus::Disconnected(_) => {
            Failure::unreachable("the daemon went away before it answered")
                .hint(scope.start_hint())
                .hint(scope.log_hint())
        }
        Bus::AccessDenied(text) | Bus::AuthFailed(text) => Failure::new(
            "AccessDenied",
            ExitCode::NotAuthorised,
            format!("the bus refused it: {text}"),
        ),
        Bus::InteractiveAuthorizationRequired(text) => {
            Failure::new("NotAuthorizedCanObtain", ExitCode::NotAuthorised, text)
        }
        Bus::SpawnChildExited(text)
        | Bus::SpawnChildSignaled(text)
        | Bus::SpawnExecFailed(text)
        | Bus::SpawnFailed(text)
        | Bus::SpawnForkFailed(text)
        | Bus::SpawnServiceNotFound(text)
        | Bus::TimedOut(text)
        | Bus::Timeout(text) => {
            Failure::unreachable(format!("the daemon could not be started: {text}")).hint(scope.log_hint())
        }
        Bus::UnknownMethod(text)
        | Bus::UnknownInterface(text)
        | Bus::UnknownProperty(text)
        | Bus::UnknownObject(text)
        | Bus::InvalidArgs(text) => Failure::failed(format!("the daemon does not understand: {text}"))
            .hint("`backupctl` and `backupd` should be of one version; restart the daemon after an upgrade"),
        error => Failure::failed(error.to_string()),
    }
}

/// The worst of two exit codes: what a script should look at first wins.
pub(crate) fn worst(a: u8, b: u8) -> u8 {
    const FROM_BAD: [u8; 9] = [EXIT_INTERRUPTED, 5, 4, 2, 6, 1, 7, 3, 0];
    let rank = |code: u8| FROM_BAD.iter().position(|known| *known == code);
    if rank(a) <= rank(b) { a } else { b }
}

#[cfg(test)]
mod tests;
