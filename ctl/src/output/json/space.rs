//! The shapes of sizes: the records as they come, with times in the local zone.

use backupd_dbus::{JobSize, RepositoryStatistics, SpaceProperties};
use serde::Serialize;

use super::Shapes;

/// How large a repository is, and the room that it has.
#[derive(Serialize)]
pub(crate) struct SpaceShape {
    measured: Option<String>,
    bytes_stored: Option<u64>,
    bytes_free: Option<u64>,
    bytes_place: Option<u64>,
    bytes_reserve: Option<u64>,
    bytes_quota: Option<u64>,
    days_until_full: Option<u32>,
}

#[derive(Serialize)]
pub(crate) struct StatisticsShape<'a> {
    repository: &'a str,
    time: String,
    snapshots: u64,
    packs: u64,
    blobs: u64,
    bytes_stored: u64,
    bytes_restored: u64,
    bytes_unique: u64,
    bytes_needed: u64,
    deduplication: Option<f64>,
    compression: Option<f64>,
    bytes_unused: u64,
    bytes_marked: u64,
    jobs: &'a [JobSize],
    growth: Vec<GrowthShape>,
    bytes_per_day: Option<i64>,
    days_until_full: Option<u32>,
    bytes_free: Option<u64>,
    bytes_place: Option<u64>,
    bytes_reserve: u64,
    bytes_quota: Option<u64>,
}

#[derive(Serialize)]
struct GrowthShape {
    time: String,
    bytes_stored: u64,
}

impl Shapes<'_> {
    pub(crate) fn space(&self, space: &SpaceProperties) -> SpaceShape {
        SpaceShape {
            measured: self.time(space.measured_usec),
            bytes_stored: space.bytes_stored,
            bytes_free: space.bytes_free,
            bytes_place: space.bytes_place,
            bytes_reserve: space.bytes_reserve,
            bytes_quota: space.bytes_quota,
            days_until_full: space.days_until_full,
        }
    }

    pub(crate) fn statistics<'a>(&self, counted: &'a RepositoryStatistics) -> StatisticsShape<'a> {
        let growth = counted.growth.iter().map(|size| GrowthShape {
            time: self.timestamp(size.time),
            bytes_stored: size.bytes_stored,
        });
        StatisticsShape {
            repository: &counted.repository,
            time: self.timestamp(counted.time),
            snapshots: counted.snapshots,
            packs: counted.packs,
            blobs: counted.blobs,
            bytes_stored: counted.bytes_stored,
            bytes_restored: counted.bytes_restored,
            bytes_unique: counted.bytes_unique,
            bytes_needed: counted.bytes_needed,
            deduplication: counted.deduplication,
            compression: counted.compression,
            bytes_unused: counted.bytes_unused,
            bytes_marked: counted.bytes_marked,
            jobs: &counted.jobs,
            growth: growth.collect(),
            bytes_per_day: counted.bytes_per_day,
            days_until_full: counted.days_until_full,
            bytes_free: counted.bytes_free,
            bytes_place: counted.bytes_place,
            bytes_reserve: counted.bytes_reserve,
            bytes_quota: counted.bytes_quota,
        }
    }
}
