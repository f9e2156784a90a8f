// SPDX-License-Identifier: GPL-2.0-or-later
//! What a user of a libvirt domain should know before `hmp` talks to it.

use std::io::{self, IsTerminal};

use crate::repl::blocking::blocking;
use crate::repl::connect::Failure;
use crate::repl::exit::Exit;
use crate::repl::list::field;
use crate::repl::screen::say;

/// Makes sure that the user agrees: asks on a terminal, and is an error elsewhere.
pub(super) async fn agree(domain: &str, agreed: bool) -> Result<(), Failure> {
    if agreed {
        return Ok(());
    }
    let taint = format!(
        "libvirt marks the domain '{}' as tainted (custom-monitor) until it is shut off, and does \
         not know what is changed this way",
        field(domain)
    );
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        let exit = Exit::Usage;
        let text = format!("{taint}; --yes says that you agree");
        return Err(Failure { exit, text });
    }
    say(&taint);
    say("go on? (y/N)");
    let answer = blocking(|| {
        // A terminal gives a line at a time: nothing that was typed ahead is taken.
        let mut line = [0; 256];
        let count = rustix::io::read(rustix::stdio::stdin(), &mut line).unwrap_or(0);
        String::from_utf8_lossy(line.get(..count).unwrap_or_default()).into_owned()
    });
    let answer = answer.await.unwrap_or_default();
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err("not connected".to_owned().into()),
    }
}
