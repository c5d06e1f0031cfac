// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ratios of paired samples, with an interval.
//!
//! One boot is one sample; boots come in the order A B B A, so that a machine
//! that slowly changes weighs on both alike, and the n-th samples of A and B
//! are a pair. The ratio is the geometric mean of the pairs' ratios. Its
//! interval comes from a bootstrap over the pairs.
//!
//! With few pairs the plain percentile interval is too narrow, because the
//! resamples vary less than samples do. So its percentiles are moved outwards
//! to those at which it has the width of Student's interval for normal data
//! (the "expanded percentile interval" of T. Hesterberg, *What Teachers Should
//! Know About the Bootstrap*, 2015, section 4.4.1).

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Fewest pairs that an interval is given for.
pub const FEWEST: usize = 4;

/// Resamples: the outermost percentile in use is then the twelfth.
const RESAMPLES: usize = 100_000;

/// More pairs than these are nobody's plan.
pub const MOST: usize = 100_000;

/// Level of all intervals here.
pub const LEVEL: f64 = 0.95;

/// Why there is no interval.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PairedError {
    /// Too few for any statement.
    #[error("{had} pairs of samples; an interval needs {FEWEST}: more with --pairs")]
    TooFew { had: usize },
    /// The two sides are not pairs.
    #[error("{a} samples against {b}: not pairs")]
    Uneven {
        /// Of the arm.
        a: usize,
        /// Of the reference.
        b: usize,
    },
    /// A ratio needs numbers above zero.
    #[error("pair {pair} is {a} against {b}: a ratio needs numbers above zero")]
    NotPositive {
        /// Which, from 1.
        pair: usize,
        /// The arm's.
        a: f64,
        /// The reference's.
        b: f64,
    },
}

/// A ratio and what it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// Geometric mean of the pairs' ratios.
    pub ratio: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    pub high: f64,
    pub pairs: usize,
}

/// What a ratio says of a margin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Equivalence {
    /// The whole interval lies within the margin.
    Within,
    /// The whole interval lies outside.
    Outside,
    /// Neither: more pairs are needed.
    Undecided,
}

/// The ratio of `a` to `b`, sample by sample. The same samples and seed give
/// the same interval.
///
/// # Errors
/// [`PairedError`].
pub fn ratio(a: &[f64], b: &[f64], seed: u64) -> Result<Ratio, PairedError> {
    let logs = log_ratios(a, b)?;
    let pairs = logs.len();
    if pairs < FEWEST {
        return Err(PairedError::TooFew { had: pairs });
    }
    let mut means = resampled_means(&logs, seed);
    let outside = expanded_tail(pairs);
    Ok(Ratio {
        ratio: mean(&logs).exp(),
        low: quantile(&mut means, outside).exp(),
        high: quantile(&mut means, 1.0 - outside).exp(),
        pairs,
    })
}

/// The geometric mean ratio alone, for fewer pairs than an interval needs.
///
/// # Errors
/// [`PairedError`], but for [`PairedError::TooFew`] only without any pair.
pub fn point(a: &[f64], b: &[f64]) -> Result<f64, PairedError> {
    let logs = log_ratios(a, b)?;
    if logs.is_empty() { Err(PairedError::TooFew { had: 0 }) } else { Ok(mean(&logs).exp()) }
}

/// The fewest pairs with which Student's 95 % interval would lie within
/// ±`margin`, if the ratio and the scatter of the pairs stayed what they are;
/// `None` when no number would do, or more than [`MOST`].
///
/// # Errors
/// [`PairedError`].
pub fn pairs_needed(a: &[f64], b: &[f64], margin: f64) -> Result<Option<usize>, PairedError> {
    let logs = log_ratios(a, b)?;
    if logs.len() < FEWEST {
        return Err(PairedError::TooFew { had: logs.len() });
    }
    let centre = mean(&logs);
    let squares: f64 = logs.iter().map(|log| (log - centre).powi(2)).sum();
    let scatter = (squares / (logs.len() - 1) as f64).sqrt();
    let room = (centre - (1.0 - margin).ln()).min((1.0 + margin).ln() - centre);
    let enough = |&n: &usize| -student(n) * scatter / (n as f64).sqrt() <= room;
    if room <= 0.0 || !enough(&MOST) {
        return Ok(None);
    }
    // The interval narrows with every pair.
    let (mut few, mut many) = (FEWEST - 1, MOST);
    while many - few > 1 {
        let middle = usize::midpoint(few, many);
        if enough(&middle) { many = middle } else { few = middle }
    }
    Ok(Some(many))
}

impl Ratio {
    /// Whether the ratio is within ±`margin` (0.02 is 2 %) at 95 %. As the
    /// whole two-sided interval has to lie inside, this is stricter than two
    /// one-sided tests at 5 %.
    #[must_use]
    pub fn equivalence(&self, margin: f64) -> Equivalence {
        let (lowest, highest) = (1.0 - margin, 1.0 + margin);
        if self.low >= lowest && self.high <= highest {
            Equivalence::Within
        } else if self.high < lowest || self.low > highest {
            Equivalence::Outside
        } else {
            Equivalence::Undecided
        }
    }

