// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds the point where a series of nightly figures changed its level.
//!
//! One night is one sample: what is measured within a night shares its machine
//! and its kernel. For every split of the series into an earlier and a later
//! part the standardised rank sum of the later part is taken; the largest of
//! them is the statistic. Its significance comes from permutations of the
//! series, so no distribution is assumed, one wild night cannot carry the
//! decision, and looking at all splits is paid for. The size of the change is
//! the Hodges-Lehmann shift with its exact-rank interval (Moses).

use fastrand::Rng;

/// Nights that each side of a change must have.
pub const LEAST_NIGHTS: usize = 5;

/// Permutations per series. The smallest significance that can be found is
/// one in so many.
const PERMUTATIONS: u32 = 20_000;

/// A change is reported below this. Tests of 40 figures are repeated every
/// night on windows that overlap; see the test of false alarms for what comes
/// out of it.
const SIGNIFICANCE: f64 = 2e-4;

/// Shifts that the interval cannot tell from less than this share of the
/// level are of no interest.
const RELEVANT: f64 = 0.01;

/// 97.5 % point of the normal distribution.
const Z: f64 = 1.959_964;

/// A series that changed its level.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Index of the first night after the change.
    pub at: usize,
    /// Median before.
    pub before: f64,
    /// Median since.
    pub after: f64,
    /// Hodges-Lehmann shift, in the figure's unit.
    pub shift: f64,
    /// Its 95 % interval.
    pub interval: (f64, f64),
    /// Share of permutations at least as extreme, never 0.
    pub significance: f64,
}

/// The most significant change of level in `series`, oldest night first;
/// `None` when what is seen may be noise, or the series is too short.
#[must_use]
pub fn change(series: &[f64]) -> Option<Change> {
    let nights = series.len();
    if nights < 2 * LEAST_NIGHTS || series.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let ranks = ranks(series);
    let statistic = largest(&ranks);
    if statistic <= 0.0 {
        return None;
    }
    let mut shuffled = ranks;
    // The same series gives the same answer everywhere.
    let mut random = Rng::with_seed(nights as u64);
    let mut extreme = 1_u32;
    for done in 0..PERMUTATIONS {
        random.shuffle(&mut shuffled);
        // Equal statistics are equal, whatever the order of their additions.
        extreme += u32::from(largest(&shuffled) >= statistic - 1e-9);
        // It cannot become significant any more.
        if f64::from(extreme) > SIGNIFICANCE * f64::from(PERMUTATIONS) + 1.0 && done > 100 {
            return None;
        }
    }
    let significance = f64::from(extreme) / f64::from(PERMUTATIONS + 1);
    if significance > SIGNIFICANCE {
        return None;
    }
    let at = place(series);
    let (earlier, later) = series.split_at(at);
    let (shift, interval) = shift(earlier, later);
    let before = median(earlier);
    let margin = RELEVANT * before.abs();
    let relevant = interval.0 > margin || interval.1 < -margin;
    relevant.then(|| Change { at, before, after: median(later), shift, interval, significance })
}

/// Mid-ranks, from 1.
fn ranks(series: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..series.len()).collect();
    order.sort_by(|&a, &b| series[a].total_cmp(&series[b]));
    let mut ranks = vec![0.0; series.len()];
    let mut from = 0;
    while from < order.len() {
        let mut to = from + 1;
        while to < order.len() && series[order[to]] == series[order[from]] {
            to += 1;
        }
        for &index in &order[from..to] {
            ranks[index] = (from + 1 + to) as f64 / 2.0;
        }
        from = to;
    }
    ranks
}

/// The largest standardised rank sum of all splits. Ties do not change which
/// permutation is larger.
fn largest(ranks: &[f64]) -> f64 {
    let nights = ranks.len() as f64;
    let mut sum = 0.0;
    let mut best = 0.0_f64;
    for (index, rank) in ranks.iter().enumerate() {
        sum += rank;
        let (m, n) = ((index + 1) as f64, nights - (index + 1) as f64);
        if index + 1 < LEAST_NIGHTS || index + 1 + LEAST_NIGHTS > ranks.len() {
            continue;
        }
        let expected = m * (nights + 1.0) / 2.0;
        let deviation = (m * n * (nights + 1.0) / 12.0).sqrt();
        best = best.max((sum - expected).abs() / deviation);
    }
    best
}

/// Where the level changed, given that it did: the split whose two medians
/// leave the least absolute deviation. Index of the first later night.
fn place(series: &[f64]) -> usize {
    let spread = |part: &[f64]| {
        let level = median(part);
        part.iter().map(|value| (value - level).abs()).sum::<f64>()
    };
    let cost = |at: &usize| {
        let (earlier, later) = series.split_at(*at);
        spread(earlier) + spread(later)
    };
    let splits = LEAST_NIGHTS..=series.len() - LEAST_NIGHTS;
    splits.min_by(|a, b| cost(a).total_cmp(&cost(b))).unwrap_or(LEAST_NIGHTS)
}

