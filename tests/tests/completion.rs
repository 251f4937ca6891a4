//! Completion in real shells, on a terminal, with the files that are installed: what is typed, what stands there then.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use backupd_tests::{Bed, programs::program, repositories::text};
use nix::sys::signal::Signal;

/// The key that writes what stands at the prompt to `$OUT`, and empties the line. No terminal takes it for itself while
/// the shell is not ready yet.
const DUMP: char = '\u{7}';

#[derive(Debug, Clone, Copy)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// A directory of the checkout.
fn completions(directory: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../packaging/completions")
        .join(directory)
}

impl Shell {
    /// Starts an interactive shell that has the completion as the vendor's directories give it, and `DUMP`.
    fn command(self, bed: &Bed) -> String {
        let settings = |path: PathBuf, text: String| fs::write(path, text).unwrap();
        match self {
            Self::Bash => {
                let file = completions("bash/backupctl");
                settings(
                    bed.path("home/bashrc"),
                    format!(
                        "source {}\nbind -x '\"{DUMP}\": printf \"%s\\n\" \"$READLINE_LINE\" >>\"$OUT\"; \
                         READLINE_LINE='\n",
                        file.display()
                    ),
                );
                format!(
                    "bash --noprofile --rcfile {} -i",
                    bed.path("home/bashrc").display()
                )
            }
            Self::Zsh => {
                settings(
                    bed.path("home/.zshrc"),
                    format!(
                        "fpath=({} $fpath)\nautoload -Uz compinit\ncompinit -u -D\n\
                         dump() {{ print -r -- \"$BUFFER\" >>\"$OUT\"; BUFFER= }}\nzle -N dump\nbindkey '{DUMP}' dump\n",
                        completions("zsh").display()
                    ),
                );
                "zsh -i".to_owned()
            }
            Self::Fish => {
                let directory = bed.path("config/fish");
                fs::create_dir_all(directory.join("completions")).unwrap();
                fs::copy(
                    completions("fish/backupctl.fish"),
                    directory.join("completions/backupctl.fish"),
                )
                .unwrap();
                settings(
                    directory.join("config.fish"),
                    "bind \\cg 'commandline >>$OUT; commandline \"\"'\n".to_owned(),
                );
                "fish -i".to_owned()
            }
        }
    }

    /// What each of the lines becomes by a tab at its end.
    fn completes(self, bed: &Bed, lines: &[&str]) -> Vec<String> {
        let mut keys = String::new();
        for line in lines {
            keys.extend([line, "\t"]);
            keys.push(DUMP);
        }
        keys.push_str("exit\n");
        fs::write(bed.path("keys"), keys).unwrap();
        let out = bed.path("out");
        let _ = fs::remove_file(&out);

        let mut command: Command = bed.command("sh");
        let path = format!(
            "{}:{}",
            program("backupctl").parent().unwrap().display(),
            std::env::var("PATH").unwrap()
        );
        command
            .args(["-c", "exec script -qec \"$0\" /dev/null <\"$1\""])
            .arg(self.command(bed))
            .arg(bed.path("keys"))
            .envs([("PATH", path.as_str()), ("TERM", "dumb"), ("PS1", "> ")])
            .env("OUT", &out);
        let said = bed.call(&mut command);
        let text = fs::read_to_string(&out).unwrap_or_else(|error| panic!("{self:?}: {error}: {said:?}"));
        text.lines().map(|line| line.trim_end().to_owned()).collect()
    }
}

/// A bed with the jobs `home` and `mail`, two repositories, and one run, whose id and snapshot are answered.
fn bed() -> (Bed, String, String) {
    let bed = Bed::with_job();
    bed.write_job("mail", "");
    bed.write_repository("vault");
    bed.ctl(["config", "reload"]).well();
    bed.ctl(["start", "home", "--wait"]).well();
    let runs = bed.ctl(["runs", "--json"]).well().json();
    let run = &runs["runs"][0];
    let (id, snapshot) = (text(run, "id").to_owned(), text(run, "snapshot")[..8].to_owned());
    (bed, id, snapshot)
}

fn completes(shell: Shell) {
    let (bed, run, snapshot) = bed();
    let cases = [
        // Two commands begin with this, and none with that.
        ("sta", "sta"),
        ("sto", "sto"),
        ("hist", "history"),
        ("start ho", "start home"),
        ("start home m", "start home mail"),
        ("start home --wa", "start home --wait"),
        ("job disable ma", "job disable mail"),
        ("repository test va", "repository test vault"),
        ("snapshots --repository va", "snapshots --repository vault"),
        ("show va", "show vault"),
        ("restore la", "restore latest"),
        (&format!("log {}", &run[..20]), &format!("log {run}")),
        (&format!("ls {}", &snapshot[..5]), &format!("ls {snapshot}")),
    ]
    .map(|(line, whole)| {
        (
            format!("backupctl --user {line}"),
            format!("backupctl --user {whole}"),
        )
    });
    let lines: Vec<&str> = cases.iter().map(|(line, _)| line.as_str()).collect();
    let wholes: Vec<&str> = cases.iter().map(|(_, whole)| whole.as_str()).collect();
    assert_eq!(shell.completes(&bed, &lines), wholes, "{shell:?}");
}

#[test]
fn bash_completes_what_there_is() {
    completes(Shell::Bash);
}

#[test]
fn zsh_completes_what_there_is() {
    completes(Shell::Zsh);
}

#[test]
fn fish_completes_what_there_is() {
    completes(Shell::Fish);
}

/// What a shell is answered.
fn answer(bed: &Bed, words: &[&str]) -> String {
    let mut command = bed.command(program("backupctl"));
    command
        .env("BACKUPCTL_COMPLETE", "fish")
        .args(["--", "backupctl", "--user"])
        .args(words);
    let said = bed.call(&mut command).well();
    assert_eq!(said.stderr, "");
    said.stdout
}

#[test]
fn candidates_say_what_they_are() {
    let (bed, run, snapshot) = bed();
    assert_eq!(
        answer(&bed, &["start", ""]),
        "home\tjob: ok\nmail\tjob: never-ran\n"
    );
    assert_eq!(
        answer(&bed, &["log", &run]),
        format!("{run}\tbackup home: success\n")
    );
    assert_eq!(
        answer(&bed, &["restore", ""]),
        format!("latest\tthe newest\n{snapshot}\tsnapshot of home\n")
    );
    assert_eq!(
        answer(&bed, &["restore", "--job", "mail", ""]),
        "latest\tthe newest\n"
    );
}

#[test]
fn without_a_daemon_that_answers_nothing_is_said() {
    let (mut bed, ..) = bed();
    bed.daemon().signal(Signal::SIGSTOP);
    assert_eq!(answer(&bed, &["start", "ho"]), "");
    bed.daemon().signal(Signal::SIGCONT);
    bed.stop();
    assert_eq!(answer(&bed, &["start", "ho"]), "");
    // What needs no daemon is there all the same.
    assert!(answer(&bed, &["sta"]).contains("status\t"));
    bed.kill_bus();
    assert_eq!(answer(&bed, &["start", "ho"]), "");
}
