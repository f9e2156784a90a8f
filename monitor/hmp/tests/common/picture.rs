// SPDX-License-Identifier: GPL-2.0-or-later
//! A picture of a terminal's screen, for the documentation.

use std::fmt::Write;

/// Pixels of a cell.
const WIDTH: usize = 8;
const HEIGHT: usize = 17;

/// The sixteen colours of a terminal.
const COLOURS: [&str; 16] = [
    "#1d1f21", "#cc6666", "#b5bd68", "#f0c674", "#81a2be", "#b294bb", "#8abeb7", "#c5c8c6",
    "#666666", "#d54e53", "#b9ca4a", "#e7c547", "#7aa6da", "#c397d8", "#70c0b1", "#eaeaea",
];
const PAPER: &str = "#1d1f21";
const INK: &str = "#c5c8c6";

/// What cells that are drawn together have in common.
#[derive(Clone, PartialEq, Eq)]
struct Look {
    ink: String,
    paper: String,
    dim: bool,
    bold: bool,
}

fn colour(colour: vt100::Color, default: &str) -> String {
    match colour {
        vt100::Color::Default => default.to_owned(),
        vt100::Color::Idx(number) => match COLOURS.get(usize::from(number)) {
            Some(known) => (*known).to_owned(),
            None => default.to_owned(),
        },
        vt100::Color::Rgb(red, green, blue) => format!("#{red:02x}{green:02x}{blue:02x}"),
    }
}

fn look(cell: &vt100::Cell) -> Look {
    let (mut ink, mut paper) = (colour(cell.fgcolor(), INK), colour(cell.bgcolor(), PAPER));
    if cell.inverse() {
        std::mem::swap(&mut ink, &mut paper);
    }
    Look {
        ink,
        paper,
        dim: cell.dim(),
        bold: cell.bold(),
    }
}

/// The screen's rows up to the last that has something, as SVG.
pub fn svg(screen: &vt100::Screen) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let texts: Vec<String> = screen.rows(0, columns).collect();
    let last = texts.iter().rposition(|text| !text.trim().is_empty());
    let count = last.map_or(1, |last| last + 1).min(rows.into());
    let (width, height) = (
        usize::from(columns) * WIDTH + 2 * WIDTH,
        count * HEIGHT + HEIGHT,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"monospace\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{PAPER}\"/>\n"
    );
    for (row, text) in texts.iter().enumerate().take(count) {
        let text: Vec<char> = text.chars().collect();
        let mut column = 0;
        while column < usize::from(columns) {
            let cell = |column: usize| {
                let at = (u16::try_from(row).unwrap(), u16::try_from(column).unwrap());
                screen.cell(at.0, at.1).unwrap()
            };
            let first = look(cell(column));
            let mut end = column + 1;
            while end < usize::from(columns) && look(cell(end)) == first {
                end += 1;
            }
            let run: String = (column..end)
                .map(|at| text.get(at).copied().unwrap_or(' '))
                .collect();
            draw(&mut svg, row, column, &run, &first);
            column = end;
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, row: usize, column: usize, run: &str, look: &Look) {
    let (x, y) = (WIDTH + column * WIDTH, HEIGHT / 2 + row * HEIGHT);
    let width = run.chars().count() * WIDTH;
    if look.paper != PAPER {
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{HEIGHT}\" fill=\"{}\"/>",
            look.paper
        );
    }
    // Two pixels in one cell: the upper one is the ink.
    if run.chars().all(|letter| letter == '▀') {
        let half = HEIGHT / 2 + 1;
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{half}\" fill=\"{}\"/>",
            look.ink
        );
        return;
    }
    let trimmed = run.trim_end();
    if trimmed.is_empty() {
        return;
    }
    let text = trimmed.replace('&', "&amp;").replace('<', "&lt;");
    let length = trimmed.chars().count() * WIDTH;
    let dim = if look.dim { " opacity=\"0.6\"" } else { "" };
    let bold = if look.bold {
        " font-weight=\"bold\""
    } else {
        ""
    };
    let _ = writeln!(
        svg,
        "<text x=\"{x}\" y=\"{}\" textLength=\"{length}\" xml:space=\"preserve\" \
         fill=\"{}\"{dim}{bold}>{text}</text>",
        y + HEIGHT - 4,
        look.ink
    );
}
