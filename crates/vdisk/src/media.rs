// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sparse medium: memory only for what was written, copies almost free.
//!
//! Two levels, both shared by reference: chunks of 2 MiB that hold 512 pages
//! of 4 KiB. A copy of a medium copies the list of chunks; the first write
//! into a shared chunk copies its 512 references, the first write into a
//! shared page its 4 KiB. Thousands of crash states of one disk therefore
//! cost what they differ in. Fingerprints are remembered at both levels, so
//! that telling such states apart costs what they differ in, too.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use xxhash_rust::xxh3::xxh3_128;

/// Bytes in a sector, the unit of every address of this crate.
pub const SECTOR: usize = 512;
/// Sectors in a page, the unit of sharing.
pub(crate) const PAGE_SECTORS: u64 = 8;
const PAGE: usize = SECTOR * PAGE_SECTORS as usize;
const PAGES_PER_CHUNK: u64 = 512;

struct Page {
    /// `PAGE` bytes; those of a write of one page are the write's own, which
    /// the open changes and the recent past keep anyway.
    bytes: Arc<Vec<u8>>,
    /// Fingerprint of the bytes wherever they stand; 0 when all are zero.
    print: OnceLock<u128>,
}

impl Page {
    fn new(bytes: Arc<Vec<u8>>) -> Self {
        debug_assert_eq!(bytes.len(), PAGE);
        Self { bytes, print: OnceLock::new() }
    }

    fn print(&self) -> u128 {
        *self.print.get_or_init(|| {
            if self.bytes.iter().all(|&byte| byte == 0) { 0 } else { xxh3_128(&self.bytes) }
        })
    }

    fn change(&mut self, inside: &Range<usize>) -> &mut [u8] {
        self.print = OnceLock::new();
        &mut Arc::make_mut(&mut self.bytes)[inside.start * SECTOR..inside.end * SECTOR]
    }
}

impl Clone for Page {
    fn clone(&self) -> Self {
        // Copied to be changed: the fingerprint would not fit for long.
        Self::new(Arc::clone(&self.bytes))
    }
}

struct Chunk {
    pages: Box<[Option<Arc<Page>>; PAGES_PER_CHUNK as usize]>,
    used: u32,
    print: OnceLock<u128>,
}

impl Clone for Chunk {
    fn clone(&self) -> Self {
        Self { pages: self.pages.clone(), used: self.used, print: OnceLock::new() }
    }
}

impl Chunk {
    fn new() -> Self {
        let pages = Box::new([const { None }; PAGES_PER_CHUNK as usize]);
        Self { pages, used: 0, print: OnceLock::new() }
    }

    fn put(&mut self, slot: usize, page: Option<Arc<Page>>) {
        self.print = OnceLock::new();
        self.used += u32::from(page.is_some());
        self.used -= u32::from(self.pages[slot].is_some());
        self.pages[slot] = page;
    }

    /// A page that is stored, to be changed.
    fn change(&mut self, slot: usize) -> Option<&mut Page> {
        self.print = OnceLock::new();
        self.pages[slot].as_mut().map(Arc::make_mut)
    }

    /// The sum of its pages' fingerprints, each stirred with its address.
    fn print(&self, number: u64) -> u128 {
        *self.print.get_or_init(|| {
            let pages = self.pages.iter().zip(number * PAGES_PER_CHUNK..);
            pages.fold(0, |sum: u128, (page, at)| {
                let print = page.as_ref().map_or(0, |page| page.print());
                sum.wrapping_add(if print == 0 { 0 } else { stir(print, at) })
            })
        })
    }
}

fn stir(print: u128, at: u64) -> u128 {
    const ODD: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;
    let mut word = (print ^ u128::from(at).wrapping_mul(ODD)).wrapping_mul(ODD);
    word ^= word >> 59;
    word.wrapping_mul(ODD)
}

/// What a disk holds; unwritten sectors read as zeroes.
#[derive(Clone, Default)]
pub struct Media {
    chunks: BTreeMap<u64, Arc<Chunk>>,
}

