//! Who may do what on the machine's daemon, with a real polkit.
//!
//! Every method is called by a user like any other, by one whom a rule lets start and cancel one job, and by root. Each
//! call has an option that no method knows, or an empty password: who may call is told of that, and nothing is changed
//! by anybody.

use std::{collections::HashMap, fs, path::Path};

use backupd_dbus::{BUS_NAME, ROOT_PATH, job_path, repository_path, run_path, unescape};
use backupd_tests::{
    Machine, Said,
    machine::{ALICE, BOB, Release, Setup, User},
    on_each_release,
};

on_each_release!(
    every_method_is_for_those_whom_it_is_for,
    one_job_is_given_to_one_group,
    without_polkit_root_alone_goes_on,
);

/// Bob may start and cancel the job `nightly`, by the rule that the package brings as an example.
const DELEGATED: &str = "
    usermod --append --groups backup-operators bob
    cp /usr/share/doc/backupd/examples/polkit/50-backup-operators.rules /etc/polkit-1/rules.d/
";

/// With the jobs `home` and `nightly`, whose repository is not made yet.
fn machine(release: Release) -> Machine {
    let machine = Setup::new(release).prepare(DELEGATED).boot();
    machine.write_repository("main");
    for job in ["home", "nightly"] {
        machine.write(&format!("/srv/{job}/a.txt"), "the content of a");
        machine.write_job(job, "");
    }
    machine.backupctl(["config", "reload"]).well();
    machine
}

/// A method, the action that docs/authorization.md has it down for, and its arguments for `busctl`.
struct Method {
    interface: String,
    name: String,
    action: String,
    /// Whether polkit is told of which job.
    names_job: bool,
    inputs: Vec<String>,
}

fn methods() -> Vec<Method> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let table = fs::read_to_string(root.join("docs/authorization.md")).unwrap();
    let line = |method: &str| {
        let start = format!("| `{method}` | `");
        let line = table.lines().find_map(|line| line.strip_prefix(start.as_str()));
        let line = line.unwrap_or_else(|| panic!("docs/authorization.md has no line for `{method}`"));
        let (action, details) = line.split_once('`').unwrap();
        (action.to_owned(), details.contains("`job`"))
    };
    let mut methods = Vec::new();
    for file in fs::read_dir(root.join("dbus/interfaces")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let node = zbus_xml::Node::from_reader(text.as_bytes()).unwrap();
        for interface in node.interfaces() {
            let full = interface.name().to_string();
            let short = full.rsplit('.').next().unwrap();
            for method in interface.methods() {
                let inputs = method.args().iter();
                let (action, names_job) = line(&format!("{short}.{}", method.name()));
                methods.push(Method {
                    interface: full.clone(),
                    name: method.name().to_string(),
                    action,
                    names_job,
                    inputs: inputs
                        .filter(|argument| argument.direction() != Some(zbus_xml::ArgDirection::Out))
                        .map(|argument| argument.ty().to_string())
                        .collect(),
                });
            }
        }
    }
    methods
}

impl Method {
    /// `busctl` passes no descriptors.
    fn takes_descriptor(&self) -> bool {
        self.inputs.iter().any(|input| input == "h")
    }

    /// What who may call it is told.
    fn refusal(&self) -> &'static str {
        match self.name.as_str() {
            "SetPassword" | "AddKey" => "the new password is empty",
            // That has worked; what comes next does not.
            "RevealPassword" => "there is no repository `main`",
            _ => "unknown option `no-such-option`",
        }
    }

    /// Calls it about a job, whose run is given.
    fn call(&self, machine: &Machine, user: Option<User>, job: &str, run: &str) -> Said {
        if self.takes_descriptor() {
            let words: &[&str] = match self.name.as_str() {
                "SetPassword" => &["set-password", "main", "--password-file=/dev/null"],
                "AddKey" => &["key", "add", "main", "--password-file=/dev/null"],
                "RevealPassword" => &["recovery-sheet", "main", "--with-secret"],
                other => panic!("there is no command for `{other}`"),
            };
            let call = ["backupctl", "--system", "--no-ask-password", "repository"];
            let call = call.iter().chain(words);
            return match user {
                None => machine.run(call),
                Some(user) => machine.run_as(user, call),
            };
        }
        let path = match self.interface.rsplit('.').next().unwrap() {
            "Manager" => ROOT_PATH.to_owned(),
            "Job" => job_path(job).to_string(),
            "Repository" => repository_path("main").to_string(),
            "Run" => run_path(run).to_string(),
            other => panic!("there are no objects of `{other}`"),
        };
        let mut call: Vec<String> = [
            "busctl",
            "--system",
            "call",
            BUS_NAME,
            &path,
            &self.interface,
            &self.name,
        ]
        .map(str::to_owned)
        .to_vec();
        call.push(self.inputs.concat());
        let (options, arguments) = self.inputs.split_last().unwrap();
        assert_eq!(options, "a{sv}", "{} ends in options", self.name);
        for argument in arguments {
            let words: &[&str] = match argument.as_str() {
                "s" if self.name.ends_with("Repository") => &["main"],
                "s" if self.name == "GetRun" => &[run],
                "s" => &[job],
                "as" => &["1", job],
                "b" => &["false"],
                "ay" => &["1", "47"],
                "t" | "a{sv}" => &["0"],
                other => panic!("{}: there is no value for `{other}`", self.name),
            };
            call.extend(words.iter().map(ToString::to_string));
        }
        call.extend(["1", "no-such-option", "b", "true"].map(str::to_owned));
        match user {
            None => machine.run(call),
            Some(user) => machine.run_as(user, call),
        }
    }
}

