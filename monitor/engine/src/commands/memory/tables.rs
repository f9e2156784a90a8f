// SPDX-License-Identifier: GPL-2.0-or-later
//! Reading a guest's tables of pages, each once.

use std::collections::HashMap;
use std::future::poll_fn;
use std::ops::Range;
use std::sync::Arc;
use std::task::Poll;

use crate::command::cx::{CmdError, CmdResult, Cx};
use crate::commands::memory::map::memory_map;
use crate::guest::bytes::Bytes;
use crate::guest::memory::Reader;
use crate::guest::ram;
use crate::guest::regions::Map;
use crate::guest::sought::{LookUp, Sought};

/// Bytes of a page, which no table is larger than.
const PAGE: u64 = 4096;

/// Pages of tables that are kept.
const KEPT: usize = 4096;

/// As many tables are read one by one; whoever needs more needs many, and systems have them near each
/// other.
const FEW: usize = 8;

/// Bytes that are read at once from then on.
const BATCH: u64 = 1 << 16;

/// The guest's tables.
pub(super) struct Tables<'a> {
    reader: Reader<'a>,
    /// Certainly memory.
    main: Vec<Range<u64>>,
    /// What else there is, from the moment it is needed.
    map: Option<Map>,
    pages: HashMap<u64, Arc<[u8]>>,
    /// How often something was read.
    reads: usize,
    /// Whether a table is where a device is.
    device: bool,
}

impl<'a> Tables<'a> {
    pub(super) async fn open(cx: &mut Cx<'a>) -> Result<Self, CmdError> {
        let main = ram::certain(cx.qmp(), cx.caps).await?;
        Ok(Self {
            reader: Reader::open(cx.means()).await?,
            main,
            map: None,
            pages: HashMap::new(),
            reads: 0,
            device: false,
        })
    }

    pub(super) async fn close(self, cx: &mut Cx<'_>, result: CmdResult) -> CmdResult {
        if self.device {
            cx.note("a table of the guest's lies where a device is, which is not read");
        }
        self.reader.close(result).await
    }

    /// `size` bytes, which lie in one page.
    pub(super) async fn read(
        &mut self,
        cx: &mut Cx<'_>,
        address: u64,
        size: usize,
    ) -> Result<Arc<[u8]>, CmdError> {
        let start = address & !(PAGE - 1);
        let page = match self.pages.get(&start) {
            Some(page) => page.clone(),
            None => {
                let (first, bytes) = self.fetch(cx, start).await?;
                let count = bytes.len() / PAGE as usize;
                if self.pages.len() + count > KEPT {
                    self.pages.clear();
                }
                for (page, at) in bytes
                    .chunks(PAGE as usize)
                    .zip((first..).step_by(PAGE as usize))
                {
                    self.pages.insert(at, page.into());
                }
                self.pages.get(&start).cloned().unwrap_or_default()
            }
        };
        let from = (address - start) as usize;
        match page.get(from..from + size) {
            Some(all) if all.len() == page.len() => Ok(page),
            part => Ok(part.unwrap_or_default().into()),
        }
    }

    /// Where an address is mapped to; none where it is not.
    pub(super) async fn find(
        &mut self,
        cx: &mut Cx<'_>,
        mut search: impl LookUp + Send,
    ) -> Result<Option<u64>, CmdError> {
        loop {
            match search.next() {
                Sought::Entry { address, size } => {
                    let entry = self.read(cx, address, size).await?;
                    let entry = Bytes::little_endian(&entry).number(size);
                    search.entry(entry.unwrap_or(0));
                }
                Sought::At(place) => return Ok(Some(place)),
                Sought::Unmapped => return Ok(None),
                Sought::Unknown => {
                    let why = "gva2gpa: tables of this kind were never tried";
                    return Err(CmdError::Unavailable(why.into()));
                }
            }
        }
    }

    /// A page, with those around it where many are read; says where the first of them is.
    async fn fetch(&mut self, cx: &mut Cx<'_>, start: u64) -> Result<(u64, Vec<u8>), CmdError> {
        self.reads += 1;
        let first = start & !(BATCH - 1);
        let within = |range: &Range<u64>| range.contains(&first) && BATCH <= range.end - first;
        if self.reads > FEW && self.main.iter().any(within) {
            return Ok((first, self.reader.physical_memory(first, BATCH).await?));
        }
        Ok((start, self.page(cx, start).await?))
    }

    /// A page of memory; where nothing is, it is 0, and what a device would say is not asked.
    async fn page(&mut self, cx: &mut Cx<'_>, start: u64) -> Result<Vec<u8>, CmdError> {
        let within = |range: &Range<u64>| range.contains(&start) && PAGE <= range.end - start;
        if !self.main.iter().any(within) {
            let map = match &mut self.map {
                Some(map) => map,
                map => map.insert(memory_map(cx).await?),
            };
            let device = map.may_be_device(start, PAGE);
            self.device |= device;
            if device || map.covered(start, PAGE) < PAGE {
                return Ok(vec![0; PAGE as usize]);
            }
        }
        Ok(self.reader.physical_memory(start, PAGE).await?)
    }
}

/// Lets others run: tables of a guest may hold each other, and what they map be endless.
pub(super) async fn breathe() {
    let mut done = false;
    poll_fn(|context| {
        if std::mem::replace(&mut done, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
