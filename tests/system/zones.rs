//! A machine that is given another time zone, and whose time zone database changes, under the daemon's sandbox.

use backupd_dbus::{JobProperties, ManagerProperties};
use backupd_tests::{Machine, machine::Release, on_each_release};

on_each_release!(
    another_zone_of_the_machine_takes_effect,
    an_update_of_the_database_takes_effect,
    a_machine_without_a_database_says_so,
);

/// As `timedatectl set-timezone` and installers do it; the clock, which is the host's, is left alone.
fn set_zone(machine: &Machine, name: &str) {
    let script = format!(
        "ln -s ../usr/share/zoneinfo/{name} /etc/localtime.new && mv -T /etc/localtime.new /etc/localtime"
    );
    machine.shell(&script).well();
}

/// Waits until the manager and the job are so; answers the job.
fn wait_for(
    machine: &Machine,
    what: &str,
    is_so: impl Fn(&ManagerProperties, &JobProperties) -> bool,
) -> JobProperties {
    let bus = machine.bus();
    let found = bus.listen().until(|_| {
        let (manager, job) = (bus.manager_properties(), bus.job("home"));
        is_so(&manager, &job).then_some(job)
    });
    found.unwrap_or_else(|| panic!("in vain waited for {what}: {:?}", bus.manager_properties()))
}

fn with_schedule(release: Release, schedule: &str) -> Machine {
    let machine = Machine::boot(release);
    machine.write_repository("main");
    machine.write_job("home", schedule);
    machine.backupctl(["config", "reload"]).well();
    machine
}

const HOUR: u64 = 3_600_000_000;
const DAY: u64 = 24 * HOUR;

fn another_zone_of_the_machine_takes_effect(release: Release) {
    let machine = with_schedule(release, "schedule = \"02:00\"");
    let before = wait_for(&machine, "UTC", |manager, _| {
        manager.time_zone.as_deref() == Some("Etc/UTC")
    });
    assert_eq!(before.next_usec.unwrap() % DAY, 2 * HOUR);
    set_zone(&machine, "Asia/Tokyo");
    let after = wait_for(&machine, "Tokyo", |manager, _| {
        manager.time_zone.as_deref() == Some("Asia/Tokyo")
    });
    assert_eq!(after.next_usec.unwrap() % DAY, 17 * HOUR);
    machine.wait_for_journal(&["MESSAGE=the time zone of the machine is now `Asia/Tokyo`"]);
    // A copy is as good as a link, but for its name.
    machine
        .shell("cp --remove-destination /usr/share/zoneinfo/Asia/Kolkata /etc/localtime")
        .well();
    let copied = wait_for(&machine, "Kolkata", |manager, _| {
        manager.time_zone.as_deref() == Some("")
    });
    assert_eq!(copied.next_usec.unwrap() % DAY, 20 * HOUR + HOUR / 2);
}

fn an_update_of_the_database_takes_effect(release: Release) {
    let machine = with_schedule(
        release,
        "schedule = { calendar = \"02:00\", timezone = \"Asia/Tokyo\" }",
    );
    let before = wait_for(&machine, "Tokyo", |_, job| {
        job.next_usec.is_some_and(|next| next > 0)
    });
    assert_eq!(before.next_usec.unwrap() % DAY, 17 * HOUR);
    // As packages bring them: a new file takes the name of the old one.
    machine
        .shell("cd /usr/share/zoneinfo/Asia && cp Kolkata Tokyo.dpkg-new && mv Tokyo.dpkg-new Tokyo")
        .well();
    let after = wait_for(&machine, "new rules", |_, job| job.next_usec != before.next_usec);
    assert_eq!(after.next_usec.unwrap() % DAY, 20 * HOUR + HOUR / 2);
    machine.wait_for_journal(&["MESSAGE=the time zone database has changed and is read again"]);
}

fn a_machine_without_a_database_says_so(release: Release) {
    let machine = with_schedule(release, "schedule = \"02:00\"");
    let missing = |manager: &ManagerProperties| {
        let mut reasons = manager.health_reasons.iter().flatten();
        reasons.any(|reason| reason.contains("there is no time zone database"))
    };
    let away = "mv /usr/share/zoneinfo /usr/share/away";
    let back = "mv /usr/share/away /usr/share/zoneinfo";
    machine.shell(away).well();
    wait_for(&machine, "a database that is gone", |manager, _| missing(manager));
    machine.shell(back).well();
    wait_for(&machine, "a database that is back", |manager, _| {
        !missing(manager)
    });

    // The daemon may have started without one.
    machine.shell(away).well();
    machine.run(["systemctl", "restart", "backupd"]).well();
    wait_for(&machine, "no database", |manager, _| missing(manager));
    machine.shell(back).well();
    set_zone(&machine, "Asia/Tokyo");
    wait_for(&machine, "a database that comes late", |manager, _| {
        !missing(manager) && manager.time_zone.as_deref() == Some("Asia/Tokyo")
    });
    machine.write_job(
        "home",
        "schedule = { calendar = \"02:00\", timezone = \"Asia/Kolkata\" }",
    );
    machine.backupctl(["config", "reload"]).well();
}
