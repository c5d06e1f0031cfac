// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of results.

use anyhow::{Context, Result};
use std::path::Path;

/// As [`proc::replace`], with the path in the error.
pub fn replace(path: &Path, text: &str) -> Result<()> {
    proc::replace(path, text).with_context(|| format!("cannot write {}", path.display()))
}
