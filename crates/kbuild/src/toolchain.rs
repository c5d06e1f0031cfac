// SPDX-License-Identifier: MIT OR Apache-2.0
//! The compilers that a kernel is built with.

use crate::Dirs;
use crate::host::Host;
use crate::make_vars::MakeVars;
use crate::source::Source;
use proc::{first_line, shell};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use xshell::cmd;

/// Versions, for the record and for the image's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toolchain {
    /// First line of `gcc --version` or `clang --version`, and the linker's;
    /// then what the user tells make.
    pub cc: String,
    /// First line of `rustc --version`; `None` for a kernel without Rust.
    pub rustc: Option<String>,
    /// First line of `bindgen --version`; `None` for a kernel without Rust.
    pub bindgen: Option<String>,
}

/// What cannot be found, or not in a version that will do.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    #[error("{0} is missing; `cargo xtask setup` installs it")]
    Missing(String),
    #[error(
        "{0} is not there; `cargo xtask setup --config kasan` installs clang, lld and llvm (17 or \
         newer; of Debian with their release's number: --make LLVM=-19)"
    )]
    NoClang(String),
    /// What the user has named.
    #[error("--make {variable}={words}: there is no such program in PATH, or it has no version")]
    NotThere { variable: String, words: String },
    /// This source wants more than the lab does.
    #[error(
        "Linux {kernel} needs {tool} {least} or newer, and there is: {}\n{way_out}; or leave Rust \
         out (arms without it still build): a file with CONFIG_RUST=n as --config-fragment",
        .found.join("; ")
    )]
    TooOld {
        kernel: String,
        tool: &'static str,
        /// scripts/min-tool-version.sh of the source.
        least: String,
        /// Each with its place and version, and why it will not do.
        found: Vec<String>,
        way_out: &'static str,
    },
}

/// The kernel's own minima (scripts/min-tool-version.sh).
pub(crate) const MIN_RUSTC: [u32; 3] = [1, 85, 0];
pub(crate) const MIN_BINDGEN: [u32; 3] = [0, 71, 1];
pub(crate) const MIN_CLANG: [u32; 3] = [17, 0, 1];
/// bindgen opens libclang at run time. Of Debian's packages, the newest first.
pub(crate) const LIBCLANG_MAJORS: [u32; 7] = [22, 21, 20, 19, 18, 17, 16];

/// A Rust compiler with the sources of its library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rustc {
    /// The compiler, not rustup's proxy.
    pub path: PathBuf,
    /// Where its library is.
    pub sysroot: PathBuf,
    /// The library's sources.
    pub library: PathBuf,
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
    pub(crate) host: Host,
    /// What the user tells make.
    pub(crate) vars: MakeVars,
    /// `bin/` of LLVM, where clang is used.
    llvm: Option<PathBuf>,
    rust: Option<(Rustc, Tool, PathBuf)>,
}

impl Tools {
    /// Finds what a kernel needs, with Rust where its source is given.
    ///
    /// # Errors
    /// [`ToolchainError`] for the first that is missing.
    pub fn find(
        dirs: &Dirs,
        kind: CcKind,
        vars: &MakeVars,
        rust: Option<&Source>,
    ) -> Result<Self, ToolchainError> {
        let host = Host::running();
        let missing = |what: &str| ToolchainError::Missing(what.into());
        let (cc, ld, llvm) = match (vars.llvm(), kind) {
            (Some((prefix, suffix)), _) => {
                let tool = |name: &str| format!("{prefix}{name}{suffix}");
                (tool("clang"), tool("ld.lld"), None)
            }
            (None, CcKind::Gcc) => ("gcc".into(), "ld".into(), None),
            (None, CcKind::Clang) => {
                let bin = find_llvm(&host).map(|(bin, _)| bin);
                let bin = bin.ok_or_else(|| ToolchainError::NoClang("clang".into()))?;
                let tool = |name: &str| bin.join(name).display().to_string();
                (tool("clang"), tool("ld.lld"), Some(bin))
            }
        };
        // Of a wrapper and its compiler (`ccache gcc`), the compiler speaks.
        let named = |variable: &str, usual: &str| {
            let words = vars.get(variable).unwrap_or(usual);
            words_version(&host, words).ok_or_else(|| match vars.get(variable) {
                Some(_) => {
                    ToolchainError::NotThere { variable: variable.into(), words: words.into() }
                }
                None if vars.llvm().is_some() => ToolchainError::NoClang(words.into()),
                None => missing(words),
            })
        };
        let mut cc = format!("{}; {}", named("CC", &cc)?, named("LD", &ld)?);
        if !vars.is_empty() {
            cc.push_str(&format!("; {vars}"));
        }
        let mut versions = Toolchain { cc, rustc: None, bindgen: None };
        let rust = if let Some(source) = rust {
            let (rustc, bindgen) = rust_for(&host, dirs, source, vars)?;
            let reader = numbers(&bindgen.version).unwrap_or(MIN_BINDGEN);
            let libclang = find_libclang(&host, reader).ok_or_else(|| missing("libclang"))?;
            versions.rustc = Some(rustc.version.clone());
            versions.bindgen = Some(bindgen.version.clone());
            Some((rustc, bindgen, libclang))
        } else {
            None
        };
        Ok(Self { versions, host, vars: vars.clone(), llvm, rust })
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
            if !rustc.library.starts_with(&rustc.sysroot) {
                args.push(format!("RUST_LIB_SRC={}", rustc.library.display()));
            }
        }
        args
    }

    /// What bindgen finds libclang by.
    pub(crate) fn libclang(&self) -> Option<&Path> {
        self.rust.as_ref().map(|(_, _, libclang)| libclang.as_path())
    }
}

