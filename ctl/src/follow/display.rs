//! How progress is shown: drawn in place, told in lines, or not at all.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use backupd_dbus::RunProperties;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{is_over, lines};
use crate::{errors::Failure, output::Output, scope::Scope};

/// What a user wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The end alone.
    Wait,
    /// Progress and a summary.
    Follow,
}

/// Steps of a bar.
const STEPS: u64 = 1000;

pub(super) struct Display<'a> {
    output: &'a Output,
    mode: Mode,
    several: bool,
    /// Bars on standard error, by run.
    bars: Option<Bars>,
    /// The last stage that was told of each run, and the run.
    told: RefCell<HashMap<String, (String, RunProperties)>>,
}

struct Bars {
    all: MultiProgress,
    each: HashMap<String, ProgressBar>,
}

impl<'a> Display<'a> {
    pub(super) fn new(output: &'a Output, mode: Mode, several: bool) -> Self {
        let bars = (mode == Mode::Follow && output.draws()).then(|| Bars {
            all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)),
            each: HashMap::new(),
        });
        Self {
            output,
            mode,
            several,
            bars,
            told: RefCell::default(),
        }
    }

    /// The caller is a program.
    pub(super) fn json(&self) -> bool {
        self.output.json
    }

    fn silent(&self) -> bool {
        self.mode == Mode::Wait || self.output.json
    }

    /// A run has news.
    pub(super) fn update(&mut self, run: &RunProperties) -> Result<(), Failure> {
        if self.silent() {
            return Ok(());
        }
        let id = run.id.clone().unwrap_or_default();
        if let Some(bars) = &mut self.bars {
            bars.update(self.output, &id, run);
            return Ok(());
        }
        let stage = lines::stage(run);
        let news = self
            .told
            .borrow()
            .get(&id)
            .is_none_or(|(before, _)| *before != stage);
        self.told.borrow_mut().insert(id, (stage, run.clone()));
        if news && !is_over(run) {
            self.tell(run)
        } else {
            Ok(())
        }
    }

    /// It is time to say where things stand.
    pub(super) fn tick(&self) -> Result<(), Failure> {
        if self.silent() || self.bars.is_some() {
            return Ok(());
        }
        let mut runs: Vec<RunProperties> = self.told.borrow().values().map(|(_, run)| run.clone()).collect();
        runs.sort_by(|a, b| a.id.cmp(&b.id));
        runs.iter()
            .filter(|run| !is_over(run))
            .try_for_each(|run| self.tell(run))
    }

    fn tell(&self, run: &RunProperties) -> Result<(), Failure> {
        let clock = jiff::Timestamp::now()
            .to_zoned(self.output.zone.clone())
            .strftime("%H:%M:%S")
            .to_string();
        let title = if self.several {
            format!("{}: ", lines::title(run))
        } else {
            String::new()
        };
        let line = format!("{clock} {title}{}", lines::standing(self.output, run));
        self.output.line(self.output.look.degrade(&line))?;
        self.output.flush()
    }

    /// Something that is not of a run.
    pub(super) fn notice(&self, text: &str) {
        match &self.bars {
            Some(bars) => bars.all.suspend(|| self.output.note(text)),
            None => self.output.note(text),
        }
    }

    /// Takes the bars away.
    pub(super) fn clear(&self) {
        if let Some(bars) = &self.bars {
            // What cannot be drawn need not be cleared.
            let _ = bars.all.clear();
        }
    }

    /// All is over.
    pub(super) fn finish(&self, runs: &[RunProperties]) -> Result<(), Failure> {
        self.clear();
        if self.output.json {
            return Ok(());
        }
        for run in runs {
            self.output.line(lines::ending(self.output, run))?;
            let well = run.result.as_deref() == Some("success");
            self.output.lines(if self.mode == Mode::Follow || !well {
                lines::summary(self.output, run)
            } else {
                lines::overrode(self.output, run)
            })?;
        }
        Ok(())
    }
}

impl Bars {
    fn update(&mut self, output: &Output, id: &str, run: &RunProperties) {
        let bar = self.each.entry(id.to_owned()).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::new(STEPS));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        if is_over(run) {
            bar.finish_and_clear();
            return;
        }
        let fraction = run.progress.as_ref().and_then(|progress| progress.fraction);
        bar.set_style(style(output, fraction.is_some()));
        bar.set_prefix(lines::title(run));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "between 0 and the number of steps"
        )]
        bar.set_position((fraction.unwrap_or(0.0).clamp(0.0, 1.0) * STEPS as f64) as u64);
        bar.set_message(output.look.degrade(&lines::standing(output, run)));
    }
}

/// A bar where it is known how far the run is, else something that turns.
fn style(output: &Output, known: bool) -> ProgressStyle {
    let colored = output.look.palette.busy != anstyle::Style::new();
    let color = if colored { ".cyan" } else { "" };
    let template = if known {
        format!("{{prefix}} {{bar:24{color}}} {{wide_msg}}")
    } else {
        format!(
            "{{prefix}} {{spinner{}}} {{wide_msg}}",
            if colored { ":.cyan" } else { "" }
        )
    };
    // The templates are ours, so they can be read; the plain bar is the answer if one ever could not.
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    if output.look.unicode {
        style.progress_chars("━╸─")
    } else {
        style.progress_chars("=> ").tick_chars("|/-\\ ")
    }
}

/// What to type to see more of runs that had something to say.
pub(crate) fn advise(output: &Output, scope: Scope, runs: &[RunProperties]) {
    for run in runs {
        if let Some(command) = lines::where_to_look(run) {
            output.note(&format!("all it told is shown by `{}`", scope.command(&command)));
        }
    }
}
