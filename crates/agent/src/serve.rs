// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests in, a thread for each, answers out.

use crate::cpu;
use crate::failure::Failure;
use crate::link::Link;
use crate::panic_hook::works_on;
use crate::{devices, drive, exec, files, power, reads, writes};
use std::thread;
use wire::{Answer, FromGuest, MAX_LINE, Op, Request};

/// Serves for ever.
pub fn serve(link: &Link) -> ! {
    let mut pending = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = link.read(&mut buffer);
        let searched = pending.len();
        pending.extend_from_slice(&buffer[..count]);
        let mut start = 0;
        while let Some(length) = pending[start.max(searched)..].iter().position(|&b| b == b'\n') {
            let end = start.max(searched) + length;
            accept(link, &pending[start..end]);
            start = end + 1;
        }
        pending.drain(..start);
        if pending.len() > MAX_LINE {
            eprintln!("agent: dropping a message of more than {MAX_LINE} bytes");
            pending.clear();
        }
    }
}

fn accept(link: &Link, line: &[u8]) {
    let request: Request = match wire::decode(line) {
        Ok(request) => request,
        Err(error) => {
            // Without an id there is nobody to answer.
            eprintln!("agent: {error}");
            return;
        }
    };
    match request.op {
        // Not behind a thread: a ping asks whether this loop runs.
        Op::Ping => answer(link, request.id, Ok(Answer::Done)),
        Op::Hang => link.fall_silent(),
        // The threads of later requests inherit it from this one.
        Op::Pin { cpu } => answer(link, request.id, cpu::pin(cpu).map(|()| Answer::Done)),
        _ => spawn(link, request),
    }
}

fn spawn(link: &Link, request: Request) {
    let id = request.id;
    let own = link.clone();
    let spawned = thread::Builder::new().name(format!("request {id}")).spawn(move || {
        works_on(id);
        let result = carry_out(&own, request);
        answer(&own, id, result);
    });
    if let Err(error) = spawned {
        answer(link, id, Err(Failure::new(format!("starting a thread: {error}"))));
    }
}

fn answer(link: &Link, id: u64, result: Result<Answer, Failure>) {
    link.send(&FromGuest::Answer { id, result: result.map_err(Failure::into) });
}

fn carry_out(link: &Link, request: Request) -> Result<Answer, Failure> {
    match request.op {
        Op::Ping | Op::Pin { .. } | Op::Hang => Ok(Answer::Done),
        Op::Exec { argv, timeout_ms } => exec::run(&argv, timeout_ms).map(Answer::Exec),
        Op::ReadFile { path } => files::read(&path).map(Answer::Text),
        Op::WriteFile { path, text } => files::write(&path, &text).map(|()| Answer::Done),
        Op::ListDir { path } => files::list(&path).map(Answer::Names),
        Op::WaitPath { path, timeout_ms } => {
            files::wait_for(&path, timeout_ms).map(|()| Answer::Done)
        }
        Op::Write { device, extents, run, first_seq, writer, fua, depth } => {
            let job = writes::Job { device, extents, run, first_seq, writer, fua, depth };
            writes::run(link, request.id, &job).map(|()| Answer::Done)
        }
        Op::Read { device, extents, stamp_shift } => {
            reads::extents(device, &extents, stamp_shift).map(Answer::Runs)
        }
        Op::Sweep { device, first, sectors, stamp_shift } => {
            reads::sweep(device, first, sectors, stamp_shift).map(Answer::Runs)
        }
        Op::Compare { first, sectors, data_offset } => {
            reads::compare(first, sectors, data_offset).map(Answer::Extents)
        }
        Op::Drive { device, write, extents } => {
            drive::run(device, write, &extents).map(|()| Answer::Done)
        }
        Op::Flush { device, volume } => devices::flush(device, volume).map(|()| Answer::Done),
        Op::Discard { device, extent } => devices::discard(device, extent).map(|()| Answer::Done),
        Op::Size { device, volume } => devices::size(device, volume).map(Answer::Number),
        Op::DropCaches => devices::drop_caches().map(|()| Answer::Done),
        Op::Panic => power::panic_kernel(),
        Op::PowerOff => power::off(link, request.id),
    }
}