/// Median of all differences later - earlier, and the interval between the
/// order statistics that the Mann-Whitney test cannot reject.
fn shift(earlier: &[f64], later: &[f64]) -> (f64, (f64, f64)) {
    let mut differences: Vec<f64> =
        later.iter().flat_map(|l| earlier.iter().map(move |e| l - e)).collect();
    differences.sort_by(f64::total_cmp);
    let (m, n) = (earlier.len() as f64, later.len() as f64);
    let off = Z * (m * n * (m + n + 1.0) / 12.0).sqrt();
    let low = ((m * n / 2.0 - off).floor().max(0.0)) as usize;
    let high = differences.len() - 1 - low.min(differences.len() - 1);
    (median_of_sorted(&differences), (differences[low.min(high)], differences[high.max(low)]))
}

/// The middle of the values, the mean of the two in the middle.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    median_of_sorted(&sorted)
}

fn median_of_sorted(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[half],
        _ => f64::midpoint(sorted[half - 1], sorted[half]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Standard normal, by adding up uniforms.
    fn normal(random: &mut Rng) -> f64 {
        (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
    }

    /// Boot times of a shared machine: noise of 3 %, and now and then a night
    /// on which everything takes half as long again.
    fn night(random: &mut Rng, level: f64) -> f64 {
        let wild = if random.f64() < 0.05 { 1.5 } else { 1.0 };
        level * wild * (1.0 + 0.03 * normal(random))
    }

    /// Of 300 such series 289 were found, of those below 266 to 275: wild nights
    /// on the wrong side of a step cost a rank test some of its power.
    #[test]
    fn a_step_is_found_with_its_place_and_its_interval() {
        let mut random = Rng::with_seed(7);
        let (mut found, mut placed, mut covered) = (0, 0, 0);
        for _ in 0..50 {
            let mut series: Vec<f64> = (0..30).map(|_| night(&mut random, 900.0)).collect();
            series.extend((0..15).map(|_| night(&mut random, 1035.0)));
            let Some(change) = change(&series) else { continue };
            found += 1;
            assert!(change.shift > 60.0, "{change:?}");
            placed += u32::from(change.at.abs_diff(30) <= 3);
            covered += u32::from(change.interval.0 <= 135.0 && 135.0 <= change.interval.1);
        }
        assert!(found >= 44, "a step of 15 % in noise of 3 % was found {found} times of 50");
        assert!(placed >= found - 1, "its night was found {placed} times of {found}");
        assert!(
            covered >= found - 6,
            "the 95 % interval held the truth {covered} of {found} times"
        );
    }

    /// A change by a third shows within a week and a half, nine times of ten; a
    /// better figure is a change, too.
    #[test]
    fn a_step_is_found_within_eleven_nights() {
        let mut random = Rng::with_seed(8);
        for level in [1200.0, 600.0] {
            let mut found = 0;
            for _ in 0..50 {
                let mut series: Vec<f64> = (0..30).map(|_| night(&mut random, 900.0)).collect();
                series.extend((0..11).map(|_| night(&mut random, level)));
                let Some(change) = change(&series) else { continue };
                found += 1;
                assert_eq!(change.shift > 0.0, level > 900.0);
            }
            assert!(found >= 40, "{level} was found {found} times of 50");
        }
    }

    /// 40 figures, tested every night for two months: 2400 series without any
    /// change in them.
    #[test]
    fn noise_is_not_a_change() {
        let mut random = Rng::with_seed(9);
        let mut alarms = 0;
        for _figure in 0..40 {
            let series: Vec<f64> = (0..60).map(|_| night(&mut random, 900.0)).collect();
            alarms += u32::from((1..=60).any(|nights| change(&series[..nights]).is_some()));
        }
        assert!(alarms <= 1, "{alarms} of 40 figures raised an alarm within 60 nights");
    }

    #[test]
    fn one_wild_night_constant_figures_and_short_series_are_no_change() {
        let mut series = vec![900.0; 40];
        assert_eq!(change(&series), None);
        series[20] = 9000.0;
        assert_eq!(change(&series), None);
        series[39] = 9000.0;
        assert_eq!(change(&series), None);
        assert_eq!(change(&[1.0, 1.0, 1.0, 5.0, 5.0, 5.0]), None);
        assert_eq!(change(&[]), None);
        series[3] = f64::NAN;
        assert_eq!(change(&series), None);
    }

    /// Significant, but a fifth of a percent: nobody wants to hear of it.
    #[test]
    fn a_shift_that_does_not_matter_is_not_reported() {
        let series: Vec<f64> = (0..40)
            .map(|n| if n < 20 { 1000.0 } else { 1002.0 } + f64::from(n % 3) * 0.1)
            .collect();
        assert_eq!(change(&series), None);
    }
}
