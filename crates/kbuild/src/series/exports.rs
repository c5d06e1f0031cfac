// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a module finds its symbols in a kernel that was not linked.
//!
//! modpost can tell only after a whole kernel has been built. The unpatched
//! module's symbols are there, or it would not be in use; so only those that a
//! step adds have to be looked up, among the kernel's exports.

use super::SeriesError;
use proc::{Cancel, run_lines};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Where what bcache may use is exported.
const FOLDERS: [&str; 9] =
    ["arch/x86", "block", "crypto", "drivers/base", "fs", "kernel", "lib", "mm", "rust"];

/// The undefined symbols of a module.
pub(super) fn undefined(module: &Path, cancel: &Cancel) -> Result<BTreeSet<String>, SeriesError> {
    let mut symbols = BTreeSet::new();
    let mut command = Command::new("nm");
    command.arg("--undefined-only").arg(module);
    let status = run_lines(&mut command, cancel, |line| {
        symbols.extend(line.split_whitespace().last().map(str::to_owned));
    })
    .map_err(SeriesError::run("nm"))?;
    if status.success() {
        return Ok(symbols);
    }
    let tail = symbols.into_iter().collect::<Vec<_>>().join(" ");
    Err(SeriesError::Tool { what: format!("nm {}", module.display()), tail })
}

/// Those of `symbols` that neither the kernel's C nor its Rust exports.
pub(super) fn not_exported(
    mut symbols: BTreeSet<String>,
    tree: &Path,
    objects: &Path,
) -> BTreeSet<String> {
    // Written by the build: the exports of the Rust crates.
    search(&objects.join("rust"), "_generated.h", &mut symbols);
    for folder in FOLDERS {
        if symbols.is_empty() {
            break;
        }
        search(&tree.join(folder), ".c", &mut symbols);
        search(&tree.join(folder), ".S", &mut symbols);
    }
    symbols
}

/// Removes from `symbols` what the files below `dir` export.
fn search(dir: &Path, end: &str, symbols: &mut BTreeSet<String>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            search(&path, end, symbols);
        } else if path.to_string_lossy().ends_with(end) {
            let text = fs::read(&path).unwrap_or_default();
            for name in exported(&String::from_utf8_lossy(&text)) {
                symbols.remove(name);
            }
        }
    }
}

/// `x` of each `EXPORT_SYMBOL(x)`, `EXPORT_SYMBOL_GPL(x)`,
/// `EXPORT_SYMBOL_RUST_GPL(x)`, `EXPORT_PER_CPU_SYMBOL(x)`.
fn exported(text: &str) -> impl Iterator<Item = &str> {
    text.split("EXPORT_").skip(1).filter_map(|rest| {
        let (macro_name, rest) = rest.split_once('(')?;
        let fine = macro_name.contains("SYMBOL")
            && macro_name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        let name = rest.split_once([')', ','])?.0.trim();
        fine.then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_of_all_kinds_are_seen_and_others_are_not() {
        let text = "EXPORT_SYMBOL(a);\nEXPORT_SYMBOL_GPL(b);\nEXPORT_SYMBOL_NS_GPL(c, \"N\");\n\
                    EXPORT_PER_CPU_SYMBOL(d);\nEXPORT_SYMBOL_RUST_GPL(e);\nint f(int EXPORT_x);\n";
        assert_eq!(exported(text).collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
    }
}
