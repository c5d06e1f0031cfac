// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs of the host and the shared libraries that they need.

use crate::error::ImageError;
use proc::{Cancel, ask, shell};
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::{Path, PathBuf};
use xshell::cmd;

/// Where system administration programs are, on a PATH that leaves them out.
const SBIN: &[&str] = &["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// A program of this machine.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(SBIN.iter().map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// A program of an unpacked package.
///
/// # Errors
/// [`ImageError::Missing`] when it is none of that package's.
pub fn find_below(root: &Path, name: &str, package: &str) -> Result<PathBuf, ImageError> {
    ["usr/sbin", "usr/bin", "sbin", "bin"]
        .iter()
        .map(|dir| root.join(dir).join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| ImageError::Missing {
            what: format!("the guest image needs {name}, which Debian's package {package} lacks"),
        })
}

/// The loader and the shared libraries that a program needs of what is below
/// `root`: where they go in the guest, and where they are. Debian's own loader
/// is asked, whatever this machine's is.
///
/// # Errors
/// The loader cannot be run, or a library is in none of the packages.
pub fn libraries_below(
    root: &Path,
    program: &Path,
) -> Result<BTreeMap<String, PathBuf>, ImageError> {
    let first =
        |names: [&str; 2]| names.iter().map(|name| root.join(name)).find(|path| path.exists());
    let Some(loader) = first(["usr/lib64/ld-linux-x86-64.so.2", "lib64/ld-linux-x86-64.so.2"])
    else {
        // Nothing to load: the program is static.
        return Ok(BTreeMap::new());
    };
    let dirs = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
    let path = dirs.map(|dir| root.join(dir).display().to_string()).join(":");
    let sh = shell().map_err(ImageError::io(program))?;
    let said = ask(cmd!(sh, "{loader} --library-path {path} --list {program}"), &Cancel::new());
    let said = said.map_err(ImageError::run(&loader))?;
    let found = parse_ldd(&said.out).map_err(|library| ImageError::Missing {
        what: format!("{} needs {library}, which no package of the image has", program.display()),
    })?;
    let mut libraries = BTreeMap::from([("lib64/ld-linux-x86-64.so.2".to_owned(), loader)]);
    for library in found {
        if let Ok(inside) = library.strip_prefix(root) {
            libraries.insert(inside.display().to_string(), library.clone());
        }
    }
    Ok(libraries)
}

/// The loader and the shared libraries of a program, as absolute paths where
/// the loader looks for them; none for a static program.
///
/// # Errors
/// `ldd` cannot be run, or a library is missing.
pub fn libraries(program: &Path) -> Result<BTreeSet<PathBuf>, ImageError> {
    let sh = shell().map_err(ImageError::io(program))?;
    let said = ask(cmd!(sh, "ldd {program}"), &Cancel::new()).map_err(ImageError::run("ldd"))?;
    parse_ldd(&said.out).map_err(|library| ImageError::Missing {
        what: format!("{} needs {library}, which this machine lacks", program.display()),
    })
}

/// The paths that ldd names, or the library that it did not find.
fn parse_ldd(text: &str) -> Result<BTreeSet<PathBuf>, String> {
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let line = line.trim();
        if let Some((name, "not found")) = line.split_once(" => ") {
            return Err(name.to_owned());
        }
        // `libc.so.6 => /lib/libc.so.6 (0x7f..)` or `/lib64/ld-linux.so (0x7f..)`;
        // the kernel's own linux-vdso has no path.
        let target = line.split_once(" => ").map_or(line, |(_, target)| target);
        if let Some(path) = target.split(" (0x").next()
            && path.starts_with('/')
            && target != path
        {
            found.insert(PathBuf::from(path));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ldd_is_understood() {
        let text = "\tlinux-vdso.so.1 (0x00007ffd)\n\
                    \tlibc.so.6 => /lib/x/libc.so.6 (0x00007f39)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f3a)\n";
        let expected = ["/lib/x/libc.so.6", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from);
        assert_eq!(parse_ldd(text), Ok(expected.into_iter().collect()));
        assert_eq!(parse_ldd("\tnot a dynamic executable\n"), Ok(BTreeSet::new()));
        assert_eq!(parse_ldd("\tlibz.so.1 => not found\n"), Err("libz.so.1".into()));
    }
}
