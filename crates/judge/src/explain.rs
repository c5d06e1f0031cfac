// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bad state told in the disk's terms: who wrote what, in which order, and
//! which writes the cut took.

use crate::decode::{Written, on_bcache};
use crate::recording::Recording;
use crate::state::Outcome;
use crate::trace::{Fate, Losses, Trace, Write};
use scenario::{Disk, Kind, layout};
use vdisk::bcache_format::Key;
use vdisk::crash::CrashState;

/// Longest list of lost writes that is told one by one.
const TOLD: usize = 12;

/// The story of a shrunk state that is bad in the way of `kind`.
#[must_use]
pub fn tell(
    trace: &Trace,
    recording: &Recording,
    state: &CrashState,
    kind: &Kind,
    outcome: &Outcome,
    before: u64,
) -> Vec<String> {
    let losses = Losses::of(state);
    let mut lines = vec![instant(trace, before)];
    let range = match outcome {
        Outcome::Bad { ranges } => ranges.iter().find(|range| range.kind == *kind),
        _ => None,
    };
    match (range, outcome) {
        (Some(range), _) => {
            let (first, sectors) = (range.first, range.sectors);
            lines.push(format!("{kind} at sectors {first}+{sectors}: {}", range.detail));
            lines.extend(versions(recording, first, before));
            lines.push("what the disks were told about it:".to_owned());
            lines.extend(timeline(trace, recording, &losses, first, before));
            lines.extend(replay(trace, &losses, first, before));
        }
        (None, Outcome::Unusable { message, .. }) => {
            let mut said = message.lines();
            lines.push(said.next().unwrap_or_default().to_owned());
            lines.extend(
                said.filter(|line| !line.trim().is_empty()).map(|line| format!("  {line}")),
            );
        }
        _ => lines.push(format!("{kind} did not show again after a cold boot")),
    }
    lines.extend(lost(trace, recording, state, &losses, before));
    lines
}

fn instant(trace: &Trace, before: u64) -> String {
    let step = trace.marks.iter().rev().find(|(at, _)| *at < before);
    let step = step.map_or(String::new(), |(_, text)| format!(", after \"{text}\""));
    format!("power cut right before event {before}{step}")
}

/// The writes to a sector of the bcache device, and what was promised of them.
fn versions(recording: &Recording, sector: u64, before: u64) -> Vec<String> {
    let by_then = |at: Option<u64>| at.filter(|at| *at < before);
    let witness = recording.history.witness_at_cut(u64::MAX);
    let all = witness.allowed(sector).seqs;
    let newest = all.iter().max().copied().unwrap_or(0);
    let mut lines = Vec::new();
    for seq in 1..=newest {
        let Some(write) = recording.history.write(seq) else { continue };
        let range = write.extent.range();
        if !range.contains(&sector) || write.issued >= before {
            continue;
        }
        let promise = match (by_then(write.acked), by_then(write.flushed)) {
            (None, _) => "not acknowledged by then".to_owned(),
            (Some(at), None) => format!("acknowledged at event {at}, not flushed by then"),
            (Some(at), Some(flushed)) => {
                format!("acknowledged at event {at}, flushed at event {flushed}")
            }
        };
        let issued = write.issued;
        lines.push(format!(
            "  {}: write #{seq} by the guest, submitted after event {issued}, {promise}",
            name(recording, seq)
        ));
    }
    lines
}

fn name(recording: &Recording, seq: u64) -> String {
    recording.versions.get(&seq).cloned().unwrap_or_else(|| "filler".to_owned())
}

/// Everything that concerns one sector, in the order of its issue.
fn timeline(
    trace: &Trace,
    recording: &Recording,
    losses: &Losses,
    sector: u64,
    before: u64,
) -> Vec<String> {
    let concerns = |write: &&Write| match &write.what {
        Written::Journal { keys, .. } | Written::Set { keys } => {
            keys.iter().any(|key| covers(key, sector))
        }
        Written::Data(stamps) => {
            stamps.iter().any(|data| data.range().contains(&sector))
                || (write.disk != Disk::Ssd
                    && !stamps.is_empty()
                    && on_hdd(write).contains(&sector))
        }
        _ => false,
    };
    trace
        .writes
        .iter()
        .filter(concerns)
        .filter(|write| losses.fate(write, before) != Fate::NotYet)
        .map(|write| {
            let what = describe(write, recording, Some(sector));
            format!("  event {:>5}: {what}: {}", write.issued, fate(write, losses, before))
        })
        .collect()
}

/// What a start after the cut replays of the journal, and whether the newest
/// invalidation of the sector is among it.
fn replay(trace: &Trace, losses: &Losses, sector: u64, before: u64) -> Option<String> {
    let kept = |write: &&Write| losses.fate(write, before) == Fate::Kept;
    let number = |write: &Write| match write.what {
        Written::Journal { seq, last_seq, .. } => Some((seq, last_seq)),
        _ => None,
    };
    let (newest, oldest) = trace.writes.iter().filter(kept).filter_map(number).max()?;
    let mut line = format!("replay after the cut: journal entries {oldest} to {newest}");
    match trace.invalidations(sector, 0).filter(kept).filter_map(number).max() {
        None => line.push_str("; none that survived invalidates it"),
        Some((entry, _)) if entry < oldest => {
            line.push_str(&format!(
                "; the invalidation in entry {entry} is let go of, so what the leaf says stands"
            ));
        }
        Some((entry, _)) => {
            line.push_str(&format!("; its invalidation in entry {entry} is among them"));
        }
    }
    Some(line)
}

