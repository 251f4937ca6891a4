//! Who may do what. One trait, asked by every method before anything else.

mod about;
mod action;
mod caller;
mod owner;
mod polkit;
mod refusal;
#[cfg(test)]
mod tests;

use backupd_dbus::Error;
use zbus::{
    Connection,
    message::{Flags, Header},
};

use crate::ports::{Caller, Reply};

pub(crate) use self::{about::About, action::Action, owner::OwnerOnly, polkit::Polkit};

/// A call that somebody must be allowed to make.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    /// Where it came from.
    pub(crate) connection: &'a Connection,
    /// Its header.
    pub(crate) header: &'a Header<'a>,
    /// What it does.
    pub(crate) action: Action,
    /// To what.
    pub(crate) about: &'a About,
}

impl Call<'_> {
    /// Whether the caller will wait while somebody is asked for a password.
    pub(crate) fn interactive(&self) -> bool {
        self.header
            .primary()
            .flags()
            .contains(Flags::ALLOW_INTERACTIVE_AUTH)
    }
}

/// Decides.
pub(crate) trait Authority: Send + Sync {
    /// Whether the caller may do this, and who it is; an error of the contract if not.
    fn check<'a>(&'a self, call: Call<'a>) -> Reply<'a, Result<Caller, Error>>;

    /// Who was refused, as far as the bus tells.
    fn refused<'a>(&'a self, call: Call<'a>) -> Reply<'a, Option<Caller>> {
        Box::pin(async move { caller::caller(&call).await.ok() })
    }
}
