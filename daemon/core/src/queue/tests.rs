use RepositoryUse::{Exclusive, Shared};
use proptest::prelude::*;

use super::*;

fn entry(number: u128, repository: &str, repository_use: RepositoryUse) -> Entry {
    Entry {
        id: RunId::from_parts(0, number),
        title: format!("run {number}"),
        job: Some(format!("job-{number}").parse().unwrap()),
        after: Vec::new(),
        repository: repository.parse().unwrap(),
        beside: None,
        repository_use,
        priority: Priority::Normal,
        maintenance: false,
        queued: Timestamp::UNIX_EPOCH,
        held: Vec::new(),
    }
}

fn hour(hours: i64) -> Timestamp {
    Timestamp::from_second(hours * 3600).unwrap()
}

fn started(decisions: &[Decision]) -> Vec<RunId> {
    let started = decisions.iter().filter_map(|decision| match decision {
        Decision::Start(id) => Some(*id),
        Decision::Wait(..) | Decision::MakeWay(..) => None,
    });
    started.collect()
}

fn reasons(decisions: &[Decision], id: RunId) -> Vec<BlockedBy> {
    let found = decisions.iter().find_map(|decision| match decision {
        Decision::Wait(waits, reasons) if *waits == id => Some(reasons.clone()),
        _ => None,
    });
    found.expect("it does not wait")
}

fn yielding(decisions: &[Decision]) -> Vec<RunId> {
    let yielding = decisions.iter().filter_map(|decision| match decision {
        Decision::MakeWay(id, _) => Some(*id),
        _ => None,
    });
    yielding.collect()
}

#[test]
fn no_more_start_than_the_limit_and_the_oldest_first() {
    let queued = [
        entry(1, "a", Shared),
        entry(2, "a", Shared),
        entry(3, "b", Shared),
    ];
    let decisions = decide(&queued, &[], 2, Timestamp::UNIX_EPOCH);
    assert_eq!(started(&decisions), [queued[0].id, queued[1].id]);
    let reasons = reasons(&decisions, queued[2].id);
    assert!(reasons[0].clears.contains("run 1, run 2"), "{reasons:?}");
}

#[test]
fn a_writer_waits_for_readers_and_holds_back_those_behind_it() {
    let running = [entry(1, "a", Shared)];
    let queued = [
        entry(2, "a", Exclusive),
        entry(3, "a", Shared),
        entry(4, "b", Shared),
    ];
    let decisions = decide(&queued, &running, 9, Timestamp::UNIX_EPOCH);
    assert_eq!(started(&decisions), [queued[2].id]);
}

#[test]
fn a_copy_shares_two_repositories_and_says_which_keeps_it() {
    let copy = |number| Entry {
        beside: Some("from".parse().unwrap()),
        maintenance: true,
        ..entry(number, "to", Shared)
    };
    let now = Timestamp::UNIX_EPOCH;
    let beside = [entry(1, "from", Shared), entry(2, "to", Shared)];
    assert_eq!(started(&decide(&[copy(3)], &beside, 9, now)).len(), 1);
    for place in ["from", "to"] {
        let prune = Entry {
            maintenance: true,
            ..entry(1, place, Exclusive)
        };
        let decisions = decide(&[copy(3)], std::slice::from_ref(&prune), 9, now);
        let what = reasons(&decisions, copy(3).id);
        assert_eq!(what.len(), 1);
        assert_eq!(what[0].what, format!("repository `{place}` is in use"));
        // And the other way round.
        let decisions = decide(std::slice::from_ref(&prune), &[copy(3)], 9, now);
        assert_eq!(reasons(&decisions, prune.id)[0].clears, "the end of run 3");
    }
    // A due backup has the place of one that could wait.
    let decisions = decide(&[entry(4, "else", Shared)], &[copy(3)], 1, now);
    assert!(matches!(&decisions[0], Decision::MakeWay(id, _) if *id == copy(3).id));
}

#[test]
fn a_writer_that_is_held_by_something_else_holds_back_nobody() {
    let mut writer = entry(1, "a", Exclusive);
    writer.held = vec![BlockedBy {
        what: "on battery power".into(),
        since: hour(0),
        clears: "mains power".into(),
    }];
    let queued = [writer, entry(2, "a", Shared)];
    let decisions = decide(&queued, &[], 9, hour(1));
    assert_eq!(started(&decisions), [queued[1].id]);
    assert_eq!(reasons(&decisions, queued[0].id), queued[0].held);
}

