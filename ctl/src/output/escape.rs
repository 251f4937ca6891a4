//! Text from outside, made safe to show.

pub(crate) use backupd_core::text::escape;
