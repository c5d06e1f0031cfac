// SPDX-License-Identifier: MIT OR Apache-2.0
//! The decoder against what make-bcache really writes, and against sets laid
//! out by hand.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

mod support;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use support::{MIB, run};
use vdisk::bcache_format::{BackingState, Key, Superblock, Written, crc64, recognise};

fn make_bcache(args: &[&str], image: &Path) -> Vec<u8> {
    File::create(image).unwrap().set_len(512 * MIB).unwrap();
    let tool = ["/usr/sbin/make-bcache", "/sbin/make-bcache"];
    let tool = tool.into_iter().find(|path| Path::new(path).exists());
    let tool = tool.expect("make-bcache is not installed; `cargo xtask setup --tests` installs it");
    run(Command::new(tool).args(args).arg(image));
    let mut bytes = vec![0; 4096];
    File::open(image).unwrap().read_exact_at(&mut bytes, 4096).unwrap();
    bytes
}

#[test]
fn superblocks_of_make_bcache() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = make_bcache(&["-C", "-b", "512k"], &dir.path().join("ssd"));
    let cache = Superblock::parse(&bytes).unwrap();
    assert_eq!((cache.bucket_sectors, cache.buckets), (1024, 1024));
    assert!(matches!(recognise(0, 8, &bytes), Written::Superblock(found) if found == cache));
    let bytes = make_bcache(&["-B", "--writethrough"], &dir.path().join("hdd"));
    let backing = Superblock::parse(&bytes).unwrap();
    assert_eq!(backing.data_offset, 16);
    assert_eq!((cache.state, backing.state), (None, Some(BackingState::None)));
    // The two highest bits of the little-endian flags at 104; the lower ones are others'.
    for (bits, state) in [(0x5f, BackingState::Dirty), (0x3f, BackingState::Clean)] {
        let mut bytes = bytes.clone();
        bytes[111] = bits;
        assert_eq!(Superblock::parse(&bytes).unwrap().state, Some(state));
    }
    assert_eq!(Superblock::parse(&[0; 4096]), None);
}

#[test]
fn the_checksum_is_the_published_one() {
    // The check value of CRC-64/ECMA-182 for the digits.
    assert_eq!(crc64(0, b"123456789"), 0x6c40_df5f_0b49_7347);
}

const SET: u64 = 0x1122_3344_5566_7788;

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A key for `sectors` up to `end` of device 0 with `pointers`.
fn key(end: u64, sectors: u64, pointers: &[u64]) -> Vec<u64> {
    let high = 1 << 63 | (pointers.len() as u64) << 60 | sectors << 20;
    [&[high, end], pointers].concat()
}

#[test]
fn a_leaf_tells_what_is_cached() {
    let keys = [key(24, 8, &[0x1000 << 8 | 3]), key(40, 8, &[])].concat();
    let header = [0, SET ^ 0x9013_5c78_b99e_07f5, 77, (keys.len() as u64) << 32 | 1];
    let bytes = words(&[&header[..], &keys].concat());
    let Written::Node(node) = recognise(SET, 5000, &bytes) else { panic!("not a node") };
    assert_eq!((node.seq, node.keys.len()), (77, 2));
    let cached = |inode, sector| {
        let holds = |key: &&Key| key.inode == inode && key.covers(sector);
        let keys = node.keys.iter().filter(holds);
        keys.filter(|key| !key.pointers.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(cached(0, 16)[0].pointers[0].sector, 0x1000);
    assert_eq!(cached(0, 16)[0].pointers[0].generation, 3);
    assert_eq!(cached(0, 24).len(), 0, "the end is exclusive");
    assert_eq!(cached(0, 35).len(), 0, "an invalidation caches nothing");
    assert_eq!(cached(1, 16).len(), 0, "another device");
    assert_eq!(recognise(SET + 1, 5000, &bytes), Written::Other, "another cache set");
}

#[test]
fn a_journal_entry_tells_its_numbers() {
    let keys = key(32, 16, &[]);
    let mut header = vec![0u64; 30];
    header[1] = SET ^ 0x2452_35c1_a362_5032;
    (header[2], header[3], header[4]) = (9, (keys.len() as u64) << 32 | 1, 6);
    let mut bytes = words(&[&header[..], &keys].concat());
    let sum = !crc64(!0, &bytes[8..]);
    bytes[..8].copy_from_slice(&sum.to_le_bytes());
    bytes.resize(4096, 0);
    let Written::Journal(journal) = recognise(SET, 5000, &bytes) else { panic!("not a journal") };
    assert_eq!((journal.seq, journal.last_seq, journal.sum_fits), (9, 6, Some(true)));
    assert_eq!((journal.keys.len(), journal.keys[0].start()), (1, 16));
    bytes[241] ^= 1;
    let Written::Journal(journal) = recognise(SET, 5000, &bytes) else { panic!("not a journal") };
    assert_eq!(journal.sum_fits, Some(false));
}

#[test]
fn nothing_panics_on_short_or_wild_bytes() {
    for length in [0, 7, 8, 15, 16, 31, 32, 39, 239, 240, 241, 512] {
        for magic in [0x2452_35c1_a362_5032u64, 0x9013_5c78_b99e_07f5, 0x6750_e15f_8733_7f91] {
            let mut bytes = vec![0xff; length];
            if length >= 16 {
                bytes[8..16].copy_from_slice(&(magic ^ SET).to_le_bytes());
            }
            let _ = recognise(SET, 1, &bytes);
            let _ = Superblock::parse(&bytes);
        }
    }
}
