//! Calls that are not answered yet: nobody has so many of them that others find no room.

use std::collections::HashMap;

use backupd_dbus::Error;

use super::{Steered, USER, bus_of};

#[tokio::test]
async fn a_user_has_some_calls_and_the_others_have_theirs() {
    for (user, has_room) in [(USER, false), (USER + 1, true), (0, true)] {
        let bus = bus_of(Steered::new(user, |_| true)).await;
        let taken: Vec<_> = std::iter::from_fn(|| bus.open.users.take(USER)).collect();
        let manager = bus.manager().await;
        let none = HashMap::new();
        let answer = manager.get_job("home", &none).await;
        assert_eq!(answer.is_ok(), has_room, "user {user}: {answer:?}");
        let read = manager.list_runs(&none, &none).await;
        assert_eq!(read.is_ok(), has_room, "user {user}: {read:?}");
        if let Err(error) = answer {
            assert!(matches!(error, Error::LimitsExceeded(_)), "{error}");
        }
        drop(taken);
        manager.get_job("home", &none).await.unwrap();
    }
}

#[tokio::test]
async fn all_users_together_leave_room_for_root() {
    for (user, has_room) in [(USER, false), (0, true)] {
        let bus = bus_of(Steered::new(user, |_| true)).await;
        let taken: Vec<_> = (1..)
            .map_while(|other| bus.open.users.take(USER + other / 8))
            .collect();
        assert_eq!(taken.len(), 128);
        let answer = bus.manager().await.get_job("home", &HashMap::new()).await;
        assert_eq!(answer.is_ok(), has_room, "user {user}: {answer:?}");
    }
}

#[tokio::test]
async fn a_flood_of_starts_is_answered_and_is_one_run() {
    let bus = bus_of(Steered::new(0, |_| true)).await;
    let manager = bus.manager().await;
    let none = HashMap::new();
    let starts = (0..2000).map(|_| manager.start_job("home", &none));
    let mut runs = std::collections::BTreeSet::new();
    for answer in futures_util::future::join_all(starts).await {
        match answer {
            Ok(run) => drop(runs.insert(run.to_string())),
            Err(Error::LimitsExceeded(_) | Error::AlreadyRunning(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(runs.len(), 1);
    assert_eq!(bus.stage.launcher.launched.lock().unwrap().len(), 1);
}
