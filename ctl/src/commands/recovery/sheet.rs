//! The sheet as it is printed: plain text in eighty columns. What is to be typed stands in lines with four spaces.

use std::fmt::Write as _;

use backupd_core::protocol::{KeyRecord, RecoveryRecord};
use jiff::tz::TimeZone;
use zeroize::Zeroizing;

use crate::commands::text::quoted;

/// As wide as paper and terminals are.
const WIDTH: usize = 78;

/// All that stands on it.
pub(super) struct Sheet<'a> {
    pub(super) record: &'a RecoveryRecord,
    /// Names of the jobs that store into the repository.
    pub(super) jobs: &'a [String],
    pub(super) password: Option<&'a str>,
    pub(super) zone: &'a TimeZone,
}

/// Lines, one below the other.
struct Page(Zeroizing<String>);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn space(&mut self) {
        self.0.push('\n');
    }

    /// A sentence or more, with lines that begin behind a mark such as `1. `.
    fn prose(&mut self, mark: &str, text: &str) {
        let indent = " ".repeat(mark.chars().count());
        let mut line = mark.to_owned();
        let mut is_begun = false;
        for word in text.split_whitespace() {
            let length = line.chars().count() + usize::from(is_begun) + word.chars().count();
            if is_begun && length > WIDTH {
                self.line(&line);
                line.clone_from(&indent);
                is_begun = false;
            }
            if is_begun {
                line.push(' ');
            }
            line.push_str(word);
            is_begun = true;
        }
        self.line(&line);
    }

    fn command(&mut self, text: &str) {
        self.line(&format!("    {text}"));
    }
}

/// Writes it.
pub(super) fn render(sheet: &Sheet<'_>) -> Zeroizing<String> {
    // As long as it may get: a text that grows leaves what it held behind.
    let length = 16 * 1024 + sheet.password.map_or(0, str::len);
    let mut page = Page(Zeroizing::new(String::with_capacity(length)));
    head(sheet, &mut page);
    keys(sheet, &mut page);
    steps(sheet, &mut page);
    page.0
}

fn head(sheet: &Sheet<'_>, page: &mut Page) {
    let record = sheet.record;
    let time = record.time.to_zoned(sheet.zone.clone());
    page.line(&format!(
        "RECOVERY SHEET: BACKUP REPOSITORY {}",
        record.repository
    ));
    page.line(&format!(
        "of {}, written by backupd on {}",
        time.strftime("%Y-%m-%d %H:%M %Z"),
        shown(&record.host)
    ));
    page.space();
    if sheet.password.is_some() {
        page.prose(
            "!! ",
            "KEEP THIS SHEET SAFE AND SECRET. The password is on it: whoever has it and can reach the repository can \
             read all backups.",
        );
    } else {
        page.prose(
            "!! ",
            "The password is NOT on this sheet, and nothing can be restored without it. Keep it somewhere else than \
             on the machine that is backed up.",
        );
    }
    page.space();
    page.line(&format!("  address     {}", shown(&record.way.address)));
    page.line(&format!("  id          {}", record.id));
    page.line(&format!(
        "  format      restic's, version {}; {} snapshot{} on that day",
        record.version,
        record.snapshots,
        if record.snapshots == 1 { "" } else { "s" }
    ));
    if let Some(password) = sheet.password {
        page.line(&format!("  password    {password}"));
    }
    page.space();
}

fn keys(sheet: &Sheet<'_>, page: &mut Page) {
    page.line("Keys of the repository; each opens it with a password of its own:");
    page.space();
    for key in &sheet.record.keys {
        page.line(&format!("  {}", key.id));
        page.line(&format!("      {}", about(key, sheet.zone)));
    }
    page.space();
}

fn about(key: &KeyRecord, zone: &TimeZone) -> String {
    let mut text = match key.created {
        Some(created) => {
            let created = created.to_zoned(zone.clone());
            format!("made {}", created.strftime("%Y-%m-%d"))
        }
        None => "made at an unknown time".to_owned(),
    };
    if !key.user.is_empty() || !key.host.is_empty() {
        let _ = write!(text, " by {}@{}", shown(&key.user), shown(&key.host));
    }
    if key.damaged {
        text.push_str(", damaged");
    } else if key.current {
        text.push_str(", opened by the password that backupd has");
    }
    text
}

fn steps(sheet: &Sheet<'_>, page: &mut Page) {
    let way = &sheet.record.way;
    let restic: String = std::iter::once("restic".to_owned())
        .chain(way.arguments.iter().map(|argument| quoted(argument)))
        .collect::<Vec<_>>()
        .join(" ");
    page.line("How to restore on any machine, without backupd:");
    page.space();
    page.prose(
        "1. ",
        "Install restic: `apt install restic` on Debian and Ubuntu, `dnf install restic` on Fedora, `brew install \
         restic` on macOS; for all others see https://restic.net.",
    );
    let mut number = 2;
    let mut mark = || {
        let mark = format!("{number}. ");
        number += 1;
        mark
    };
    for note in &way.notes {
        page.prose(&mark(), note);
    }
    page.prose(&mark(), "In a terminal, say where the repository is:");
    page.space();
    page.command(&format!("export RESTIC_REPOSITORY={}", quoted(&way.address)));
    for variable in &way.variables {
        if let Some(value) = &variable.value {
            page.command(&format!("export {}={}", variable.name, quoted(value)));
        }
    }
    page.space();
    let secrets: Vec<_> = way
        .variables
        .iter()
        .filter(|variable| variable.value.is_none())
        .collect();
    if !secrets.is_empty() {
        page.prose(
            &mark(),
            "Set what lets one in at its place, each with `export NAME=VALUE`. The values are not on this sheet: keep \
             them with it.",
        );
        page.space();
        for variable in secrets {
            page.line(&format!("  {:<22}  {}", variable.name, variable.meaning));
        }
        page.space();
    }
    page.prose(&mark(), "See what is there. restic asks for the password:");
    page.space();
    page.command(&format!("{restic} snapshots"));
    page.space();
    page.prose(
        &mark(),
        "Restore the newest snapshot into a new directory; or one of those that were listed, by its id in the place \
         of `latest`:",
    );
    page.space();
    page.command(&format!("{restic} restore latest --target restored"));
    page.space();
    if !sheet.jobs.is_empty() {
        page.prose(&mark(), "Or the newest one of a job alone:");
        page.space();
        for job in sheet.jobs {
            page.command(&format!(
                "{restic} restore latest --tag {} --target {}",
                quoted(&format!("job={job}")),
                quoted(&format!("restored-{job}"))
            ));
        }
        page.space();
    }
    page.prose(
        "",
        "More: https://restic.readthedocs.io. Print this sheet anew when the address or the password changes.",
    );
}

/// What others chose, without what would move the cursor.
fn shown(text: &str) -> String {
    crate::output::escape::escape(text)
}

#[cfg(test)]
mod tests;