fn covers(key: &Key, sector: u64) -> bool {
    key.covers(sector + layout::DATA_OFFSET)
}

fn on_hdd(write: &Write) -> std::ops::Range<u64> {
    on_bcache(write.sector..write.sector + write.sectors)
}

fn fate(write: &Write, losses: &Losses, before: u64) -> &'static str {
    let done = write.completed.is_some_and(|at| at < before);
    match (losses.fate(write, before), done) {
        (Fate::NotYet, _) => "not issued yet",
        (Fate::Kept, true) => "kept",
        (Fate::Kept, false) => "kept, though its completion was not reported",
        (Fate::Torn, true) => "TORN by the cut after its completion (volatile cache)",
        (Fate::Torn, false) => "TORN by the cut on its way",
        (Fate::Lost, true) => "LOST in the cut after its completion (volatile cache)",
        (Fate::Lost, false) => "LOST in the cut on its way",
    }
}

/// One write, in bcache's terms; `sector` picks the keys worth a word.
fn describe(write: &Write, recording: &Recording, sector: Option<u64>) -> String {
    let disk = write.disk.name().to_uppercase();
    let keys = |keys: &[Key]| -> String {
        let Some(sector) = sector else { return format!("{} keys", keys.len()) };
        let about: Vec<String> = keys
            .iter()
            .filter(|key| covers(key, sector))
            .map(|key| match key.pointers.first() {
                None => "\"not cached\" (the invalidation)".to_owned(),
                Some(at) => format!("\"cached at SSD sector {}\"", at.sector),
            })
            .collect();
        if about.is_empty() { format!("{} keys", keys.len()) } else { about.join(", ") }
    };
    match &write.what {
        Written::Journal { seq, last_seq, keys: all } => {
            format!("{disk}: journal entry {seq} (last_seq {last_seq}) with {}", keys(all))
        }
        Written::Set { keys: all } => format!("{disk}: btree leaf set with {}", keys(all)),
        Written::Data(stamps) if let Some(first) = stamps.first() => {
            let name = name(recording, first.seq);
            match write.disk {
                Disk::Ssd => {
                    format!(
                        "{disk}: cached data of write #{} ({name}), sector {}",
                        first.seq, first.first
                    )
                }
                Disk::Hdd | Disk::Hdd2 => format!(
                    "{disk}: data of write #{} ({name}), sectors {}+{} of bcache",
                    first.seq,
                    on_hdd(write).start,
                    write.sectors
                ),
            }
        }
        what => format!("{disk}: {what}, sectors {}+{}", write.sector, write.sectors),
    }
}

/// The lost writes, one by one or counted.
fn lost(
    trace: &Trace,
    recording: &Recording,
    state: &CrashState,
    losses: &Losses,
    before: u64,
) -> Vec<String> {
    let lost = state.lost();
    if lost.is_empty() {
        return vec![
            "no write was lost: everything that had been issued is on the disks".to_owned(),
        ];
    }
    let mut lines = vec![format!(
        "lost, and needed for it ({} of what was issued; everything else is on the disks):",
        lost.len()
    )];
    for change in lost.iter().take(TOLD) {
        let request = change.change.request();
        let Some(write) = trace.writes.iter().find(|write| write.request == request) else {
            continue;
        };
        let what = describe(write, recording, None);
        let gone: u64 = change.lost.iter().map(|part| part.end - part.start).sum();
        lines.push(format!(
            "  event {:>5}: {what}: {} ({gone} of {} sectors)",
            write.issued,
            fate(write, losses, before),
            write.sectors
        ));
    }
    if lost.len() > TOLD {
        lines.push(format!("  and {} more", lost.len() - TOLD));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(request: u64, issued: u64, seq: u64, last_seq: u64, of: Option<u64>) -> Write {
        let key = |sector| Key {
            inode: 0,
            end: sector + layout::DATA_OFFSET + 8,
            sectors: 8,
            dirty: false,
            pointers: Vec::new(),
        };
        Write {
            request,
            disk: Disk::Ssd,
            sector: 0,
            sectors: 8,
            issued,
            issued_ns: 0,
            completed: None,
            what: Written::Journal { seq, last_seq, keys: of.map(key).into_iter().collect() },
        }
    }

    #[test]
    fn replay_names_the_entries_and_whether_the_invalidation_is_among_them() {
        let mut trace = Trace::default();
        trace.writes.push(journal(1, 10, 4, 3, Some(64)));
        trace.writes.push(journal(2, 20, 5, 3, None));
        trace.writes.push(journal(3, 30, 6, 5, None));
        let told = |lost: &[u64], before| replay(&trace, &Losses::whole(lost), 64, before).unwrap();
        assert!(told(&[], 99).contains("entries 5 to 6; the invalidation in entry 4 is let go of"));
        assert!(told(&[3], 99).contains("entries 3 to 5; its invalidation in entry 4 is among"));
        assert!(told(&[1], 25).contains("entries 3 to 5; none that survived"));
    }
}
