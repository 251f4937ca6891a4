//! The real `UPower`: what it says of a battery that the test makes, and that nobody misses it.

use backupd_tests::{
    Bus, Machine,
    bus::id_of,
    machine::{Release, Setup},
    on_each_release,
};
use jiff::{Timestamp, tz::TimeZone};

on_each_release!(upower_tells_whether_the_machine_is_on_battery_power);

/// A battery as the kernel shows it, below a directory that stands for the kernel's. Only the library that reads it
/// has to be told not to look at the file system.
const BATTERY: &str = "mkdir -p /srv/power/BAT0 /etc/systemd/system/upower.service.d
cat > /srv/power/BAT0/uevent <<'END'
POWER_SUPPLY_NAME=BAT0
POWER_SUPPLY_TYPE=Battery
END
ln -s /sys/class/power_supply /srv/power/BAT0/subsystem
cd /srv/power/BAT0
echo Battery > type; echo System > scope; echo 1 > present; echo Li-ion > technology; echo Discharging > status
echo 40000000 > energy_full_design; echo 40000000 > energy_full; echo 20000000 > energy_now; echo 50 > capacity
echo 5000000 > power_now; echo 12000000 > voltage_now
cat > /etc/systemd/system/upower.service.d/battery.conf <<'END'
[Service]
Environment=SYSTEMD_DEVICE_VERIFY_SYSFS=0
BindReadOnlyPaths=/srv/power:/sys/class/power_supply
END";

/// Has the job start by itself, which alone heeds conditions; answers its run.
fn starts(machine: &Machine, bus: &Bus) -> String {
    let at = Timestamp::from_second(Timestamp::now().as_second() + 3).unwrap();
    let time = at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string();
    let schedule = format!("schedule = {{ calendar = \"{time} UTC\", settle = \"0s\" }}\n");
    machine.write_job("home", &(schedule + "[conditions]\nac_power = true"));
    let before = bus.job("home").last_run;
    let listener = bus.listen();
    machine.backupctl(["config", "reload"]).well();
    let found = listener.until(|_| {
        let job = bus.job("home");
        let runs = [
            job.active_run,
            job.last_run.filter(|last| Some(last) != before.as_ref()),
        ];
        runs.into_iter().flatten().find(|run| run.as_str() != "/")
    });
    id_of(&found.unwrap())
}

fn upower_tells_whether_the_machine_is_on_battery_power(release: Release) {
    let machine = Setup::new(release)
        .install("upower")
        .prepare(BATTERY)
        .boot()
        .with_job();
    let bus = machine.bus();
    assert_eq!(machine.property("upower", "ActiveState"), "inactive");

    // Asking starts it.
    let run = starts(&machine, bus);
    bus.wait_for_run(&run, "what it waits for", |run| {
        let blocked = run.blocked_by.iter().flatten();
        blocked
            .map(|blocked| blocked.what.as_str())
            .eq(["on battery power"])
    });
    assert_eq!(machine.property("upower", "ActiveState"), "active");
    // A machine without a battery.
    machine
        .shell("rm /etc/systemd/system/upower.service.d/battery.conf; systemctl daemon-reload; systemctl restart upower")
        .well();
    let ended = bus.wait_for_end(&run);
    assert_eq!(ended.result.as_deref(), Some("success"), "{ended:?}");
    let again = starts(&machine, bus);
    assert_eq!(bus.wait_for_end(&again).result.as_deref(), Some("success"));

    // One that cannot be started is as good as none, and no reason to complain.
    machine.run(["systemctl", "mask", "--now", "upower"]).well();
    let without = starts(&machine, bus);
    assert_eq!(bus.wait_for_end(&without).result.as_deref(), Some("success"));
    machine.run(["journalctl", "--sync"]).well();
    let loud = machine
        .run([
            "journalctl",
            "--boot",
            "--unit=backupd",
            "--priority=warning",
            "--quiet",
        ])
        .stdout;
    assert_eq!(loud, "");
}
