//! Lines and columns of byte offsets.

use serde::Serialize;

/// A place in a text; both count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

/// A text whose line starts are known, so that the place of an offset is found without reading all before it.
pub(super) struct Places<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Places<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        // Editors do not show a byte order mark, so it is no column.
        let first = if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        };
        let later = text.match_indices('\n').map(|(newline, _)| newline + 1);
        Self {
            text,
            starts: std::iter::once(first).chain(later).collect(),
        }
    }

    /// The place of an offset; past the end it is the end.
    pub(super) fn of(&self, offset: usize) -> Position {
        // An offset from a parser of damaged text may stand inside a character.
        let offset = self.text.floor_char_boundary(offset);
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(offset);
        let column = self
            .text
            .get(start..offset)
            .map_or(0, |before| before.chars().count())
            + 1;
        Position { line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let text = "\u{feff}ä = 1\nöö = \"x\"\n";
        let places = Places::new(text);
        let place = |offset| {
            let position = places.of(offset);
            (position.line, position.column)
        };
        assert_eq!(place(0), (1, 1));
        assert_eq!(place(text.find('=').unwrap()), (1, 3));
        assert_eq!(place(text.find('"').unwrap()), (2, 6));
        assert_eq!(place(text.len()), (3, 1));
        assert_eq!(place(usize::MAX), (3, 1));
        assert_eq!(place(4), place(3), "inside of `ä`");
    }
}
