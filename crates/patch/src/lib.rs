// SPDX-License-Identifier: MIT OR Apache-2.0
//! Patches: read from files, mails and quilt series, and applied by git to
//! copies of just the files that they touch. Nothing of a user's patch is ever
//! executed, and a failure shows its hunk.

#![allow(missing_docs, reason = "of fields and variants, those whose names say it")]

mod apply;
mod diff;
mod error;
#[cfg(test)]
mod fuzz;
pub mod git;
mod mail;
mod overlay;
mod path;
mod pick;

pub use apply::{Fuzz, apply};
pub use diff::Patch;
pub use error::PatchError;
pub use mail::read;
pub use overlay::{Content, Overlay};
pub use path::check_path;
pub use pick::Mailed;
