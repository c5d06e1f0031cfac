// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernels under test, as data.

mod error;
mod load;
mod portable;
mod role;
mod stack;

pub use error::ArmError;
pub use evidence::Role;
pub use portable::PortableArm;
pub use role::{Occasion, Tracker, Variant};
pub use stack::Arm;
