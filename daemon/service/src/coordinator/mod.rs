//! The coordinator: one task that owns every state that changes.
//!
//! It knows no bus, no SQLite and no process, only the traits in [`ports`](crate::ports). Everybody else sends
//! it messages and reads what it publishes. The order is always: persist, publish, reply.

mod adopt;
mod agenda;
mod attend;
mod care;
mod configure;
mod contents;
mod copies;
mod dispatch;
mod elapse;
mod finish;
mod forget;
mod handle;
mod holds;
mod keep;
mod keys;
mod marks;
mod message;
mod meter;
mod mirror;
mod moving;
mod objects;
mod outbox;
mod password;
mod pause;
mod plan;
#[cfg(test)]
mod probe;
mod publish;
mod questions;
mod queue;
mod record;
mod refusal;
mod space;
mod spec;
mod start;
mod state;
mod triggers;
mod views;

pub(crate) use care::{CareWish, PruneWish};
pub(crate) use handle::{Common, Handle};
pub(crate) use keys::KeyRotated;
pub(crate) use marks::{Expiry, MarkWish};
pub(crate) use message::{ComingElapse, ElapseQuery, Inbox, Message, RestoreRequest, StartOptions};
pub(crate) use moving::MoveWish;
pub(crate) use outbox::{Changes, ObjectKey, Outbox};
pub(crate) use password::{PasswordKept, PasswordRequest};
pub(crate) use refusal::{Refusal, RefusalKind, shown};
use state::Live;
pub(crate) use state::{Coordinator, Parts};
pub(crate) use views::{
    CareView, CopyView, JobView, ManagerView, ProgressView, RepositoryView, RunView, SpaceView, View,
};

#[cfg(test)]
mod tests;
