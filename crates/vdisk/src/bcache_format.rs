// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recognises what bcache writes to its cache device.
//!
//! With this the lab proves that a window was open: "the leaf that holds a
//! key over this sector was written", "two later journal writes moved
//! `last_seq` on". The layout is that of the kernel's `bcache_ondisk.h`
//! (struct `jset`, struct `bset`, struct `bkey`), little endian.

/// Where the superblock stands, in sectors.
pub const SUPERBLOCK_SECTOR: u64 = 8;
/// What [`Superblock::parse`] takes.
pub const SUPERBLOCK_BYTES: usize = 4096;

const MAGIC: [u8; 16] = [
    0xc6, 0x85, 0x73, 0xf6, 0x4e, 0x1a, 0x45, 0xca, 0x82, 0x65, 0xf5, 0x7f, 0x48, 0xba, 0x6d, 0x81,
];
pub const JSET_MAGIC: u64 = 0x2452_35c1_a362_5032;
pub const BSET_MAGIC: u64 = 0x9013_5c78_b99e_07f5;
pub const PSET_MAGIC: u64 = 0x6750_e15f_8733_7f91;

/// Bytes before the keys.
const JSET_HEADER: usize = 240;
const BSET_HEADER: usize = 32;

fn le<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    le(bytes, at).map(u64::from_le_bytes)
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    le(bytes, at).map(u32::from_le_bytes)
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    le(bytes, at).map(u16::from_le_bytes)
}

/// The parts of a superblock that the lab needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// On-disk version; 0, 3 and 5 are cache devices.
    pub version: u64,
    /// First eight bytes of the cache set's UUID, the seed of all magics.
    pub set_magic: u64,
    /// Sectors in a bucket (cache devices).
    pub bucket_sectors: u64,
    /// Buckets on the device (cache devices).
    pub buckets: u64,
    /// Buckets that the journal goes round in (cache devices).
    pub journal_buckets: Vec<u64>,
    /// Where the data of a backing device begin, in sectors.
    pub data_offset: u64,
    /// What a backing device says of its cache; `None` for a cache device.
    pub state: Option<BackingState>,
}

/// `BDEV_STATE` of a backing device's superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackingState {
    /// It has no cache.
    None,
    /// Its cache has nothing that it has not.
    Clean,
    /// Its cache has the only copy of something.
    Dirty,
    /// What its cache has is out of date.
    Stale,
}

impl BackingState {
    /// From the two bits of the flags.
    fn from_flags(flags: u64) -> Self {
        match flags >> 61 & 3 {
            0 => Self::None,
            1 => Self::Clean,
            2 => Self::Dirty,
            _ => Self::Stale,
        }
    }
}

impl Superblock {
    /// Reads the superblock out of the 4096 bytes at [`SUPERBLOCK_SECTOR`].
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.get(24..40)? != MAGIC {
            return None;
        }
        let version = le64(bytes, 16)?;
        let cache = matches!(version, 0 | 3 | 5);
        let journal = if cache { le16(bytes, 206)? } else { 0 };
        let list = (0..usize::from(journal)).map(|at| le64(bytes, 208 + 8 * at));
        Some(Self {
            version,
            set_magic: le64(bytes, 56)?,
            bucket_sectors: if cache { le16(bytes, 194)?.into() } else { 0 },
            buckets: if cache { le64(bytes, 184)? } else { 0 },
            journal_buckets: list.collect::<Option<_>>()?,
            data_offset: match version {
                1 => 16,
                4 | 6 => le64(bytes, 184)?,
                _ => 0,
            },
            state: if cache { None } else { Some(BackingState::from_flags(le64(bytes, 104)?)) },
        })
    }
}

/// A key of the btree or the journal: a range of a backing device, and where
/// in the cache it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Which backing device, by its number in the cache set.
    pub inode: u32,
    /// The end of the range in sectors, exclusive.
    pub end: u64,
    /// Sectors in the range.
    pub sectors: u64,
    /// Whether the cached data are newer than the backing device's.
    pub dirty: bool,
    /// Where the data are; none: the range is not cached (an invalidation).
    pub pointers: Vec<Pointer>,
}

/// A place on a cache device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// Number of the cache device; 4095 marks a placeholder.
    pub device: u16,
    pub sector: u64,
    /// Generation of the bucket.
    pub generation: u8,
}

