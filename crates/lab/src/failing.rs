// SPDX-License-Identifier: MIT OR Apache-2.0
//! Allocations that fail on purpose (Documentation/fault-injection), where a
//! function of the kernel is on the call stack, and how many of them did.
//!
//! A rate for the whole kernel would show little: a tracker allocates once or
//! twice in a case, and the guest's own queues would suffer most of the faults.
//! Blocks of pages can fail at a rate as well, for what bcache does then. Only
//! from here on: with `fail_page_alloc=` on the command line one boot in ten
//! died in `workqueue_init()`, which does not look whether it got a thread.

use crate::guest::{Guest, GuestError};
use crate::session::Session;
use crate::trouble::{Stop, Trouble};
use evidence::{HarnessFailure, Opportunity};
use kbuild::Fail;

/// `failslab` in debugfs (`mm/failslab.c`).
const SLAB: &str = "/sys/kernel/debug/failslab";

/// `fail_page_alloc` in debugfs (`mm/fail_page_alloc.c`): as it comes, blocks of
/// two pages or more that may not be waited for.
const PAGES: &str = "/sys/kernel/debug/fail_page_alloc";

/// How often an allocation may fail; what is left of it tells how often one
/// did, as `should_fail_ex()` counts down whether or not it says so.
const TIMES: u64 = 1_000_000_000;

/// Arms the injection; whether the kernel has the function at all.
pub(crate) fn arm(guest: &Guest<'_>, failing: &Fail) -> Result<bool, GuestError> {
    let function = failing.function.as_str();
    if failing.pages_percent > 0 {
        fail(guest, PAGES, failing.pages_percent, &[])?;
    }
    // Sorted by address: the next symbol is where the function ends.
    let symbols = guest.read_file("/proc/kallsyms")?;
    let Some((start, end)) = bounds(&symbols, function) else {
        // Nothing fails, and that is counted.
        fail(guest, SLAB, 0, &[])?;
        return Ok(false);
    };
    let (start, end) = (format!("0x{start}"), format!("0x{end}"));
    let inside = [("stacktrace-depth", "32"), ("require-start", &start), ("require-end", &end)];
    fail(guest, SLAB, 100, &inside)?;
    Ok(true)
}

/// Lets `percent` of the attempts fail that a folder in debugfs is for and that
/// `filter` lets through. The rate is set last: nothing fails unfiltered.
fn fail(
    guest: &Guest<'_>,
    folder: &str,
    percent: u8,
    filter: &[(&str, &str)],
) -> Result<(), GuestError> {
    let set = |file: &str, value: &str| guest.write_file(&format!("{folder}/{file}"), value);
    set("probability", "0")?;
    set("interval", "1")?;
    set("verbose", "0")?;
    set("times", &TIMES.to_string())?;
    for (file, value) in filter {
        set(file, value)?;
    }
    set("probability", &percent.to_string())
}

/// How many allocations have failed since [`arm`], by the folder in debugfs.
pub(crate) fn failed(guest: &Guest<'_>, folder: &str) -> Result<u64, GuestError> {
    let text = guest.read_file(&format!("{folder}/times"))?;
    let left: u64 = text.trim().parse().unwrap_or(TIMES);
    Ok(TIMES.saturating_sub(left))
}

/// First address of a function and of what follows it, in hexadecimal.
fn bounds<'a>(symbols: &'a str, function: &str) -> Option<(&'a str, &'a str)> {
    let mut lines = symbols.lines().map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next().unwrap_or_default(), words.nth(1).unwrap_or_default())
    });
    let (start, _) = lines.find(|(_, name)| *name == function)?;
    let (end, _) = lines.find(|(address, _)| *address != start)?;
    Some((start, end))
}

impl Session<'_> {
    /// Lets allocations of this guest fail from here on, where the case wants
    /// that.
    pub(crate) fn arm_failures(&mut self) -> Result<(), Stop> {
        let Some(failing) = self.failures.wanted.clone() else { return Ok(()) };
        let there = arm(&self.guest()?, &failing)?;
        if !there && !failing.arms.is_empty() {
            let what = format!("this kernel has no {}, whose allocations fail", failing.function);
            let next = "mend `fail` in the configuration's file";
            return Err(Trouble::new(HarnessFailure::Configuration, what, next).into());
        }
        self.failures.armed = true;
        Ok(())
    }

    /// Adds up what has failed in this guest, before it goes.
    pub(crate) fn count_failures(&mut self) -> Result<(), Stop> {
        let pages = self.failures.wanted.as_ref().is_some_and(|failing| failing.pages_percent > 0);
        if std::mem::take(&mut self.failures.armed) {
            self.failures.small += failed(&self.guest()?, SLAB)?;
            if pages {
                self.failures.pages += failed(&self.guest()?, PAGES)?;
            }
        }
        Ok(())
    }

    /// Says how many failed; none, where some had to, is a window that stayed
    /// closed.
    ///
    /// # Errors
    /// [`Stop::Closed`] there.
    pub fn judge_failures(&mut self) -> Result<(), Stop> {
        let Some(failing) = self.failures.wanted.clone() else { return Ok(()) };
        self.count_failures()?;
        let detail = format!("{} allocations failed in {}", self.failures.small, failing.function);
        if failing.pages_percent > 0 {
            let count = self.failures.pages;
            self.note(format!("{count} blocks of two pages or more were refused"));
        }
        if failing.arms.is_empty() {
            self.note(detail);
            return Ok(());
        }
        let claim = "the tracker got no memory".to_owned();
        let open = self.failures.small > 0;
        self.notes.opportunities.push(Opportunity {
            claim: claim.clone(),
            open,
            detail: detail.clone(),
        });
        if open { Ok(()) } else { Err(Stop::Closed(format!("{claim}: {detail}"))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMBOLS: &str = "\
ffffffff81000000 T _stext
ffffffff81001000 t record_part
ffffffff81001100 T bch_inflight_record
ffffffff81001100 T alias
ffffffff81001280 T bch_inflight_record_more
";

    #[test]
    fn a_function_ends_where_another_begins() {
        let found = bounds(SYMBOLS, "bch_inflight_record");
        assert_eq!(found, Some(("ffffffff81001100", "ffffffff81001280")));
        assert_eq!(bounds(SYMBOLS, "bch_inflight"), None);
        assert_eq!(bounds(SYMBOLS, "bch_inflight_record_more"), None);
    }
}