/// The Rust compiler and the bindgen that this source takes: the first that is
/// new enough, or what the user named.
fn rust_for(
    host: &Host,
    dirs: &Dirs,
    source: &Source,
    vars: &MakeVars,
) -> Result<(Rustc, Tool), ToolchainError> {
    let minimum = |tool: &str, ours: [u32; 3]| source.minimum(tool).map_or(ours, |n| n.max(ours));
    let [rustc_least, bindgen_least] =
        [minimum("rustc", MIN_RUSTC), minimum("bindgen", MIN_BINDGEN)];
    let too_old = |tool, least: [u32; 3], candidates: Vec<PathBuf>, way_out| {
        let about = |path: &PathBuf| match version(path) {
            Some(line) if numbers(&line).is_some_and(|version| version >= least) => {
                format!("{} ({line}), without the sources of its library", path.display())
            }
            line => format!("{} ({})", path.display(), line.unwrap_or_default()),
        };
        let mut found: Vec<String> = candidates.iter().map(about).collect();
        if found.is_empty() {
            found.push("none".into());
        }
        let least = least.map(|number| number.to_string()).join(".");
        ToolchainError::TooOld {
            kernel: source.provenance.kernel.clone(),
            tool,
            least,
            found,
            way_out,
        }
    };
    let chosen = |variable: &str, usual: Vec<PathBuf>| {
        vars.get(variable).map_or(usual, |words| host.programs(words))
    };
    let rustcs = chosen("RUSTC", rustc_candidates(host));
    let rustc = rustcs.iter().find_map(|path| rustc(host, path, rustc_least)).ok_or_else(|| {
        let way_out = "`rustup toolchain install stable --component rust-src` brings a newer one; \
                       --make RUSTC=PATH names one";
        too_old("rustc", rustc_least, rustcs.clone(), way_out)
    })?;
    let bindgens = chosen("BINDGEN", bindgen_candidates(host, dirs));
    let bindgen = bindgens.iter().find_map(|path| {
        let version = version_of(path, bindgen_least)?;
        Some(Tool { path: path.clone(), version })
    });
    let bindgen = bindgen.ok_or_else(|| {
        let way_out = "`cargo install --locked bindgen-cli` brings a newer one; --make BINDGEN=PATH \
                       names one";
        too_old("bindgen", bindgen_least, bindgens.clone(), way_out)
    })?;
    Ok((rustc, bindgen))
}

/// `bin/` of a release of LLVM that has all of the kernel's tools, and the
/// version of its clang: they must come from one release.
pub(crate) fn find_llvm(host: &Host) -> Option<(PathBuf, String)> {
    host.llvms().into_iter().map(|dir| dir.join("bin")).find_map(|bin| {
        let complete = ["ld.lld", "llvm-ar", "llvm-nm"].iter().all(|tool| bin.join(tool).exists());
        let cc = version_of(&bin.join("clang"), MIN_CLANG).filter(|_| complete)?;
        Some((bin, cc))
    })
}

/// The first compiler that is new enough for the lab and has its library's
/// sources: the distribution's, then the one in use, then any of rustup's.
#[must_use]
pub fn find_rustc(host: &Host) -> Option<Rustc> {
    rustc_candidates(host).iter().find_map(|path| rustc(host, path, MIN_RUSTC))
}

