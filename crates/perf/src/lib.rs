// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the fix costs: instructions, memory, fills that are skipped, time.
//!
//! Everything is measured in the guest on the real kernel. A boot on fresh
//! disks is one sample; which boots are compared with which is
//! [`evidence::stats`]'s business.

mod bench;
mod error;
mod figure;
mod flight;
mod instructions;
mod plan;
mod profile;
mod random;
mod speed;
mod sweep;
mod work;

pub use bench::{Bench, Setup, Traffic};
pub use error::PerfError;
pub use figure::Figure;
pub use flight::{Placement, hit_ratio, memory};
pub use instructions::{Cost, Counting, count};
pub use plan::{Extent, PEAK, Part, Plan, Task};
pub use profile::{Profile, Symbols};
pub use speed::{Job, disks, speed};
pub use sweep::{SweepTime, sweep};
pub use work::Work;
