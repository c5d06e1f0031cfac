// SPDX-License-Identifier: MIT OR Apache-2.0
//! The record in the formats of other tools.

mod junit;
mod kcidb;
mod ktap;

pub use junit::junit;
pub use kcidb::kcidb;
pub use ktap::ktap;
