//! Repositories with something to prune, and what is asked of them afterwards.

use std::{fs, time::Duration};

use backupd_engine::{PruneRequest, ReadData};

use crate::world::{World, noise, picture};

pub(crate) fn at_once() -> PruneRequest {
    PruneRequest {
        keep_delete: Duration::ZERO,
        ..PruneRequest::default()
    }
}

/// A snapshot was forgotten: of one pack a part is not needed any more, and another pack not at all.
pub(crate) fn forgotten() -> World {
    let world = World::new();
    world.write("stays", noise(300_000, 1));
    world.write("goes", noise(200_000, 2));
    let first = world.backup().snapshot.id;
    fs::remove_file(world.source().join("goes")).unwrap();
    world.backup();
    world.forget(&[first]).unwrap();
    world
}

/// All that is stored is there and whole, for us and for stock restic.
pub(crate) fn assert_sound(world: &World) {
    world.restic_well(&["check", "--read-data"]);
    let report = world.check(ReadData::All).unwrap();
    assert_eq!(report.errors_total, 0, "{report:#?}");
    let directory = tempfile::TempDir::new_in(world.path("")).unwrap();
    let name = directory.path().file_name().unwrap().to_str().unwrap();
    assert_eq!(picture(&world.restore(name)), picture(&world.source()));
}
