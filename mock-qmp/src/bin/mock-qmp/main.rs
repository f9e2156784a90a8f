// SPDX-License-Identifier: GPL-2.0-or-later
//! The mock as a program.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is what a program talks through"
)]

mod files;
mod list;
mod options;
mod record;
mod report;
mod serve;
mod signals;

use std::process::ExitCode;

use clap::Parser as _;
use options::{Cli, Command};

/// What a command ends with.
type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(options) => serve::serve(options),
        Command::Record(options) => record::record(options),
        Command::List => Ok(list::list()),
        Command::Check(options) => files::check(&options),
        Command::Show(options) => files::show(&options),
        Command::Import(options) => files::import(&options),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("mock-qmp: {error}");
            ExitCode::from(2)
        }
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}
