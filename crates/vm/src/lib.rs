// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual machines: started, talked to, watched and always reaped.
//!
//! [`Vm::boot`] returns once the agent in the guest has said hello; then
//! [`Vm::call`] and [`Vm::start`] carry the operations of [`wire::Op`].
//! Whatever ends a guest that nobody asked to end (a panic, an oops, silence,
//! a triple fault, QEMU killed) becomes a [`VmError`] of its own, with the
//! console's tail, and every waiting call gets it at once. None of them is a
//! verdict on the kernel under test: they are failures of the harness's run.
#![allow(missing_docs)] // a comment stands where a name does not say it

mod calls;
mod command;
mod config;
mod console;
mod error;
mod machine;
mod probe;
mod qmp;
mod snapshot;
mod supervisor;
mod tsc;

pub use calls::{Pending, Progress};
pub use config::{Accel, Backend, VmConfig, VmDisk};
pub use error::{CallError, VmError};
pub use machine::{PowerCut, Vm};
pub use probe::{Probe, ProbeEvent, accelerator, unusable as kvm_unusable};
pub use qmp::QmpError;
