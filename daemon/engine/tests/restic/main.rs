//! The restic engine from outside: what holds of both engines is shown by the tests of the other, built once more; what
//! is its own stands here. `BACKUPD_TEST_RESTIC` names another program than the `restic` in `PATH`.

#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]
#![allow(clippy::indexing_slicing, reason = "tests")]
#![allow(dead_code, reason = "some helpers serve the other engine's tests alone")]

#[path = "../engine/cancel.rs"]
mod cancel;
#[path = "../engine/child.rs"]
mod child;
#[path = "../engine/damage.rs"]
mod damage;
#[path = "../engine/engine.rs"]
mod engine;
#[path = "../engine/failures.rs"]
mod failures;
#[path = "../engine/forget.rs"]
mod forget;
#[path = "../engine/interop.rs"]
mod interop;
#[path = "../engine/kills.rs"]
mod kills;
#[path = "../engine/planted.rs"]
mod planted;
#[path = "../engine/restore.rs"]
mod restore;
#[path = "../engine/roundtrip.rs"]
mod roundtrip;
#[path = "../engine/sealed.rs"]
mod sealed;
#[path = "../engine/selection.rs"]
mod selection;
#[path = "../engine/unforget.rs"]
mod unforget;
#[path = "../engine/unreadable.rs"]
mod unreadable;
#[path = "../engine/upkeep.rs"]
mod upkeep;
#[path = "../engine/waiting.rs"]
mod waiting;
#[path = "../engine/world.rs"]
mod world;

mod care;
mod killed;
mod locked;
mod places;
mod program;
