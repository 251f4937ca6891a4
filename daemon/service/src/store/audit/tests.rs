use std::io::Read as _;

use backupd_core::{
    audit::{BrokenKind, Outcome, Verifier, Who, hash},
    run::Run,
    run::{Operation, RunEvent, Trigger},
};
use tempfile::TempDir;

use super::*;
use crate::{
    ports::{RunQuery, Store as _},
    store::SqliteStore,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn entry(number: i64, job: &str) -> Entry {
    let who = Who {
        uid: Some(1000),
        pid: Some(42),
        bus_name: ":1.7".to_owned(),
    };
    Entry::new(Action::JobReplace, &who, at(number)).job(Some(&job.parse().unwrap()))
}

fn run() -> Run {
    Run::new(
        "01JD3Y00000000000000000000".parse().unwrap(),
        Some("home".parse().unwrap()),
        "nas".parse().unwrap(),
        Operation::Backup,
        Trigger::Manual,
        at(1),
    )
}

struct Bed {
    directory: TempDir,
    store: SqliteStore,
}

impl Bed {
    /// A log of six records: its beginning, and five of the jobs `home` and `www` in turn.
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory).await;
        let bed = Self { directory, store };
        for number in 1..=5 {
            bed.append(number).await;
        }
        bed
    }

    async fn append(&self, number: i64) {
        let job = if number % 2 == 0 { "www" } else { "home" };
        self.store.append(entry(number, job)).await.unwrap();
    }

    /// Somebody else, who has got rid of the triggers.
    fn outside(&self) -> Connection {
        let connection = Connection::open(self.directory.path().join("backupd.db")).unwrap();
        for trigger in ["update", "delete", "replace"] {
            connection
                .execute_batch(&format!("DROP TRIGGER IF EXISTS audit_refuses_{trigger}"))
                .unwrap();
        }
        connection
    }

    async fn reopen(self) -> Self {
        self.store.close().await;
        let store = open(&self.directory).await;
        Self { store, ..self }
    }

    async fn read(&self, query: AuditQuery) -> Vec<Sealed> {
        let mut text = String::new();
        let mut file = self.store.export_audit(query).await.unwrap();
        file.read_to_string(&mut text).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    async fn numbers(&self, query: AuditQuery) -> Vec<u64> {
        self.read(query).await.iter().map(|sealed| sealed.seq).collect()
    }

    /// The place and kind of the first broken record.
    async fn broken(&self) -> Option<(u64, BrokenKind)> {
        let mut verifier = Verifier::new();
        for sealed in self.read(AuditQuery::default()).await {
            if let Err(broken) = verifier.take(&sealed) {
                return Some((broken.seq, broken.kind));
            }
        }
        verifier.finish().err().map(|broken| (broken.seq, broken.kind))
    }
}

async fn open(directory: &TempDir) -> SqliteStore {
    SqliteStore::open(&directory.path().join("backupd.db"), at(0))
        .await
        .unwrap()
}

#[tokio::test]
async fn records_are_chained_also_by_the_next_daemon() {
    let bed = Bed::new().await;
    assert_eq!(bed.broken().await, None);
    let bed = bed.reopen().await;
    bed.append(6).await;
    let records = bed.read(AuditQuery::default()).await;
    assert_eq!(records.len(), 7);
    assert_eq!(bed.broken().await, None);
    let first: Record = serde_json::from_str(&records[0].record).unwrap();
    assert_eq!(
        (first.entry.action, first.entry.old.as_str()),
        (Action::LogBegin, "")
    );
}

#[tokio::test]
async fn a_run_and_its_record_are_kept_together_or_not_at_all() {
    let bed = Bed::new().await;
    let mut run = run();
    bed.store
        .save_audited(&run, vec![entry(6, "home"), entry(7, "home")])
        .await
        .unwrap();
    assert_eq!(bed.read(AuditQuery::default()).await.len(), 8);
    run.apply(RunEvent::CancelRequested, at(8)).unwrap();
    // The record cannot be kept: nor is the run.
    bed.outside()
        .execute_batch("ALTER TABLE audit RENAME TO hidden")
        .unwrap();
    bed.store
        .save_audited(&run, vec![entry(8, "home")])
        .await
        .unwrap_err();
    let query = RunQuery {
        limit: 1,
        ..RunQuery::default()
    };
    assert_eq!(bed.store.list(query).await.unwrap()[0].result, None);
    bed.outside()
        .execute_batch("ALTER TABLE hidden RENAME TO audit")
        .unwrap();
    bed.store
        .save_audited(&run, vec![entry(8, "home")])
        .await
        .unwrap();
    assert_eq!(bed.broken().await, None);
}

