// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cases on real machines: plan → disks and guest → observations → verdict.

pub mod bcache;
mod case;
pub mod complaint;
mod cut;
pub mod debugfs;
mod event;
mod failing;
mod failures;
mod feed;
pub mod front;
pub mod guest;
mod judge_step;
mod kunit;
mod load;
mod machine;
mod named;
mod notes;
mod provenance;
mod requests;
mod run;
mod saved;
pub mod session;
mod shell;
mod step;
mod testimony;
mod tools;
mod trouble;
mod waiting;

pub use case::{CaseSpec, run_case};
pub use event::Event;
pub use kunit::{KunitCase, KunitEnd, KunitError, KunitRun, KunitRunError, kunit_cases, run_kunit};
pub use load::Left;
pub use machine::{Machine, MachineError};
pub use provenance::{host, now, tool};
pub use run::{RunError, run, run_some};
pub use saved::SavedGuests;
pub use shell::{Shell, ShellError, ShellSpec};
pub use tools::{ArmImage, Tools, known_reports};
pub use trouble::{Stop, Trouble};
