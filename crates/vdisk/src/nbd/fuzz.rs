// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arbitrary bytes from clients. `VDISK_FUZZ=10000000` asks for as many
//! inputs; a failure names its seed, and `VDISK_FUZZ_SEED` begins there.

use super::handshake::{Export, Outcome, Terms, handshake};
use super::inbox::{Inbox, Wish};
use super::proto::{MAX_REQUEST, OPTION_REPLY_MAGIC};
use super::wire::Fields;
use crate::op::Op;
use crate::rng::Rng;
use std::io::{self, Read, Write};

const DISK: u64 = 1 << 20;

fn seeds() -> impl Iterator<Item = u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("VDISK_FUZZ_SEED").unwrap_or(0);
    first..first + number("VDISK_FUZZ").unwrap_or(20_000)
}

/// A client whose bytes are known beforehand, and arrive in pieces.
struct Canned<'a> {
    input: &'a [u8],
    piece: usize,
    output: Vec<u8>,
}

impl Read for Canned<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(self.piece).min(self.input.len());
        let (now, rest) = self.input.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.input = rest;
        Ok(count)
    }
}

impl Write for Canned<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn some_bytes(rng: &mut Rng, most: u64) -> Vec<u8> {
    (0..rng.below(most)).map(|_| rng.next() as u8).collect()
}

fn pick<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.below(of.len() as u64) as usize]
}

/// Flips, cuts or repeats something, now and then.
fn spoil(rng: &mut Rng, bytes: &mut Vec<u8>) {
    while !bytes.is_empty() && rng.below(3) == 0 {
        let at = rng.below(bytes.len() as u64) as usize;
        match rng.below(3) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes.truncate(at),
            _ => bytes.extend_from_within(at..),
        }
    }
}

fn text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend((text.len() as u32).to_be_bytes());
    out.extend(text);
}

fn option_data(rng: &mut Rng, number: u32) -> Vec<u8> {
    let mut data = Vec::new();
    let name = pick(rng, &[&b""[..], b"ssd", b"hdd", b"\xff\xfe"]);
    match number {
        1 => data.extend(name),
        6 | 7 => {
            text(&mut data, name);
            let count = rng.below(4) as u16;
            data.extend(count.to_be_bytes());
            (0..count).for_each(|_| data.extend((rng.below(6) as u16).to_be_bytes()));
        }
        9 | 10 => {
            text(&mut data, name);
            let count = rng.below(3) as u32;
            data.extend(count.to_be_bytes());
            for _ in 0..count {
                text(&mut data, pick(rng, &[&b"base:allocation"[..], b"base:", b"x:y", b""]));
            }
        }
        _ if rng.below(4) == 0 => data = some_bytes(rng, 40),
        _ => (),
    }
    data
}

fn hello(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = pick(rng, &[0u32, 1, 2, 3, 3, 3, 3, 7]).to_be_bytes().to_vec();
    for _ in 0..rng.below(6) {
        let number = rng.below(13) as u32;
        let data = option_data(rng, number);
        bytes.extend(b"IHAVEOPT");
        bytes.extend(number.to_be_bytes());
        text(&mut bytes, &data);
    }
    spoil(rng, &mut bytes);
    bytes
}

/// The answers must be whole option replies, and nothing else but the old
/// export description at the end.
fn check_answers(output: &[u8], outcome: Option<Outcome>, seed: u64) {
    let mut fields = Fields(output);
    assert_eq!(fields.bytes(16), Some(&b"NBDMAGICIHAVEOPT"[..]), "seed {seed}");
    fields.u16();
    while fields.0.len() >= 20 && fields.0[..8] == OPTION_REPLY_MAGIC.to_be_bytes() {
        fields.bytes(16);
        let length = fields.u32().expect("long enough") as usize;
        assert!(fields.bytes(length).is_some(), "seed {seed}: a reply is cut short");
    }
    let old = matches!(outcome, Some(Outcome::Transmit(_))) && matches!(fields.0.len(), 10 | 134);
    assert!(fields.0.is_empty() || old, "seed {seed}: {} odd bytes", fields.0.len());
}

