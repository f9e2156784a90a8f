// SPDX-License-Identifier: GPL-2.0-or-later
//! What `query-pci` answers, as far as commands print it.

use serde::Deserialize;

/// A bus that no bridge leads to.
#[derive(Deserialize)]
pub struct PciInfo {
    /// Its number.
    pub bus: Option<i64>,
    /// The devices on it.
    pub devices: Vec<PciDevice>,
}

/// A device.
#[derive(Deserialize)]
pub struct PciDevice {
    /// The number of its bus, or the bus itself.
    pub bus: i64,
    /// Its place on the bus.
    pub slot: i64,
    /// Its function there.
    pub function: i64,
    /// What kind it is.
    pub class_info: PciClass,
    /// Who made it.
    pub id: PciId,
    /// The interrupt, where it has one.
    pub irq: Option<i64>,
    /// The pin, from 1.
    #[serde(default)]
    pub irq_pin: i64,
    /// Its id, empty where it has none.
    pub qdev_id: String,
    /// What lies behind it.
    pub pci_bridge: Option<PciBridge>,
    /// What it answers.
    pub regions: Vec<PciRegion>,
}

/// What kind of device it is.
#[derive(Deserialize)]
pub struct PciClass {
    /// In words, where there are any.
    pub desc: Option<String>,
    /// As a number.
    pub class: i64,
}

/// Who made it.
#[derive(Deserialize)]
pub struct PciId {
    /// The device.
    pub device: i64,
    /// The maker.
    pub vendor: i64,
    /// The board.
    pub subsystem: Option<i64>,
    /// The board's maker.
    #[serde(rename = "subsystem-vendor")]
    pub subsystem_vendor: Option<i64>,
}

/// What lies behind a bridge.
#[derive(Deserialize)]
pub struct PciBridge {
    /// The number of its bus, or the bus itself.
    pub bus: PciBus,
    /// The devices on it.
    // Absent until firmware numbered the bus.
    #[serde(default)]
    pub devices: Vec<PciDevice>,
}

/// The bus behind a bridge.
#[derive(Deserialize)]
pub struct PciBus {
    /// The bus that the bridge sits on.
    pub number: i64,
    /// The bus behind it.
    pub secondary: i64,
    /// The last bus behind it.
    pub subordinate: i64,
    /// Ports.
    pub io_range: PciRange,
    /// Memory.
    pub memory_range: PciRange,
    /// Memory that may be read ahead.
    pub prefetchable_range: PciRange,
}

/// Addresses that a bridge passes on.
#[derive(Deserialize)]
pub struct PciRange {
    /// The first.
    pub base: i64,
    /// The last.
    pub limit: i64,
}

/// Addresses that a device answers.
#[derive(Deserialize)]
pub struct PciRegion {
    /// Its number.
    pub bar: i64,
    /// `io` or `memory`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it starts; -1 where nowhere.
    pub address: i64,
    /// In bytes.
    pub size: i64,
    /// Whether it may be read ahead.
    #[serde(default)]
    pub prefetch: bool,
    /// Whether addresses have 64 bits.
    #[serde(default)]
    pub mem_type_64: bool,
}