fn every_method_is_for_those_whom_it_is_for(release: Release) {
    let machine = machine(release);
    let [home, nightly] = ["home", "nightly"].map(|job| {
        let run = machine.bus().start(job).unwrap();
        machine.bus().wait_for_end(&run);
        run
    });
    let methods = methods();
    assert!(methods.len() > 20);
    for method in &methods {
        for (job, run) in [("home", &home), ("nightly", &nightly)] {
            let given =
                job == "nightly" && method.names_job && ["run", "cancel"].contains(&method.action.as_str());
            for (user, allowed) in [
                (None, true),
                (Some(ALICE), method.action == "read"),
                (Some(BOB), method.action == "read" || given),
            ] {
                let said = method.call(&machine, user, job, run);
                let who = user.map_or("root", |user| user.name);
                let expected = if allowed {
                    method.refusal()
                } else {
                    "you have to authenticate for that, and nobody could ask you"
                };
                assert!(
                    said.code != Some(0) && said.stderr.contains(expected),
                    "{who} calls {} about `{job}`: {said:?}",
                    method.name
                );
            }
        }
    }
    let jobs = machine.bus().paths("job");
    assert_eq!(jobs, ["home", "nightly"].map(|job| job_path(job).to_string()));
}

fn one_job_is_given_to_one_group(release: Release) {
    let machine = machine(release);
    // Nothing comes of the password, so that runs are at work until they are cancelled.
    machine.write(
        "/etc/backupd/repositories.d/main.toml",
        "url = \"/srv/repository-main\"\npassword_command = [\"sleep\", \"infinity\"]\n",
    );
    machine.backupctl(["config", "reload"]).well();
    let as_user = |user, arguments: &[&str]| {
        let all = ["--system", "--no-ask-password"].iter().chain(arguments);
        machine.backupctl_as(user, all)
    };
    let refused = as_user(BOB, &["start", "home"]).with_code(4);
    assert!(
        refused
            .stderr
            .starts_with("error: you may not start jobs (job `home`, repository `main`): "),
        "{refused:?}"
    );
    as_user(ALICE, &["start", "nightly"]).with_code(4);
    assert!(machine.bus().history(&HashMap::new()).is_empty());

    as_user(BOB, &["start", "nightly"]).well();
    let home = machine.bus().start("home").unwrap();
    let active = machine.bus().job("nightly").active_run.unwrap();
    let nightly = active.as_str().rsplit('/').next().and_then(unescape).unwrap();
    as_user(ALICE, &["cancel", &nightly]).with_code(4);
    as_user(BOB, &["cancel", &home]).with_code(4);
    as_user(BOB, &["cancel", &nightly]).well();
    machine.backupctl(["cancel", &home]).well();
    for run in [nightly, home] {
        let run = machine.bus().wait_for_end(&run);
        assert_eq!(run.result.as_deref(), Some("cancelled"), "{run:?}");
    }
}

fn without_polkit_root_alone_goes_on(release: Release) {
    let machine = machine(release);
    let start = |user| machine.backupctl_as(user, ["--system", "start", "nightly"]);
    let refused = |said: Said, why: &str| {
        let said = said.with_code(4);
        assert!(said.stderr.contains(why), "{said:?}");
        assert!(
            said.stderr.contains("hint: `systemctl status polkit`"),
            "{said:?}"
        );
    };

    machine.run(["systemctl", "start", "polkit"]).well();
    machine
        .run(["systemctl", "kill", "--signal=STOP", "polkit"])
        .well();
    let history = ["--system", "--no-ask-password", "history"];
    refused(machine.backupctl_as(BOB, history), "has not answered for 10s");
    machine.backupctl(["start", "nightly"]).well();
    machine
        .run(["systemctl", "kill", "--signal=KILL", "polkit"])
        .well();

    machine.run(["systemctl", "mask", "--now", "polkit"]).well();
    refused(start(BOB), "polkit, which decides, cannot be asked: ");
    refused(
        machine.backupctl_as(ALICE, history),
        "polkit, which decides, cannot be asked: ",
    );
    // What is told to everybody needs nobody's leave.
    machine.backupctl_as(ALICE, ["--system", "jobs"]).well();
    machine.run(["systemctl", "restart", "backupd"]).well();
    machine.backupctl(["start", "nightly"]).well();

    machine.run(["systemctl", "unmask", "polkit"]).well();
    start(BOB).well();
}
