// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernels under test, as data.

mod error;
mod load;
mod portable;
mod role;
mod stack;

pub use error::ArmError;
pub use portable::PortableArm;
pub use role::{Occasion, Role, Tracker, Variant};
pub use stack::Arm;
