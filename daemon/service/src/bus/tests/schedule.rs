//! Starting several jobs, pausing them, and when they start by themselves.

use backupd_dbus::{Error, JobProxy, ManagerProxy, Options};

use super::*;

const HOURLY: &str =
    "repository = \"nas\"\nsources = [\"/opt\"]\nschedule = { calendar = \"hourly\", timezone = \"UTC\" }\n";

async fn with_srv(authority: std::sync::Arc<Steered>) -> Bus {
    let bus = bus_of(authority).await;
    let manager = bus.manager().await;
    manager.create_job("srv", HOURLY, &HashMap::new()).await.unwrap();
    bus.authority.asked.lock().unwrap().clear();
    bus
}

fn launched(bus: &Bus) -> usize {
    bus.stage.launcher.launched.lock().unwrap().len()
}

#[tokio::test]
async fn several_jobs_start_if_each_of_them_may() {
    let bus = with_srv(Steered::new(USER, |about| {
        about.job.as_ref().is_none_or(|job| job.as_str() != "home")
    }))
    .await;
    let manager = bus.manager().await;
    let none = HashMap::new();
    let error = manager.start_jobs(&["srv", "home"], &none).await.unwrap_err();
    assert!(matches!(error, Error::NotAuthorized(_)), "{error}");
    let asked: Vec<_> = bus.authority.asked.lock().unwrap().drain(..).collect();
    let abouts: Vec<_> = asked.into_iter().map(|asked| asked.about).collect();
    assert_eq!(abouts, ["srv", "home"].map(|job| About::job(job, Some("nas"))));
    assert_eq!(launched(&bus), 0);
    manager.start_jobs(&["srv"], &none).await.unwrap();
    assert_eq!(launched(&bus), 1);
}

#[tokio::test]
async fn runs_of_several_jobs_come_in_their_order_and_nothing_starts_where_one_cannot() {
    let bus = with_srv(Steered::new(USER, |_| true)).await;
    let manager = bus.manager().await;
    let none = HashMap::new();
    for names in [&["srv", "nobody"][..], &["srv", "no name"], &[]] {
        let error = manager.start_jobs(names, &none).await.unwrap_err();
        let expected = match names {
            [] => matches!(error, Error::InvalidArgument(_)),
            _ => matches!(error, Error::JobNotFound(_)),
        };
        assert!(expected, "{names:?}: {error}");
    }
    assert_eq!(launched(&bus), 0);
    let runs = manager.start_jobs(&["srv", "home", "srv"], &none).await.unwrap();
    assert_eq!(runs[0], runs[2]);
    let name = async |run: &zbus::OwnedObjectPath| {
        String::try_from(bus.properties(run, RUN_INTERFACE).await["JobName"].clone()).unwrap()
    };
    assert_eq!(
        (name(&runs[0]).await, name(&runs[1]).await),
        ("srv".into(), "home".into())
    );
}

#[tokio::test]
async fn what_is_told_from_outside_starts_who_waits_for_it() {
    let bus = with_srv(Steered::new(USER, |_| true)).await;
    let manager = bus.manager().await;
    let about = HashMap::from([("metadata", Variant::from("{\"packages\": [\"tzdata\"]}"))]);
    let runs = manager.trigger("package-upgrade", &about).await.unwrap();
    assert_eq!(runs.len(), 1);
    let run = bus.properties(&runs[0], RUN_INTERFACE).await;
    let text = |name: &str| String::try_from(run[name].clone()).unwrap();
    assert_eq!(
        (text("JobName"), text("Trigger")),
        ("home".into(), "package-upgrade".into())
    );
    assert!(text("Metadata").contains("tzdata"));
    assert!(
        manager
            .trigger("shutdown", &HashMap::new())
            .await
            .unwrap()
            .is_empty()
    );
    for word in ["schedule", "manual", "x"] {
        let error = manager.trigger(word, &HashMap::new()).await.unwrap_err();
        assert!(matches!(error, Error::InvalidArgument(_)), "{word}: {error}");
    }
}

