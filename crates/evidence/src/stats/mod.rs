// SPDX-License-Identifier: MIT OR Apache-2.0
//! Statistics: every figure comes with its interval and the method's name.

pub mod proportion;
