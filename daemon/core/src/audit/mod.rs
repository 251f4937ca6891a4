//! The audit log: who changed what, in an order that cannot be changed unnoticed.
//!
//! Each record has a canonical form, its hash is the SHA-256 of that form, and the form holds the hash of the
//! record before it. Nothing here reads or writes: the store keeps the records, the client verifies them.

mod change;
mod compare;
mod gate;
mod record;
mod seal;
mod verify;

pub use self::{
    change::{Change, change, without_userinfo},
    compare::{Comparer, Comparison, Difference, OtherLog},
    gate::{Admission, Gate, Skipped},
    record::{Action, Entry, Outcome, Record, VERSION, Who},
    seal::{Head, NO_HASH, Sealed, hash},
    verify::{Broken, BrokenKind, Verifier},
};

#[cfg(test)]
mod tests;
