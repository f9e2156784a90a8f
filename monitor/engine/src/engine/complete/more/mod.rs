// SPDX-License-Identifier: GPL-2.0-or-later
//! Completion for people: the built-in's candidates with what they are, and candidates where the
//! built-in has none.

mod about;
mod find;
mod item;
mod json;
mod members;
mod options;
mod places;
mod qmp;
mod value;
mod values;

pub use self::find::offers;
pub use self::item::{Item, Offers};
pub use self::qmp::qmp;