#[test]
fn any_handshake_is_answered_or_ended() {
    let export = Export { name: "ssd".to_owned(), bytes: DISK, rotational: false };
    let (mut transmits, mut ends) = (0, 0);
    for seed in seeds() {
        let mut rng = Rng::new(seed);
        let input = hello(&mut rng);
        let piece = 1 + rng.below(40) as usize;
        let mut client = Canned { input: &input, piece, output: Vec::new() };
        let outcome = handshake(&mut client, &export).ok();
        match outcome {
            Some(Outcome::Transmit(Terms { allocation, structured })) => {
                transmits += 1;
                assert!(structured || !allocation, "seed {seed}");
            }
            Some(Outcome::End) => ends += 1,
            None => assert!(client.input.is_empty(), "seed {seed}: it left a client that waits"),
        }
        check_answers(&client.output, outcome, seed);
    }
    assert!(transmits > 100 && ends > 100, "{transmits} transmissions, {ends} ends");
}

fn requests(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..1 + rng.below(6) {
        let kind = pick(rng, &[0u16, 1, 1, 1, 2, 3, 4, 5, 6, 7, 99]);
        let flags = pick(rng, &[0u16, 0, 0, 1, 2, 4, 8, 16, 3, 0x8000]);
        let offset = match rng.below(5) {
            0 => rng.next(),
            1 => DISK - 512 * rng.below(4),
            2 => rng.below(DISK),
            _ => rng.below(DISK / 512) * 512,
        };
        let length = match rng.below(6) {
            0 => rng.next() as u32,
            1 => MAX_REQUEST + 512,
            2 => rng.below(2048) as u32,
            _ => rng.below(5) as u32 * 512,
        };
        bytes.extend(0x2560_9513u32.to_be_bytes());
        bytes.extend(flags.to_be_bytes());
        bytes.extend(kind.to_be_bytes());
        bytes.extend(rng.next().to_be_bytes());
        bytes.extend(offset.to_be_bytes());
        bytes.extend(length.to_be_bytes());
        if kind == 1 && length < 8192 {
            bytes.resize(bytes.len() + length as usize, kind as u8);
        }
    }
    spoil(rng, &mut bytes);
    bytes
}

fn check_wish(wish: &Wish, seed: u64) {
    match wish {
        Wish::Run(command) => {
            let range = &command.range;
            assert!(range.end * 512 <= DISK, "seed {seed}: {command:?}");
            assert_eq!(range.is_empty(), command.op == Op::Flush, "seed {seed}: {command:?}");
            let bytes = command.payload.as_ref().map(|data| data.len() as u64);
            let needed = (command.op == Op::Write).then_some((range.end - range.start) * 512);
            assert_eq!(bytes, needed, "seed {seed}: {command:?}");
            assert!(!command.fua || command.op.changes(), "seed {seed}: {command:?}");
        }
        Wish::Status { range, .. } => {
            assert!(!range.is_empty() && range.end * 512 <= DISK, "seed {seed}: {wish:?}");
        }
        Wish::Refuse { error, .. } => assert!(matches!(error, 22 | 28), "seed {seed}: {wish:?}"),
        Wish::Leave => (),
    }
}

/// All wishes of a client whose bytes come in such pieces into such a buffer.
fn wishes(input: &[u8], piece: usize, buffer: usize, seed: u64) -> Vec<String> {
    let client = Canned { input, piece, output: Vec::new() };
    let mut inbox = Inbox::with_buffer(client, DISK, buffer);
    let mut all = Vec::new();
    while let Ok(batch) = inbox.wishes() {
        assert!(!batch.is_empty(), "seed {seed}: woken for nothing");
        batch.iter().for_each(|wish| check_wish(wish, seed));
        all.extend(batch.iter().map(|wish| format!("{wish:?}")));
        if matches!(batch.last(), Some(Wish::Leave)) {
            break;
        }
    }
    all
}

#[test]
fn any_requests_are_understood_the_same_in_any_pieces() {
    let mut understood = 0;
    for seed in seeds() {
        let mut rng = Rng::new(seed);
        let input = requests(&mut rng);
        let whole = wishes(&input, usize::MAX, 16 << 10, seed);
        let (piece, buffer) = (1 + rng.below(600) as usize, 28 + rng.below(2000) as usize);
        assert_eq!(whole, wishes(&input, piece, buffer, seed), "seed {seed}");
        understood += whole.len();
    }
    assert!(understood > 1000);
}
