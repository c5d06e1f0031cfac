// SPDX-License-Identifier: MIT OR Apache-2.0
//! Statistics: every figure comes with its interval and the method's name.

pub mod proportion;
//! What may be concluded from samples, and with how much confidence.

pub mod paired;
