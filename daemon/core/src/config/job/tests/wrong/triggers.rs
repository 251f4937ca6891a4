//! Faults of the table `triggers`.

use super::*;

#[test]
fn each_trigger_has_its_form() {
    let lines = [
        "triggers = [\"shutdown\"]",
        "triggers = { package_upgrade = \"apt\" }",
        "triggers = { shutdown = 1 }",
        "triggers = { path_change = true }",
        "triggers = { path_change = { quiet = 30 } }",
        "triggers = { path_change = { quiet = \"0s\" } }",
        "triggers = { path_change = { quiet = \"2h\" } }",
        "triggers = { path_change = { distance = \"far\" } }",
        "triggers = { path_change = { distance = \"10s\" } }",
        "triggers = { path_change = { quiet = \"15m\", distance = \"10m\" } }",
        "triggers = { path_change = { quite = \"30s\" } }",
        "triggers = { device = \"/dev/sdb\" }",
        "triggers = { device = [\"sdb\"] }",
        "triggers = { device = [\"/srv/usb\"] }",
        "triggers = { device = [\"/dev/sdb\", \"/dev/sdb\"] }",
        "triggers = { pathchange = {} }",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    triggers = ["shutdown"]
      12: expected a table, found a list
        hint: write `[triggers]` and its keys below
    triggers = { package_upgrade = "apt" }
      32: expected a boolean, found a string
        hint: write `true` or `false`, without quotes
    triggers = { shutdown = 1 }
      25: expected a boolean, found an integer
        hint: write `true` or `false`, without quotes
    triggers = { path_change = true }
      28: expected a table, found a boolean
        hint: write `[triggers.path_change]` and its keys below
    triggers = { path_change = { quiet = 30 } }
      38: `30` has no unit; write a duration such as `90s`, `30m`, `26h` or `2d`
    triggers = { path_change = { quiet = "0s" } }
      38: `quiet` is a duration from `1s` to `1h`
        hint: a run begins when nothing has changed for so long, such as `30s`
    triggers = { path_change = { quiet = "2h" } }
      38: `quiet` is a duration from `1s` to `1h`
        hint: a run begins when nothing has changed for so long, such as `30s`
    triggers = { path_change = { distance = "far" } }
      41: `far` is no duration; write one such as `90s`, `30m`, `26h` or `2d`
    triggers = { path_change = { distance = "10s" } }
      41: `distance` is 10s, less than `quiet`, which is 30s
        hint: `distance` is the least time from run to run, such as `10m`; `quiet` passes before each
    triggers = { path_change = { quiet = "15m", distance = "10m" } }
      56: `distance` is 10m, less than `quiet`, which is 15m
        hint: `distance` is the least time from run to run, such as `10m`; `quiet` passes before each
    triggers = { path_change = { quite = "30s" } }
      30: unknown key `triggers.path_change.quite`
        hint: did you mean `quiet`?
    triggers = { device = "/dev/sdb" }
      23: expected a list of strings, found a string
        hint: write a list in brackets, such as `device = ["…"]`
    triggers = { device = ["sdb"] }
      24: `sdb` is not an absolute path
        hint: write the whole path, such as `/dev/disk/by-label/backup`
    triggers = { device = ["/srv/usb"] }
      24: `/srv/usb` is no device node
        hint: write one in `/dev` that is always named alike, such as `/dev/disk/by-label/backup`
    triggers = { device = ["/dev/sdb", "/dev/sdb"] }
      36: `/dev/sdb` stands here twice
        hint: remove one of the two
    triggers = { pathchange = {} }
      14: unknown key `triggers.pathchange`
        hint: did you mean `path_change`?
    "#);
}
