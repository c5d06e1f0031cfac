// SPDX-License-Identifier: MIT OR Apache-2.0
//! How often something happens: `k` of `n` runs, with intervals, and how many
//! clean runs a claim needs (design.md section 10).

use statrs::distribution::{Beta, ContinuousCDF, Normal};
use std::fmt;

/// Fewest runs that an interval is given for. With two, the exact 95 %
/// interval of "both" still reaches down to 16 %: it says nothing.
pub const FEWEST: u64 = 3;

/// Why there is no interval.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProportionError {
    #[error("an interval needs at least {needed} runs, there are {runs}: run more (--attempts)")]
    TooFew {
        /// How many there are.
        runs: u64,
        /// How many are needed.
        needed: u64,
    },
    /// More hits than runs.
    #[error("{hits} of {runs} runs: a bug of the caller")]
    MoreThanAll {
        /// `k`.
        hits: u64,
        /// `n`.
        runs: u64,
    },
    /// The confidence is not a probability between 0 and 1.
    #[error("a confidence of {0} makes no sense: it is between 0 and 1, for instance 0.95")]
    Confidence(f64),
    /// It was never seen, so its rate has no lower bound above 0.
    #[error("never seen in {runs} runs: no number of clean runs proves anything against that")]
    NeverSeen { runs: u64 },
}

/// An interval for a proportion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end, from 0 to 1.
    pub low: f64,
    /// Upper end, from 0 to 1.
    pub high: f64,
    /// Confidence, for instance 0.95.
    pub confidence: f64,
    pub method: &'static str,
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low, high, confidence, method } = self;
        write!(f, "{low:.3}..{high:.3} ({:.0} %, {method})", confidence * 100.0)
    }
}

fn check(hits: u64, runs: u64, fewest: u64, confidence: f64) -> Result<(), ProportionError> {
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(ProportionError::Confidence(confidence));
    }
    if hits > runs {
        return Err(ProportionError::MoreThanAll { hits, runs });
    }
    if runs < fewest {
        return Err(ProportionError::TooFew { runs, needed: fewest });
    }
    Ok(())
}

/// Quantile `p` of the beta distribution with parameters `a`, `b` above 0.
fn beta(a: f64, b: f64, p: f64) -> f64 {
    // Never NaN: callers pass whole numbers from 1 on.
    Beta::new(a, b).map_or(f64::NAN, |beta| beta.inverse_cdf(p))
}

/// Lower end that a proportion is above with probability `1 - alpha`.
fn exact_low(hits: u64, runs: u64, alpha: f64) -> f64 {
    if hits == 0 { 0.0 } else { beta(hits as f64, (runs - hits + 1) as f64, alpha) }
}

/// Upper end that a proportion is below with probability `1 - alpha`.
fn exact_high(hits: u64, runs: u64, alpha: f64) -> f64 {
    if hits == runs { 1.0 } else { beta((hits + 1) as f64, (runs - hits) as f64, 1.0 - alpha) }
}

/// The exact interval, two-sided: at least as wide as its confidence asks for.
///
/// # Errors
/// [`ProportionError`].
pub fn clopper_pearson(hits: u64, runs: u64, confidence: f64) -> Result<Interval, ProportionError> {
    check(hits, runs, FEWEST, confidence)?;
    let alpha = (1.0 - confidence) / 2.0;
    let (low, high) = (exact_low(hits, runs, alpha), exact_high(hits, runs, alpha));
    Ok(Interval { low, high, confidence, method: "Clopper-Pearson" })
}

/// Wilson's score interval, two-sided, without continuity correction: nearer
/// to its confidence on average, but not a guarantee.
///
/// # Errors
/// [`ProportionError`].
pub fn wilson(hits: u64, runs: u64, confidence: f64) -> Result<Interval, ProportionError> {
    check(hits, runs, FEWEST, confidence)?;
    let z = Normal::standard().inverse_cdf(0.5 + confidence / 2.0);
    let (n, p) = (runs as f64, hits as f64 / runs as f64);
    let scale = 1.0 + z * z / n;
    let centre = (p + z * z / (2.0 * n)) / scale;
    let half = z / scale * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    // At the ends, rounding must not leave 1e-17.
    let low = if hits == 0 { 0.0 } else { centre - half };
    let high = if hits == runs { 1.0 } else { centre + half };
    Ok(Interval { low, high, confidence, method: "Wilson" })
}

/// One-sided exact upper bound of a rate that was seen `hits` times.
///
/// # Errors
/// [`ProportionError`].
pub fn upper_bound(hits: u64, runs: u64, confidence: f64) -> Result<Interval, ProportionError> {
    check(hits, runs, FEWEST, confidence)?;
    let high = exact_high(hits, runs, 1.0 - confidence);
    Ok(Interval { low: 0.0, high, confidence, method: "Clopper-Pearson, one-sided" })
}

/// One-sided exact lower bound.
///
/// # Errors
/// [`ProportionError`].
pub fn lower_bound(hits: u64, runs: u64, confidence: f64) -> Result<Interval, ProportionError> {
    check(hits, runs, FEWEST, confidence)?;
    let low = exact_low(hits, runs, 1.0 - confidence);
    Ok(Interval { low, high: 1.0, confidence, method: "Clopper-Pearson, one-sided" })
}

