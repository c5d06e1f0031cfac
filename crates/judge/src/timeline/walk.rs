// SPDX-License-Identifier: MIT OR Apache-2.0
//! Goes through the log once and keeps what concerns the focus.

use super::focus::Focus;
use super::skipped::Skipped;
use crate::decode::{Devices, Seen, Written, concerns, disk, overlap, sectors};
use evidence::{Bar, Case, Lane, Outcome, Row, Timeline, Tone, Verdict};
use scenario::Disk;
use std::collections::HashMap;
use std::ops::Range;
use vdisk::bcache_format::Key;
use vdisk::log::{Life, Log};
use vdisk::{CutKind, Event, Kind, Mark, Op};

/// Beyond this a time line helps nobody.
const MOST_ROWS: usize = 400;

/// A request of which a row tells.
struct Request {
    bar: usize,
    name: String,
    /// Of the backing device, a read that missed the cache.
    miss: bool,
    media: bool,
    hold_began: Option<usize>,
    issued_ns: u64,
}

pub(super) fn walk(case: &Case, log: &Log, focus: &Focus) -> Timeline {
    let mut walk = Walk {
        log,
        focus,
        case,
        backing: focus.on_backing(),
        line: Timeline {
            focus: format!(
                "{}: sectors {}+{} of bcache, {}+{} of the backing device",
                case.id,
                focus.range.start,
                focus.range.end - focus.range.start,
                focus.on_backing().start,
                focus.range.end - focus.range.start,
            ),
            ..Timeline::default()
        },
        requests: HashMap::new(),
        skipped: Skipped::default(),
        places: Vec::new(),
        invalidated_by: None,
        placeholder: None,
        judging: false,
    };
    for life in &log.lives {
        for event in &life.events {
            if walk.line.rows.len() >= MOST_ROWS {
                walk.remark("the time line ends here: too many requests on this block".to_owned());
                return walk.finish();
            }
            walk.event(life, event);
        }
    }
    if log.stop.is_some() {
        walk.remark("the log ends here: the tool was killed".to_owned());
    }
    walk.finish()
}

struct Walk<'a> {
    log: &'a Log,
    focus: &'a Focus,
    case: &'a Case,
    /// The focus as the backing device and the btree count.
    backing: Range<u64>,
    line: Timeline,
    /// By request number.
    requests: HashMap<u64, Request>,
    skipped: Skipped,
    /// Where on the SSD the focus has been cached.
    places: Vec<Range<u64>>,
    /// The journal entry with the newest invalidation of the focus.
    invalidated_by: Option<u64>,
    /// Bar of the placeholder that a miss has planted.
    placeholder: Option<usize>,
    /// The oracle reads: not the scenario's doing.
    judging: bool,
}

