// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plots as SVG: plain functions from data to text.
//!
//! Each picture stands alone or inside a page. Colours are CSS variables that
//! follow the reader's light or dark scheme; a page overrides them by setting
//! `--plot-ink` and the like. Arms differ by marker as well as by colour.
//! Every function returns an empty string when there is nothing to show.

mod all;
mod chart;
mod hits;
mod latency;
mod memory;
mod ratio;
mod scale;
mod stale;
mod svg;

pub(crate) use all::stale;
pub use all::{Plot, plots};
pub use hits::hit_ratio;
pub use latency::latency;
pub use memory::memory;
pub use ratio::ratios;
pub use stale::{StaleLine, stale_over_time};

#[cfg(test)]
mod tests;
