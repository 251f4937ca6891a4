use backupd_core::run::{RunEvent, Trigger};
use jiff::SignedDuration;

use super::*;
use crate::{
    ports::{Clock as _, Subject},
    store::SqliteStore,
};

/// What both stores know, as a daemon asks for it.
async fn known(store: &dyn Store, jobs: &[JobName], now: Timestamp) -> String {
    let all = RunQuery {
        limit: 1000,
        ..RunQuery::default()
    };
    format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        store.unfinished().await,
        store.recent(4, 9).await,
        store.list(all).await,
        store.pauses().await,
        store.pending().await,
        store.job_facts(jobs.to_vec(), now).await,
        store.care_facts(cares(), now).await,
    )
}

fn cares() -> Vec<(CareKey, bool)> {
    let key = |operation| CareKey {
        repository: "nas".parse().unwrap(),
        operation,
        job: None,
    };
    vec![(key(Operation::Check), true), (key(Operation::Prune), false)]
}

/// A run of some job, somewhere in its life.
fn some_run(ground: &Ground, jobs: &[JobName], number: u64) -> Run {
    let now = ground.now();
    let id = RunId::from_parts(1_800_000_000_000 + number, ground.bits() >> 49);
    let job = Some(ground.choice(jobs).clone()).filter(|_| ground.chance(0.9));
    let operation = if job.is_none() && ground.chance(0.7) {
        *ground.choice(&[Operation::Check, Operation::Prune])
    } else if job.is_none() || ground.chance(0.1) {
        Operation::Restore
    } else {
        Operation::Backup
    };
    let repository = "nas".parse().unwrap();
    let mut run = Run::new(id, job, repository, operation, Trigger::Schedule, now);
    if ground.chance(0.9) {
        run.apply(RunEvent::Starting, now).unwrap();
    }
    if ground.chance(0.8) {
        run.apply(RunEvent::CancelRequested, now).unwrap();
        let _ = run.apply(RunEvent::WorkerGone, now);
        run.result = Some(*ground.choice(RunResult::ALL));
        run.snapshot = Some(number.to_string());
        run.expires = Some(now + ground.while_up_to(SignedDuration::from_hours(40)));
    }
    run
}

#[tokio::test]
async fn it_keeps_what_the_real_one_keeps() {
    for seed in 0..6 {
        let begins = Timestamp::from_second(1_800_000_000).unwrap();
        let ground = Ground::new(seed, begins);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("backupd.db");
        let real = SqliteStore::open(&file, begins).await.unwrap();
        let memory = Memory::new(Arc::clone(&ground));
        let both: [&dyn Store; 2] = [&real, &memory];
        let jobs: Vec<JobName> = ["a", "b", "c"].map(|name| name.parse().unwrap()).into();
        for number in 0..40 {
            ground.pass(SignedDuration::from_micros(ground.below(3_600_000_000)));
            let now = ground.now();
            let run = some_run(&ground, &jobs, number);
            let job = ground.choice(&jobs).clone();
            let elapse = now + ground.while_up_to(SignedDuration::from_hours(9));
            let (kind, keep) = (ground.below(6), u32::try_from(ground.below(4)).unwrap());
            let mut gone = Vec::new();
            for store in both {
                match kind {
                    0 => {
                        store
                            .schedule(
                                vec![run.clone()],
                                vec![(Subject::Job(job.clone()), elapse)],
                                Vec::new(),
                            )
                            .await
                    }
                    1 => {
                        let pause = Pause {
                            since: now,
                            until: Some(elapse).filter(|_| keep > 1),
                            reason: None,
                        };
                        let of = Some(job.clone()).filter(|_| keep != 2);
                        store
                            .pause(of, Some(pause).filter(|_| keep > 0), Vec::new())
                            .await
                    }
                    2 => {
                        let of = Some(job.clone()).filter(|_| keep > 1);
                        let mut expired = store.expire(of, now, keep).await.unwrap();
                        expired.sort();
                        gone.push(expired);
                        Ok(())
                    }
                    3 => {
                        let metadata = [("device".to_owned(), number.into())].into_iter().collect();
                        let asked = Some((Trigger::Device, metadata)).filter(|_| keep > 0);
                        store.keep_pending(job.clone(), asked).await
                    }
                    _ => store.save_audited(&run, Vec::new()).await,
                }
                .unwrap();
            }
            assert!(gone.windows(2).all(|pair| pair[0] == pair[1]), "{gone:?}");
            // Asking takes its time here too.
            let [real, memory] = [known(both[0], &jobs, now).await, known(both[1], &jobs, now).await];
            assert_eq!(real, memory, "seed {seed}, step {number}");
        }
        real.close().await;
    }
}