/// How many runs in a row must be clean before one may say, with this
/// confidence, that they do not have the control's rate: by chance, a row so
/// long has probability `(1 - low)^n <= 1 - confidence`, where `low` is the
/// lower end of the control's rate, exact and one-sided.
///
/// # Errors
/// [`ProportionError::NeverSeen`] for a control that did not fail.
pub fn clean_runs_needed(
    control_hits: u64,
    control_runs: u64,
    confidence: f64,
) -> Result<u64, ProportionError> {
    let low = lower_bound(control_hits, control_runs, confidence)?.low;
    if low <= 0.0 {
        return Err(ProportionError::NeverSeen { runs: control_runs });
    }
    let needed = (1.0 - confidence).ln() / (-low).ln_1p();
    Ok(needed.ceil().max(1.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with SciPy 1.17.1: `binomtest(k, n).proportion_ci(0.95, m)`
    /// for m = "exact" and "wilson"; the one-sided ends with the alternatives
    /// "greater" and "less". Columns: k, n, exact low and high, Wilson low and
    /// high, one-sided low and high.
    const SCIPY: [(u64, u64, [f64; 6]); 6] = [
        (
            10,
            50,
            [0.1003022375, 0.3371831084, 0.1124375002, 0.3303710593, 0.1127216134, 0.3155960614],
        ),
        (
            3,
            100,
            [0.0062299715, 0.0851760530, 0.0102545240, 0.0845193643, 0.0082258291, 0.0757107937],
        ),
        (0, 20, [0.0, 0.1684334710, 0.0, 0.1611251581, 0.0, 0.1391083407]),
        (20, 20, [0.8315665290, 1.0, 0.8388748419, 1.0, 0.8608916593, 1.0]),
        (
            1,
            3,
            [0.0084037587, 0.9057006759, 0.0614919447, 0.7923403992, 0.0169524275, 0.8646496378],
        ),
        (
            263,
            1000,
            [0.2359435247, 0.2914593614, 0.2366568598, 0.2911570237, 0.2401384342, 0.2869011649],
        ),
    ];

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-8, "{found} is not {expected}");
    }

    #[test]
    fn intervals_are_those_of_scipy() {
        for (k, n, [low, high, wilson_low, wilson_high, one_low, one_high]) in SCIPY {
            let exact = clopper_pearson(k, n, 0.95).unwrap();
            near(exact.low, low);
            near(exact.high, high);
            let score = wilson(k, n, 0.95).unwrap();
            near(score.low, wilson_low);
            near(score.high, wilson_high);
            near(lower_bound(k, n, 0.95).unwrap().low, one_low);
            near(upper_bound(k, n, 0.95).unwrap().high, one_high);
        }
    }

    /// Newcombe, "Two-sided confidence intervals for the single proportion",
    /// Statistics in Medicine 17 (1998), table I: 95 % intervals for 81/263
    /// and 15/148, methods "score" and "Clopper-Pearson", four digits.
    #[test]
    fn intervals_are_those_of_newcombes_table() {
        let rounded = |i: Interval| [i.low, i.high].map(|x| (x * 1e4).round() / 1e4);
        assert_eq!(rounded(wilson(81, 263, 0.95).unwrap()), [0.2553, 0.3662]);
        assert_eq!(rounded(clopper_pearson(81, 263, 0.95).unwrap()), [0.2527, 0.3676]);
        assert_eq!(rounded(wilson(15, 148, 0.95).unwrap()), [0.0624, 0.1605]);
        assert_eq!(rounded(clopper_pearson(15, 148, 0.95).unwrap()), [0.0578, 0.1617]);
    }

    /// design.md section 10; SciPy gives the same lower ends.
    #[test]
    fn clean_runs_from_the_controls_lower_bound() {
        assert_eq!(clean_runs_needed(10, 50, 0.95), Ok(26));
        assert_eq!(clean_runs_needed(3, 100, 0.95), Ok(363));
        // SciPy: lower ends 0.3684 and 0.5493.
        assert_eq!(clean_runs_needed(3, 3, 0.95), Ok(7));
        assert_eq!(clean_runs_needed(5, 5, 0.95), Ok(4));
        assert_eq!(clean_runs_needed(0, 50, 0.95), Err(ProportionError::NeverSeen { runs: 50 }));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_reason() {
        let few = clopper_pearson(1, 2, 0.95).unwrap_err().to_string();
        assert!(few.contains("at least 3 runs") && few.contains("--attempts"), "{few}");
        assert_eq!(wilson(0, 0, 0.95), Err(ProportionError::TooFew { runs: 0, needed: 3 }));
        let more = ProportionError::MoreThanAll { hits: 4, runs: 3 };
        assert_eq!(clopper_pearson(4, 3, 0.95), Err(more));
        assert!(wilson(1, 3, 1.0).is_err() && wilson(1, 3, f64::NAN).is_err());
        assert_eq!(wilson(1, 3, 0.0), Err(ProportionError::Confidence(0.0)));
    }

    #[test]
    fn an_interval_says_its_ends_and_its_method() {
        let told = clopper_pearson(10, 50, 0.95).unwrap().to_string();
        assert_eq!(told, "0.100..0.337 (95 %, Clopper-Pearson)");
    }
}
