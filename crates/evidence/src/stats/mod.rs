// SPDX-License-Identifier: MIT OR Apache-2.0
//! What may be concluded from samples: every figure comes with its interval
//! and the method's name.

pub mod paired;
pub mod proportion;
