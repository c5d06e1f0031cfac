// SPDX-License-Identifier: MIT OR Apache-2.0
//! What may be concluded from samples, and with how much confidence.

pub mod paired;
