// SPDX-License-Identifier: MIT OR Apache-2.0
//! What no package mends, said before anything is fetched.

use super::error::SetupError;
use crate::{Dirs, Host};
use proc::{first_line, shell};
use rustix::fs::{Access, access};
use std::path::Path;
use xshell::cmd;

/// What make, or the shell that it starts, would take for something else.
const ODD: &[char] = &[
    ' ', '\t', '\n', ':', '#', '$', '%', ';', '&', '|', '<', '>', '(', ')', '*', '?', '\'', '"',
    '`', '\\', '~',
];

/// Whether the lab can work on this machine, and in this cache, at all. Writes
/// nothing.
///
/// # Errors
/// [`SetupError::Machine`], [`SetupError::OddCache`], [`SetupError::NoCache`].
pub fn check_fit(host: &Host, dirs: &Dirs) -> Result<(), SetupError> {
    let uname = host.programs("uname").into_iter().next();
    let machine =
        shell().ok().zip(uname).and_then(|(sh, uname)| first_line(cmd!(sh, "{uname} -m")));
    if let Some(machine) = machine.filter(|machine| machine != "x86_64") {
        return Err(SetupError::Machine(machine));
    }
    let cache = std::path::absolute(&dirs.cache).unwrap_or_else(|_| dirs.cache.clone());
    match cache.to_str() {
        Some(text) if !text.contains(ODD) => {}
        _ => return Err(SetupError::OddCache(cache)),
    }
    let there = cache.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    access(there, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| SetupError::NoCache { path: there.into(), error: error.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn check(machine: &str, cache: &str) -> Result<(), SetupError> {
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join("usr/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("uname"), format!("#!/bin/sh\necho {machine}\n")).unwrap();
        fs::set_permissions(bin.join("uname"), fs::Permissions::from_mode(0o755)).unwrap();
        let dirs = Dirs { repo: root.path().into(), cache: root.path().join(cache) };
        check_fit(&Host::at(root.path()), &dirs)
    }

    #[test]
    fn another_machine_and_a_path_that_make_cannot_take_are_refused() {
        check("x86_64", "cache").unwrap();
        let arm = check("aarch64", "cache").unwrap_err();
        assert!(arm.to_string().contains("needs x86-64") && arm.to_string().contains("aarch64"));
        for cache in ["my cache", "a:b", "50%", "it's", "a#b"] {
            let error = check("x86_64", cache).unwrap_err();
            assert!(matches!(error, SetupError::OddCache(_)), "{cache}");
            assert!(error.to_string().contains("XDG_CACHE_HOME"), "{error}");
        }
        check("x86_64", "Zo\u{eb}/bcache-lab_1.0+x").unwrap();
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_refused() {
        // Also for root, who may write into every folder.
        let file = tempfile::NamedTempFile::new().unwrap();
        let dirs = Dirs { repo: "/".into(), cache: file.path().join("cache") };
        let error = check_fit(&Host::running(), &dirs).unwrap_err();
        assert!(matches!(error, SetupError::NoCache { .. }), "{error}");
        assert!(error.to_string().contains("XDG_CACHE_HOME"), "{error}");
    }
}
