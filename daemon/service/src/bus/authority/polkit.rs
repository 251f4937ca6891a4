//! polkit decides, in the system scope.
//!
//! Looking is asked for like everything else: an administrator may want to keep it to a group, and a question costs
//! some milliseconds. What clients look at all the time are properties, which need no leave: they are told to
//! everybody anyway, and hold no secret.
//!
//! Root is never asked about, so that nothing waits for polkit while the machine boots, and whoever can mend polkit
//! is not locked out by it. For everybody else, what is not allowed is refused, whatever the reason.
//!
//! A bus lets a connection wait for so many answers, and anybody can have polkit asked: it is asked on a connection
//! of its own, of which nothing else depends, and of a user only some questions are open at a time.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use backupd_dbus::Error;
use futures_util::StreamExt as _;
use zbus::{Connection, fdo::DBusProxy, names::BusName};
use zbus_polkit::policykit1::{AuthorityProxy, AuthorizationResult, CheckAuthorizationFlags, Subject};

use super::{
    Authority, Call,
    caller::caller,
    refusal::{Refused, refused},
};
use crate::{
    bus::turns::Turns,
    ports::{Caller, Reply},
};

/// polkit that asks nobody answers in milliseconds; a start of it takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who has not typed a password by then will not.
const LONGEST: Duration = Duration::from_mins(5);

/// Questions of one user that polkit may have at a time.
const EACH: usize = 8;

/// Questions of all users; a bus lets a connection wait for 128 answers.
const MOST: usize = 64;

/// See the module.
pub(crate) struct Polkit {
    connection: Connection,
    owner: u32,
    patience: Duration,
    longest: Duration,
    /// Names questions that can be taken back.
    asked: AtomicU64,
    open: Arc<Turns<u32>>,
}

impl Polkit {
    /// Asks over a connection that serves for nothing else.
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection,
            owner: nix::unistd::geteuid().as_raw(),
            patience: PATIENCE,
            longest: LONGEST,
            asked: AtomicU64::new(0),
            open: Turns::new(EACH, MOST),
        }
    }

    /// One that gives up sooner, where even `owner` is nobody special.
    #[cfg(test)]
    pub(super) fn strict(connection: Connection, patience: Duration, longest: Duration) -> Self {
        Self {
            owner: 0,
            patience,
            longest,
            ..Self::new(connection)
        }
    }

    async fn decide(&self, call: Call<'_>) -> Result<Caller, Error> {
        let caller = caller(&call).await?;
        if caller.uid == 0 || caller.uid == self.owner {
            return Ok(caller);
        }
        let interactive = call.interactive();
        let answer = match self.open.take(caller.uid) {
            None => Err(Refused::Crowded),
            Some(_turn) if interactive => self.ask_person(call, &caller).await,
            Some(_turn) => {
                let asking = self.check(call, CheckAuthorizationFlags::empty(), "");
                tokio::time::timeout(self.patience, asking)
                    .await
                    .unwrap_or(Err(Refused::Silent(self.patience)))
            }
        };
        let why = match answer {
            Ok(answer) if answer.is_authorized => return Ok(caller),
            Ok(answer) if dismissed(&answer) => Refused::Dismissed,
            Ok(answer) if answer.is_challenge => Refused::Challenge,
            Ok(_) if interactive => Refused::Failed,
            Ok(_) => Refused::Forbidden,
            Err(why) => why,
        };
        Err(refused(&call, &caller, &why))
    }

    /// Has polkit ask, for as long as somebody may take and waits for it.
    async fn ask_person(&self, call: Call<'_>, caller: &Caller) -> Result<AuthorizationResult, Refused> {
        let id = format!("backupd-{}", self.asked.fetch_add(1, Ordering::Relaxed));
        let gone = async {
            tokio::time::timeout(self.longest, self.gone(caller))
                .await
                .unwrap_or(Refused::Dismissed)
        };
        tokio::select! {
            answer = self.check(call, CheckAuthorizationFlags::ALLOW_USER_INTERACTION, &id) => answer,
            outcome = gone => {
                // Nobody waits for this either, but the question should leave the screen.
                let cancelling = async {
                    AuthorityProxy::new(&self.connection)
                        .await?
                        .cancel_check_authorization(&id)
                        .await
                };
                if let Ok(Err(error)) = tokio::time::timeout(self.patience, cancelling).await {
                    tracing::debug!("polkit does not take a question back: {error}");
                }
                Err(outcome)
            }
        }
    }

    /// Puts the question to polkit.
    async fn check(
        &self,
        call: Call<'_>,
        flags: CheckAuthorizationFlags,
        cancellation: &str,
    ) -> Result<AuthorizationResult, Refused> {
        let subject = Subject::new_for_message_header(call.header)
            .map_err(|error| Refused::Absent(error.to_string()))?;
        let mut details = HashMap::new();
        if let Some(job) = &call.about.job {
            details.insert("job", job.as_str());
        }
        if let Some(repository) = &call.about.repository {
            details.insert("repository", repository.as_str());
        }
        let message = format!("Authentication is required to {}", call.action.verb());
        if !call.action.can_name(call.about) {
            // The policy's own text would show the names of what is missing.
            details.insert("polkit.message", message.as_str());
        }
        let answer = async {
            AuthorityProxy::new(&self.connection)
                .await?
                .check_authorization(&subject, call.action.id(), &details, flags, cancellation)
                .await
        };
        answer.await.map_err(|error| Refused::Absent(error.to_string()))
    }

    /// Ready when the caller has left the bus.
    async fn gone(&self, caller: &Caller) -> Refused {
        let watching = async {
            let name = BusName::try_from(caller.bus_name.as_str())?;
            let bus = DBusProxy::new(&self.connection).await?;
            let mut changes = bus
                .receive_name_owner_changed_with_args(&[(0, caller.bus_name.as_str())])
                .await?;
            // It may have left before anybody watched.
            if !bus.name_has_owner(name).await? {
                return Ok(());
            }
            while let Some(change) = changes.next().await {
                if change.args()?.new_owner().is_none() {
                    break;
                }
            }
            Ok::<_, zbus::Error>(())
        };
        match watching.await {
            Ok(()) => Refused::Dismissed,
            Err(error) => Refused::Absent(error.to_string()),
        }
    }
}

impl Authority for Polkit {
    fn check<'a>(&'a self, call: Call<'a>) -> Reply<'a, Result<Caller, Error>> {
        Box::pin(self.decide(call))
    }
}

fn dismissed(answer: &AuthorizationResult) -> bool {
    answer
        .details
        .get("polkit.dismissed")
        .is_some_and(|text| !text.is_empty())
}
