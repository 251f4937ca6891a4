//! Which engine the tests are about: `tests/restic` builds most of those in `tests/engine` once more.

use std::sync::LazyLock;

use backupd_engine::{Embedded, Engine, Restic};

/// Whether these tests are about the restic program.
pub(crate) const IS_RESTIC: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"restic");

static EMBEDDED: Embedded = Embedded;
static RESTIC: LazyLock<Restic> =
    LazyLock::new(|| Restic::at(std::env::var_os("BACKUPD_TEST_RESTIC").unwrap_or_else(|| "restic".into())));

pub(crate) fn engine() -> &'static dyn Engine {
    if IS_RESTIC { &*RESTIC } else { &EMBEDDED }
}