#[tokio::test]
async fn the_table_is_only_ever_appended_to() {
    let bed = Bed::new().await;
    let connection = Connection::open(bed.directory.path().join("backupd.db")).unwrap();
    for statement in [
        "UPDATE audit SET record = 'x' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 6",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit VALUES (6, 'x', 'x')",
        "REPLACE INTO audit VALUES (2, 'x', 'x')",
        "INSERT OR IGNORE INTO audit VALUES (6, 'x', 'x')",
        "INSERT INTO audit VALUES (3, 'x', 'x') ON CONFLICT (seq) DO UPDATE SET record = 'x'",
        "UPDATE OR REPLACE audit SET seq = 7 WHERE seq = 6",
    ] {
        for recursive in [false, true] {
            connection
                .pragma_update(None, "recursive_triggers", recursive)
                .unwrap();
            let error = connection.execute(statement, []).unwrap_err().to_string();
            assert!(error.contains("append-only"), "{statement}: {error}");
        }
    }
    assert_eq!(bed.broken().await, None);
    // Dropped triggers come back with the next daemon.
    bed.outside();
    let bed = bed.reopen().await;
    let connection = Connection::open(bed.directory.path().join("backupd.db")).unwrap();
    connection.execute("DELETE FROM audit", []).unwrap_err();
}

