// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cases on real machines: plan → disks and guest → observations → verdict.

pub mod bcache;
mod case;
mod complaint;
pub mod debugfs;
mod event;
mod failing;
pub mod guest;
mod judge_step;
mod kunit;
mod lifecycle;
mod liveness;
mod load;
mod precision;
mod pressure;
mod provenance;
mod run;
mod saved;
pub mod session;
mod shell;
mod steps;
mod tools;
mod trouble;

pub use case::{CaseSpec, run_case};
pub use event::Event;
pub use kunit::{KunitCase, KunitEnd, KunitError, KunitRun, KunitRunError, kunit_cases, run_kunit};
pub use load::Left;
pub use provenance::{host, now, tool};
pub use run::{RunError, run, run_some};
pub use saved::SavedGuests;
pub use shell::{Shell, ShellError, ShellSpec};
pub use tools::{ArmImage, Fail, Tools};
pub use trouble::{Stop, Trouble};