impl Walk<'_> {
    fn event(&mut self, life: &Life, event: &Event) {
        match (&event.kind, event.op) {
            (Kind::Mark(mark, text), _) => self.mark(event, *mark, text),
            (Kind::Issue, Some(op)) => self.issue(life, event, op),
            (Kind::Media, _) => {
                if let Some(request) = self.requests.get_mut(&event.request) {
                    request.media = true;
                    if request.hold_began.is_some() {
                        let text = format!("{}: now on the media", request.name);
                        self.row(event, lane(event), Tone::Write, text);
                    }
                }
            }
            (Kind::Held(_), _) => self.held(event),
            (Kind::Released(_), _) => self.released(event),
            (Kind::Complete, _) => self.complete(event),
            (Kind::Cut(kind), _) => self.cut(event, *kind),
            (Kind::PowerOn, _) => {
                self.row(event, Lane::Lab, Tone::Cut, "power back on".to_owned());
            }
            _ => {}
        }
    }

    /// Adds a row, after one that says what has been left out before it.
    fn row(&mut self, event: &Event, lane: Lane, tone: Tone, text: String) -> usize {
        if let Some(text) = self.skipped.take() {
            self.remark_as(Tone::Skipped, text);
        }
        let (at_ns, event) = (Some(event.at_ns), Some(event.seq));
        self.line.rows.push(Row { at_ns, event, lane, tone, text });
        self.line.rows.len() - 1
    }

    fn remark(&mut self, text: String) {
        self.remark_as(Tone::Note, text);
    }

    fn remark_as(&mut self, tone: Tone, text: String) {
        self.line.rows.push(Row { at_ns: None, event: None, lane: Lane::Lab, tone, text });
    }

    fn mark(&mut self, event: &Event, mark: Mark, text: &str) {
        let tone = match mark {
            Mark::Proof => Tone::Proof,
            Mark::Note => Tone::Note,
            Mark::Step | Mark::Judge => {
                self.judging = mark == Mark::Judge;
                Tone::Step
            }
        };
        self.row(event, Lane::Lab, tone, text.to_owned());
    }

    fn issue(&mut self, life: &Life, event: &Event, op: Op) {
        let (disk, range) = (disk(event), sectors(event));
        let wanted = op == Op::Write && (disk == Disk::Ssd || overlap(&range, &self.backing));
        let devices = Devices::of_log(self.log);
        let seen = wanted.then(|| Seen::of_log(self.log, life, event, devices).ok()).flatten();
        let written = seen.and_then(|seen| seen.written);
        let label = match disk {
            Disk::Ssd => self.ssd(event, op, &range, written.as_ref()),
            Disk::Hdd | Disk::Hdd2 => self.hdd(op, &range, written.as_ref()),
        };
        let Some((tone, name, text)) = label else {
            self.skipped.count(disk, op, written.as_ref());
            return;
        };
        let miss = disk != Disk::Ssd && op == Op::Read && !self.judging;
        if miss {
            self.placeholder(event);
        }
        let fua = if event.fua { ", FUA" } else { "" };
        let row = self.row(event, lane(event), tone, format!("{text}{fua}"));
        let label = name.clone();
        self.bar(lane(event), tone, row, label);
        let bar = self.line.bars.len() - 1;
        let issued_ns = event.at_ns;
        let request = Request { bar, name, miss, media: false, hold_began: None, issued_ns };
        self.requests.insert(event.request, request);
    }

    fn bar(&mut self, lane: Lane, tone: Tone, row: usize, label: String) {
        let bar = Bar { lane, tone, from: row, to: row, ended: false, held: None, label };
        self.line.bars.push(bar);
    }

    /// The kernel plants the placeholder before it submits the read of the
    /// backing device (`cached_dev_cache_miss`).
    fn placeholder(&mut self, event: &Event) {
        let text = "bcache misses; a placeholder is in the btree before its read (inferred)";
        let row = self.row(event, Lane::Bcache, Tone::Inferred, text.to_owned());
        self.bar(Lane::Bcache, Tone::Inferred, row, "placeholder (inferred)".to_owned());
        self.placeholder = Some(self.line.bars.len() - 1);
    }

    /// What a request of the backing device is, if it concerns the focus.
    fn hdd(&self, op: Op, range: &Range<u64>, what: Option<&Written>) -> Option<Label> {
        if op == Op::Flush || !overlap(range, &self.backing) {
            return None;
        }
        let place = place(range);
        let stamp = what.and_then(|what| what.stamp(range.start));
        Some(match (op, stamp) {
            (Op::Read, _) if self.judging => {
                (Tone::Read, "the oracle's read".to_owned(), format!("the oracle reads {place}"))
            }
            (Op::Read, _) => (Tone::Read, "read".to_owned(), format!("read of {place} issued")),
            (Op::Write, Some((seq, _))) => {
                let name = self.focus.name(seq);
                (Tone::Write, name.clone(), format!("{name}: write of {place} issued"))
            }
            (op, _) => {
                let name = format!("{op:?}").to_lowercase();
                (Tone::Write, name.clone(), format!("{name} of {place} issued"))
            }
        })
    }

    /// What a request of the SSD is, if it concerns the focus.
    fn ssd(
        &mut self,
        event: &Event,
        op: Op,
        range: &Range<u64>,
        what: Option<&Written>,
    ) -> Option<Label> {
        let place = place(range);
        if op == Op::Read && self.places.iter().any(|cached| overlap(cached, range)) {
            let text = format!("read of {place}, where the block is cached: a hit");
            return Some((Tone::Read, "read of the cached block".to_owned(), text));
        }
        match (op, what?) {
            (_, Written::Journal { seq, last_seq, keys }) => {
                let about = self.about(keys);
                let name = format!("journal entry {seq}");
                if let Some(about) = about {
                    if keys
                        .iter()
                        .any(|key| concerns(key, &self.backing) && key.pointers.is_empty())
                    {
                        self.invalidated_by = Some(*seq);
                    }
                    return Some((Tone::Journal, name.clone(), format!("{name}: {about}")));
                }
                let let_go = self.invalidated_by.filter(|entry| last_seq > entry)?;
                self.invalidated_by = None;
                let text = format!(
                    "{name}: last_seq is {last_seq} now, replay would begin after entry {let_go} \
                     with the invalidation"
                );
                Some((Tone::Journal, name, text))
            }
            (_, Written::Set { keys }) => {
                let about = self.about(keys)?;
                Some((Tone::Leaf, "btree leaf".to_owned(), format!("btree leaf: {about}")))
            }
            (_, written) => {
                let (seq, sector) = written.stamp(event.sector)?;
                let cached = sector..sector.saturating_add(event.sectors);
                let relevant = overlap(&cached, &self.focus.range);
                if !relevant {
                    return None;
                }
                let name = self.focus.name(seq);
                self.places.push(range.clone());
                self.end_placeholder(true);
                let text = format!("{name}: data for the cache, to {place}");
                Some((Tone::Fill, name, text))
            }
        }
    }

    /// What a set of keys says of the focus: the newest word of each kind.
    fn about(&self, keys: &[Key]) -> Option<String> {
        let says: Vec<String> = keys
            .iter()
            .filter(|key| concerns(key, &self.backing))
            .map(|key| match key.pointers.first() {
                None => "\"not cached\" (an invalidation)".to_owned(),
                Some(at) if at.device == 4095 => "a placeholder".to_owned(),
                Some(at) if key.dirty => format!("\"cached, dirty, at SSD sector {}\"", at.sector),
                Some(at) => format!("\"cached at SSD sector {}\"", at.sector),
            })
            .collect();
        let shown = says.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        let more = says.len().saturating_sub(3);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!says.is_empty()).then(|| format!("{shown}{more}"))
    }

    fn end_placeholder(&mut self, filled: bool) {
        let rows = self.line.rows.len();
        if let Some(bar) = self.placeholder.take().and_then(|at| self.line.bars.get_mut(at)) {
            // The fill's own row comes next.
            bar.to = if filled { rows } else { rows.saturating_sub(1) };
            bar.ended = true;
        }
    }

    fn held(&mut self, event: &Event) {
        let Some(request) = self.requests.get(&event.request) else { return };
        let phase = if request.media { "on the media, completion held" } else { "held" };
        let before = if request.media { "" } else { " before the media" };
        let text = format!("{}: {phase}{before}", request.name);
        let row = self.row(event, lane(event), Tone::Hold, text);
        if let Some(request) = self.requests.get_mut(&event.request) {
            request.hold_began = Some(row);
        }
    }

    fn released(&mut self, event: &Event) {
        let Some(request) = self.requests.get(&event.request) else { return };
        let (began, bar) = (request.hold_began, request.bar);
        let text = format!("{}: released", request.name);
        let row = self.row(event, lane(event), Tone::Hold, text);
        if let (Some(began), Some(bar)) = (began, self.line.bars.get_mut(bar)) {
            bar.held = Some((began, row));
        }
    }

    fn complete(&mut self, event: &Event) {
        let Some(request) = self.requests.remove(&event.request) else { return };
        let took = event.at_ns.saturating_sub(request.issued_ns) as f64 / 1e6;
        let result = match event.error {
            0 => format!("complete ({took:.2} ms)"),
            error => format!("FAILED with error {error} ({took:.2} ms)"),
        };
        let last = self.line.rows.len() - 1;
        let at_once = self.line.bars.get(request.bar).is_some_and(|bar| bar.from == last);
        let row = if at_once {
            // Nothing happened in between: one row is enough.
            let text = &mut self.line.rows[last].text;
            let issued = text.strip_suffix(" issued").map_or(text.len(), str::len);
            text.truncate(issued);
            text.push_str(&format!(", {result}"));
            last
        } else {
            let tone = self.line.bars[request.bar].tone;
            self.row(event, lane(event), tone, format!("{}: {result}", request.name))
        };
        let bar = &mut self.line.bars[request.bar];
        bar.to = row;
        bar.ended = true;
        if request.miss
            && let Some(placeholder) = self.placeholder
        {
            self.line.bars[placeholder].to = row;
        }
    }

    fn cut(&mut self, event: &Event, kind: CutKind) {
        let word = match kind {
            CutKind::Power => "POWER CUT: RAM and what the disks had not flushed is lost",
            CutKind::Reset => "RESET: RAM is lost, the disks keep what they have",
        };
        let lost = self.case.cuts.iter().find(|cut| cut.at_event == event.seq);
        let lost = lost.map_or(String::new(), |cut| {
            format!(" ({} completed writes lost on both disks)", cut.writes_lost)
        });
        let row = self.row(event, Lane::Lab, Tone::Cut, format!("{word}{lost}"));
        let open = self.line.bars.iter_mut().filter(|bar| !bar.ended);
        for bar in open {
            bar.to = bar.to.max(row);
            if let Some((began, _)) = bar.held {
                bar.held = Some((began, row));
            }
        }
        for request in self.requests.values() {
            if let (Some(began), Some(bar)) =
                (request.hold_began, self.line.bars.get_mut(request.bar))
            {
                bar.held.get_or_insert((began, row));
            }
        }
        self.requests.clear();
        self.placeholder = None;
        // What ended with the machine is not open any more.
        self.invalidated_by = None;
    }

    fn finish(mut self) -> Timeline {
        let (tone, text) = match &self.case.outcome {
            Outcome::Verdict { verdict } => {
                let tone = if *verdict == Verdict::Ok { Tone::Verdict } else { Tone::Bad };
                let expected = self.case.expected;
                let word = if self.case.contradicts() {
                    format!("verdict {verdict}, EXPECTED {expected}")
                } else {
                    format!("verdict {verdict}, as expected")
                };
                (tone, word)
            }
            Outcome::Inconclusive { why } => (Tone::Note, format!("inconclusive: {why}")),
            Outcome::Harness { what, message, .. } => {
                (Tone::Note, format!("no verdict, the harness failed ({what}): {message}"))
            }
        };
        if let Some(text) = self.skipped.take() {
            self.remark_as(Tone::Skipped, text);
        }
        self.remark_as(tone, text);
        let zero = self.line.rows.iter().find_map(|row| row.at_ns).unwrap_or(0);
        for at_ns in self.line.rows.iter_mut().filter_map(|row| row.at_ns.as_mut()) {
            *at_ns = at_ns.saturating_sub(zero);
        }
        let last = self.line.rows.len() - 1;
        // A placeholder that nothing was seen to take: until its read's end.
        for bar in self.line.bars.iter_mut().filter(|bar| !bar.ended) {
            if bar.lane == Lane::Bcache {
                bar.ended = true;
            } else if bar.to == bar.from {
                bar.to = last;
            }
        }
        self.line
    }
}

/// Tone, name and text of a row.
type Label = (Tone, String, String);

fn lane(event: &Event) -> Lane {
    match &*event.disk {
        "ssd" => Lane::Ssd,
        "hdd" | "hdd2" => Lane::Hdd,
        _ => Lane::Lab,
    }
}

fn place(range: &Range<u64>) -> String {
    format!("{}+{}", range.start, range.end - range.start)
}
