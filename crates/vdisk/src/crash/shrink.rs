// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a bad state to the fewest lost writes that still make it bad.

use super::states::{CrashState, How};

impl CrashState {
    /// Gives back as many lost changes as possible while `is_bad` still says
    /// so, first in halves, then one by one. The result loses nothing without
    /// which it would be good; that need not be the smallest set of all.
    ///
    /// `is_bad` is asked about some 2·n·log n states for n lost changes, never
    /// twice about equal ones in a row; it must have said yes to this one.
    pub fn shrink<E>(
        self,
        mut is_bad: impl FnMut(&CrashState) -> Result<bool, E>,
    ) -> Result<CrashState, E> {
        let mut best = self;
        let mut step = best.missing().len();
        while step > 0 {
            let mut at = 0;
            let mut progress = false;
            loop {
                let missing = best.missing();
                let Some(give) = missing.get(at..(at + step).min(missing.len())) else { break };
                if give.is_empty() {
                    break;
                }
                let mut kept = best.kept.clone();
                for &change in give {
                    kept[change].clone_from(&best.epoch.open[change].live);
                }
                let next = CrashState::build(&best.epoch, &best.names, How::Shrunk, kept);
                let same = next.fingerprint == best.fingerprint;
                if same || is_bad(&next)? {
                    best = CrashState { number: best.number, ..next };
                    progress = true;
                } else {
                    at += step;
                }
            }
            if step > 1 {
                step = step.div_ceil(2);
            } else if !progress {
                step = 0;
            }
        }
        Ok(best)
    }

    /// Open changes of which something is gone, by their place.
    fn missing(&self) -> Vec<usize> {
        let each = self.epoch.open.iter().zip(&self.kept).enumerate();
        each.filter(|(_, (open, kept))| open.live != **kept).map(|(at, _)| at).collect()
    }
}
