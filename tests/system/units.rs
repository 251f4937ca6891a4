//! Workers as transient units: what they may do, and how they end.

use std::{fs, os::unix::fs::MetadataExt as _};

use backupd_tests::{
    Machine,
    machine::{ALICE, Release},
    on_each_release, skip,
};

on_each_release!(
    a_backup_is_the_unit_that_is_shown,
    stopping_the_unit_cancels_the_run,
    limits_change_while_a_run_is_at_work,
    a_worker_out_of_memory_says_so,
    a_run_that_takes_too_long_is_timed_out,
    a_restore_brings_back_owners_and_modes,
    a_repository_of_a_user_can_be_written,
    a_users_run_is_a_unit_of_the_users_manager,
);

fn unit_of(run: &str) -> String {
    format!("backupd-run-{run}.service")
}

fn a_backup_is_the_unit_that_is_shown(release: Release) {
    let machine = Machine::boot(release).with_job();
    machine.write_job(
        "home",
        "[resources]\nnice = 10\ncpu_weight = 20\nmax_runtime = \"6h\"",
    );
    machine.backupctl(["config", "reload"]).well();
    let shown = machine.backupctl(["job", "show-unit", "home"]).well().stdout;
    let held = machine.start_and_hold();
    let unit = unit_of(&held.run);
    let run = machine.bus().run(&held.run);
    assert_eq!(run.unit.as_deref(), Some(unit.as_str()));
    // What the transient unit says, setting by setting, is what was shown.
    let file = machine.run(["systemctl", "cat", &unit]).well().stdout;
    let settings = [
        "CapabilityBoundingSet",
        "ProtectSystem",
        "ProtectHome",
        "PrivateNetwork",
        "Slice",
        "Nice",
        "CPUWeight",
    ];
    for setting in settings {
        let line = shown
            .lines()
            .find(|line| line.starts_with(&format!("{setting}=")))
            .unwrap();
        let (_, value) = line.split_once('=').unwrap();
        let found = machine.property(&unit, setting);
        assert_eq!(found.to_lowercase(), value.to_lowercase(), "{setting}: {file}");
    }
    assert_eq!(machine.property(&unit, "RuntimeMaxUSec"), "6h 31s");
    assert_eq!(machine.property(&unit, "TimeoutStopUSec"), "31s");
    let writable = machine.property(&unit, "ReadWritePaths");
    let directory = format!("-/var/lib/backupd/runs/{}/attempt-1", held.run);
    assert_eq!(writable, format!("{directory} -/srv/repository-main"));
    held.release();
    assert_eq!(
        machine.bus().wait_for_end(&held.run).result.as_deref(),
        Some("success")
    );
    let journal = machine
        .run([
            "journalctl",
            "-o",
            "cat",
            &format!("BACKUPD_RUN={}", held.run),
            "SYSLOG_IDENTIFIER=backupd-worker",
        ])
        .well();
    assert!(journal.stdout.contains("phase"), "{}", journal.stdout);
}

fn stopping_the_unit_cancels_the_run(release: Release) {
    let machine = Machine::boot(release).with_job();
    let held = machine.start_and_hold();
    machine.run(["systemctl", "stop", &unit_of(&held.run)]).well();
    let run = machine.bus().wait_for_end(&held.run);
    assert_eq!(run.result.as_deref(), Some("cancelled"), "{run:?}");
}

fn limits_change_while_a_run_is_at_work(release: Release) {
    let machine = Machine::boot(release).with_job();
    let held = machine.start_and_hold();
    let said = machine
        .backupctl(["limit", "home", "--cpu-weight", "7", "--memory-max", "1 GiB"])
        .well();
    assert!(
        said.stdout.contains('7') && said.stdout.contains("1 GiB"),
        "{}",
        said.stdout
    );
    let unit = unit_of(&held.run);
    assert_eq!(machine.property(&unit, "CPUWeight"), "7");
    assert_eq!(machine.property(&unit, "MemoryMax"), (1_u64 << 30).to_string());
    held.release();
    assert_eq!(
        machine.bus().wait_for_end(&held.run).result.as_deref(),
        Some("success")
    );
    let refused = machine.backupctl(["limit", &held.run, "--cpu-weight", "7"]);
    refused.with_code(1);
}

