//! The bus: objects that hold a view and a handle, and nothing else.
//!
//! Methods check who calls, turn arguments into domain values, and pass them to the coordinator. Properties are
//! read from the newest published view, so that no read waits for anything.

mod answer;
mod arguments;
mod authority;
mod errors;
mod family;
mod job;
mod leave;
mod manager;
mod object_manager;
mod objects;
mod options;
mod properties;
mod publisher;
mod query;
mod repository;
mod run;
mod turns;

pub(crate) use authority::{Authority, OwnerOnly, Polkit};
pub(crate) use manager::Facts;
pub(crate) use publisher::Publisher;

#[cfg(test)]
mod tests;