    /// Whether the ratio differs from 1 by more than the noise floor, the same
    /// ratio of the reference with itself.
    #[must_use]
    pub fn above(&self, floor: &Ratio) -> bool {
        let (low, high) = (floor.low.min(1.0), floor.high.max(1.0));
        self.low > high || self.high < low
    }
}

fn log_ratios(a: &[f64], b: &[f64]) -> Result<Vec<f64>, PairedError> {
    if a.len() != b.len() {
        return Err(PairedError::Uneven { a: a.len(), b: b.len() });
    }
    let logs = a.iter().zip(b).enumerate().map(|(at, (&a, &b))| {
        let fine = a > 0.0 && b > 0.0 && a.is_finite() && b.is_finite();
        if fine { Ok((a / b).ln()) } else { Err(PairedError::NotPositive { pair: at + 1, a, b }) }
    });
    logs.collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn resampled_means(logs: &[f64], seed: u64) -> Vec<f64> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut one = || (0..logs.len()).map(|_| logs[rng.usize(..logs.len())]).sum::<f64>();
    (0..RESAMPLES).map(|_| one() / logs.len() as f64).collect()
}

/// Lower end of Student's interval for the mean of so many pairs, in standard
/// errors.
fn student(pairs: usize) -> f64 {
    // It exists: there are at least three degrees of freedom.
    StudentsT::new(0.0, 1.0, pairs as f64 - 1.0)
        .map_or(f64::NAN, |t| t.inverse_cdf((1.0 - LEVEL) / 2.0))
}

/// Share of the resamples to leave out at each end.
fn expanded_tail(pairs: usize) -> f64 {
    let n = pairs as f64;
    Normal::standard().cdf((n / (n - 1.0)).sqrt() * student(pairs))
}