fn a_worker_out_of_memory_says_so(release: Release) {
    let controllers = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").unwrap_or_default();
    if !controllers
        .split_whitespace()
        .any(|controller| controller == "memory")
    {
        return skip("this kernel limits the memory of no machine");
    }
    let machine = Machine::boot(release).with_job();
    machine.write_job("home", "[resources]\nmemory_max = \"4 MiB\"");
    machine.backupctl(["config", "reload"]).well();
    machine.write_long();
    let run = machine.bus().start("home").unwrap();
    let run = machine.bus().wait_for_end(&run);
    assert_eq!(run.result.as_deref(), Some("interrupted"), "{run:?}");
    assert!(run.failure_message.unwrap().contains("out of memory"));
    assert!(
        run.failure_hint
            .unwrap()
            .contains("raise `memory_max` in `jobs.d/home.toml`")
    );
}

fn a_run_that_takes_too_long_is_timed_out(release: Release) {
    let machine = Machine::boot(release).with_job();
    machine.write_job("home", "[resources]\nmax_runtime = \"1s\"");
    machine.backupctl(["config", "reload"]).well();
    machine.write_endless();
    let run = machine.bus().start("home").unwrap();
    let ended = machine.bus().wait_for_end(&run);
    assert_eq!(ended.result.as_deref(), Some("timed-out"), "{ended:?}");
    assert_eq!(ended.failure_class.as_deref(), Some("timed-out"));
    // The journal has the worker's warning as one.
    let run = format!("BACKUPD_RUN={run}");
    machine.run(["journalctl", "--sync"]).well();
    let warnings = machine
        .run([
            "journalctl",
            "-o",
            "cat",
            "--priority=warning",
            "SYSLOG_IDENTIFIER=backupd-worker",
            &run,
        ])
        .well();
    let first = warnings.stdout.lines().next();
    assert_eq!(first, Some("`max_runtime` has passed"), "{warnings:?}");
}

fn a_restore_brings_back_owners_and_modes(release: Release) {
    let machine = Machine::boot(release).with_job();
    machine
        .shell("cp /bin/true /srv/home/tool; chown alice:alice /srv/home/tool; chmod 4711 /srv/home/tool")
        .well();
    machine.backupctl(["start", "home", "--wait"]).well();
    for target in ["/home/alice/back", "/new-below-root", "/srv/several/new/ones"] {
        machine
            .backupctl(["restore", "latest", "--job", "home", "--to", target, "--wait"])
            .well();
        let restored = fs::metadata(machine.path(format!("{target}/srv/home/tool"))).unwrap();
        assert_eq!(
            (restored.uid(), restored.mode() & 0o7777),
            (ALICE.id, 0o4711),
            "{target}"
        );
    }
}

fn a_repository_of_a_user_can_be_written(release: Release) {
    let machine = Machine::boot(release).with_job();
    machine
        .shell("chown -R alice:alice /srv/repository-main; chmod -R go-w /srv/repository-main")
        .well();
    machine.backupctl(["start", "home", "--wait"]).well();
    let shown = machine.backupctl(["job", "show-unit", "home"]).well().stdout;
    assert!(shown.contains("CAP_DAC_OVERRIDE"), "{shown}");
}

fn a_users_run_is_a_unit_of_the_users_manager(release: Release) {
    let machine = Machine::boot(release);
    machine.start_user_manager(ALICE);
    let script = "mkdir -p .config/backupd/jobs.d .config/backupd/repositories.d data
        echo hello >data/file
        (umask 077; echo secret >.config/backupd/password)
        printf 'url = \"%s/repository\"\\npassword_file = \"%s/.config/backupd/password\"\\n' \"$HOME\" \"$HOME\" \
            >.config/backupd/repositories.d/own.toml
        printf 'repository = \"own\"\\nsources = [\"%s/data\"]\\n' \"$HOME\" >.config/backupd/jobs.d/data.toml
        systemctl --user start backupd";
    machine.run_as(ALICE, ["sh", "-euc", script]).well();
    machine
        .backupctl_as(ALICE, ["--user", "repository", "init", "own"])
        .well();
    machine
        .backupctl_as(ALICE, ["--user", "start", "data", "--wait"])
        .well();
    let runs = machine
        .backupctl_as(ALICE, ["--user", "runs", "--json"])
        .well()
        .stdout;
    let runs: serde_json::Value = serde_json::from_str(&runs).unwrap();
    let unit = runs["runs"][0]["unit"].as_str().unwrap();
    let journal = machine
        .run(["journalctl", "-o", "cat", &format!("_SYSTEMD_USER_UNIT={unit}")])
        .well();
    assert!(journal.stdout.contains("phase"), "{}", journal.stdout);
}
