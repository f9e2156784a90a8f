// SPDX-License-Identifier: GPL-2.0-or-later
//! Descriptors that QEMU is given for a moment, and how they are taken back whatever happens.
//!
//! QEMU keeps a descriptor set, and a descriptor by name, when the connection ends: releases before
//! 9.1 drop sets where the VM runs and no other client is connected, later ones never. So what was
//! given is written down before it is given, and struck out when it was taken back. A line that is
//! given up in between leaves its entry, which [`take_back`](Given::take_back) works off. What a
//! program that was killed left is found by its owner's text: [`clear`] takes that back when the
//! next one connects.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{join, join_all};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::host::{Fate, Host};
use crate::qmp::{self, Qmp, QmpError};

/// How the opaque text of our descriptor sets starts; the owner's text follows.
const OPAQUE: &str = "hmp:";

/// The name by which QEMU knows the file that it writes memory into, where it is not in a set.
pub const MEMORY: &str = "hmp-guest-memory";

/// The name by which QEMU knows the file for a dump.
pub const DUMP: &str = "hmp-guest-dump";

/// The names by which QEMU knows descriptors of ours for a moment. Each monitor of QEMU's has names
/// of its own, and one client at a time is connected to it, so that a descriptor of such a name that
/// is there at the start was left behind.
const NAMES: [&str; 2] = [MEMORY, DUMP];

/// What is in QEMU's hands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Thing {
    /// A descriptor set with this opaque text, if it came to that.
    Unnumbered(String),
    /// The descriptor set of this number.
    Set(i64),
    /// The descriptor of this name, if it came to that.
    Named(&'static str),
}

/// What one monitor gave to QEMU and has not taken back. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Given(Arc<Mutex<Vec<(u64, Thing)>>>);

/// An entry of it: dropped without more ado, it stays there.
#[derive(Debug)]
pub struct Entry {
    given: Given,
    key: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct FdSet {
    fdset_id: i64,
    fds: Vec<Fd>,
}

#[derive(Deserialize)]
struct Fd {
    opaque: Option<String>,
}

impl Given {
    /// Whether everything was taken back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Writes down that a descriptor set is about to be made; returns its opaque text.
    pub fn set(&self, host: &dyn Host) -> (Entry, String) {
        match host.owner() {
            Some(owner) => {
                let opaque = format!("{OPAQUE}{owner}");
                (self.add(Thing::Unnumbered(opaque.clone())), opaque)
            }
            None => (self.add(Thing::Unnumbered(String::new())), "hmp".into()),
        }
    }

    /// Writes down that a descriptor is about to be given this name.
    pub fn named(&self, name: &'static str) -> Entry {
        self.add(Thing::Named(name))
    }

    /// Takes back what is still there. What fails, but for a reason of QEMU's own, stays written
    /// down.
    pub async fn take_back(&self, qmp: &dyn Qmp) -> Result<(), QmpError> {
        let things = self.lock().clone();
        for (key, thing) in things {
            match thing {
                Thing::Set(id) => answered(remove(qmp, id).await)?,
                Thing::Unnumbered(opaque) if opaque.is_empty() => {}
                Thing::Unnumbered(opaque) => {
                    for set in sets(qmp).await? {
                        if set.fds.iter().any(|fd| fd.opaque.as_ref() == Some(&opaque)) {
                            answered(remove(qmp, set.fdset_id).await)?;
                        }
                    }
                }
                Thing::Named(name) => answered(close(qmp, name).await)?,
            }
            self.strike(key);
        }
        Ok(())
    }

    fn add(&self, thing: Thing) -> Entry {
        let mut things = self.lock();
        let key = things.last().map_or(0, |(key, _)| key + 1);
        things.push((key, thing));
        Entry {
            given: self.clone(),
            key,
        }
    }

    fn strike(&self, key: u64) {
        self.lock().retain(|(other, _)| *other != key);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(u64, Thing)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Notes the number of the set.
    pub fn numbered(&self, id: i64) {
        let mut things = self.given.lock();
        if let Some(thing) = things.iter_mut().find(|(key, _)| *key == self.key) {
            thing.1 = Thing::Set(id);
        }
    }

    /// QEMU has it no more, or never had.
    pub fn strike(self) {
        self.given.strike(self.key);
    }
}

/// Takes back what programs that are gone left in this QEMU. It costs one round trip, and one more
/// where something was left; nothing where it can be seen that there is none. Fails where the
/// connection does.
pub async fn clear(qmp: &dyn Qmp, host: &dyn Host) -> Result<(), QmpError> {
    if !qmp.may_hold_ours() {
        return Ok(());
    }
    let named = join_all(NAMES.map(|name| close(qmp, name)));
    let (sets, named) = join(sets(qmp), named).await;
    named.into_iter().try_for_each(answered)?;
    let gone = |fd: &Fd| {
        let owner = fd.opaque.as_deref().and_then(|o| o.strip_prefix(OPAQUE));
        owner.is_some_and(|owner| host.fate(owner) == Fate::Gone)
    };
    for set in sets? {
        if !set.fds.is_empty() && set.fds.iter().all(gone) {
            answered(remove(qmp, set.fdset_id).await)?;
        }
    }
    Ok(())
}

async fn sets(qmp: &dyn Qmp) -> Result<Vec<FdSet>, QmpError> {
    match qmp::query(qmp, "query-fdsets", Value::Null).await {
        Err(error) if !error.is_fatal() => Ok(Vec::new()),
        other => other,
    }
}

async fn remove(qmp: &dyn Qmp, id: i64) -> Result<Value, QmpError> {
    qmp.execute("remove-fd", json!({"fdset-id": id})).await
}

async fn close(qmp: &dyn Qmp, name: &str) -> Result<Value, QmpError> {
    qmp.execute("closefd", json!({"fdname": name})).await
}

/// Whether QEMU answered, be it that there is nothing.
fn answered(result: Result<Value, QmpError>) -> Result<(), QmpError> {
    match result {
        Err(error) if error.is_fatal() => Err(error),
        _ => Ok(()),
    }
}
