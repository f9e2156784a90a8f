// SPDX-License-Identifier: GPL-2.0-or-later
//! What the built-in's line editor shows: a screen without a right edge, and lists of candidates
//! read back from it.

/// Rows of characters, as far as the built-in's editor moves about in them.
#[derive(Debug)]
pub(crate) struct Screen {
    rows: Vec<Vec<char>>,
    column: usize,
    /// The bytes of a control sequence so far, without ESC.
    control: Option<Vec<u8>>,
}

impl Screen {
    /// A screen that shows `text` in its first row, and the cursor behind it.
    pub(crate) fn showing(text: &str) -> Self {
        let row: Vec<char> = text.chars().collect();
        Self {
            column: row.len(),
            rows: vec![row],
            control: None,
        }
    }

    /// Shows more.
    pub(crate) fn show(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.byte(byte);
        }
    }

    /// The last row.
    pub(crate) fn last(&self) -> String {
        self.rows.last().into_iter().flatten().collect()
    }

    /// The rows between the first and the last.
    pub(crate) fn between(&self) -> Vec<String> {
        let middle = self.rows.get(1..self.rows.len().saturating_sub(1));
        let rows = middle.unwrap_or_default().iter();
        rows.map(|row| row.iter().collect()).collect()
    }

    fn byte(&mut self, byte: u8) {
        if let Some(control) = &mut self.control {
            control.push(byte);
            if byte.is_ascii_alphabetic() {
                let control = std::mem::take(control);
                self.control = None;
                self.sequence(&control);
            }
            return;
        }
        match byte {
            0x1b => self.control = Some(Vec::new()),
            b'\r' => self.column = 0,
            b'\n' => self.rows.push(Vec::new()),
            0x08 => self.column = self.column.saturating_sub(1),
            _ => {
                let column = self.column;
                if let Some(row) = self.rows.last_mut() {
                    if row.len() <= column {
                        row.resize(column + 1, ' ');
                    }
                    row[column] = char::from(byte);
                }
                self.column += 1;
            }
        }
    }

    fn sequence(&mut self, sequence: &[u8]) {
        match sequence {
            b"[D" => self.column = self.column.saturating_sub(1),
            b"[C" => self.column += 1,
            b"[K" => {
                if let Some(row) = self.rows.last_mut() {
                    row.truncate(self.column);
                }
            }
            _ => {}
        }
    }
}

/// The width that the built-in lists candidates for, whatever the terminal's is.
const WIDTH: usize = 80;
/// The least width of a cell.
const CELL: usize = 10;

/// The candidates of a list, in the order shown; `None` where the rows are no such list.
///
/// A cell is as wide as the longest candidate and two blanks, and all of a row are padded; so the
/// width of a list is one that all rows can be cut by, and that the longest candidate fills.
pub(crate) fn candidates(rows: &[String]) -> Option<Vec<String>> {
    (CELL..=WIDTH).find_map(|width| cut(rows, width))
}

fn cut(rows: &[String], width: usize) -> Option<Vec<String>> {
    let a_row = WIDTH / width;
    let mut words = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let cells = row.chars().count() / width;
        let full = at + 1 < rows.len();
        if row.chars().count() % width != 0
            || cells > a_row
            || cells == 0
            || (full && cells < a_row)
        {
            return None;
        }
        let row: Vec<char> = row.chars().collect();
        for cell in row.chunks(width) {
            let word: String = cell.iter().collect();
            words.push(word.trim_end_matches(' ').to_owned());
        }
    }
    let longest = words.iter().map(|w| w.chars().count()).max()?;
    let fits = (longest + 2).clamp(CELL, WIDTH) == width;
    (fits && words.iter().all(|w| !w.is_empty())).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_drawn_again_after_each_key() {
        let mut screen = Screen::showing("(qemu) ");
        screen.show(b"i\x1b[K\x1b[Din\x1b[K");
        assert_eq!(screen.last(), "(qemu) in");
        screen.show(b"\x1b[D\x1b[D\x1b[K");
        assert_eq!(screen.last(), "(qemu) ");
        screen.show(b"x\r\nrow 1\r\nrow 2\r\n(qemu) x");
        assert_eq!(screen.between(), ["row 1", "row 2"]);
        assert_eq!(screen.last(), "(qemu) x");
    }

    #[test]
    fn lists_are_cut_where_the_built_in_padded() {
        let rows = |text: &[&str]| text.iter().map(|&r| r.to_owned()).collect::<Vec<_>>();
        let short = format!("{:<10}{:<10}", "off", "on");
        assert_eq!(candidates(&rows(&[&short])).unwrap(), ["off", "on"]);
        let long = format!("{:<40}{:<40}", "a name with blanks", "y".repeat(38));
        let last = format!("{:<40}", "z");
        assert_eq!(
            candidates(&rows(&[&long, &last])).unwrap(),
            [
                "a name with blanks".to_owned(),
                "y".repeat(38),
                "z".to_owned()
            ]
        );
        assert_eq!(candidates(&rows(&["no list"])), None);
    }
}
