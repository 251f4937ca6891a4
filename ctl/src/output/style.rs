//! Colours and symbols, and what stands for them where there are none.

use anstyle::{AnsiColor, Style};

/// Colours by what they mean; all plain where colours are not wanted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Palette {
    /// All is well.
    pub(crate) good: Style,
    /// Not as it should be.
    pub(crate) warn: Style,
    /// Bad.
    pub(crate) bad: Style,
    /// At work.
    pub(crate) busy: Style,
    /// Of little interest.
    pub(crate) dim: Style,
    /// What the eye should find first.
    pub(crate) strong: Style,
    /// Directories.
    pub(crate) directory: Style,
}

impl Palette {
    pub(crate) fn new(color: bool) -> Self {
        if !color {
            return Self::default();
        }
        let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        Self {
            good: color(AnsiColor::Green),
            warn: color(AnsiColor::Yellow).bold(),
            bad: color(AnsiColor::Red).bold(),
            busy: color(AnsiColor::Cyan),
            dim: Style::new().dimmed(),
            strong: Style::new().bold(),
            directory: color(AnsiColor::Blue).bold(),
        }
    }
}

/// How text looks at its destination.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Look {
    pub(crate) palette: Palette,
    /// The locale can show more than ASCII.
    pub(crate) unicode: bool,
}

/// Symbols, and what stands for them in ASCII.
const SYMBOLS: [(char, &str); 8] = [
    ('●', "*"),
    ('✓', "ok"),
    ('✗', "x"),
    ('○', "o"),
    ('↻', "~"),
    ('→', "->"),
    ('…', "..."),
    ('–', "-"),
];

impl Look {
    /// Replaces our symbols where the locale has none of them.
    pub(crate) fn degrade(&self, text: &str) -> String {
        if self.unicode || text.is_ascii() {
            return text.to_owned();
        }
        let mut plain = String::with_capacity(text.len());
        for character in text.chars() {
            match SYMBOLS.iter().find(|(symbol, _)| *symbol == character) {
                Some((_, ascii)) => plain.push_str(ascii),
                None => plain.push(character),
            }
        }
        plain
    }

    /// The text in a style.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        let text = self.degrade(text);
        if style == Style::new() {
            text
        } else {
            format!("{style}{text}{style:#}")
        }
    }
}

/// Whether the locale is UTF-8; as in libc, the first of the variables that is set and not empty counts.
pub(crate) fn unicode(variable: impl Fn(&str) -> Option<String>) -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()))
        .is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
}

/// Whether colours are welcome on a terminal.
pub(crate) fn wanted(variable: impl Fn(&str) -> Option<String>) -> bool {
    let refused = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = variable("TERM").is_some_and(|terminal| terminal == "dumb");
    !refused && !dumb
}

/// The symbol and style of a health.
pub(crate) fn health(palette: &Palette, health: &str) -> (&'static str, Style) {
    match health {
        "ok" => ("●", palette.good),
        "degraded" | "late" => ("●", palette.warn),
        "failed" => ("✗", palette.bad),
        "disabled" => ("○", palette.dim),
        "never-ran" => ("○", Style::new()),
        // And `paused` and `unknown`: not bad, and not to be forgotten.
        _ => ("○", palette.warn),
    }
}

/// The symbol and style of a run: its result, or its state before there is one.
pub(crate) fn run(palette: &Palette, state: &str, result: &str) -> (&'static str, Style) {
    match (result, state) {
        ("success", _) => ("✓", palette.good),
        ("partial", _) => ("✓", palette.warn),
        ("failed" | "interrupted" | "timed-out", _) => ("✗", palette.bad),
        ("", "queued" | "waiting" | "backoff") => ("○", palette.busy),
        ("", _) => ("↻", palette.busy),
        _ => ("○", palette.dim),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_tells_the_locale() {
        let locale = |variables: &'static [(&str, &str)]| {
            unicode(|name| {
                variables
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(locale(&[("LANG", "de_DE.UTF-8")]));
        assert!(locale(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8"), ("LANG", "C")]));
        assert!(!locale(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]));
        assert!(!locale(&[]));
    }

    #[test]
    fn colours_can_be_refused() {
        assert!(wanted(|_| None));
        assert!(wanted(|name| (name == "NO_COLOR").then(String::new)));
        assert!(!wanted(|name| (name == "NO_COLOR").then(|| "1".to_owned())));
        assert!(!wanted(|name| (name == "TERM").then(|| "dumb".to_owned())));
    }

    #[test]
    fn symbols_have_a_plain_form() {
        assert_eq!(Look::default().degrade("● a ✓ … – ö"), "* a ok ... - ö");
        let look = Look {
            unicode: true,
            ..Look::default()
        };
        assert_eq!(look.degrade("●"), "●");
    }
}
