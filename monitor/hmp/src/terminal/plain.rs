// SPDX-License-Identifier: GPL-2.0-or-later
//! A line editor for terminals that understand no escape sequences, and for programs that drive
//! one: what is typed is echoed, Backspace, Ctrl-U and Ctrl-W take back, and the prompt is the last
//! thing written.

use std::io::{self, Write};
use std::iter::Peekable;
use std::str::Chars;

use rustix::termios::tcgetwinsize;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::escape::for_terminal;
use super::input::{Input, Next, Taker};
use super::messages::Messages;

/// How what is typed is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// As it is.
    Text,
    /// A star for each character.
    Stars,
    /// Not at all.
    Nothing,
}

/// How a line ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// By Enter.
    Line(String),
    /// By Ctrl-C.
    Interrupted,
    /// By Ctrl-D, or with the terminal.
    End,
    /// The terminal can't be read, or written to.
    Failed(String),
}

/// What TAB does.
#[derive(Debug, Default)]
pub struct Completed {
    /// Text that is put in.
    pub insert: String,
    /// What is listed, with line ends.
    pub list: String,
}

/// The line that is typed.
struct Line<'w> {
    out: &'w mut dyn Write,
    prompt: &'w str,
    text: String,
    echo: Echo,
}

/// Reads a line. `complete` is asked what could stand at
/// the end of the text.
pub fn read_line(
    input: &Input,
    messages: &Messages,
    out: &mut dyn Write,
    prompt: &str,
    echo: Echo,
    complete: &mut dyn FnMut(&str) -> Completed,
) -> Read {
    let mut line = Line {
        out,
        prompt,
        text: String::new(),
        echo,
    };
    match line.edit(input, messages, complete) {
        Ok(read) => read,
        Err(error) => Read::Failed(error.to_string()),
    }
}

impl Line<'_> {
    fn edit(
        &mut self,
        input: &Input,
        messages: &Messages,
        complete: &mut dyn FnMut(&str) -> Completed,
    ) -> io::Result<Read> {
        self.show()?;
        loop {
            let bytes = match input.next(Taker::Direct) {
                Next::Bytes(bytes) => bytes,
                Next::Called => {
                    let Some(text) = messages.take() else {
                        continue;
                    };
                    write!(self.out, "\n{text}")?;
                    self.show()?;
                    continue;
                }
                Next::Ended(Ok(())) | Next::Unwanted => return Ok(Read::End),
                Next::Ended(Err(text)) => return Ok(Read::Failed(text)),
            };
            let text = String::from_utf8_lossy(&bytes);
            let mut keys = text.chars().peekable();
            while let Some(key) = keys.next() {
                match key {
                    '\r' | '\n' => {
                        writeln!(self.out)?;
                        self.out.flush()?;
                        return Ok(Read::Line(std::mem::take(&mut self.text)));
                    }
                    '\x03' => {
                        writeln!(self.out, "^C")?;
                        self.out.flush()?;
                        return Ok(Read::Interrupted);
                    }
                    '\x04' if self.text.is_empty() => {
                        writeln!(self.out)?;
                        self.out.flush()?;
                        return Ok(Read::End);
                    }
                    '\x08' | '\x7f' => self.take_back(1)?,
                    '\x15' => self.take_back(usize::MAX)?,
                    '\x17' => self.take_back_word()?,
                    '\x16' => {
                        if let Some(verbatim) = keys.next() {
                            self.put(verbatim)?;
                        }
                    }
                    '\t' if self.echo == Echo::Text => self.complete(complete)?,
                    '\x1b' => skip_sequence(&mut keys),
                    key if key.is_control() => {}
                    key => self.put(key)?,
                }
            }
            self.out.flush()?;
        }
    }

    /// Shows the prompt and what was typed.
    fn show(&mut self) -> io::Result<()> {
        let shown = self.shown(&self.text);
        write!(self.out, "{}{shown}", self.prompt)?;
        self.out.flush()
    }

    fn shown(&self, text: &str) -> String {
        match self.echo {
            Echo::Text => for_terminal(text).into_owned(),
            Echo::Stars => "*".repeat(text.chars().count()),
            Echo::Nothing => String::new(),
        }
    }

    fn put(&mut self, key: char) -> io::Result<()> {
        self.text.push(key);
        let shown = self.shown(key.encode_utf8(&mut [0; 4]));
        write!(self.out, "{shown}")
    }

    /// Takes back so many characters, with the marks on them.
    fn take_back(&mut self, count: usize) -> io::Result<()> {
        let before = self.end();
        for _ in 0..count {
            if self.text.is_empty() {
                break;
            }
            while let Some(key) = self.text.pop() {
                if key == '\t' || UnicodeWidthStr::width(&*self.shown(&key.to_string())) > 0 {
                    break;
                }
                if self.echo == Echo::Nothing {
                    break;
                }
            }
        }
        let after = self.end();
        if before.row == after.row && before.column < before.columns {
            for _ in after.column..before.column {
                self.out.write_all(b"\x08 \x08")?;
            }
            return Ok(());
        }
        // No Backspace leads to the row above: all is shown anew.
        writeln!(self.out)?;
        self.show()
    }

    /// Where the line that is shown ends.
    fn end(&self) -> Place {
        let mut place = Place::of(self.prompt, columns());
        place.pass(&self.shown(&self.text));
        place
    }

    fn take_back_word(&mut self) -> io::Result<()> {
        let kept = self.text.trim_end();
        let start = kept.rfind(' ').map_or(0, |blank| blank + 1);
        self.take_back(self.text[start..].chars().count())
    }

    fn complete(&mut self, complete: &mut dyn FnMut(&str) -> Completed) -> io::Result<()> {
        let Completed { insert, list } = complete(&self.text);
        for key in insert.chars() {
            self.put(key)?;
        }
        if !list.is_empty() {
            write!(self.out, "\n{list}")?;
            self.show()?;
        }
        Ok(())
    }
}

