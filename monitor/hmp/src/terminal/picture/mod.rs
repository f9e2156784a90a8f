// SPDX-License-Identifier: GPL-2.0-or-later
//! Pictures on a terminal. Each encoder writes its own introducers and encoded data, none of the
//! picture's bytes as they are.

mod blocks;
mod encoded;
pub mod pixmap;
pub mod protocol;
mod sixel;
pub mod text_mode;