impl std::fmt::Debug for Media {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Media({} pages)", self.pages())
    }
}

/// Pages that a range of sectors touches: page number and the sectors inside
/// it, counted from the page's start.
fn pieces(range: Range<u64>) -> impl Iterator<Item = (u64, Range<usize>)> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        if at >= range.end {
            return None;
        }
        let page = at / PAGE_SECTORS;
        let first = (at % PAGE_SECTORS) as usize;
        let stop = range.end.min((page + 1) * PAGE_SECTORS);
        let count = (stop - at) as usize;
        at = stop;
        Some((page, first..first + count))
    })
}

impl Media {
    fn page(&self, page: u64) -> Option<&Arc<Page>> {
        let chunk = self.chunks.get(&(page / PAGES_PER_CHUNK))?;
        chunk.pages[(page % PAGES_PER_CHUNK) as usize].as_ref()
    }

    /// Appends the content of `range` (512 B sectors) to `out`.
    pub fn read_into(&self, range: Range<u64>, out: &mut Vec<u8>) {
        for (page, inside) in pieces(range) {
            match self.page(page) {
                Some(data) => {
                    out.extend_from_slice(&data.bytes[inside.start * SECTOR..inside.end * SECTOR]);
                }
                None => out.resize(out.len() + inside.len() * SECTOR, 0),
            }
        }
    }

    /// The content of `range` (512 B sectors).
    #[must_use]
    pub fn read(&self, range: Range<u64>) -> Vec<u8> {
        let mut out = Vec::with_capacity((range.end - range.start) as usize * SECTOR);
        self.read_into(range, &mut out);
        out
    }

    /// Puts `data` (whole sectors) at `sector`.
    pub fn write(&mut self, sector: u64, data: &[u8]) {
        self.write_sharing(sector, data, None);
    }

    /// As [`Media::write`], but takes over whole pages of `twin` that already
    /// hold the same bytes, so that the cached and the durable copy of a
    /// disk are stored once.
    pub(crate) fn write_sharing(&mut self, sector: u64, data: &[u8], twin: Option<&Media>) {
        let mut rest = data;
        for (page, inside) in pieces(sector..sector + (data.len() / SECTOR) as u64) {
            let (now, later) = rest.split_at(inside.len() * SECTOR);
            rest = later;
            let chunk = self.chunks.entry(page / PAGES_PER_CHUNK);
            let chunk = Arc::make_mut(chunk.or_insert_with(|| Arc::new(Chunk::new())));
            let slot = (page % PAGES_PER_CHUNK) as usize;
            if now.len() == PAGE {
                let same = twin.and_then(|twin| twin.page(page)).filter(|data| *data.bytes == now);
                let own = || Arc::new(Page::new(Arc::new(now.to_vec())));
                chunk.put(slot, Some(same.map_or_else(own, Arc::clone)));
            } else {
                if chunk.pages[slot].is_none() {
                    chunk.put(slot, Some(Arc::new(Page::new(Arc::new(vec![0; PAGE])))));
                }
                if let Some(page) = chunk.change(slot) {
                    page.change(&inside).copy_from_slice(now);
                }
            }
        }
    }

    /// As [`Media::write_sharing`], for a write of nothing but one page, which
    /// is not copied. False when `data` at `sector` is something else.
    pub(crate) fn write_page(
        &mut self,
        sector: u64,
        data: &Arc<Vec<u8>>,
        twin: Option<&Media>,
    ) -> bool {
        if data.len() != PAGE || !sector.is_multiple_of(PAGE_SECTORS) {
            return false;
        }
        let page = sector / PAGE_SECTORS;
        let same = twin.and_then(|twin| twin.page(page));
        let same = same.filter(|twin| Arc::ptr_eq(&twin.bytes, data)).map(Arc::clone);
        let new = same.unwrap_or_else(|| Arc::new(Page::new(Arc::clone(data))));
        let chunk = self.chunks.entry(page / PAGES_PER_CHUNK);
        let chunk = Arc::make_mut(chunk.or_insert_with(|| Arc::new(Chunk::new())));
        chunk.put((page % PAGES_PER_CHUNK) as usize, Some(new));
        true
    }

