// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a kernel says about itself: a kernel that complained is not a clean
//! one, whatever its blocks hold.
//!
//! A report of the kernel's own checks outweighs every verdict about blocks,
//! and an opportunity that did not come about: the report is there. A stall is
//! told apart. A processor that nobody ran for a while looks the same from
//! inside, and the host of an emulator is often busy: no verdict follows.

use evidence::{Fact, Observation};
use std::path::Path;

/// Lines of a report that are kept: a splat of lockdep has its two chains in
/// the first forty, KASAN the access and the allocation.
const KEPT: usize = 40;

/// What kind of report a line begins; the first that fits. All of them follow
/// `printk`'s time, which programs of the guest do not print.
const KINDS: &[(&str, &str)] = &[
    ("BUG: KASAN: ", "KASAN"),
    ("BUG: KCSAN: ", "KCSAN"),
    ("BUG: KFENCE: ", "KFENCE"),
    ("BUG: KMSAN: ", "KMSAN"),
    ("UBSAN: ", "UBSAN"),
    ("refcount_t: ", "refcount"),
    ("list_add corruption", "list"),
    ("list_del corruption", "list"),
    ("INFO: task ", "hung task"),
    // kernel/locking/lockdep.c
    ("WARNING: possible ", "lockdep"),
    ("WARNING: inconsistent lock state", "lockdep"),
    ("WARNING: suspicious RCU usage", "lockdep"),
    ("WARNING: bad unlock balance", "lockdep"),
    ("WARNING: bad contention", "lockdep"),
    ("WARNING: held lock freed", "lockdep"),
    ("WARNING: Nested lock was not taken", "lockdep"),
    ("WARNING: lock held when returning", "lockdep"),
    ("-safe -> ", "lockdep"),
    ("INFO: trying to register non-static key", "lockdep"),
    ("[ BUG: ", "lockdep"),
    ("BUG: MAX_LOCK", "lockdep"),
    // __might_sleep() and schedule()
    ("BUG: sleeping function called", "sleep in atomic"),
    ("BUG: scheduling while atomic", "sleep in atomic"),
    // mm/slub.c
    ("BUG kmalloc", "slab"),
    ("BUG: Bad ", "memory"),
    ("Voluntary context switch within RCU", "RCU"),
    ("DEBUG_LOCKS_WARN_ON", "lockdep"),
    ("ODEBUG: ", "debug objects"),
    ("WARNING: ", "warning"),
    ("BUG: ", "bug"),
    ("kernel BUG at ", "bug"),
];

/// How the names of bcache's functions begin.
const BCACHE: &[&str] = &["bch_", "__bch_", "bcache_", "cached_dev_", "cache_set_", "flash_dev_"];

/// Reports of a processor, a queue or RCU that did not move on.
const STALLS: &[&str] =
    &["INFO: rcu", "BUG: soft lockup", "hard LOCKUP", "hard lockup", "BUG: workqueue lockup"];

/// What a kernel reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelReport {
    /// `KASAN`, `lockdep`…
    pub kind: &'static str,
    /// From its first line on.
    pub text: Vec<String>,
}

impl KernelReport {
    /// Whether the kernel died, of a BUG or an oops, in one of bcache's functions.
    #[must_use]
    pub fn is_bcache_dying(&self) -> bool {
        let places = self.text.iter().filter_map(|line| line.split_once("RIP: 0010:"));
        self.kind == "bug"
            && places.map(|(_, at)| at).any(|at| BCACHE.iter().any(|start| at.starts_with(start)))
    }

    /// As observations of a case: what it is, then the report itself.
    #[must_use]
    pub fn lines(&self) -> Vec<Observation> {
        let message = self.text.first().cloned().unwrap_or_default();
        let mut lines = vec![Fact::KernelReport { check: self.kind.to_owned(), message }.into()];
        lines.extend(self.text.iter().skip(1).map(|line| format!("| {line}").into()));
        lines
    }
}

/// A report that the unpatched kernel gives as well, by what its first line
/// says. It is named in the case and is no verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownReport {
    /// `KCSAN`, `lockdep`…
    pub kind: String,
    /// The functions, as the first line ends with them.
    pub at: String,
}

impl KnownReport {
    fn fits(&self, kind: &str, message: &str) -> bool {
        self.kind == kind && message.ends_with(&self.at)
    }

    /// Whether an observation of a case names this one.
    #[must_use]
    pub fn is_named_in(&self, observation: &Observation) -> bool {
        matches!(observation.fact(), Some(Fact::KnownReport { check, message })
            if self.fits(check, message))
    }
}

/// What a console says.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    Nothing,
    Report(KernelReport),
    Stall(Vec<String>),
    /// Not all of it: the kernel's line that counts what it dropped.
    Dropped(String),
}

/// Looks through the consoles of all boots, the first one first.
pub fn read(logs: &Path, known: &[KnownReport], observations: &mut Vec<Observation>) -> Said {
    let mut consoles: Vec<_> = std::fs::read_dir(logs)
        .into_iter()
        .flatten()
        .flatten()
        .map(|boot| boot.path().join("console.log"))
        .filter(|path| path.is_file())
        .collect();
    // boot-2 comes before boot-10.
    consoles.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    let mut doubt = Said::Nothing;
    for path in consoles {
        let console = std::fs::read(path).unwrap_or_default();
        match said(&String::from_utf8_lossy(&console), known, observations) {
            report @ Said::Report(_) => return report,
            found if doubt == Said::Nothing => doubt = found,
            _ => {}
        }
    }
    doubt
}

/// What one console says; a known report goes to `observations`.
pub fn said(console: &str, known: &[KnownReport], observations: &mut Vec<Observation>) -> Said {
    let lines: Vec<&str> = console.lines().map(str::trim_end).collect();
    let excerpt = |at: usize| -> Vec<String> {
        lines[at..].iter().take(KEPT).map(|&line| line.to_owned()).collect()
    };
    let mut doubt = Said::Nothing;
    for (at, line) in lines.iter().enumerate() {
        let Some(message) = message(line) else {
            // kernel/printk/printk.c, console_prepend_dropped(): it has no time.
            let dropped = line.starts_with("** ") && line.ends_with(" printk messages dropped **");
            if dropped && doubt == Said::Nothing {
                doubt = Said::Dropped((*line).to_owned());
            }
            continue;
        };
        if STALLS.iter().any(|start| message.contains(start)) {
            if doubt == Said::Nothing {
                doubt = Said::Stall(excerpt(at));
            }
        } else if let Some((_, kind)) = KINDS.iter().find(|(start, _)| message.contains(start)) {
            if !known.iter().any(|known| known.fits(kind, message)) {
                return Said::Report(KernelReport { kind, text: excerpt(at) });
            }
            let (check, message) = ((*kind).to_owned(), message.trim_start().to_owned());
            let observation = Fact::KnownReport { check, message }.into();
            if !observations.contains(&observation) {
                observations.push(observation);
            }
        }
    }
    doubt
}

/// What follows `printk`'s time, `[    1.234567] `.
fn message(line: &str) -> Option<&str> {
    let (time, message) = line.strip_prefix('[')?.split_once(']')?;
    time.trim().parse::<f64>().ok()?;
    Some(message)
}
