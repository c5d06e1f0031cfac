// SPDX-License-Identifier: MIT OR Apache-2.0
//! Patches: read from files, mails and quilt series, and applied by git to
//! copies of just the files that they touch. Nothing of a user's patch is ever
//! executed, and a failure shows its hunk.

mod apply;
mod diff;
mod error;
#[cfg(test)]
mod fuzz;
mod mail;
mod path;
mod pick;

pub use apply::{Fuzz, apply};
pub use diff::Patch;
pub use error::PatchError;
pub use mail::read;
pub use path::check_path;
pub use pick::Mailed;
