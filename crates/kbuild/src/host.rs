// SPDX-License-Identifier: MIT OR Apache-2.0
//! A machine, as far as tools are looked for on it.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Where programs and libraries are looked for. The survey, the builds and the
/// compilers' search have one, so that what is found is what is used.
#[derive(Debug, Clone)]
pub struct Host {
    /// `/`, but in tests.
    root: PathBuf,
    /// The user's `PATH`, then where root's tools are.
    path: Vec<PathBuf>,
    /// rustup's folder of toolchains.
    toolchains: Option<PathBuf>,
    /// `LIBCLANG_PATH`.
    libclang: Option<PathBuf>,
}

impl Host {
    /// The one that runs this.
    #[must_use]
    pub fn running() -> Self {
        let path = env::var_os("PATH").unwrap_or_default();
        let mut dirs: Vec<PathBuf> = env::split_paths(&path).collect();
        // The rest is for a PATH that leaves root's tools out, or is empty.
        for more in ["/usr/local/sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"] {
            if !dirs.iter().any(|dir| dir == Path::new(more)) {
                dirs.push(more.into());
            }
        }
        let home = env::var_os("HOME").map(PathBuf::from);
        let rustup = env::var_os("RUSTUP_HOME").map(PathBuf::from);
        let rustup = rustup.or_else(|| Some(home?.join(".rustup")));
        Self {
            root: "/".into(),
            path: dirs,
            toolchains: rustup.map(|rustup| rustup.join("toolchains")),
            libclang: env::var_os("LIBCLANG_PATH").map(PathBuf::from),
        }
    }

    /// A made-up one, whose files are all below `root`.
    #[cfg(test)]
    pub(crate) fn at(root: &Path) -> Self {
        let path = ["usr/bin", "usr/sbin"].map(|dir| root.join(dir)).into();
        Self { root: root.into(), path, toolchains: Some(root.join("rustup")), libclang: None }
    }

    /// For what is started on it.
    pub(crate) fn path(&self) -> OsString {
        env::join_paths(&self.path).unwrap_or_else(|_| "/usr/sbin:/usr/bin:/sbin:/bin".into())
    }

    /// A file by its absolute name.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.root.join(name.trim_start_matches('/'))
    }

    /// All programs of that name in `PATH`; a name with a slash is one itself.
    #[must_use]
    pub fn programs(&self, name: &str) -> Vec<PathBuf> {
        if name.contains('/') {
            return Some(PathBuf::from(name)).filter(|path| path.is_file()).into_iter().collect();
        }
        self.path.iter().map(|dir| dir.join(name)).filter(|path| path.is_file()).collect()
    }

    /// `NAME-1.89` and its like, the newest first, where a distribution keeps
    /// several.
    pub(crate) fn versioned(&self, name: &str) -> Vec<PathBuf> {
        let mut found: Vec<(Vec<u32>, PathBuf)> = Vec::new();
        for entry in self.path.iter().filter_map(|dir| dir.read_dir().ok()).flatten().flatten() {
            let file = entry.file_name();
            let file = file.to_string_lossy();
            let Some(version) = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'))
            else {
                continue;
            };
            if let Ok(version) = version.split('.').map(str::parse).collect() {
                found.push((version, entry.path()));
            }
        }
        found.sort();
        found.into_iter().rev().map(|(_, path)| path).collect()
    }

    /// The compilers of rustup's toolchains.
    pub(crate) fn rustups(&self) -> Vec<PathBuf> {
        let entries = self.toolchains.iter().filter_map(|dir| dir.read_dir().ok()).flatten();
        let mut found: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path().join("bin/rustc")).collect();
        found.sort();
        found
    }

    /// `LIBCLANG_PATH`, where it is set.
    pub(crate) fn libclang(&self) -> Option<&Path> {
        self.libclang.as_deref()
    }

    /// Folders of LLVM's releases, the newest first: `/usr/lib/llvm-19` on
    /// Debian and its like, `/usr/lib64/llvm19` elsewhere; then where the
    /// `clang` in `PATH` is from.
    pub(crate) fn llvms(&self) -> Vec<PathBuf> {
        let mut found: Vec<(u32, PathBuf)> = Vec::new();
        for place in ["/usr/lib", "/usr/lib64", "/usr/local", "/opt"] {
            let entries = self.file(place).read_dir().into_iter().flatten().flatten();
            for entry in entries {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                let major = name.strip_prefix("llvm").map(|rest| rest.trim_start_matches('-'));
                let major = major.and_then(|rest| rest.split('.').next()?.parse().ok());
                if let Some(major) = major {
                    found.push((major, entry.path()));
                }
            }
        }
        found.sort();
        let known = found.into_iter().rev().map(|(_, path)| path);
        let clangs = self.programs("clang").into_iter().filter_map(|clang| {
            let real = clang.canonicalize().ok()?;
            [real, clang].iter().find_map(|path| Some(path.parent()?.parent()?.to_path_buf()))
        });
        known.chain(clangs).collect()
    }
}
