// SPDX-License-Identifier: MIT OR Apache-2.0
//! The series as mails, and everything that a maintainer's robots would say
//! about it, said here first.
//!
//! ```text
//! series.toml, messages ─ Plan ─ steps ─┬─ mails   (git format-patch)
//! patches, tracker ─────────────────────┘     │
//!                                             ├─ checks  (checkpatch, rustfmt, git am = arm, …)
//!                                             └─ builds  (each step, RUST=y/n, module/built in)
//! ```
//!
//! A *finding* is about the series; trouble of the harness is an error, and a
//! tool or package that is not there is neither: it is reported as missing.

#![allow(missing_docs, reason = "of fields and variants, those whose names say it")]

mod builds;
mod cell;
mod checks;
mod clippy;
mod compile;
mod error;
mod git;
mod kernel;
mod letter;
mod mails;
mod pace;
mod plan;
mod report;
mod run;

pub use builds::{Builds, Progress};
pub use checks::{check, recipients};
pub use error::SeriesError;
pub use git::is_person;
pub use letter::{FIGURES, Letter, Recipients};
pub use mails::{Mails, PartMails, write};
pub use plan::{On, Part, Plan, PlanError, Step};
pub use report::{Finding, Outcome, Report};

#[cfg(test)]
mod build_tests;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
