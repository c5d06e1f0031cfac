// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one boot has measured.

/// One figure of one boot.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// `iops`, `lat-p99`…
    pub metric: &'static str,
    /// `1/s`, `ns`…
    pub unit: &'static str,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// `JOB/read`, `JOB/write`, or `JOB`.
    pub workload: String,
    /// The figure.
    pub value: f64,
}
