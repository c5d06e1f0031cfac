// SPDX-License-Identifier: MIT OR Apache-2.0
//! How fast crash states are enumerated, and in how much memory: logs so
//! many MiB of random 4 KiB writes with a flush after every 32, then walks
//! through the states. `cargo run -p vdisk --example enumerate -- MIB STATES`
//!
//! A process of its own records: what the disks' threads have freed stays in
//! their arenas, and would be counted as the enumerator's, or not, by chance.

use std::error::Error;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use vdisk::crash::{Epochs, Plan, States, estimate};
use vdisk::log::Log;
use vdisk::{DiskSpec, Profile, Rig};

const DISK: u64 = 4 << 30;

fn request(kind: u16, offset: u64, data: &[u8]) -> Vec<u8> {
    let mut bytes = 0x2560_9513u32.to_be_bytes().to_vec();
    bytes.extend(u32::from(kind).to_be_bytes());
    bytes.extend([0; 8]);
    bytes.extend(offset.to_be_bytes());
    bytes.extend((data.len() as u32).to_be_bytes());
    bytes.extend(data);
    bytes
}

fn record(rig: &Rig, mib: u64) -> Result<(), Box<dyn Error>> {
    let mut stream = UnixStream::connect(rig.socket("ssd"))?;
    stream.read_exact(&mut [0; 18])?;
    stream.write_all(b"\0\0\0\x03IHAVEOPT\0\0\0\x01\0\0\0\0")?;
    stream.read_exact(&mut [0; 10])?;
    let mut seed = 1u64;
    for number in 0..mib * 256 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let data: Vec<u8> = (0..512u64).flat_map(|at| (seed ^ at).to_le_bytes()).collect();
        stream.write_all(&request(1, (seed >> 20) % (DISK / 4096) * 4096, &data))?;
        stream.read_exact(&mut [0; 16])?;
        if number % 32 == 31 {
            stream.write_all(&request(3, 0, &[]))?;
            stream.read_exact(&mut [0; 16])?;
        }
    }
    Ok(())
}

fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// Records into `dir`, in the process that is called for it.
fn record_log(dir: &Path, mib: u64) -> Result<(), Box<dyn Error>> {
    let profile = Profile::none();
    let spec = DiskSpec { name: "ssd".into(), sectors: DISK / 512, volatile_cache: true, profile };
    let rig = Rig::new(dir, vec![spec])?;
    rig.log_to(&dir.join("log"))?;
    record(&rig, mib)?;
    rig.flush_log()?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [record, dir, mib] = &args[..]
        && record == "record"
    {
        return record_log(Path::new(dir), mib.parse()?);
    }
    let [mib, limit] = &args[..] else { return Err("usage: enumerate MIB STATES".into()) };
    let dir = std::env::temp_dir().join(format!("enumerate-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let path = dir.join("log");
    let start = Instant::now();
    let program = std::env::current_exe()?;
    if !Command::new(program).arg("record").arg(&dir).arg(mib).status()?.success() {
        return Err("recording failed".into());
    }
    println!("recorded in {:?}", start.elapsed());
    let start = Instant::now();
    let log = Log::open(&path)?;
    println!("read back in {:?}, {} MiB so far", start.elapsed(), peak_mib());
    let start = Instant::now();
    let count = estimate(&log, &log.lives[0], &Plan::default())?;
    println!("{count} states estimated in {:?}", start.elapsed());
    let start = Instant::now();
    let (mut states, mut last) = (States::new(&log, &log.lives[0], Plan::default())?, 0);
    for state in states.by_ref().take(limit.parse()?) {
        last = state?.before();
    }
    let (seen, took) = (states.considered, start.elapsed());
    println!("{seen} states up to event {last} in {took:?}, {} MiB so far", peak_mib());
    let start = Instant::now();
    let epochs = Epochs::new(&log, &log.lives[0])?.count();
    println!("{epochs} epochs to the end in {:?}, peak {} MiB", start.elapsed(), peak_mib());
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}