impl Key {
    /// First sector of the range.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.end.saturating_sub(self.sectors)
    }

    /// Whether the range covers a sector of the backing device (of the device
    /// itself: `data_offset` is added before a request gets its key).
    #[must_use]
    pub fn covers(&self, sector: u64) -> bool {
        (self.start()..self.end).contains(&sector)
    }

    fn parse(words: &mut std::slice::ChunksExact<'_, u8>) -> Option<Self> {
        let mut word = || words.next()?.try_into().ok().map(u64::from_le_bytes);
        let (high, end) = (word()?, word()?);
        let pointers = (0..high >> 60 & 7).map(|_| {
            word().map(|pointer| Pointer {
                device: (pointer >> 51 & 0xfff) as u16,
                sector: pointer >> 8 & ((1 << 43) - 1),
                generation: pointer as u8,
            })
        });
        Some(Self {
            inode: (high & 0xf_ffff) as u32,
            end,
            sectors: high >> 20 & 0xffff,
            dirty: high >> 36 & 1 == 1,
            pointers: pointers.collect::<Option<_>>()?,
        })
    }

    /// All keys in `bytes`, as far as they are whole.
    fn parse_all(bytes: &[u8]) -> Vec<Self> {
        let mut words = bytes.chunks_exact(8);
        std::iter::from_fn(|| Self::parse(&mut words)).collect()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    pub seq: u64,
    /// The oldest entry that a start after a cut would replay.
    pub last_seq: u64,
    /// What was inserted into the btree since the entry before.
    pub keys: Vec<Key>,
    /// Whether the checksum fits; `None` when the bytes end before the entry.
    pub sum_fits: Option<bool>,
}

/// One set of keys appended to a btree node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Number shared by all sets of the node.
    pub seq: u64,
    /// The keys, sorted. Whether the node is a leaf is not told by the set
    /// itself: keys of inner nodes point at whole buckets and have no size.
    pub keys: Vec<Key>,
    /// How many 64-bit words of keys the set has; more than were given when
    /// the bytes end before it.
    pub words: u32,
}

/// What a write to the cache device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    Journal(Journal),
    /// Part of a btree node.
    Node(Node),
    /// Bucket priorities and generations.
    Priorities {
        seq: u64,
    },
    Superblock(Superblock),
    /// Cached data, or something else without a mark.
    Other,
}

/// Recognises a write to `sector` of the cache device whose payload begins
/// with `bytes`; `set_magic` is that of its superblock.
#[must_use]
pub fn recognise(set_magic: u64, sector: u64, bytes: &[u8]) -> Written {
    if sector == SUPERBLOCK_SECTOR
        && let Some(superblock) = Superblock::parse(bytes)
    {
        return Written::Superblock(superblock);
    }
    let found = match le64(bytes, 8).map(|magic| magic ^ set_magic) {
        Some(JSET_MAGIC) => journal(bytes).map(Written::Journal),
        Some(BSET_MAGIC) => node(bytes).map(Written::Node),
        Some(PSET_MAGIC) => le64(bytes, 16).map(|seq| Written::Priorities { seq }),
        _ => None,
    };
    found.unwrap_or(Written::Other)
}

fn journal(bytes: &[u8]) -> Option<Journal> {
    let words = le32(bytes, 28)? as usize;
    let end = JSET_HEADER + 8 * words;
    let stored = le64(bytes, 0)?;
    Some(Journal {
        seq: le64(bytes, 16)?,
        last_seq: le64(bytes, 32)?,
        keys: Key::parse_all(bytes.get(JSET_HEADER..end.min(bytes.len())).unwrap_or(&[])),
        sum_fits: bytes.get(8..end).map(|covered| !crc64(!0, covered) == stored),
    })
}

fn node(bytes: &[u8]) -> Option<Node> {
    let words = le32(bytes, 28)?;
    let end = (BSET_HEADER + 8 * words as usize).min(bytes.len());
    let keys = Key::parse_all(bytes.get(BSET_HEADER..end)?);
    Some(Node { seq: le64(bytes, 16)?, keys, words })
}

const CRC_TABLE: [u64; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut crc = (at as u64) << 56;
        let mut bit = 0;
        while bit < 8 {
            // ECMA-182, most significant bit first.
            let carry = crc >> 63;
            crc = (crc << 1) ^ (carry * 0x42f0_e1eb_a9ea_3693);
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
};

/// The CRC of the kernel's `crc64_be`, starting from `crc`.
#[must_use]
pub fn crc64(crc: u64, bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(crc, |crc, byte| (crc << 8) ^ CRC_TABLE[usize::from((crc >> 56) as u8 ^ byte)])
}
