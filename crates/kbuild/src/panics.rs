// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether Rust that an arm adds to the kernel can panic, as its object tells.
//!
//! A panic in the kernel is the end of the machine, so what the lab adds has
//! none: no index that is checked at run time, no sum that may overflow, no
//! `unwrap`. The compiler removes a check that can never fail, so what counts
//! is what is left in the object: `core` inlines all that is useful, and what
//! stays a call into it is a panic (`core::panicking`, `unwrap_failed`,
//! `slice_index_fail`) or what a panic prints.

use crate::host::Host;
use proc::{Cancel, RunError, ask, shell};
use std::fs;
use std::io;
use std::path::Path;
use xshell::cmd;

/// The functions that `source`'s object (`objects` is the object tree) calls in
/// order to panic. None where it is not part of the kernel: a module of another
/// file, or switched off.
///
/// # Errors
/// Where there is no `nm`, or it fails.
pub(crate) fn calls(
    objects: &Path,
    source: &str,
    cancel: &Cancel,
) -> Result<Vec<String>, RunError> {
    let object = objects.join(source).with_extension("o");
    if !object.exists() || !is_linked(&object) {
        return Ok(Vec::new());
    }
    let nm = Host::running().programs("nm").into_iter().next();
    let nm = nm.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "nm is not in PATH"))?;
    let sh = shell()?;
    let said = ask(cmd!(sh, "{nm} --undefined-only --format=just-symbols {object}"), cancel)?;
    if !said.success {
        let what = format!("nm cannot read {}", object.display());
        return Err(io::Error::other(what).into());
    }
    let symbols = said.out.lines().map(str::trim).filter(|symbol| is_panic(symbol));
    Ok(symbols.map(str::to_owned).collect())
}

/// Whether a symbol, which is not defined where it is used, is a way to panic.
///
/// Names are mangled, by rustc's older scheme or by its newer one; in both a
/// crate's name follows its length.
fn is_panic(symbol: &str) -> bool {
    symbol == "rust_begin_unwind"
        || symbol == "rust_helper_BUG"
        || symbol.contains("4core")
        || symbol.contains("panic")
}

/// Whether the folder's archive has the object: one that was left by another
/// configuration lies there, too.
fn is_linked(object: &Path) -> bool {
    let (Some(dir), Some(name)) = (object.parent(), object.file_name()) else { return false };
    let command = fs::read_to_string(dir.join(".built-in.a.cmd")).unwrap_or_default();
    command.split_whitespace().any(|word| word == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// A folder of a kernel's object tree with one object, compiled as the
    /// kernel's are.
    fn objects(source: &str, linked: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.rs");
        fs::write(&path, format!("#![no_std]\n{source}")).unwrap();
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let mut command = Command::new(rustc);
        command.args(["--edition=2021", "--crate-type=lib", "--emit=obj", "-O"]);
        command.args(["-Cpanic=abort", "-Coverflow-checks=on", "-o"]);
        let status = command.arg(dir.path().join("t.o")).arg(&path).status().unwrap();
        assert!(status.success());
        fs::write(dir.path().join(".built-in.a.cmd"), format!("ar x {linked} y.o\n")).unwrap();
        dir
    }

    fn calls(source: &str, linked: &str) -> Vec<String> {
        let dir = objects(source, linked);
        super::calls(dir.path(), "t.rs", &Cancel::new()).unwrap()
    }

    #[test]
    fn each_way_to_panic_is_found_in_the_object() {
        let ways = [
            ("pub fn f(a: &[u8], i: usize) -> u8 { a[i] }", "panic_bounds_check"),
            ("pub fn f(a: &[u8], i: usize) -> &[u8] { &a[i..] }", "slice"),
            ("pub fn f(a: u32) -> u32 { a + 1 }", "panic_const_add_overflow"),
            ("pub fn f(a: Option<u8>) -> u8 { a.unwrap() }", "unwrap_failed"),
            ("pub fn f(a: Option<u8>) -> u8 { a.expect(\"one\") }", "expect_failed"),
            ("pub fn f(a: u32) { assert!(a < 8) }", "panic"),
        ];
        for (source, function) in ways {
            let source = format!("#[no_mangle] {source}");
            let found = calls(&source, "t.o");
            assert!(found.iter().any(|call| call.contains(function)), "{source}: {found:?}");
        }
    }

    #[test]
    fn a_check_that_the_compiler_removes_is_none_and_other_calls_are_fine() {
        let fine = "extern \"C\" { fn rust_helper_atomic_read(); }\n\
            #[no_mangle] pub fn f(a: &[u8; 8], i: usize) -> u8 {\n\
                unsafe { rust_helper_atomic_read() };\n\
                a[i & 7].wrapping_add(1)\n\
            }";
        assert_eq!(calls(fine, "t.o"), [""; 0]);
    }

    #[test]
    fn an_object_that_is_not_in_the_kernel_does_not_count() {
        let bad = "#[no_mangle] pub fn f(a: u32) -> u32 { a + 1 }";
        assert_eq!(calls(bad, "tt.o"), [""; 0]);
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(super::calls(dir.path(), "none.rs", &Cancel::new()).unwrap(), [""; 0]);
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let dir = objects("", "t.o");
        fs::write(dir.path().join("t.o"), "no object").unwrap();
        let error = super::calls(dir.path(), "t.rs", &Cancel::new()).unwrap_err();
        assert!(matches!(error, RunError::Io(_)), "{error}");
    }
}
