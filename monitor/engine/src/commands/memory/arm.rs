// SPDX-License-Identifier: GPL-2.0-or-later
//! `gva2gpa` of Arm. What decides is in the state of all devices; the tables are read out of physical
//! memory.

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::command::vm_state::{current, current_cpu, listed};
use crate::commands::memory::tables::Tables;
use crate::commands::memory::translate::{Address, print_no_cpu, print_place};
use crate::format::sign::Sign as _;
use crate::guest::arm::paging::{Paging, Search};
use crate::guest::arm::section::{self, NARROW};
use crate::guest::arm::{narrow, traits};
use crate::guest::sought::LookUp;
use crate::qmp::version::{Version, v};

/// The releases that were compared: the first, and the first after those like it (10.0, seen: on
/// 10.0.2; 10.1, seen: never tried).
const CHECKING: std::ops::Range<Version> = v(10, 0)..v(10, 1);

/// The first release that shows places whatever the rights (11.1, seen: on 11.1.3; 10.0.2 looks at
/// rights).
const UNCHECKING: Version = v(11, 1);

/// The first release in which addresses have 64 bits for every target (11.0, commit d6db93d8e1 of QEMU).
const UNCUT: Version = v(11, 0);

fn unavailable<T>(why: &str) -> Result<T, CmdError> {
    Err(CmdError::Unavailable(format!("gva2gpa: {why}")))
}

/// `gva2gpa`.
pub async fn gva2gpa(cx: &mut Cx<'_>, args: Address) -> CmdResult {
    let version = cx.caps.version;
    let checks = CHECKING.contains(&version);
    if !checks && version < UNCHECKING {
        return unavailable("which rights this release looks at is not known here");
    }
    let cpus = listed(cx).await?;
    let Some(cpu) = current(cx, &cpus) else {
        return print_no_cpu(cx);
    };
    let traits = traits::read(cx.qmp(), &cpu.qom_path).await?;
    if let Some(why) = traits.unread() {
        return unavailable(why);
    }
    let Some((whole, _)) = current_cpu(cx, section::read).await? else {
        return print_no_cpu(cx);
    };
    let address = args.addr.as_unsigned();
    if whole.status & NARROW == 0 || traits.wide {
        match Paging::of(&whole, traits) {
            Ok(paging) => show(cx, Search::new(&paging, address, checks)).await,
            Err(why) => unavailable(why),
        }
    } else {
        // Before 11.0, QEMU for targets of 32 bits cuts what is typed.
        let cuts = version < UNCUT && cx.caps.arch.as_deref() == Some("arm");
        let (low, above) = (address as u32, address >> 32);
        match narrow::Paging::of(&whole, traits) {
            Ok(_) if above != 0 && !cuts => {
                unavailable("how addresses of more than 32 bits are mapped was not compared")
            }
            Ok(paging) => show(cx, narrow::Search::new(&paging, low, checks)).await,
            Err(why) => unavailable(why),
        }
    }
}

async fn show(cx: &mut Cx<'_>, search: impl LookUp + Send) -> CmdResult {
    let mut tables = Tables::open(cx).await?;
    let found = tables.find(cx, search).await;
    let result = found.and_then(|place| print_place(cx, place));
    tables.close(cx, result).await
}
