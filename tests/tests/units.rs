//! The unit files: what systemd itself thinks of them.

use std::{fs, path::Path, process::Command};

use backupd_tests::programs::program;

fn unit(scope: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../systemd/{scope}/backupd.service"));
    fs::read_to_string(path).unwrap()
}

/// Runs `systemd-analyze`; answers what it said on both outputs.
fn analyze(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .env("SYSTEMD_COLORS", "0")
        // The user's manager wants one; it does not write there.
        .env("XDG_RUNTIME_DIR", std::env::temp_dir())
        .output()
        .expect("systemd-analyze belongs to what scripts/install-deps.sh installs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn the_units_have_nothing_that_systemd_complains_about() {
    for scope in ["system", "user"] {
        let directory = tempfile::tempdir().unwrap();
        // Programs that are there, so that it is the unit alone that is looked at.
        let text = unit(scope)
            .replace(
                "/usr/libexec/backupd/backupd",
                &program("backupd").display().to_string(),
            )
            .replace("/usr/bin/backupctl", &program("backupctl").display().to_string());
        let file = directory.path().join("backupd.service");
        fs::write(&file, text).unwrap();
        let scope = format!("--{scope}");
        let (well, said) = analyze(&[&scope, "verify", "--man=no", file.to_str().unwrap()]);
        let about_us: Vec<&str> = said.lines().filter(|line| line.contains("backupd")).collect();
        assert!(well && about_us.is_empty(), "{said}");
    }
}

#[test]
fn the_sandbox_of_the_system_unit_is_tight() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("backupd.service");
    fs::write(&file, unit("system")).unwrap();
    // Tenths: at most 1.5.
    let (well, said) = analyze(&[
        "security",
        "--offline=true",
        "--threshold=15",
        "--no-pager",
        file.to_str().unwrap(),
    ]);
    assert!(well, "{said}");
}

#[test]
fn the_bus_starts_each_unit_by_its_alias() {
    for (scope, services) in [("system", "system-services"), ("user", "services")] {
        let path = format!("../dbus/{services}/org.backupd.Backup1.service");
        let activation = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let alias = "dbus-org.backupd.Backup1.service";
        assert!(
            activation.contains(&format!("\nSystemdService={alias}\n")),
            "{activation}"
        );
        assert!(unit(scope).contains(&format!("\nAlias={alias}\n")));
    }
}
