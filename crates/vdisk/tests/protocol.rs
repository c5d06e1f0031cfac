// SPDX-License-Identifier: MIT OR Apache-2.0
//! What no polite client sends: the answer is right or the connection ends,
//! and the next client is served all the same.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

mod support;

use std::io::{Read, Write};
use std::time::Duration;
use support::client::{Client, READ, WRITE, raw, request};
use support::{MIB, rig};
use vdisk::{CutKind, Kind, Policy, Rig};

fn still_serves(rig: &Rig) {
    let mut client = Client::connect(rig, "ssd");
    client.write_done(0, 0, &[1; 512]);
    assert_eq!(client.read(0, 1), [1; 512]);
}

fn option(number: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"IHAVEOPT".to_vec();
    bytes.extend(number.to_be_bytes());
    bytes.extend((data.len() as u32).to_be_bytes());
    bytes.extend(data);
    bytes
}

/// Sends options after the greeting and returns the kinds of the replies.
fn negotiate(rig: &Rig, options: &[(u32, Vec<u8>)]) -> Vec<u32> {
    let mut stream = raw(rig, "ssd");
    stream.read_exact(&mut [0; 18]).unwrap();
    stream.write_all(&3u32.to_be_bytes()).unwrap();
    for (number, data) in options {
        stream.write_all(&option(*number, data)).unwrap();
    }
    stream.write_all(&option(2, b"")).unwrap();
    let mut replies = Vec::new();
    let mut header = [0; 20];
    while stream.read_exact(&mut header).is_ok() {
        assert_eq!(header[..8], 0x0003_e889_0455_65a9u64.to_be_bytes());
        replies.push(u32::from_be_bytes(header[12..16].try_into().unwrap()));
        let length = u32::from_be_bytes(header[16..].try_into().unwrap());
        stream.read_exact(&mut vec![0; length as usize]).unwrap();
    }
    assert_eq!(replies.pop(), Some(1), "abort is acknowledged");
    replies
}

const UNSUP: u32 = 1 << 31 | 1;
const INVALID: u32 = 1 << 31 | 3;
const UNKNOWN: u32 = 1 << 31 | 6;
const TOO_BIG: u32 = 1 << 31 | 9;

#[test]
fn options_get_the_protocols_answers() {
    let (_dir, rig) = rig(MIB, true);
    let wrong_name = b"\0\0\0\x03abc\0\0".to_vec();
    let context = b"\0\0\0\0\0\0\0\x01\0\0\0\x0fbase:allocation".to_vec();
    for (number, data, replies) in [
        (99, b"".to_vec(), vec![UNSUP]),
        (5, b"".to_vec(), vec![UNSUP]),  // TLS
        (11, b"".to_vec(), vec![UNSUP]), // extended headers
        (3, b"x".to_vec(), vec![INVALID]),
        (8, b"x".to_vec(), vec![INVALID]),
        (6, b"".to_vec(), vec![INVALID]),
        (7, b"\0\0\0\xffx\0\0".to_vec(), vec![INVALID]),
        (7, b"\0\0\0\0\0\x02\0\0".to_vec(), vec![INVALID]),
        (6, wrong_name.clone(), vec![UNKNOWN]),
        (7, wrong_name, vec![UNKNOWN]),
        (6, b"\0\0\0\0\0\0".to_vec(), vec![3, 3, 1]),
        (10, context.clone(), vec![INVALID]), // without structured replies
        (9, context, vec![4, 1]),
        (9, b"\0\0\0\0\xff\xff\xff\xff".to_vec(), vec![INVALID]),
        (3, vec![0; 20 << 10], vec![TOO_BIG]),
    ] {
        assert_eq!(negotiate(&rig, &[(number, data)]), replies, "option {number}");
    }
    still_serves(&rig);
}

