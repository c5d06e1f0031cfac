// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that are whole or not there at all.

use anyhow::{Context, Result};
use std::path::Path;

/// Replaces a file by rename, in a folder that need not exist: an interruption
/// leaves the old one or the new one.
pub fn replace(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = folder.join(format!(".{name}.{}", std::process::id()));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&part, text))
        .and_then(|()| std::fs::rename(&part, path))
        .with_context(|| format!("cannot write {}", path.display()))
}
