// SPDX-License-Identifier: GPL-2.0-or-later
//! Block devices, images, exports.

pub mod commit;
pub mod copy;
pub mod device;
pub mod drive;
pub mod info_block;
pub mod nbd;
