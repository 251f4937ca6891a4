//! Faults of the key `copies`.

use super::*;

#[test]
fn each_copy_names_another_repository_once() {
    let lines = [
        "copies = 1",
        "copies = [\"a b\"]",
        "copies = [{ max_age = \"3d\" }]",
        "copies = [\"nas\"]",
        "copies = [\"cloud\", { to = \"cloud\" }]",
        "copies = [{ to = \"cloud\", max_age = \"soon\" }]",
        "copies = [{ to = \"cloud\", schedule = \"never\" }]",
        "copies = [{ to = \"cloud\", schedule = [\"daily\", \"weekly\"] }]",
        "copies = [{ to = \"cloud\", schedule = { calendar = \"02:00\", cron = \"0 2 * * *\" } }]",
        "copies = [{ to = \"a\", retry = { initial = \"1m\" } }, { to = \"b\", retry = { attempts = 0 } }]",
        "copies = [{ to = \"a\", retry = { attempts = 1, initial = \"1m\" } }]",
        "copies = [{ too = \"cloud\" }]",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    copies = 1
      10: expected a string or a table, found an integer
        hint: write where to, such as `copies = ["cloud"]` or `copies = [{ to = "cloud", max_age = "3d" }]`
    copies = ["a b"]
      11: `a b` is no repository name: a name is made of letters, digits, `-`, `_` and `.`, not of ` `
        hint: write the name of a file in `repositories.d`, without `.toml`
    copies = [{ max_age = "3d" }]
      11: `to` is missing
        hint: write the name of the repository that gets the copy, such as `to = "cloud"`
    copies = ["nas"]
      11: `nas` is the job's own repository
        hint: name another one, or remove it
    copies = ["cloud", { to = "cloud" }]
      20: the repository `cloud` stands here twice
        hint: remove one of the two
    copies = [{ to = "cloud", max_age = "soon" }]
      37: `soon` is no duration; write one such as `90s`, `30m`, `26h` or `2d`
    copies = [{ to = "cloud", schedule = "never" }]
      38: `never` is no time
        hint: such as `daily at 02:00`, `weekdays at 18:00` or `every 4h`
    copies = [{ to = "cloud", schedule = ["daily", "weekly"] }]
      48: a copy has one schedule only
        hint: one calendar event can stand for many: `Mon,Thu 04:00`
    copies = [{ to = "cloud", schedule = { calendar = "02:00", cron = "0 2 * * *" } }]
      67: `calendar` and `cron` exclude each other
        hint: leave one of the two
    copies = [{ to = "a", retry = { initial = "1m" } }, { to = "b", retry = { attempts = 0 } }]
      86: `0` is no number of attempts
        hint: write how often a run is tried in all, from 1 (never again) to 100
    copies = [{ to = "a", retry = { attempts = 1, initial = "1m" } }]
      57: `initial` is without effect: a single attempt is not repeated
        hint: write more `attempts`, or remove it
    copies = [{ too = "cloud" }]
      13: unknown key `copies.too`
        hint: did you mean `to`?
    "#);
}
