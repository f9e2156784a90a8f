// SPDX-License-Identifier: GPL-2.0-or-later
//! The lines that were entered.

/// Lines that are kept (util/readline.h, `READLINE_MAX_CMDS`).
const KEPT: usize = 64;

/// The lines of a monitor, oldest first, as bytes.
#[derive(Clone, Debug, Default)]
pub struct History(Vec<Vec<u8>>);

/// Which line of the history was recalled last; by default none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position(Option<usize>);

impl History {
    /// The lines, oldest first.
    #[must_use]
    pub fn lines(&self) -> &[Vec<u8>] {
        &self.0
    }

    /// Adds a line that was entered; one that is there moves to the end. An empty one is not added,
    /// and the position stays, as it does where all places are taken and the last one is entered
    /// again.
    pub(super) fn add(&mut self, line: &[u8], position: &mut Position) {
        if line.is_empty() {
            return;
        }
        let recalled = position.0.filter(|&at| self.is_at(at, line));
        let known = recalled.or_else(|| self.0.iter().position(|known| known == line));
        match known {
            Some(at) if at + 1 == KEPT => return,
            Some(at) => self.0[at..].rotate_left(1),
            None => {
                if self.0.len() == KEPT {
                    self.0.remove(0);
                }
                self.0.push(line.to_vec());
            }
        }
        *position = Position::default();
    }

    fn is_at(&self, at: usize, line: &[u8]) -> bool {
        self.0.get(at).is_some_and(|known| known == line)
    }

    /// The line before the position; none at the first one.
    pub(super) fn up(&self, position: &mut Position) -> Option<Vec<u8>> {
        // Another client may have left fewer.
        let from = position.0.unwrap_or(self.0.len()).min(self.0.len());
        let at = from.checked_sub(1)?;
        position.0 = Some(at);
        self.0.get(at).cloned()
    }

    /// The line behind the position, which is an empty one behind the last; none where no line was
    /// recalled.
    pub(super) fn down(&self, position: &mut Position) -> Option<Vec<u8>> {
        let at = position.0? + 1;
        let line = self.0.get(at);
        position.0 = line.map(|_| at);
        Some(line.cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(lines: impl IntoIterator<Item = impl AsRef<str>>) -> History {
        let (mut history, mut position) = (History::default(), Position::default());
        for line in lines {
            history.add(line.as_ref().as_bytes(), &mut position);
        }
        history
    }

    fn shown(history: &History) -> Vec<String> {
        let lines = history.lines().iter();
        lines
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect()
    }

    #[test]
    fn a_line_that_is_known_moves() {
        assert_eq!(
            shown(&history(["a", "b", "", "a", " ", "c"])),
            ["b", "a", " ", "c"]
        );
    }

    #[test]
    fn the_oldest_goes() {
        let lines = history((0..70).map(|number| number.to_string()));
        assert_eq!(lines.lines().len(), KEPT);
        assert_eq!(shown(&lines)[0], "6");
    }

    #[test]
    fn up_and_down() {
        let history = history(["a", "b"]);
        let mut position = Position::default();
        assert_eq!(history.down(&mut position), None);
        assert_eq!(history.up(&mut position), Some(b"b".to_vec()));
        assert_eq!(history.up(&mut position), Some(b"a".to_vec()));
        assert_eq!(history.up(&mut position), None);
        assert_eq!(history.down(&mut position), Some(b"b".to_vec()));
        assert_eq!(history.down(&mut position), Some(Vec::new()));
        assert_eq!(history.down(&mut position), None);
        assert_eq!(History::default().up(&mut position), None);
    }

    #[test]
    fn what_is_entered_ends_a_recall() {
        let mut history = history(["a", "b", "c"]);
        let mut position = Position::default();
        history.up(&mut position);
        history.up(&mut position);
        history.add(b"", &mut position);
        assert_eq!(history.up(&mut position), Some(b"a".to_vec()));
        history.add(b"a", &mut position);
        assert_eq!(shown(&history), ["b", "c", "a"]);
        assert_eq!(position, Position::default());
    }

    #[test]
    fn the_last_of_a_full_one_keeps_the_place() {
        let mut history = history((0..KEPT).map(|number| number.to_string()));
        let mut position = Position::default();
        history.up(&mut position);
        history.add(b"63", &mut position);
        assert_eq!(history.up(&mut position), Some(b"62".to_vec()));
    }

    #[test]
    fn a_position_beyond_the_end_is_one_outside() {
        let mut position = Position(Some(9));
        let history = history(["a"]);
        assert_eq!(history.up(&mut position), Some(b"a".to_vec()));
        let mut position = Position(Some(9));
        assert_eq!(history.down(&mut position), Some(Vec::new()));
    }
}
