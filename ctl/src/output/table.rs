//! Tables without lines: columns line up by what a terminal shows, and the last gives way.

use anstyle::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{escape::escape, style::Look};

/// Between two columns.
const GAP: &str = "  ";

/// A text in a table, and how it looks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell with a style; what cannot be shown in the text is escaped.
    pub(crate) fn styled(text: impl AsRef<str>, style: Style) -> Self {
        Self {
            text: escape(text.as_ref()),
            style,
        }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::styled(text, Style::new())
    }
}

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

/// Rows below a head.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    head: Vec<(&'static str, Align)>,
    rows: Vec<Vec<Cell>>,
    headless: bool,
}

impl Table {
    /// A table with these columns; one whose name begins with `>` holds numbers.
    pub(crate) fn new(columns: &[&'static str]) -> Self {
        let head = columns.iter().map(|name| match name.strip_prefix('>') {
            Some(name) => (name, Align::Right),
            None => (*name, Align::Left),
        });
        Self {
            head: head.collect(),
            rows: Vec::new(),
            headless: false,
        }
    }

    /// The same without the names of the columns.
    pub(crate) fn without_head(mut self) -> Self {
        self.headless = true;
        self
    }

    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The lines; `width` columns at most, where there is a limit.
    pub(crate) fn render(&self, look: &Look, width: Option<usize>) -> Vec<String> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let head = self
            .head
            .iter()
            .map(|(name, _)| Cell::styled(name, look.palette.strong))
            .collect();
        let rows: Vec<Vec<(String, Style)>> = Some(&head)
            .filter(|_| !self.headless)
            .into_iter()
            .chain(&self.rows)
            .map(|row: &Vec<Cell>| {
                row.iter()
                    .map(|cell| (look.degrade(&cell.text), cell.style))
                    .collect()
            })
            .collect();
        let mut widths = vec![0; self.head.len()];
        for row in &rows {
            for (widest, (text, _)) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(text.width());
            }
        }
        rows.iter()
            .map(|row| self.line(look, row, &widths, width))
            .collect()
    }

    fn line(&self, look: &Look, row: &[(String, Style)], widths: &[usize], limit: Option<usize>) -> String {
        let last = self.head.len().saturating_sub(1);
        let mut line = String::new();
        let mut used = 0;
        for (index, (((text, style), (_, align)), widest)) in
            row.iter().zip(&self.head).zip(widths).enumerate()
        {
            let text = match limit {
                Some(limit) if index == last => {
                    shorten(text, limit.saturating_sub(used).max(1), look.unicode)
                }
                _ => text.clone(),
            };
            let padding = " ".repeat(widest.saturating_sub(text.width()));
            let painted = look.paint(*style, &text);
            match align {
                Align::Left if index == last => line.push_str(&painted),
                Align::Left => line.extend([painted.as_str(), &padding]),
                Align::Right => line.extend([padding.as_str(), &painted]),
            }
            if index != last {
                line.push_str(GAP);
            }
            used += widest + GAP.len();
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// The beginning of a text that fits, with `…` where something is missing.
pub(crate) fn shorten(text: &str, width: usize, unicode: bool) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mark = if unicode { "…" } else { "..." };
    let room = width.saturating_sub(mark.width());
    let mut short = String::new();
    let mut used = 0;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > room {
            break;
        }
        short.push(character);
    }
    short.push_str(mark);
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::style::Palette;

    fn table() -> Table {
        let mut table = Table::new(&["NAME", ">SIZE", "PATHS"]);
        table.row(vec!["home".into(), "1.5 GiB".into(), "/home, /etc".into()]);
        table.row(vec!["日本".into(), "3 B".into(), "/srv".into()]);
        table
    }

    fn look() -> Look {
        Look {
            unicode: true,
            ..Look::default()
        }
    }

    #[test]
    fn columns_line_up_by_width() {
        insta::assert_snapshot!(table().render(&look(), None).join("\n"), @r"
        NAME     SIZE  PATHS
        home  1.5 GiB  /home, /etc
        日本      3 B  /srv
        ");
    }

    #[test]
    fn the_last_column_gives_way() {
        insta::assert_snapshot!(table().render(&look(), Some(21)).join("\n"), @r"
        NAME     SIZE  PATHS
        home  1.5 GiB  /home…
        日本      3 B  /srv
        ");
        assert_eq!(shorten("日本語", 4, true), "日…");
        assert_eq!(shorten("abcdef", 5, false), "ab...");
    }

    #[test]
    fn colours_do_not_move_columns_and_controls_do_not_pass() {
        let mut table = Table::new(&["A", "B"]);
        let palette = Palette::new(true);
        table.row(vec![Cell::styled("x\n", palette.good), "y".into()]);
        let look = Look {
            palette,
            unicode: true,
        };
        insta::assert_snapshot!(table.render(&look, None).join("\n").replace('\u{1b}', "ESC"), @r"
        ESC[1mAESC[0m    ESC[1mBESC[0m
        ESC[32mx\nESC[0m  y
        ");
    }

    #[test]
    fn an_empty_table_is_nothing() {
        assert!(Table::new(&["A"]).render(&look(), None).is_empty());
    }
}