async fn paused(bus: &Bus, path: &ObjectPath<'_>, interface: &str) -> (bool, u64) {
    let shown = bus.properties(path, interface).await;
    (
        bool::try_from(shown["Paused"].clone()).unwrap(),
        u64::try_from(shown["PausedUntilUSec"].clone()).unwrap(),
    )
}

#[tokio::test]
async fn a_pause_is_shown_until_it_is_ended() {
    let bus = with_srv(Steered::new(USER, |_| true)).await;
    let manager: ManagerProxy<'_> = bus.manager().await;
    let srv = JobProxy::new(&bus.client, job_path("srv"), Interaction::Forbidden)
        .await
        .unwrap();
    let (root, path) = (ROOT_PATH.try_into().unwrap(), job_path("srv"));
    let none: Options<'_> = HashMap::new();
    let until = 32_503_680_000_000_000;
    srv.pause(until, &none).await.unwrap();
    assert_eq!(paused(&bus, &path, JOB_INTERFACE).await, (true, until));
    assert_eq!(paused(&bus, &root, MANAGER_INTERFACE).await, (false, 0));
    srv.resume(&none).await.unwrap();
    assert_eq!(paused(&bus, &path, JOB_INTERFACE).await, (false, 0));
    manager.pause(0, &none).await.unwrap();
    assert_eq!(paused(&bus, &root, MANAGER_INTERFACE).await, (true, 0));
    assert_eq!(paused(&bus, &path, JOB_INTERFACE).await, (true, 0));
    manager.resume(&none).await.unwrap();
    assert_eq!(paused(&bus, &root, MANAGER_INTERFACE).await, (false, 0));

    for (until, reason) in [
        (1, "x".to_owned()),
        (u64::MAX, "x".to_owned()),
        (0, "x".repeat(1025)),
    ] {
        let options = HashMap::from([("reason", Variant::from(reason))]);
        let error = manager.pause(until, &options).await.unwrap_err();
        assert!(matches!(error, Error::InvalidArgument(_)), "{until}: {error}");
    }
}

#[tokio::test]
async fn what_comes_is_listed_in_order() {
    let bus = with_srv(Steered::new(USER, |_| true)).await;
    let manager = bus.manager().await;
    let options = HashMap::from([("limit", Variant::from(3_u32)), ("job", Variant::from("srv"))]);
    let elapses = manager.list_elapses(&options).await.unwrap();
    let times: Vec<_> = elapses.iter().map(|elapse| elapse.at_usec.unwrap()).collect();
    assert_eq!(times.len(), 3);
    assert!(
        times.windows(2).all(|pair| pair[1] - pair[0] == 3_600_000_000),
        "{times:?}"
    );
    assert!(elapses.iter().all(|elapse| {
        elapse.job_name.as_deref() == Some("srv") && elapse.time_zone.as_deref() == Some("UTC")
    }));
    let next = bus.properties(&job_path("srv"), JOB_INTERFACE).await["NextUSec"].clone();
    assert_eq!(u64::try_from(next).unwrap(), times[0]);

    let options = HashMap::from([("until-usec", Variant::from(times[0]))]);
    assert!(manager.list_elapses(&options).await.unwrap().is_empty());
    for (key, value) in [
        ("limit", Variant::from(0_u32)),
        ("limit", Variant::from(1001_u32)),
        ("job", Variant::from("no name")),
    ] {
        let error = manager
            .list_elapses(&HashMap::from([(key, value)]))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::InvalidArgument(_)), "{key}: {error}");
    }
    let unknown = HashMap::from([("job", Variant::from("nobody"))]);
    let error = manager.list_elapses(&unknown).await.unwrap_err();
    assert!(matches!(error, Error::JobNotFound(_)), "{error}");
}
