//! The coordinator: one task that owns every state that changes.
//!
//! It knows no bus, no SQLite and no process, only the traits in [`ports`](crate::ports). Everybody else sends
//! it messages and reads what it publishes. The order is always: persist, publish, reply.

mod adopt;
mod configure;
mod finish;
mod handle;
mod message;
mod meter;
mod mirror;
mod outbox;
mod password;
mod publish;
mod queue;
mod record;
mod refusal;
mod spec;
mod start;
mod state;
mod views;

pub(crate) use handle::Handle;
pub(crate) use message::{Inbox, Message, RestoreRequest, StartOptions};
pub(crate) use outbox::{Changes, ObjectKey, Outbox};
pub(crate) use password::{PasswordKept, PasswordRequest};
pub(crate) use refusal::{Refusal, RefusalKind, shown};
pub(crate) use state::{Coordinator, Parts};
pub(crate) use views::{JobView, ManagerView, ProgressView, RepositoryView, RunView, View};

#[cfg(test)]
mod tests;