#[tokio::test]
async fn what_somebody_does_from_outside_is_found() {
    type Tamper = (&'static str, u64, fn(&BrokenKind) -> bool);
    let cases: &[Tamper] = &[
        (
            "UPDATE audit SET record = replace(record, 'home', 'root') WHERE seq = 2",
            2,
            |kind| *kind == BrokenKind::Edited,
        ),
        ("UPDATE audit SET hash = '00' WHERE seq = 3", 3, |kind| {
            *kind == BrokenKind::Edited
        }),
        ("DELETE FROM audit WHERE seq = 4", 4, |kind| {
            *kind == BrokenKind::Removed(4)
        }),
        ("DELETE FROM audit WHERE seq <= 2", 1, |kind| {
            *kind == BrokenKind::Removed(2)
        }),
        ("DELETE FROM audit", 1, |kind| *kind == BrokenKind::Empty),
        (
            "UPDATE audit SET seq = -seq WHERE seq IN (2, 3);
             UPDATE audit SET seq = CASE seq WHEN -2 THEN 3 ELSE 2 END WHERE seq < 0",
            2,
            |kind| *kind == BrokenKind::Moved(3),
        ),
        (
            "DELETE FROM audit WHERE seq = 4; UPDATE audit SET seq = seq - 1 WHERE seq > 4",
            4,
            |kind| *kind == BrokenKind::Moved(5),
        ),
        ("INSERT INTO audit VALUES (7, '{}', 'x')", 7, |kind| {
            *kind == BrokenKind::Edited
        }),
        ("UPDATE audit SET record = x'ff00' WHERE seq = 2", 2, |_| true),
    ];
    for (statement, seq, kind) in cases {
        let bed = Bed::new().await;
        if bed.outside().execute_batch(statement).is_err() {
            // A strict table takes no bytes for a text.
            assert!(statement.contains("x'ff"), "{statement}");
            continue;
        }
        let broken = bed.broken().await.unwrap_or_else(|| panic!("{statement}"));
        assert!(broken.0 == *seq && kind(&broken.1), "{statement}: {broken:?}");
    }
}

#[tokio::test]
async fn a_daemon_at_work_does_not_go_on_from_what_somebody_else_made_of_its_log() {
    // The end is cut off: the next record leaves a gap.
    let bed = Bed::new().await;
    bed.outside()
        .execute_batch("DELETE FROM audit WHERE seq > 4")
        .unwrap();
    assert_eq!(bed.broken().await, None, "the chain alone does not tell");
    bed.append(6).await;
    assert_eq!(bed.broken().await, Some((5, BrokenKind::Removed(6))));
    // A record is put at the end, made as ours are: the next one does not follow from it.
    let bed = Bed::new().await;
    let last = bed.read(AuditQuery::default()).await.pop().unwrap();
    let record: Record = serde_json::from_str(&last.record).unwrap();
    let head = Head {
        log: record.log,
        seq: last.seq,
        hash: last.hash,
    };
    let forged = head.seal(entry(9, "root"), 7).unwrap();
    bed.outside()
        .execute(
            "INSERT INTO audit VALUES (7, ?1, ?2)",
            (&forged.record, &forged.hash),
        )
        .unwrap();
    assert_eq!(bed.broken().await, None);
    bed.append(6).await;
    assert_eq!(bed.broken().await, Some((8, BrokenKind::Unlinked)));
}

#[tokio::test]
async fn records_are_asked_for_by_time_job_and_number_and_a_broken_one_does_not_hide() {
    let bed = Bed::new().await;
    let query = |job: Option<&str>, since: Option<i64>, until: Option<i64>, limit| AuditQuery {
        job: job.map(|job| job.parse().unwrap()),
        since: since.map(at),
        until: until.map(at),
        limit,
    };
    assert_eq!(bed.numbers(query(Some("www"), None, None, None)).await, [3, 5]);
    assert_eq!(bed.numbers(query(None, Some(2), Some(4), None)).await, [3, 4]);
    assert_eq!(bed.numbers(query(None, None, None, Some(2))).await, [5, 6]);
    assert_eq!(
        bed.numbers(query(Some("home"), None, None, Some(2))).await,
        [4, 6]
    );
    assert_eq!(bed.numbers(query(None, None, None, Some(0))).await, [0_u64; 0]);
    assert_eq!(bed.numbers(query(None, None, None, Some(99))).await.len(), 6);
    bed.outside()
        .execute("UPDATE audit SET record = 'x' WHERE seq = 2", [])
        .unwrap();
    assert_eq!(bed.numbers(query(Some("www"), None, None, None)).await, [2, 3, 5]);
}

#[tokio::test]
async fn whoever_reads_the_log_cannot_write_where_it_is() {
    let bed = Bed::new().await;
    let mut file = bed.store.export_audit(AuditQuery::default()).await.unwrap();
    file.write_all(b"x").unwrap_err();
    let left = std::fs::read_dir(bed.directory.path()).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(
        left.iter()
            .all(|name| name.to_string_lossy().starts_with("backupd.db")),
        "{left:?}"
    );
}

#[tokio::test]
async fn the_log_of_a_new_store_names_the_one_that_was_set_aside() {
    let bed = Bed::new().await;
    let last = bed.read(AuditQuery::default()).await.pop().unwrap();
    bed.store.close().await;
    // A store of ours without its runs is none.
    bed.outside().execute_batch("DROP TABLE runs").unwrap();
    let bed = bed.reopen().await;
    assert!(bed.store.set_aside().is_some());
    let records = bed.read(AuditQuery::default()).await;
    let first: Record = serde_json::from_str(&records[0].record).unwrap();
    let old: Record = serde_json::from_str(&last.record).unwrap();
    assert_ne!(first.log, old.log);
    assert_eq!(
        first.entry.old,
        format!("log {}, record 6, hash {}", old.log, last.hash)
    );
    assert!(first.entry.reason.contains("set aside"), "{}", first.entry.reason);
    // One that nobody can read is named too.
    bed.store.close().await;
    let file = bed.directory.path().join("backupd.db");
    std::fs::write(&file, "this is no database").unwrap();
    let store = SqliteStore::open(&file, at(60)).await.unwrap();
    let bed = Bed { store, ..bed };
    let records = bed.read(AuditQuery::default()).await;
    let first: Record = serde_json::from_str(&records[0].record).unwrap();
    assert_eq!(first.entry.old, "unreadable");
}

#[tokio::test]
async fn a_record_is_what_sha256sum_says() {
    let bed = Bed::new().await;
    let failed = entry(6, "home").result(Outcome::Failed, "no \"space\"\n");
    bed.store.append(failed).await.unwrap();
    for sealed in bed.read(AuditQuery::default()).await {
        assert_eq!(hash(&sealed.record), sealed.hash);
    }
}
