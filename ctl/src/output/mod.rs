//! All that the client writes, and what it knows of where it writes to.

pub(crate) mod describe;
pub(crate) mod escape;
pub(crate) mod human;
pub(crate) mod json;
mod pager;
pub(crate) mod style;
pub(crate) mod table;

use std::{
    cell::RefCell,
    env,
    io::{self, IsTerminal as _, Write},
};

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use self::{
    pager::Pager,
    style::{Look, Palette},
    table::Table,
};
use crate::{
    cli::{ColorWhen, GlobalArgs},
    errors::Failure,
};

/// Columns of a terminal on which wide tables have room.
const ROOMY: usize = 100;

/// Where output goes.
enum Sink {
    Stdout(io::BufWriter<io::Stdout>),
    Pager(Pager),
}

/// The one way to standard output and standard error.
pub(crate) struct Output {
    sink: RefCell<Sink>,
    /// The caller is a program.
    pub(crate) json: bool,
    /// How standard output looks.
    pub(crate) look: Look,
    /// How standard error looks.
    error_look: Look,
    /// Columns; nothing where there is no terminal.
    width: Option<usize>,
    /// Standard output is a terminal.
    pub(crate) terminal: bool,
    pages: bool,
    /// The moment that relative times are relative to.
    pub(crate) now: Timestamp,
    /// The zone that times are shown in.
    pub(crate) zone: TimeZone,
}

impl Output {
    pub(crate) fn new(options: &GlobalArgs) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let unicode = style::unicode(|name| env::var(name).ok());
        let color = |terminal| match options.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => terminal && style::wanted(|name| env::var(name).ok()),
        };
        Self {
            sink: RefCell::new(Sink::Stdout(io::BufWriter::new(stdout))),
            json: options.json,
            look: Look {
                palette: Palette::new(color(terminal)),
                unicode,
            },
            error_look: Look {
                palette: Palette::new(color(io::stderr().is_terminal())),
                unicode,
            },
            width: width(terminal),
            terminal,
            pages: terminal && !options.no_pager && !options.json,
            now: Timestamp::now(),
            zone: TimeZone::system(),
        }
    }

    /// Sends the output from here on through a pager, if the user is likely to want one.
    pub(crate) fn page(&self) -> Result<(), Failure> {
        if self.pages && matches!(*self.sink.borrow(), Sink::Stdout(_)) {
            self.flush()?;
            if let Some(pager) = Pager::start() {
                *self.sink.borrow_mut() = Sink::Pager(pager);
            }
        }
        Ok(())
    }

    /// Writes a line.
    pub(crate) fn line(&self, text: impl AsRef<str>) -> Result<(), Failure> {
        self.raw(text.as_ref().as_bytes())?;
        self.raw(b"\n")
    }

    /// Writes lines below one another.
    pub(crate) fn lines<T: AsRef<str>>(&self, lines: impl IntoIterator<Item = T>) -> Result<(), Failure> {
        lines.into_iter().try_for_each(|line| self.line(line))
    }

    /// Writes a table; one without rows writes nothing.
    pub(crate) fn table(&self, table: &Table) -> Result<(), Failure> {
        self.lines(self.rendered(table))
    }

    /// The lines of a table.
    pub(crate) fn rendered(&self, table: &Table) -> Vec<String> {
        table.render(&self.look, self.width)
    }

    /// Whether there is too little room for all columns of a wide table.
    pub(crate) fn is_narrow(&self) -> bool {
        self.width.is_some_and(|width| width < ROOMY)
    }

    /// Writes text as it is.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Result<(), Failure> {
        let result = match &mut *self.sink.borrow_mut() {
            Sink::Stdout(stdout) => stdout.write_all(bytes),
            Sink::Pager(pager) => pager.write_all(bytes),
        };
        result.map_err(|error| Failure::output(&error))
    }

    /// Writes a JSON document on lines of its own.
    pub(crate) fn document(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text =
            serde_json::to_string_pretty(value).map_err(|error| Failure::internal(error.to_string()))?;
        self.line(text)
    }

    /// Writes what is still in memory, so that a reader sees it now.
    pub(crate) fn flush(&self) -> Result<(), Failure> {
        let result = match &mut *self.sink.borrow_mut() {
            Sink::Stdout(stdout) => stdout.flush(),
            Sink::Pager(pager) => pager.flush(),
        };
        result.map_err(|error| Failure::output(&error))
    }

    /// Writes all, and waits until the reader of a pager has seen enough.
    pub(crate) fn close(&self) -> Result<(), Failure> {
        let result = self.flush();
        if let Sink::Pager(pager) = &mut *self.sink.borrow_mut() {
            pager.wait();
        }
        result
    }

    /// Tells of a failure on standard error.
    pub(crate) fn report(&self, failure: &Failure) {
        if failure.quiet {
            return;
        }
        // What came before stands above the error on a terminal. Nobody can be told that neither can be written.
        let _ = self.flush();
        let text = if self.json {
            failure.json()
        } else {
            failure.human(&self.error_look)
        };
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Tells something beside the output, on standard error; programs are not told.
    pub(crate) fn note(&self, text: &str) {
        if self.json {
            return;
        }
        let _ = self.flush();
        let _ = writeln!(io::stderr().lock(), "{}", self.error_look.degrade(text));
    }

    /// Whether a person sits at the other end of everything.
    pub(crate) fn interactive(&self) -> bool {
        self.terminal && !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Whether progress can be drawn in place.
    pub(crate) fn draws(&self) -> bool {
        self.terminal && !self.json && io::stderr().is_terminal()
    }
}

/// `COLUMNS` first, so that a width can be asked for without a terminal too.
fn width(terminal: bool) -> Option<usize> {
    let asked = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    asked.filter(|width| *width > 0).or_else(|| {
        if !terminal {
            return None;
        }
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        Some(usize::from(size.ws_col)).filter(|width| *width > 0)
    })
}
