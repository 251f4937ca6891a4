//! Faults of the table `resources`.

use super::*;

#[test]
fn resources_have_ranges_and_an_order() {
    let lines = [
        "resources = 3",
        "resources = { nice = 20 }",
        "resources = { nice = \"low\" }",
        "resources = { cpu_weight = 0 }",
        "resources = { io_weight = 10001 }",
        "resources = { memory_max = \"1 kB\" }",
        "resources = { memory_high = \"much\" }",
        "resources = { memory_high = \"2 GiB\", memory_max = \"1 GiB\" }",
        "resources = { max_runtime = 5 }",
        "resources = { max_runtime = \"0s\" }",
        "resources = { niec = 5 }",
        "resources = { x = 5 }",
    ];
    assert_snapshot!(faults_of(&lines), @r#"
    resources = 3
      13: expected a table, found an integer
        hint: write `[resources]` and its keys below
    resources = { nice = 20 }
      22: `20` is no niceness
        hint: write a number from -20 (before all others) to 19 (after all others)
    resources = { nice = "low" }
      22: `low` is no niceness
        hint: write a number from -20 (before all others) to 19 (after all others)
    resources = { cpu_weight = 0 }
      28: `0` is no weight
        hint: write a number from 1 to 10000; everybody else has 100
    resources = { io_weight = 10001 }
      27: `10001` is no weight
        hint: write a number from 1 to 10000; everybody else has 100
    resources = { memory_max = "1 kB" }
      28: no worker fits into 1 kB: a backup takes some 100 MiB and more
        hint: write a size such as `1 GiB`, or remove the key
    resources = { memory_high = "much" }
      29: `much` is no size; write one such as `500 kB`, `100 MiB` or `2 GiB`
    resources = { memory_high = "2 GiB", memory_max = "1 GiB" }
      29: `memory_high` is 2 GiB, more than `memory_max`, which is 1 GiB
        hint: from `memory_high` on the worker is slowed down, at `memory_max` it is killed
    resources = { max_runtime = 5 }
      29: `5` has no unit; write a duration such as `90s`, `30m`, `26h` or `2d`
    resources = { max_runtime = "0s" }
      29: `max_runtime` must be a second at least
        hint: write how long a backup may take, such as `6h`, or remove the key
    resources = { niec = 5 }
      15: unknown key `resources.niec`
        hint: did you mean `nice`?
    resources = { x = 5 }
      15: unknown key `resources.x`
        hint: the keys are `nice`, `cpu_weight`, `io_weight`, `memory_high`, `memory_max` and `max_runtime`
    "#);
}