fn rustc_candidates(host: &Host) -> Vec<PathBuf> {
    let mut candidates: Vec<PathBuf> = vec![host.file("/usr/bin/rustc")];
    candidates.retain(|path| path.is_file());
    candidates.extend(host.programs("rustc"));
    candidates.extend(host.versioned("rustc"));
    candidates.extend(host.rustups());
    let mut seen = Vec::new();
    candidates.retain(|path| {
        !seen.contains(path) && {
            seen.push(path.clone());
            true
        }
    });
    candidates
}

fn rustc(host: &Host, path: &Path, least: [u32; 3]) -> Option<Rustc> {
    let version = version_of(path, least)?;
    let sh = shell().ok()?;
    let sysroot = PathBuf::from(first_line(cmd!(sh, "{path} --print sysroot"))?);
    let number = version.split_whitespace().nth(1).unwrap_or_default();
    let library = [
        sysroot.join("lib/rustlib/src/rust/library"),
        // Where Ubuntu keeps those of a compiler with a suffix.
        host.file(&format!("/usr/src/rustc-{number}/library")),
    ];
    let library = library.into_iter().find(|dir| dir.join("core/src/lib.rs").exists())?;
    // rustup's proxy picks by directory; the compiler itself does not.
    let real = sysroot.join("bin/rustc");
    let path = if real.exists() { real } else { path.into() };
    Some(Rustc { path, sysroot, library, version })
}

/// Our own, or the distribution's where it is new enough.
pub(crate) fn find_bindgen(host: &Host, dirs: &Dirs) -> Option<Tool> {
    bindgen_candidates(host, dirs).into_iter().find_map(|path| {
        let version = version_of(&path, MIN_BINDGEN)?;
        Some(Tool { path, version })
    })
}

fn bindgen_candidates(host: &Host, dirs: &Dirs) -> Vec<PathBuf> {
    let own = Some(dirs.tools().join("bin/bindgen")).filter(|path| path.is_file());
    let installed = host.programs("bindgen").into_iter().chain(host.versioned("bindgen"));
    own.into_iter().chain(installed).collect()
}

/// The directory that the environment names, or that of the newest libclang that
/// this bindgen can read.
pub(crate) fn find_libclang(host: &Host, bindgen: [u32; 3]) -> Option<PathBuf> {
    let own = host.libclang().map(Path::to_path_buf).filter(|dir| libclang(dir).is_some());
    let llvms = host.llvms();
    let releases = llvms.iter().flat_map(|dir| [dir.join("lib"), dir.join("lib64")]);
    let system = ["/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib"].map(|dir| host.file(dir));
    let fits = |dir: &PathBuf| libclang(dir).is_some_and(|major| reads(bindgen, major));
    own.or_else(|| releases.chain(system).find(fits))
}

/// Whether a bindgen can read what this release of libclang tells it. What
/// libclang 22 changed, bindgen 0.72.1 was the first to follow; an older one makes
/// structs without fields of it, and says nothing (rust-bindgen issue 3264).
pub(crate) fn reads(bindgen: [u32; 3], libclang_major: u32) -> bool {
    libclang_major < 22 || bindgen >= [0, 72, 1]
}

/// The newest release of libclang in a directory; 0 where its name does not say.
fn libclang(dir: &Path) -> Option<u32> {
    let names = dir.read_dir().ok()?.flatten().map(|entry| entry.file_name());
    let majors = names.filter_map(|name| {
        let name = name.to_string_lossy().into_owned();
        let rest = name.strip_prefix("libclang")?;
        let (release, version) = rest.split_once(".so")?;
        // libclang-22.so.1 and libclang.so.22.1
        let said = match release.strip_prefix('-') {
            Some(release) => release,
            None if release.is_empty() => version.trim_start_matches('.'),
            None => return None,
        };
        let digits = said.split('.').next().unwrap_or_default();
        if digits.is_empty() { Some(0) } else { digits.parse().ok() }
    });
    majors.max()
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

/// What `ccache gcc` says to `--version`.
fn words_version(host: &Host, words: &str) -> Option<String> {
    let mut words = words.split_whitespace();
    let program = host.programs(words.next()?).into_iter().next()?;
    let sh = shell().ok()?;
    first_line(cmd!(sh, "{program} {words...} --version"))
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