/// A place on a terminal of so many columns, from where a line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    columns: usize,
    row: usize,
    /// That of the next character; as many as there are columns where that goes to the next row.
    column: usize,
}

impl Place {
    /// Behind a text.
    fn of(text: &str, columns: usize) -> Self {
        let mut place = Self {
            columns,
            row: 0,
            column: 0,
        };
        place.pass(text);
        place
    }

    fn pass(&mut self, text: &str) {
        for letter in text.chars() {
            if letter == '\t' {
                let stop = (self.column / TAB + 1) * TAB;
                self.column = stop.min(self.columns.saturating_sub(1));
                continue;
            }
            let width = letter.width().unwrap_or(0);
            if self.column + width > self.columns {
                self.row += 1;
                self.column = 0;
            }
            self.column += width;
        }
    }
}

/// Columns from one tabulator to the next.
const TAB: usize = 8;

/// The columns of the terminal; where that does not say how many, all are in one row.
fn columns() -> usize {
    match tcgetwinsize(rustix::stdio::stdout()) {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        _ => usize::MAX,
    }
}

/// Passes over the rest of a key's escape sequence, as far as it is there: `[ 1 ; 5 C`, `O P`.
fn skip_sequence(keys: &mut Peekable<Chars<'_>>) {
    let Some(&kind) = keys.peek() else { return };
    if !matches!(kind, '[' | 'O') {
        return;
    }
    keys.next();
    while let Some(&key) = keys.peek() {
        if !key.is_ascii() || key.is_ascii_control() {
            return;
        }
        keys.next();
        if ('\x40'..='\x7e').contains(&key) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("(qemu) ", 80, 0, 7)]
    #[case("12345", 5, 0, 5)]
    #[case("123456", 5, 1, 1)]
    #[case("1234\u{65e5}", 5, 1, 2)]
    #[case("e\u{301}x", 80, 0, 2)]
    #[case("ab\tc", 80, 0, 9)]
    #[case("123\t", 5, 0, 4)]
    fn rows_end_where_the_terminals_do(
        #[case] text: &str,
        #[case] columns: usize,
        #[case] row: usize,
        #[case] column: usize,
    ) {
        let expected = Place {
            columns,
            row,
            column,
        };
        assert_eq!(Place::of(text, columns), expected);
    }
}