    /// Makes `range` (512 B sectors) read as zeroes and frees whole pages.
    /// Takes time for what was written there, not for the range's length.
    pub fn zero(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let chunk_sectors = PAGE_SECTORS * PAGES_PER_CHUNK;
        let touched: Vec<u64> = self
            .chunks
            .range(range.start / chunk_sectors..range.end.div_ceil(chunk_sectors))
            .map(|(&number, _)| number)
            .collect();
        for number in touched {
            let base = number * chunk_sectors;
            let part = range.start.max(base)..range.end.min(base + chunk_sectors);
            let Entry::Occupied(mut entry) = self.chunks.entry(number) else { continue };
            if part == (base..base + chunk_sectors) {
                entry.remove();
                continue;
            }
            let chunk = Arc::make_mut(entry.get_mut());
            for (page, inside) in pieces(part) {
                let slot = (page % PAGES_PER_CHUNK) as usize;
                if inside.len() as u64 == PAGE_SECTORS {
                    chunk.put(slot, None);
                } else if let Some(page) = chunk.change(slot) {
                    page.change(&inside).fill(0);
                }
            }
            if chunk.used == 0 {
                entry.remove();
            }
        }
    }

    /// The stored pages, by number (in 4 KiB), in order.
    pub(crate) fn stored(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.chunks.iter().flat_map(|(number, chunk)| {
            let pages = chunk.pages.iter().zip(number * PAGES_PER_CHUNK..);
            pages.filter_map(|(page, at)| page.as_ref().map(|page| (at, &page.bytes[..])))
        })
    }

