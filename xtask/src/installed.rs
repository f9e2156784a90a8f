// SPDX-License-Identifier: GPL-2.0-or-later
//! What is installed beside the program and made from its command line: man page, completions.

use std::path::Path;

use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use hmp::command_line;

use crate::error::Error;

/// The program's command line, with the release alone as its version: the files that are made of it
/// are committed, so they can't name a revision.
fn command() -> clap::Command {
    command_line::command().version(env!("CARGO_PKG_VERSION"))
}

/// The man page, in the macros of man(7): clap's definitions, with the manual's own synopsis.
pub fn man_page(root: &Path) -> Result<String, Error> {
    let manual = std::fs::read_to_string(root.join("docs/hmp.md"))?;
    let synopsis = manual
        .split_once("## Synopsis\n\n```text\n")
        .and_then(|(_, rest)| rest.split_once("```\n"))
        .ok_or("docs/hmp.md: no synopsis")?;
    let man = Man::new(command());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    let mut usage = Roff::new();
    usage.control("SH", ["SYNOPSIS"]).control("nf", []);
    for line in synopsis.0.lines() {
        usage.text([roman(line)]);
    }
    usage.control("fi", []).to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut end = Roff::new();
    end.control("SH", ["EXIT STATUS"])
        .text([roman(command_line::EXIT_CODES)])
        .control("SH", ["SEE ALSO"])
        .text([bold("qemu"), roman("(1)")]);
    end.to_writer(&mut page)?;
    Ok(once(&String::from_utf8(page)?))
}

/// The page with its first definition of an apostrophe alone: each section brings one.
fn once(page: &str) -> String {
    let definition = page.lines().take_while(|line| !line.starts_with(".TH"));
    let definition: String = definition.map(|line| format!("{line}\n")).collect();
    format!("{definition}{}", page.replace(&definition, ""))
}

/// What TAB does with the program's options in a shell.
pub fn completions(shell: Shell) -> Result<String, Error> {
    let whole = command();
    let shown = whole.get_arguments().filter(|option| !option.is_hide_set());
    // clap_complete offers hidden options as well.
    let mut offered = clap::Command::new("hmp").version(env!("CARGO_PKG_VERSION"));
    offered = offered.args(shown.cloned().collect::<Vec<_>>());
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut offered, "hmp", &mut script);
    Ok(String::from_utf8(script)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_completed_but_hidden_ones() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = completions(shell).unwrap();
            for option in command().get_arguments() {
                let Some(long) = option.get_long() else {
                    continue;
                };
                assert_eq!(
                    script.contains(long),
                    !option.is_hide_set(),
                    "{shell}: --{long}"
                );
            }
        }
    }
}
