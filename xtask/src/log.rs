// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask log`: what the disks saw, for people.

use crate::flags::LogArgs;
use crate::{exit, prepare, runs};
use anyhow::{Context, Result};
use judge::decode::{Devices, Written, disk};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vdisk::log::{Life, Log, LogError, LoggedDisk, Why};
use vdisk::{CutKind, Event, Kind, Op};

pub fn main(args: &LogArgs) -> Result<ExitCode> {
    let path = find(args)?;
    let log = Log::open(&path).map_err(|error| match error {
        LogError::Foreign(path) => exit::usage(format!(
            "{} is not an event log of this version; a case keeps its log as `events` in its \
             folder below results/RUN/logs/",
            path.display()
        )),
        other => exit::usage(other.to_string()),
    })?;
    if let Some(name) = &args.disk
        && !log.disks.iter().any(|disk| *disk.name == **name)
    {
        let known: Vec<&str> = log.disks.iter().map(|disk| &*disk.name).collect();
        let known = known.join(", ");
        return Err(exit::usage(format!("no disk {name:?} in this log; it has {known}")));
    }
    let mut out = BufWriter::new(io::stdout().lock());
    match print(&log, args, &mut out).and_then(|()| out.flush()) {
        // `| head` has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        other => other.context("cannot print the log")?,
    }
    let Some(stop) = log.stop else { return Ok(ExitCode::SUCCESS) };
    eprintln!("{stop}");
    // A log may end anywhere when its tool was killed; damage is another
    // matter.
    Ok(match stop.why {
        Why::Short => ExitCode::SUCCESS,
        Why::Checksum | Why::Unknown => ExitCode::from(exit::HARNESS),
    })
}

/// Of a case, or the log itself, or a folder that has one.
fn find(args: &LogArgs) -> Result<PathBuf> {
    if let Some(case) = &args.case {
        let run = runs::find(&prepare::dirs()?.repo, &args.from)?;
        let case = runs::find_case(&run, case)?;
        return case.file(&run.dir, "events").filter(|path| path.is_file()).ok_or_else(|| {
            exit::usage(format!("the event log of {} is not in {}", case.id, run.dir.display()))
        });
    }
    let path = Path::new(&args.from);
    if path.is_file() {
        return Ok(path.to_owned());
    }
    if !path.exists() {
        let from = &args.from;
        return Err(exit::usage(format!("no file or folder {from:?}; of a run, also name a case")));
    }
    let inside = path.join("events");
    if inside.is_file() {
        return Ok(inside);
    }
    Err(exit::usage(format!("there is no event log `events` in {}", path.display())))
}

fn print(log: &Log, args: &LogArgs, out: &mut impl Write) -> io::Result<()> {
    if args.json {
        for (_, event) in log.events().filter(|(_, event)| wanted(event, args)) {
            serde_json::to_writer(&mut *out, event)?;
            writeln!(out)?;
        }
        return Ok(());
    }
    for disk in &log.disks {
        writeln!(out, "{}", describe(disk))?;
    }
    let lives = log.lives.len();
    let events: usize = log.lives.iter().map(|life| life.events.len()).sum();
    writeln!(out, "{events} events, {lives} {}", if lives == 1 { "life" } else { "lives" })?;
    writeln!(out, "{:>8} {:>12}  {:<4} what", "event", "ms", "disk")?;
    for (life, event) in log.events().filter(|(_, event)| wanted(event, args)) {
        let ms = event.at_ns as f64 / 1e6;
        let disk = if event.disk.is_empty() { "-" } else { &*event.disk };
        writeln!(out, "{:>8} {ms:>12.3}  {disk:<4} {}", event.seq, words(log, life, event))?;
    }
    Ok(())
}

fn describe(disk: &LoggedDisk) -> String {
    let mib = disk.sectors as f64 / 2048.0;
    let cache = if disk.volatile_cache {
        format!("volatile cache of {} MiB", disk.cache_bytes >> 20)
    } else {
        "no volatile cache".to_owned()
    };
    format!("disk {}: {mib} MiB, {cache}", disk.name)
}

/// What concerns no single disk or range always is.
fn wanted(event: &Event, args: &LogArgs) -> bool {
    let disk =
        args.disk.as_deref().is_none_or(|disk| event.disk.is_empty() || *event.disk == *disk);
    let ranged = event.op.is_some_and(|op| op != Op::Flush);
    let range = event.sector..event.sector + event.sectors;
    disk && args.sector.is_none_or(|sector| !ranged || range.contains(&sector))
}

fn words(log: &Log, life: &Life, event: &Event) -> String {
    let request = event.request;
    match &event.kind {
        Kind::Issue => format!("issue     {}{}", asked(event), carried(log, life, event)),
        Kind::Media => format!("media     {}", asked(event)),
        Kind::Complete if event.error == 0 => format!("complete  {}", asked(event)),
        Kind::Complete => format!("complete  {}: ERROR {}", asked(event), event.error),
        Kind::Held(hold) => format!("held      {} by hold {hold}", asked(event)),
        Kind::Released(hold) => format!("released  {} by hold {hold}", asked(event)),
        Kind::Connect => format!("connect   client {request}"),
        Kind::Disconnect => format!("leave     client {request}"),
        Kind::Poke => format!("poke      {}+{} by the lab", event.sector, event.sectors),
        Kind::Cut(CutKind::Power) => "POWER CUT".to_owned(),
        Kind::Cut(CutKind::Reset) => "RESET".to_owned(),
        Kind::PowerOn => "power on".to_owned(),
        Kind::Restore => "content replaced by a snapshot".to_owned(),
        Kind::Mark(_, text) => format!("--- {text}"),
    }
}

/// A request as it was asked for.
fn asked(event: &Event) -> String {
    let name = match event.op {
        Some(Op::Read) => "read",
        Some(Op::Write) => "write",
        Some(Op::Flush) => "flush",
        Some(Op::Trim) => "trim",
        Some(Op::WriteZeroes) => "write-zeroes",
        None => "request",
    };
    let mut text = format!("#{} {name}", event.request);
    if event.op != Some(Op::Flush) {
        text.push_str(&format!(" {}+{}", event.sector, event.sectors));
    }
    if event.fua {
        text.push_str(" FUA");
    }
    text
}

/// What a write carried, in bcache's terms.
fn carried(log: &Log, life: &Life, event: &Event) -> String {
    if event.op != Some(Op::Write) {
        return String::new();
    }
    match log.payload(life, event.request) {
        Ok(data) => {
            let (disk, devices) = (disk(event), Devices::of_log(log));
            format!(": {}", Written::of(disk, event.sector, &data, devices))
        }
        Err(_) => ": (its content is not in the log)".to_owned(),
    }
}