/// The smallest value with at least the share `of` at or below it. Reorders them.
fn quantile(values: &mut [f64], of: f64) -> f64 {
    let at = (of * values.len() as f64).ceil() as usize;
    let at = at.clamp(1, values.len()) - 1;
    *values.select_nth_unstable_by(at, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight made-up pairs.
    const B: [f64; 8] = [100.0, 103.0, 98.0, 101.0, 105.0, 99.5, 102.0, 97.0];
    const A: [f64; 8] = [101.5, 103.1, 99.9, 102.2, 104.0, 101.0, 103.5, 98.8];

    fn close(is: f64, wanted: f64, within: f64) {
        assert!((is - wanted).abs() < within, "{is} is not {wanted}");
    }

    /// The reference values are the exact bootstrap distribution, by
    /// enumerating all multisets of pairs with their multinomial weights
    /// (Python 3.11, itertools; scipy 1.17.1 for Student's and the normal
    /// distribution): no resampling, another language.
    #[test]
    fn intervals_are_those_of_the_exact_distribution() {
        let eight = ratio(&A, &B, 1).unwrap();
        close(eight.ratio, 1.010_713_385_514_372, 1e-12);
        close(eight.low, 1.001_372_955_120_125, 2e-4);
        close(eight.high, 1.017_150_728_409_971, 2e-4);
        let six = ratio(&A[..6], &B[..6], 1).unwrap();
        close(six.ratio, 1.008_749_018_360_254, 1e-12);
        close(six.low, 0.996_270_507_102_204, 4e-4);
        close(six.high, 1.017_401_098_948_37, 4e-4);
        // With four pairs only the extremes are left: min and max.
        let four = ratio(&A[..4], &B[..4], 1).unwrap();
        close(four.low, 1.000_970_873_786_408, 1e-9);
        close(four.high, 1.019_387_755_102_041, 1e-9);
    }

    /// `scipy.stats.norm.cdf(sqrt(n/(n-1)) * scipy.stats.t.ppf(0.025, n-1))`,
    /// scipy 1.17.1.
    #[test]
    fn the_tails_are_expanded_as_scipy_computes_them() {
        for (n, wanted) in [
            (4, 0.000_119_030_739_153),
            (6, 0.002_431_803_174_612),
            (8, 0.005_737_520_517_030),
            (20, 0.015_880_829_920_348),
        ] {
            close(expanded_tail(n), wanted, 1e-8);
        }
    }

    /// `scipy.stats.bootstrap((r,), np.mean, method="percentile",
    /// confidence_level=0.95, n_resamples=1000000)` on the log ratios, scipy
    /// 1.17.1: 1.0036138525278522 to 1.0164157134480396. This one must contain
    /// the plain interval.
    #[test]
    fn the_interval_is_wider_than_scipys_plain_percentiles() {
        let eight = ratio(&A, &B, 7).unwrap();
        assert!(eight.low < 1.003_613 && eight.high > 1.016_416, "{eight:?}");
        let mut means = resampled_means(&log_ratios(&A, &B).unwrap(), 7);
        close(quantile(&mut means, 0.025).exp(), 1.003_613_852_527_852, 2e-4);
        close(quantile(&mut means, 0.975).exp(), 1.016_415_713_448_04, 2e-4);
    }

    /// Counted up from 4 with `scipy.stats.t.ppf(0.975, n - 1)` and numpy's
    /// `std(ddof=1)` of the log ratios, scipy 1.17.1.
    #[test]
    fn so_many_pairs_would_decide() {
        for (margin, wanted) in [
            (0.02, Some(8)),
            (0.015, Some(24)),
            (0.012, Some(237)),
            (0.0108, Some(51_496)),
            // More than anybody's plan.
            (0.010_72, None),
            // The ratio itself is 1.0107.
            (0.01, None),
        ] {
            assert_eq!(pairs_needed(&A, &B, margin), Ok(wanted), "±{margin}");
        }
        assert_eq!(pairs_needed(&B, &A, 0.02), Ok(Some(7)));
        let (noisy, steady) = ([110.0, 90.0, 105.0, 96.0], [100.0, 101.0, 99.0, 100.0]);
        assert_eq!(pairs_needed(&noisy, &steady, 0.02), Ok(Some(94)));
        assert_eq!(pairs_needed(&noisy, &steady, 0.05), Ok(Some(17)));
        assert_eq!(pairs_needed(&noisy, &steady, 0.1), Ok(Some(7)));
        assert_eq!(pairs_needed(&[1.0; 4], &[1.0; 4], 0.02), Ok(Some(FEWEST)));
        assert!(pairs_needed(&A[..3], &B[..3], 0.02).is_err());
    }

    #[test]
    fn what_the_interval_says_of_a_margin() {
        let of = |low, high| Ratio { ratio: 1.0, low, high, pairs: 8 };
        assert_eq!(of(0.985, 1.015).equivalence(0.02), Equivalence::Within);
        assert_eq!(of(1.015, 1.025).equivalence(0.02), Equivalence::Undecided);
        assert_eq!(of(1.021, 1.03).equivalence(0.02), Equivalence::Outside);
        assert_eq!(of(0.9, 0.979).equivalence(0.02), Equivalence::Outside);
        // What touches the margin's end is neither outside nor all within.
        assert_eq!(of(0.9, 0.98).equivalence(0.02), Equivalence::Undecided);
        assert_eq!(of(1.02, 1.03).equivalence(0.02), Equivalence::Undecided);
        let floor = of(0.99, 1.01);
        assert!(of(1.011, 1.02).above(&floor) && !of(1.009, 1.02).above(&floor));
        assert!(of(0.9, 0.98).above(&floor) && !of(0.9, 0.995).above(&floor));
        assert!(!of(1.01, 1.02).above(&floor) && !of(0.9, 0.99).above(&floor));
    }

    #[test]
    fn a_quantile_is_the_first_that_so_many_do_not_exceed() {
        let mut values = [3.0, 1.0, 4.0, 2.0];
        for (of, wanted) in [(0.0, 1.0), (0.25, 1.0), (0.26, 2.0), (0.5, 2.0), (1.0, 4.0)] {
            close(quantile(&mut values, of), wanted, 1e-12);
        }
    }

    #[test]
    fn no_interval_without_enough_honest_pairs() {
        assert_eq!(ratio(&A[..3], &B[..3], 1), Err(PairedError::TooFew { had: 3 }));
        assert_eq!(ratio(&A, &B[..7], 1), Err(PairedError::Uneven { a: 8, b: 7 }));
        let zero = ratio(&[1.0, 0.0, 1.0, 1.0], &[1.0; 4], 1);
        assert_eq!(zero, Err(PairedError::NotPositive { pair: 2, a: 0.0, b: 1.0 }));
        for (a, b) in [(1.0, 0.0), (-1.0, 1.0), (f64::INFINITY, 1.0), (1.0, f64::INFINITY)] {
            assert_eq!(point(&[a], &[b]), Err(PairedError::NotPositive { pair: 1, a, b }));
        }
        close(point(&[2.0, 8.0], &[1.0, 1.0]).unwrap(), 4.0, 1e-12);
        assert!(point(&[], &[]).is_err());
    }

    /// Coverage: of intervals for a ratio of exactly 1, some 95 % hold it.
    /// Normal noise of 2 % from Box and Muller, 100 experiments of 6 pairs.
    #[test]
    fn nineteen_of_twenty_intervals_hold_the_truth() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut noisy = || {
            let (u, v) = (1.0 - rng.f64(), rng.f64());
            100.0 * (0.02 * (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()).exp()
        };
        let mut held = 0;
        for experiment in 0..100 {
            let a: Vec<f64> = (0..6).map(|_| noisy()).collect();
            let b: Vec<f64> = (0..6).map(|_| noisy()).collect();
            let r = ratio(&a, &b, experiment).unwrap();
            held += u32::from(r.low <= 1.0 && r.high >= 1.0);
        }
        // 95 +- 4 standard errors of 2.2.
        assert!((86..=100).contains(&held), "{held} of 100");
    }
}
