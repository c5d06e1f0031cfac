// SPDX-License-Identifier: MIT OR Apache-2.0
//! How far the builds are, and how long the others will take.

/// Costs are the seconds of an idle machine; what builds really take says how
/// busy, or how slow, this one is.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    pub(crate) done: usize,
    pub(crate) total: usize,
    /// Cost of those not done.
    open: f64,
    /// Cost of those made in this run, and what they took.
    made: f64,
    took: f64,
}

impl Pace {
    /// Another build is to be done.
    pub(crate) fn plan(&mut self, cost: f64) {
        self.total += 1;
        self.open += cost;
    }

    /// One is done; `seconds` where it had to be made.
    pub(crate) fn done(&mut self, cost: f64, seconds: Option<f64>) {
        self.done += 1;
        self.open -= cost;
        if let Some(seconds) = seconds {
            self.made += cost;
            self.took += seconds;
        }
    }

    /// None of the rest of a kernel's builds can be made.
    pub(crate) fn drop(&mut self, cost: f64) {
        self.total -= 1;
        self.open -= cost;
    }

    /// Seconds that are left.
    pub(crate) fn left(&self) -> f64 {
        let slow = if self.made > 0.0 { self.took / self.made } else { 1.0 };
        // The first builds may find an object tree, or a busy machine.
        self.open.max(0.0) * slow.clamp(0.2, 8.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_there_at_once_and_follows_what_is_seen() {
        let mut pace = Pace::default();
        [200.0, 20.0, 20.0, 20.0].into_iter().for_each(|cost| pace.plan(cost));
        assert_eq!((pace.total, pace.left()), (4, 260.0));
        pace.done(200.0, Some(400.0));
        assert_eq!(pace.left(), 120.0);
        pace.done(20.0, None);
        assert_eq!((pace.done, pace.left()), (2, 80.0));
        pace.drop(20.0);
        pace.done(20.0, Some(40.0));
        assert_eq!((pace.done, pace.total, pace.left()), (3, 3, 0.0));
    }
}
