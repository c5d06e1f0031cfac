// SPDX-License-Identifier: MIT OR Apache-2.0
//! The compilers that a kernel is built with.

use crate::Dirs;
use proc::{first_line, shell};
use serde::{Deserialize, Serialize};
use std::env;
use std::path::{Path, PathBuf};
use xshell::cmd;

/// Versions, for the record and for the image's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toolchain {
    /// First line of `gcc --version` or `clang --version`, and the linker's.
    pub cc: String,
    /// First line of `rustc --version`; `None` for a kernel without Rust.
    pub rustc: Option<String>,
    /// First line of `bindgen --version`; `None` for a kernel without Rust.
    pub bindgen: Option<String>,
}

/// What cannot be found.
#[derive(Debug, thiserror::Error)]
#[error("{what} is missing; `cargo xtask setup` installs it")]
pub struct ToolchainError {
    /// The tool, and what was looked for.
    pub what: String,
}

/// The kernel's own minima (scripts/min-tool-version.sh).
pub(crate) const MIN_RUSTC: [u32; 3] = [1, 85, 0];
pub(crate) const MIN_BINDGEN: [u32; 3] = [0, 71, 1];
pub(crate) const MIN_CLANG: [u32; 3] = [17, 0, 1];
/// bindgen opens this library at run time.
pub(crate) const LIBCLANG_MAJORS: [u32; 7] = [22, 21, 20, 19, 18, 17, 16];

/// A Rust compiler with the sources of its library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rustc {
    /// The compiler, not rustup's proxy.
    pub path: PathBuf,
    /// Where its library is.
    pub sysroot: PathBuf,
    /// First line of `--version`.
    pub version: String,
}

/// A program and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tool {
    pub(crate) path: PathBuf,
    pub(crate) version: String,
}

/// Which C compiler a configuration wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum CcKind {
    #[default]
    Gcc,
    /// The newest that is there; KASAN together with Rust needs it.
    Clang,
}

/// All that make is told about compilers.
#[derive(Debug, Clone)]
pub struct Tools {
    /// For the record, and for keys.
    pub versions: Toolchain,
    /// `bin/` of LLVM, where clang is used.
    llvm: Option<PathBuf>,
    rust: Option<(Rustc, Tool, PathBuf)>,
}

impl Tools {
    /// Finds what a kernel with or without Rust needs.
    ///
    /// # Errors
    /// [`ToolchainError`] for the first that is missing.
    pub fn find(dirs: &Dirs, rust: bool, kind: CcKind) -> Result<Self, ToolchainError> {
        let missing = |what: &str| ToolchainError { what: what.into() };
        let (cc, ld, llvm) = match kind {
            CcKind::Gcc => {
                let cc = version_in_path("gcc").ok_or_else(|| missing("gcc"))?;
                let ld = version_in_path("ld").ok_or_else(|| missing("ld (binutils)"))?;
                (cc, ld, None)
            }
            CcKind::Clang => find_llvm().ok_or_else(|| {
                missing("clang 17 or newer with its lld and llvm (--config kasan for setup)")
            })?,
        };
        let mut versions = Toolchain { cc: format!("{cc}; {ld}"), rustc: None, bindgen: None };
        let rust = if rust {
            let rustc = find_rustc().ok_or_else(|| {
                missing("a Rust compiler (1.85 or newer) with the sources of its library")
            })?;
            let bindgen = find_bindgen(dirs).ok_or_else(|| missing("bindgen 0.71.1 or newer"))?;
            let libclang = find_libclang().ok_or_else(|| missing("libclang"))?;
            versions.rustc = Some(rustc.version.clone());
            versions.bindgen = Some(bindgen.version.clone());
            Some((rustc, bindgen, libclang))
        } else {
            None
        };
        Ok(Self { versions, llvm, rust })
    }

    /// Variables for make's command line; given there, none of the caller's
    /// environment can change them.
    /// The kernel is built from `tree` in `objects`.
    pub(crate) fn make_args(&self, tree: &Path, objects: &Path) -> Vec<String> {
        let mut args = Vec::new();
        if let Some(bin) = &self.llvm {
            // With its slash at the end make takes it for a directory.
            args.push(format!("LLVM={}/", bin.display()));
        }
        if let Some((rustc, bindgen, _)) = &self.rust {
            let rustc_path = rustc.path.display();
            // Where the user keeps a toolchain and the cache must not show in
            // the image; for C the kernel's own Makefile sees to that.
            let remap = [
                (rustc.sysroot.display(), "/rust"),
                (tree.display(), ""),
                (objects.display(), "objects"),
            ]
            .map(|(from, to)| format!("--remap-path-prefix={from}={to}"));
            args.extend([
                format!("RUSTC={rustc_path}"),
                format!("HOSTRUSTC={rustc_path}"),
                format!("BINDGEN={}", bindgen.path.display()),
                format!("KRUSTFLAGS={}", remap.join(" ")),
            ]);
        }
        args
    }

