//! Faults of the table `conditions`.

use super::*;

#[test]
fn each_condition_has_its_form() {
    let lines = [
        "conditions = true",
        "conditions = { ac_power = \"yes\" }",
        "conditions = { battery_above = 0 }",
        "conditions = { battery_above = 100 }",
        "conditions = { battery_above = \"40 %\" }",
        "conditions = { battery_above = 40.5 }",
        "conditions = { mounted = \"/srv/usb\" }",
        "conditions = { mounted = [\"usb\"] }",
        "conditions = { device = [\"sdb1\"] }",
        "conditions = { load_below = 0 }",
        "conditions = { load_below = -1.5 }",
        "conditions = { load_below = inf }",
        "conditions = { load_below = \"low\" }",
        "conditions = { free_memory = 0 }",
        "conditions = { free_memory = \"lots\" }",
        "conditions = { when_lost = \"stopp\" }",
        "conditions = { when_lost = \"wait\" }",
        "conditions = { onbattery = false }",
        "conditions = { moon = \"full\" }",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    conditions = true
      14: expected a table, found a boolean
        hint: write `[conditions]` and its keys below
    conditions = { ac_power = "yes" }
      27: expected a boolean, found a string
        hint: write `true` or `false`, without quotes
    conditions = { battery_above = 0 }
      32: `0` is no level of a battery, in percent
        hint: write a number from 1 to 99; for mains power alone write `ac_power = true`
    conditions = { battery_above = 100 }
      32: `100` is no level of a battery, in percent
        hint: write a number from 1 to 99; for mains power alone write `ac_power = true`
    conditions = { battery_above = "40 %" }
      32: `40 %` is no level of a battery, in percent
        hint: write a number from 1 to 99; for mains power alone write `ac_power = true`
    conditions = { battery_above = 40.5 }
      32: expected a string or an integer, found a float
    conditions = { mounted = "/srv/usb" }
      26: expected a list of strings, found a string
        hint: write a list in brackets, such as `mounted = ["…"]`
    conditions = { mounted = ["usb"] }
      27: `usb` is not an absolute path
        hint: write the whole path, such as `/srv/usb`
    conditions = { device = ["sdb1"] }
      26: `sdb1` is not an absolute path
        hint: write the whole path, such as `/dev/disk/by-label/backup`
    conditions = { load_below = 0 }
      29: no machine has a load below `0`
        hint: write a number such as `4.0`: so many programs want to work at once
    conditions = { load_below = -1.5 }
      29: no machine has a load below `-1.5`
        hint: write a number such as `4.0`: so many programs want to work at once
    conditions = { load_below = inf }
      29: every machine has a load below `inf`
        hint: write a number such as `4.0`: so many programs want to work at once
    conditions = { load_below = "low" }
      29: expected a number, found a string
    conditions = { free_memory = 0 }
      30: 0 bytes of memory are always free
        hint: write a size such as `1 GiB`, or remove the key
    conditions = { free_memory = "lots" }
      30: `lots` is no size; write one such as `500 kB`, `100 MiB` or `2 GiB`
    conditions = { when_lost = "stopp" }
      28: `stopp` is no answer to a lost condition
        hint: did you mean `stop`?
    conditions = { when_lost = "wait" }
      28: `wait` is no answer to a lost condition
        hint: write `continue` or `stop`
    conditions = { onbattery = false }
      16: unknown key `conditions.onbattery`
        hint: the keys are `ac_power`, `battery_above`, `unmetered`, `network`, `mounted`, `device`, `reachable`, `load_below`, `free_memory` and `when_lost`
    conditions = { moon = "full" }
      16: unknown key `conditions.moon`
        hint: the keys are `ac_power`, `battery_above`, `unmetered`, `network`, `mounted`, `device`, `reachable`, `load_below`, `free_memory` and `when_lost`
    "#);
}

#[test]
fn a_host_has_a_port() {
    let lines = [
        "nas",
        "nas:",
        "nas:0",
        "nas:65536",
        "nas:ssh",
        "nas:+22",
        ":22",
        "na s:22",
        "-nas:22",
        "nas..lan:22",
        "müller:22",
        "2001:db8::1",
        "2001:db8::1:22",
        "[nas]:22",
        "https://nas:443",
        "",
    ];
    let lines = lines.map(|place| format!("conditions = {{ reachable = [\"{place}\"] }}"));
    assert_snapshot!(faults_of(&lines.each_ref().map(String::as_str)), @r#"
    conditions = { reachable = ["nas"] }
      29: `nas` names no port
        hint: write a host and a port, such as `nas:22`
    conditions = { reachable = ["nas:"] }
      29: `nas:` names no port
        hint: a port is a number from 1 to 65535, such as 22 in `nas:22`
    conditions = { reachable = ["nas:0"] }
      29: `nas:0` names no port
        hint: a port is a number from 1 to 65535, such as 22 in `nas:22`
    conditions = { reachable = ["nas:65536"] }
      29: `nas:65536` names no port
        hint: a port is a number from 1 to 65535, such as 22 in `nas:22`
    conditions = { reachable = ["nas:ssh"] }
      29: `nas:ssh` names no port
        hint: a port is a number from 1 to 65535, such as 22 in `nas:22`
    conditions = { reachable = ["nas:+22"] }
      29: `nas:+22` names no port
        hint: a port is a number from 1 to 65535, such as 22 in `nas:22`
    conditions = { reachable = [":22"] }
      29: `:22` names no host
        hint: write a host and a port, such as `nas:22` or `[2001:db8::1]:22`
    conditions = { reachable = ["na s:22"] }
      29: `na s:22` names no host
        hint: write a host and a port, such as `nas:22` or `[2001:db8::1]:22`
    conditions = { reachable = ["-nas:22"] }
      29: `-nas:22` names no host
        hint: write a host and a port, such as `nas:22` or `[2001:db8::1]:22`
    conditions = { reachable = ["nas..lan:22"] }
      29: `nas..lan:22` names no host
        hint: write a host and a port, such as `nas:22` or `[2001:db8::1]:22`
    conditions = { reachable = ["müller:22"] }
      29: `müller:22` names no host
        hint: write a host and a port, such as `nas:22` or `[2001:db8::1]:22`
    conditions = { reachable = ["2001:db8::1"] }
      29: `2001:db8::1` is not clear: an address with colons stands in brackets
        hint: write a host and a port, such as `nas:22` or `[2001:db8::1]:22`
    conditions = { reachable = ["2001:db8::1:22"] }
      29: `2001:db8::1:22` is not clear: an address with colons stands in brackets
        hint: write a host and a port, such as `nas:22` or `[2001:db8::1]:22`
    conditions = { reachable = ["[nas]:22"] }
      29: `[nas]:22` names no host
        hint: write a host and a port, such as `nas:22` or `[2001:db8::1]:22`
    conditions = { reachable = ["https://nas:443"] }
      29: `https://nas:443` names no host
        hint: write a host and a port, such as `nas:22` or `[2001:db8::1]:22`
    conditions = { reachable = [""] }
      29: `` names no port
        hint: write a host and a port, such as `nas:22`
    "#);
}

#[test]
fn what_contradicts_itself_is_refused() {
    let lines = [
        "conditions = { ac_power = true, battery_above = 40 }",
        "conditions = { mounted = [\"/srv/usb\", \"/srv/usb/\"] }",
        "conditions = { device = [\"/dev/sdb\", \"/dev/sdb\"] }",
        "conditions = { reachable = [\"nas:22\", \"nas:22\"] }",
        "conditions = { unmetered = true, network = false }",
        "conditions = { reachable = [\"nas:22\"], network = false }",
        "conditions = { when_lost = \"stop\" }",
        "conditions = { ac_power = false, when_lost = \"continue\" }",
        "conditions = { load_below = 4, free_memory = \"1 GiB\", when_lost = \"stop\" }",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    conditions = { ac_power = true, battery_above = 40 }
      49: `battery_above` is without effect beside `ac_power = true`
        hint: remove one of the two: `battery_above` holds on mains power as well, `ac_power` on nothing else
    conditions = { mounted = ["/srv/usb", "/srv/usb/"] }
      39: `/srv/usb` stands here twice
        hint: remove one of the two
    conditions = { device = ["/dev/sdb", "/dev/sdb"] }
      38: `/dev/sdb` stands here twice
        hint: remove one of the two
    conditions = { reachable = ["nas:22", "nas:22"] }
      39: `nas:22` stands here twice
        hint: remove one of the two
    conditions = { unmetered = true, network = false }
      44: `network = false` contradicts `unmetered`, which asks for a network
        hint: remove one of the two
    conditions = { reachable = ["nas:22"], network = false }
      50: `network = false` contradicts `reachable`, which asks for a network
        hint: remove one of the two
    conditions = { when_lost = "stop" }
      28: `when_lost` is without effect: there is no condition to lose
        hint: add a condition, or remove it
    conditions = { ac_power = false, when_lost = "continue" }
      46: `when_lost` is without effect: there is no condition to lose
        hint: add a condition, or remove it
    conditions = { load_below = 4, free_memory = "1 GiB", when_lost = "stop" }
      67: `when_lost = "stop"` is without effect: a load and free memory are looked at before a run begins, and not while it is at work
        hint: add another condition, or remove it
    "#);
}