#[test]
fn the_urgent_go_first_and_who_waits_long_becomes_urgent() {
    let with = |number, priority, queued| Entry {
        priority,
        queued,
        ..entry(number, "a", Shared)
    };
    let low = with(1, Priority::Low, hour(0));
    let high = with(2, Priority::High, hour(1));
    let order = |queued: &[Entry], now| started(&decide(queued, &[], 1, now));
    assert_eq!(order(&[low.clone(), high.clone()], hour(1)), [high.id]);
    let fresh = with(3, Priority::High, hour(6));
    assert_eq!(order(&[fresh, low.clone()], hour(6)), [low.id]);
}

#[test]
fn a_job_waits_for_those_it_comes_after_but_not_for_one_that_is_held() {
    let mut home = entry(1, "a", Shared);
    home.after = vec!["job-2".parse().unwrap()];
    let mut db = entry(2, "b", Shared);
    let decisions = decide(&[home.clone(), db.clone()], &[], 9, hour(0));
    assert_eq!(started(&decisions), [db.id]);
    assert_eq!(reasons(&decisions, home.id)[0].clears, "the end of run 2");
    let decisions = decide(std::slice::from_ref(&home), std::slice::from_ref(&db), 9, hour(0));
    assert_eq!(started(&decisions), []);
    db.held = vec![BlockedBy {
        what: "not mounted".into(),
        since: hour(0),
        clears: "a mount".into(),
    }];
    let decisions = decide(&[home.clone(), db], &[], 9, hour(0));
    assert_eq!(started(&decisions), [home.id]);
}

#[test]
fn maintenance_makes_way_for_a_backup_that_is_due_unless_it_was_put_off_for_long() {
    let prune = Entry {
        maintenance: true,
        ..entry(1, "a", Exclusive)
    };
    let backup = entry(2, "a", Shared);
    let decisions = decide(
        std::slice::from_ref(&backup),
        std::slice::from_ref(&prune),
        9,
        hour(0),
    );
    assert_eq!(yielding(&decisions), [prune.id]);
    assert_eq!(started(&decisions), []);
    // For want of room alone.
    let elsewhere = entry(3, "b", Shared);
    let decisions = decide(&[elsewhere], std::slice::from_ref(&prune), 1, hour(0));
    assert_eq!(yielding(&decisions), [prune.id]);
    // Both wait: the backup first, whatever came first.
    let decisions = decide(&[prune.clone(), backup.clone()], &[], 1, hour(1));
    assert_eq!(started(&decisions), [backup.id]);
    // After a day of that it has its turn.
    let fresh = Entry {
        queued: hour(24),
        ..backup
    };
    let decisions = decide(&[prune.clone(), fresh.clone()], &[], 1, hour(24));
    assert_eq!(started(&decisions), [prune.id]);
    assert_eq!(yielding(&decide(&[fresh], &[prune], 1, hour(24))), []);
}

proptest! {
    #[test]
    fn the_rules_hold_for_every_queue(
        choice in proptest::collection::vec((0_u8..3, any::<bool>(), any::<bool>(), 0_i64..30), 0..12),
        limit in 1_usize..5,
    ) {
        let queued: Vec<Entry> = (0..)
            .zip(choice)
            .map(|(n, (repo, write, maintenance, waited))| Entry {
                maintenance,
                queued: hour(30 - waited),
                ..entry(n, ["a", "b", "c"][usize::from(repo)], if write { Exclusive } else { Shared })
            })
            .collect();
        let now = hour(30);
        let decisions = decide(&queued, &[], limit, now);
        prop_assert_eq!(decisions.len(), queued.len());
        let ids = started(&decisions);
        prop_assert!(ids.len() <= limit);
        let most = queued.iter().map(|entry| entry.urgency(now)).max();
        let first = ids.first().and_then(|id| queued.iter().find(|entry| entry.id == *id));
        prop_assert_eq!(first.map(|entry| entry.urgency(now)), most, "the most urgent is never held back");
        let active: Vec<&Entry> = queued.iter().filter(|e| ids.contains(&e.id)).collect();
        for (i, a) in active.iter().enumerate() {
            for b in &active[i + 1..] {
                let alone = a.repository_use == Exclusive || b.repository_use == Exclusive;
                prop_assert!(!(alone && a.repository == b.repository));
            }
        }
    }
}