    /// What bindgen finds libclang by.
    pub(crate) fn libclang(&self) -> Option<&Path> {
        self.rust.as_ref().map(|(_, _, libclang)| libclang.as_path())
    }
}

/// Versions of clang and its linker, and where they are: all of LLVM's tools
/// must come from one release.
pub(crate) fn find_llvm() -> Option<(String, String, Option<PathBuf>)> {
    LIBCLANG_MAJORS.iter().find_map(|major| {
        let bin = PathBuf::from(format!("/usr/lib/llvm-{major}/bin"));
        let complete = ["ld.lld", "llvm-ar", "llvm-nm"].iter().all(|tool| bin.join(tool).exists());
        let cc = version_of(&bin.join("clang"), MIN_CLANG).filter(|_| complete)?;
        let ld = version(&bin.join("ld.lld"))?;
        Some((cc, ld, Some(bin)))
    })
}

/// The first compiler that is new enough and has its library's sources:
/// the distribution's, then the one in use, then any of rustup's.
#[must_use]
pub fn find_rustc() -> Option<Rustc> {
    let mut candidates = vec![PathBuf::from("/usr/bin/rustc")];
    candidates.extend(in_path("rustc"));
    let home = env::var_os("RUSTUP_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".rustup")));
    if let Some(entries) = home.and_then(|home| home.join("toolchains").read_dir().ok()) {
        let mut more: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path().join("bin/rustc")).collect();
        more.sort();
        candidates.extend(more);
    }
    candidates.iter().find_map(|path| rustc(path))
}

fn rustc(path: &Path) -> Option<Rustc> {
    let version = version_of(path, MIN_RUSTC)?;
    let sh = shell().ok()?;
    let sysroot = PathBuf::from(first_line(cmd!(sh, "{path} --print sysroot"))?);
    let library = sysroot.join("lib/rustlib/src/rust/library/core/src/lib.rs");
    // rustup's proxy picks by directory; the compiler itself does not.
    let real = sysroot.join("bin/rustc");
    let path = if real.exists() { real } else { path.into() };
    library.exists().then_some(Rustc { path, sysroot, version })
}

/// Our own, or the distribution's where it is new enough.
pub(crate) fn find_bindgen(dirs: &Dirs) -> Option<Tool> {
    let own = dirs.tools().join("bin/bindgen");
    [own].into_iter().chain(in_path("bindgen")).find_map(|path| {
        let version = version_of(&path, MIN_BINDGEN)?;
        Some(Tool { path, version })
    })
}

/// The directory of the newest libclang.
pub(crate) fn find_libclang() -> Option<PathBuf> {
    if let Some(dir) = env::var_os("LIBCLANG_PATH").map(PathBuf::from)
        && has_libclang(&dir)
    {
        return Some(dir);
    }
    LIBCLANG_MAJORS
        .iter()
        .map(|major| PathBuf::from(format!("/usr/lib/llvm-{major}/lib")))
        .find(|dir| has_libclang(dir))
}

fn has_libclang(dir: &Path) -> bool {
    dir.read_dir().is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libclang.so") || name.starts_with("libclang-") && name.contains(".so")
        })
    })
}

/// All programs of that name in `PATH`, and where root's tools are.
#[must_use]
pub fn in_path(name: &str) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs = env::split_paths(&path);
    let more = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from);
    dirs.chain(more).map(|dir| dir.join(name)).filter(|path| path.is_file()).collect()
}

/// The whole version line, when the version in it is at least `least`.
fn version_of(path: &Path, least: [u32; 3]) -> Option<String> {
    if !path.is_file() {
        return None;
    }
    let line = version(path)?;
    (numbers(&line)? >= least).then_some(line)
}

/// `1.96.0` in `rustc 1.96.0 (ac68faa20 2026-05-25)`
#[must_use]
pub fn numbers(line: &str) -> Option<[u32; 3]> {
    line.split_whitespace().find_map(|word| {
        let mut parts = word.split(['.', '-', '+']);
        let mut next = || parts.next()?.parse().ok();
        Some([next()?, next()?, next().unwrap_or(0)])
    })
}

fn version_in_path(program: &str) -> Option<String> {
    version(in_path(program).first()?)
}

/// The first line of `--version`.
#[must_use]
pub fn version(program: &Path) -> Option<String> {
    let sh = shell().ok()?;
    first_line(cmd!(sh, "{program} --version"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_out_of_a_line() {
        assert_eq!(numbers("rustc 1.96.0 (ac68faa20 2026-05-25)"), Some([1, 96, 0]));
        assert_eq!(numbers("bindgen 0.71.1"), Some([0, 71, 1]));
        assert_eq!(numbers("rustc 1.89.0-nightly (x)"), Some([1, 89, 0]));
        assert_eq!(numbers("gcc (Debian) twelve"), None);
        assert!(numbers("bindgen 0.69.5").unwrap() < MIN_BINDGEN);
    }
}