    /// Pages of 4 KiB that are stored.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.chunks.values().map(|chunk| u64::from(chunk.used)).sum()
    }

    /// Bytes of memory that this medium would take if it shared nothing:
    /// what was written, plus the lists that find it.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        // A shared reference has two counters.
        const COUNTERS: usize = 16;
        let list = size_of::<[Option<Arc<Page>>; PAGES_PER_CHUNK as usize]>();
        let page = PAGE + size_of::<Page>() + size_of::<Vec<u8>>() + 2 * COUNTERS;
        self.chunks.len() as u64 * list as u64 + self.pages() * page as u64
    }

    /// Stored ranges inside `range` (512 B sectors, whole pages, cut to the
    /// range), neighbours joined, in order.
    pub fn extents(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let chunk_sectors = PAGE_SECTORS * PAGES_PER_CHUNK;
        let (from, to) = (range.start, range.end);
        let mut pages = self
            .chunks
            .range(from / chunk_sectors..to.div_ceil(chunk_sectors))
            .flat_map(|(number, chunk)| {
                let stored = chunk.pages.iter().zip(number * PAGES_PER_CHUNK..);
                stored.filter_map(|(page, at)| page.as_ref().map(|_| at * PAGE_SECTORS))
            })
            .map(move |at| at.max(from)..(at + PAGE_SECTORS).min(to))
            .filter(|page| !page.is_empty())
            .peekable();
        std::iter::from_fn(move || {
            let mut whole = pages.next()?;
            while let Some(next) = pages.next_if(|next| next.start == whole.end) {
                whole.end = next.end;
            }
            Some(whole)
        })
    }

    /// A fingerprint of everything that can be read: equal content gives
    /// equal fingerprints, whatever pages are stored for it. Takes time for
    /// what changed since it was last asked for.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        let prints = self.chunks.iter().map(|(number, chunk)| chunk.print(*number));
        prints.fold(0, u128::wrapping_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Write(u64, u64, u8),
        Zero(u64, u64),
        Copy,
    }

    fn step() -> impl Strategy<Value = Step> {
        // Small and large ranges around a chunk border (sector 4096).
        let range = (4000u64..4200, 1u64..70);
        prop_oneof![
            4 => (range.clone(), 1u8..255).prop_map(|((at, len), fill)| Step::Write(at, len, fill)),
            2 => range.prop_map(|(at, len)| Step::Zero(at, len)),
            1 => Just(Step::Zero(0, 4400)),
            1 => Just(Step::Copy),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn behaves_as_a_plain_buffer(steps in prop::collection::vec(step(), 1..40)) {
            let mut media = Media::default();
            let mut plain = vec![0u8; 4400 * SECTOR];
            let mut copies = Vec::new();
            for step in steps {
                match step {
                    Step::Write(at, len, fill) => {
                        media.write(at, &vec![fill; len as usize * SECTOR]);
                        plain[at as usize * SECTOR..(at + len) as usize * SECTOR].fill(fill);
                    }
                    Step::Zero(at, len) => {
                        let end = (at + len).min(4400);
                        media.zero(at..end);
                        plain[at as usize * SECTOR..end as usize * SECTOR].fill(0);
                    }
                    Step::Copy => copies.push((media.clone(), plain.clone())),
                }
                let mut again = Media::default();
                again.write(0, &plain);
                prop_assert_eq!(again.fingerprint(), media.fingerprint());
                prop_assert_eq!(media.read(3990..4300), &plain[3990 * SECTOR..4300 * SECTOR]);
            }
            copies.push((media, plain));
            for (media, plain) in copies {
                prop_assert!(media.read(0..4400) == plain);
                let mut again = Media::default();
                again.write(0, &plain);
                prop_assert_eq!(again.fingerprint(), media.fingerprint());
                for (sector, bytes) in plain.chunks(SECTOR).enumerate() {
                    let stored = media.extents(0..4400).any(|e| e.contains(&(sector as u64)));
                    prop_assert!(stored || bytes.iter().all(|&b| b == 0));
                }
            }
        }
    }

    #[test]
    fn a_huge_medium_costs_what_was_written() {
        let mut media = Media::default();
        let end = 100 * (1u64 << 40) / SECTOR as u64;
        for at in [0, end / 2, end - 8] {
            media.write(at, &[7; 4096]);
        }
        assert_eq!(media.pages(), 3);
        assert!(media.bytes() < 40_000, "{} bytes", media.bytes());
        assert_eq!(
            media.extents(0..end).collect::<Vec<_>>(),
            [0..8, end / 2..end / 2 + 8, end - 8..end]
        );
        media.zero(0..end);
        assert_eq!(media.bytes(), 0);
    }

    #[test]
    fn a_write_of_one_page_is_not_copied_and_stays_as_it_was() {
        let data = Arc::new(vec![5; PAGE]);
        let (mut one, mut two) = (Media::default(), Media::default());
        assert!(!one.write_page(4, &data, None), "not a page's place");
        assert!(!one.write_page(8, &Arc::new(vec![5; SECTOR]), None), "not a page");
        assert!(one.write_page(16, &data, None));
        assert!(two.write_page(16, &data, Some(&one)));
        assert!(Arc::ptr_eq(one.page(2).unwrap(), two.page(2).unwrap()));
        assert!(Arc::ptr_eq(&one.page(2).unwrap().bytes, &data));
        one.write(17, &[6; SECTOR]);
        one.zero(18..19);
        assert_eq!(data[..], [5; PAGE], "the write's own bytes");
        assert_eq!(two.read(16..24), [5; PAGE], "the twin");
        let expected = [[5; SECTOR], [6; SECTOR], [0; SECTOR], [5; SECTOR]].concat();
        assert_eq!(one.read(16..20), expected);
    }

    #[test]
    fn a_twin_is_stored_once() {
        let (mut one, mut two) = (Media::default(), Media::default());
        one.write(16, &[3; 4096]);
        two.write_sharing(16, &[3; 4096], Some(&one));
        let (Some(a), Some(b)) = (one.page(2), two.page(2)) else { panic!("both hold it") };
        assert!(Arc::ptr_eq(a, b));
    }
}
