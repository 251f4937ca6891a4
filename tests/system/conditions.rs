//! What runs wait for, as the daemon sees it from within its sandbox.

use backupd_tests::{
    Machine,
    bus::id_of,
    machine::{Release, Setup},
    on_each_release,
};
use jiff::{Timestamp, tz::TimeZone};
use tokio::runtime::Runtime;
use zbus::{Connection, connection::Builder, interface};

on_each_release!(
    the_sandbox_hides_nothing_that_runs_wait_for,
    a_run_waits_until_the_machine_is_as_its_job_says,
);

/// What the packages of these services bring: anybody may ask, and root serves.
const POLICY: &str = "cat > /etc/dbus-1/system.d/fakes.conf <<'END'
<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"
 \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">
<busconfig>
  <policy user=\"root\">
    <allow own=\"org.freedesktop.UPower\"/>
    <allow own=\"org.freedesktop.NetworkManager\"/>
  </policy>
  <policy context=\"default\">
    <allow send_destination=\"org.freedesktop.UPower\" send_interface=\"org.freedesktop.DBus.Properties\"/>
    <allow send_destination=\"org.freedesktop.NetworkManager\" send_interface=\"org.freedesktop.DBus.Properties\"/>
  </policy>
</busconfig>
END";

/// Somebody who listens on the loopback of the machine.
const LISTENER: &str = "cat > /etc/systemd/system/nas.socket <<'END'
[Socket]
ListenStream=127.0.0.1:2222
[Install]
WantedBy=sockets.target
END
cat > /etc/systemd/system/nas.service <<'END'
[Service]
ExecStart=/bin/sleep infinity
END
systemctl --quiet enable nas.socket";

struct UPower {
    on_battery: bool,
}

#[interface(name = "org.freedesktop.UPower")]
impl UPower {
    #[zbus(property)]
    fn on_battery(&self) -> bool {
        self.on_battery
    }
}

struct NetworkManager {
    metered: u32,
    state: u32,
}

#[interface(name = "org.freedesktop.NetworkManager")]
impl NetworkManager {
    #[zbus(property)]
    fn metered(&self) -> u32 {
        self.metered
    }

    #[zbus(property)]
    fn state(&self) -> u32 {
        self.state
    }
}

/// Services of a laptop that is on battery power and on a metered network, or on neither.
fn services(runtime: &Runtime, machine: &Machine, is_away: bool) -> Connection {
    let socket = machine.path("/run/dbus/system_bus_socket");
    let address = format!("unix:path={}", socket.display());
    let manager = NetworkManager {
        metered: if is_away { 1 } else { 4 },
        state: 70,
    };
    let serving = Builder::address(address.as_str())
        .serve_at("/org/freedesktop/UPower", UPower { on_battery: is_away })
        .serve_at("/org/freedesktop/NetworkManager", manager)
        .name("org.freedesktop.UPower")
        .name("org.freedesktop.NetworkManager")
        .build();
    runtime.block_on(serving).unwrap()
}

fn a_run_waits_until_the_machine_is_as_its_job_says(release: Release) {
    let machine = Setup::new(release)
        .prepare(POLICY)
        .prepare(LISTENER)
        .boot()
        .with_job();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let away = services(&runtime, &machine, true);
    let at = Timestamp::from_second(Timestamp::now().as_second() + 3).unwrap();
    let time = at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string();
    let schedule = format!("schedule = {{ calendar = \"{time} UTC\", settle = \"0s\" }}\n");
    let conditions = "[conditions]\nac_power = true\nunmetered = true\nnetwork = true\n\
         mounted = [\"/home/usb\"]\ndevice = [\"/dev/disk/by-label/backup\"]\nreachable = [\"127.0.0.1:2222\"]\n\
         load_below = 1000\nfree_memory = \"1 MiB\"";
    machine.write_job("home", &(schedule + conditions));
    let bus = machine.bus();
    let listener = bus.listen();
    machine.backupctl(["config", "reload"]).well();
    let active = || bus.job("home").active_run.filter(|run| run.as_str() != "/");
    let run = id_of(&listener.until(|_| active()).unwrap());
    let blocked_by = |wanted: &[&str]| {
        bus.wait_for_run(&run, "what it waits for", |run| {
            let found = run.blocked_by.iter().flatten();
            let mut found: Vec<&str> = found.map(|blocked| blocked.what.as_str()).collect();
            let mut wanted = wanted.to_vec();
            found.sort_unstable();
            wanted.sort_unstable();
            found == wanted
        });
    };
    let (battery, metered) = ("on battery power", "on a metered network");
    let (mount, device) = (
        "`/home/usb` is not mounted",
        "`/dev/disk/by-label/backup` is not there",
    );
    blocked_by(&[battery, metered, mount, device]);
    machine
        .shell("mkdir -p /home/usb; mount -t tmpfs usb /home/usb")
        .well();
    blocked_by(&[battery, metered, device]);
    machine.backupctl(["why", "home"]).tells("mains power");
    runtime.block_on(away.close()).unwrap();
    // Nobody can tell any more.
    blocked_by(&[device]);
    let _home = services(&runtime, &machine, false);
    machine
        .shell("mkdir -p /dev/disk/by-label; touch /dev/disk/by-label/backup")
        .well();
    let ended = bus.wait_for_end(&run);
    assert_eq!(ended.result.as_deref(), Some("success"), "{ended:?}");
}

/// Asks in the daemon's mount namespace.
fn daemon_sees(machine: &Machine, script: &str) -> bool {
    let pid = machine.property("backupd", "MainPID");
    let enter = ["nsenter", "--mount", "--target", &pid, "sh", "-c", script];
    machine.run(enter).code == Some(0)
}

fn the_sandbox_hides_nothing_that_runs_wait_for(release: Release) {
    let machine = Machine::boot(release);
    for place in [
        "/srv/usb",
        "/mnt/usb",
        "/home/alice/usb",
        "/root/usb",
        "/tmp/usb",
        "/run/media/usb",
    ] {
        let listed = format!("grep -q ' {place} ' /proc/self/mountinfo");
        assert!(!daemon_sees(&machine, &listed), "{place}");
        machine
            .shell(&format!("mkdir -p {place}; mount -t tmpfs usb {place}"))
            .well();
        assert!(daemon_sees(&machine, &listed), "{place}");
        machine.run(["umount", place]).well();
        assert!(!daemon_sees(&machine, &listed), "{place}");
    }
    machine
        .shell("mkdir -p /dev/disk/by-label; mknod /dev/sdz b 8 400 || touch /dev/sdz")
        .well();
    machine.shell("ln -s ../../sdz /dev/disk/by-label/backup").well();
    assert!(daemon_sees(&machine, "test -e /dev/disk/by-label/backup"));
    machine.shell("rm /dev/disk/by-label/backup").well();
    assert!(!daemon_sees(&machine, "test -e /dev/disk/by-label/backup"));
    assert!(daemon_sees(
        &machine,
        "grep -q MemAvailable /proc/meminfo && grep -q . /proc/loadavg"
    ));
}
