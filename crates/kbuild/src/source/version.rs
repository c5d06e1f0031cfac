// SPDX-License-Identifier: MIT OR Apache-2.0
//! What kind of kernel a tree holds.

use super::error::SourceError;
use super::provenance::RustSupport;
use std::fs;
use std::path::Path;

/// The version of a kernel with bcache.
pub(super) fn check(tree: &Path, origin: &str) -> Result<String, SourceError> {
    let not_kernel = |missing| SourceError::NotKernel { origin: origin.into(), missing };
    let makefile = fs::read_to_string(tree.join("Makefile")).map_err(|_| not_kernel("Makefile"))?;
    let mut version = version(&makefile).ok_or_else(|| not_kernel("VERSION in its Makefile"))?;
    if !tree.join("Kconfig").exists() {
        return Err(not_kernel("Kconfig"));
    }
    let missing = "drivers/md/bcache/request.c";
    if !tree.join(missing).exists() {
        return Err(SourceError::NoBcache { origin: origin.into(), version, missing });
    }
    version.push_str(&local_version(tree));
    Ok(version)
}

/// What files such as `localversion-next` add (scripts/setlocalversion).
fn local_version(tree: &Path) -> String {
    let entries = fs::read_dir(tree).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("localversion") && !name.ends_with('~')
        })
        .map(|entry| entry.path())
        .collect();
    files.sort();
    let text = files.iter().filter_map(|file| fs::read_to_string(file).ok());
    text.flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// What the lab's Rust code builds on, the newest first: typed atomics came in
/// with 6.18.
pub(super) fn rust_support(tree: &Path) -> RustSupport {
    const NEEDED: [&str; 2] = ["rust/kernel/sync/atomic.rs", "rust/kernel/lib.rs"];
    match NEEDED.iter().find(|file| !tree.join(file).exists()) {
        Some(missing) => RustSupport::Lacks(missing),
        None => RustSupport::Yes,
    }
}

/// `7.3.4` out of a Makefile's first lines.
fn version(makefile: &str) -> Option<String> {
    let field = |name: &str| {
        makefile.lines().take(10).find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == name).then(|| value.trim().to_owned())
        })
    };
    let (major, minor) = (field("VERSION")?, field("PATCHLEVEL")?);
    let sub = field("SUBLEVEL").unwrap_or_default();
    let extra = field("EXTRAVERSION").unwrap_or_default();
    let sub = if sub.is_empty() { sub } else { format!(".{sub}") };
    Some(format!("{major}.{minor}{sub}{extra}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_with_and_without_extras() {
        let makefile = "# SPDX\nVERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 0\nEXTRAVERSION = -rc2\n";
        assert_eq!(version(makefile).as_deref(), Some("7.3.0-rc2"));
        assert_eq!(version("all:\n\techo\n"), None);
    }
}