#[test]
fn nonsense_ends_its_own_connection_only() {
    let (_dir, rig) = rig(MIB, true);
    let old_flags = 0xffff_ffffu32.to_be_bytes().to_vec();
    let huge = [&3u32.to_be_bytes()[..], b"IHAVEOPT\0\0\0\x07\xff\xff\xff\xff"].concat();
    for bytes in [old_flags, huge, b"GET / HTTP/1.1\r\n\r\n".to_vec()] {
        let mut stream = raw(&rig, "ssd");
        stream.read_exact(&mut [0; 18]).unwrap();
        stream.write_all(&bytes).unwrap();
        let end = stream.read(&mut [0; 1]);
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
    let mut client = Client::connect(&rig, "ssd");
    client.stream.write_all(&[0x55; 28]).unwrap();
    assert!(client.answer().is_err());
    let mut client = Client::connect(&rig, "ssd");
    client.stream.write_all(&request(0, WRITE, 1, 0, 1 << 31)).unwrap();
    assert!(client.answer().is_err(), "two gigabytes are not read to be refused");
    still_serves(&rig);
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let (_dir, rig) = rig(MIB, true);
    let mut client = Client::connect(&rig, "ssd");
    let end = MIB;
    for (flags, kind, offset, length, error) in [
        (0u16, READ, end, 512, 22u32),
        (0, READ, u64::MAX - 511, 512, 22),
        (0, READ, 0, 0, 22),
        (0, READ, 1, 512, 22),
        (0, READ, 0, 513, 22),
        (0, READ, 0, u32::MAX - 511, 22),
        (1 << 15, READ, 0, 512, 22),
        (0, 3, 512, 0, 22),
        (0, 3, 0, 512, 22),
        (0, 4, end, 512, 22),
        (0, 6, end - 512, 1024, 28),
        (0, 5, 0, 512, 22),
        (0, 7, 0, 512, 22), // block status without a context
        (0, 77, 0, 0, 22),
    ] {
        client.stream.write_all(&request(flags, kind, 5, offset, length)).unwrap();
        assert_eq!(client.answer().unwrap(), (error, 5), "kind {kind} at {offset}+{length}");
    }
    // Refused writes: their data are skipped, not taken for requests.
    for (offset, length, error) in [(end, 4096, 28), (3, 4096, 22), (0, 40 << 20, 22), (0, 100, 22)]
    {
        client.stream.write_all(&request(0, WRITE, 6, offset, length)).unwrap();
        client.stream.write_all(&vec![0x25; length as usize]).unwrap();
        assert_eq!(client.answer().unwrap(), (error, 6));
    }
    assert_eq!(client.read(0, 8), [0; 4096]);
    assert!(rig.events_since(1).iter().all(|e| e.kind != Kind::Issue || e.sectors == 8));
}

#[test]
fn clients_may_vanish_anywhere() {
    let (_dir, rig) = rig(MIB, true);
    let hello = [&3u32.to_be_bytes()[..], &option(1, b"")].concat();
    let whole = [&hello[..], &request(0, WRITE, 1, 0, 4096), &[7; 4096]].concat();
    for length in (0..hello.len() + 40).chain([whole.len() - 1, whole.len()]) {
        raw(&rig, "ssd").write_all(&whole[..length]).unwrap();
    }
    still_serves(&rig);
    let mut bytes = [0; 4096];
    rig.read("ssd", 0, &mut bytes);
    let whole = bytes[512..].iter().all(|&b| b == 7);
    assert!(whole || bytes[512..].iter().all(|&b| b == 0), "never part of a write");
}

#[test]
fn a_client_that_reads_nothing_stops_only_itself() {
    let (_dir, rig) = rig(MIB, true);
    let mut deaf = Client::connect(&rig, "ssd");
    deaf.stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let ask = request(0, READ, 1, 0, MIB as u32);
    while deaf.stream.write_all(&ask).is_ok() {}
    still_serves(&rig);
}

#[test]
fn requests_sent_together_are_issued_together() {
    let (_dir, rig) = rig(MIB, true);
    let mut client = Client::connect(&rig, "ssd");
    // A guest that does not wait for the write before it flushes has no
    // promise; the disk must not hide its mistake by being quick.
    let both = [request(0, WRITE, 1, 0, 512), vec![1; 512], request(0, 3, 2, 0, 0)].concat();
    client.stream.write_all(&both).unwrap();
    client.done(1);
    client.done(2);
    let mut durable = [9; 512];
    rig.cut(CutKind::Power, Policy::DropAll);
    rig.read("ssd", 0, &mut durable);
    assert_eq!(durable, [0; 512]);
}
