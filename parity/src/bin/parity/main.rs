// SPDX-License-Identifier: GPL-2.0-or-later
//! `parity`: runs the same lines on the built-in monitor and on ours, and reports.

mod cli;
mod common;
mod complete;
mod dashboard;
mod fuzz;
mod record;
mod run;
mod sweep;
mod tables;
mod talk;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => args.run(),
        Command::Hx(args) => args.run(),
        Command::Schema(args) => args.run(),
        Command::Complete(args) => args.run(),
        Command::Fuzz(args) => args.run(),
        Command::Sweep(args) => args.run(),
        Command::Talk(args) => args.run(),
        Command::Gaps(args) => args.run(),
        Command::Coverage(args) => args.run(),
        Command::Status(args) => args.run(),
        Command::Dashboard(args) => args.run(),
        Command::Record(args) => args.run(),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "parity: {error}");
            ExitCode::from(2)
        }
    }
}
