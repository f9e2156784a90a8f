// SPDX-License-Identifier: GPL-2.0-or-later
//! `hmp`: QEMU's human monitor from outside. The command line is read in `hmp::command_line`.

use std::io;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use hmp::command_line;
use hmp::repl::{Exit, print, run};

fn main() -> ExitCode {
    let arguments = match command_line::read() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            // Standard error may be closed; the code says too.
            let _ = error.print();
            return Exit::Usage.into();
        }
        Err(help) => return print(&help.render().to_string()).into(),
    };
    let descriptors = match command_line::descriptors(&arguments) {
        Ok(descriptors) => descriptors,
        Err(error) => {
            // Standard error may be closed; the code says too.
            let _ = error.print();
            return Exit::Usage.into();
        }
    };
    let options = command_line::options(arguments, descriptors);
    let runtime = room().and_then(|()| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
    });
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = clap::Error::raw(clap::error::ErrorKind::Io, format!("{error}\n"));
            let _ = error.print();
            return Exit::Unconnected.into();
        }
    };
    let exit = runtime.block_on(run(options));
    // A name that is being looked up would hold up the end.
    runtime.shutdown_background();
    exit.into()
}

/// Whether as many descriptors can be opened as the runtime needs for its start: it panics where it can't
/// watch signals (tokio 1.54, `signal/unix.rs`).
fn room() -> io::Result<()> {
    let _pairs = [
        UnixStream::pair()?,
        UnixStream::pair()?,
        UnixStream::pair()?,
    ];
    Ok(())
}
