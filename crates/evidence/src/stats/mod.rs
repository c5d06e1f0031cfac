// SPDX-License-Identifier: MIT OR Apache-2.0
//! Statistics: what may be concluded from samples, and with how much
//! confidence. Every figure comes with its interval and the method's name.

pub mod paired;
pub mod proportion;
