// SPDX-License-Identifier: MIT OR Apache-2.0
//! The virtual disks' speed beside others, in one guest: QEMU's own raw file,
//! and a disk of nbdkit in memory.

use crate::figure::Figure;
use crate::prepare::Prepared;
use crate::ui::Ui;
use anyhow::{Context, Result, bail};
use proc::{Cancel, Guarded, Scratch};
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use vdisk::{DiskSpec, Profile, Rig};
use vm::{Backend, Vm, VmDisk};
use wire::{Answer, Op};

const MIB: u64 = 64;
/// Seconds of one measurement.
const SECONDS: u32 = 2;
/// Requests in flight: what QEMU's NBD client keeps at most.
const DEPTH: u32 = 16;

/// The contestants, in the order of the guest's disks.
const NAMES: [&str; 3] = ["ours", "raw", "nbdkit"];

/// 4 KiB random reads and writes, each disk after the other, forwards and
/// backwards, so that a machine that slows down slows all of them.
pub fn disks(ready: &Prepared, samples: u32, ui: &Ui, cancel: &Cancel) -> Result<Vec<Figure>> {
    let stage = ui.stage("disks");
    let work = Scratch::new("bclab-").context("cannot create a temporary folder")?;
    let spec = DiskSpec {
        name: "ours".to_owned(),
        sectors: MIB * 2048,
        volatile_cache: true,
        profile: Profile::none(),
    };
    let rig = Rig::new(work.path(), vec![spec])?;
    let raw = work.path().join("raw");
    File::create(&raw).and_then(|file| file.set_len(MIB << 20)).context("cannot make a disk")?;
    let (_nbdkit, socket) = match nbdkit(work.path()) {
        Ok((child, socket)) => (Some(child), Some(socket)),
        Err(error) => {
            ui.say(&format!("without nbdkit: {error:#}; `cargo xtask setup --tests` installs it"));
            (None, None)
        }
    };
    let backends = [
        Some(Backend::Nbd(rig.socket("ours"))),
        Some(Backend::File(raw)),
        socket.map(Backend::Nbd),
    ];
    let image = ready.images.first().context("no kernel")?;
    let mut config = ready.tools.guest(&image.kernel, work.path().join("boot"));
    let named = NAMES.iter().zip(backends);
    let disk = |(name, backend): (&&str, Option<Backend>)| Some(VmDisk::new(*name, backend?));
    config.disks = named.filter_map(disk).collect();
    let count = config.disks.len();
    let vm = Vm::boot(&config, cancel)?;
    for (disk, name) in NAMES.iter().enumerate().take(count) {
        // Holes would be read without touching anything.
        stage.now(&format!("filling {name}"));
        fio(&vm, disk, "write", "--bs=1M --size=100%", cancel)?;
    }
    let mut figures = Vec::new();
    for (rw, what) in [("randread", "reads"), ("randwrite", "writes")] {
        let mut seen = vec![Vec::new(); count];
        for round in 0..samples {
            let forth = (0..count).chain((0..count).rev());
            let mut sums = vec![0.0; count];
            for disk in forth {
                let now = format!("4 KiB random {what}, {}", NAMES[disk]);
                stage.progress(u64::from(round), u64::from(samples), &now);
                let options = format!("--bs=4k --time_based --runtime={SECONDS}");
                sums[disk] += fio(&vm, disk, rw, &options, cancel)? / 2.0;
            }
            seen.iter_mut().zip(sums).for_each(|(all, sum)| all.push(sum));
        }
        for (disk, samples) in seen.iter().enumerate() {
            let what = format!("4 KiB random {what}, {}", NAMES[disk]);
            figures.push(Figure { what, unit: "/s", samples: samples.clone() });
        }
        for disk in 1..count {
            let what = format!("4 KiB random {what}, ours to {}", NAMES[disk]);
            let samples = seen[0].iter().zip(&seen[disk]).map(|(ours, other)| ours / other);
            figures.push(Figure { what, unit: "x", samples: samples.collect() });
        }
    }
    Ok(figures)
}

/// A disk in nbdkit's memory; it ends with what is returned.
fn nbdkit(dir: &Path) -> Result<(Guarded, std::path::PathBuf)> {
    let socket = dir.join("nbdkit.sock");
    let mut command = Command::new("nbdkit");
    command.args(["--foreground", "--exit-with-parent", "--unix"]).arg(&socket);
    command.args(["memory", &format!("{MIB}M")]).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = Guarded::spawn(&mut command).context("cannot start nbdkit")?;
    let deadline = Instant::now() + Duration::from_secs(20);
    while !socket.exists() {
        if let Some(status) = child.try_wait()? {
            bail!("nbdkit ended with {status}");
        }
        if Instant::now() > deadline {
            bail!("nbdkit makes no socket");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok((child, socket))
}

/// Requests a second of one fio job on the guest's disk number `disk`.
fn fio(vm: &Vm, disk: usize, rw: &str, options: &str, cancel: &Cancel) -> Result<f64> {
    let letter = ["a", "b", "c"][disk];
    let line = format!(
        "fio --name=bench --filename=/dev/vd{letter} --direct=1 --ioengine=libaio \
         --iodepth={DEPTH} --rw={rw} --size={MIB}M --output-format=json {options}"
    );
    let argv = line.split_whitespace().map(str::to_owned).collect();
    let patience = Duration::from_secs(120);
    let op = Op::Exec { argv, timeout_ms: 110_000 };
    let Answer::Exec(out) = vm.call(op, patience, cancel)? else {
        bail!("the guest did not run fio");
    };
    if out.code != 0 {
        bail!("fio ended with {} on the disk {}: {}", out.code, NAMES[disk], out.stderr);
    }
    // Warnings can stand before it.
    let json = out.stdout.find('{').map_or("", |at| &out.stdout[at..]);
    let report: serde_json::Value = serde_json::from_str(json).context("fio's report")?;
    let side = if rw.ends_with("read") { "read" } else { "write" };
    report["jobs"][0][side]["iops"].as_f64().context("fio's report has no IOPS")
}
