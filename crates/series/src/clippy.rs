// SPDX-License-Identifier: MIT OR Apache-2.0
//! The clippy that belongs to the kernel's Rust compiler.
//!
//! It is bound to one version of the compiler. Where the compiler is Debian's,
//! the package of the same version is unpacked into the cache.

use debian::{Packages, unpack_deb};
use kbuild::Dirs;
use kbuild::Host;
use kbuild::setup::installed;
use kbuild::toolchain::{Rustc, find_rustc, numbers, version};
use kbuild::{Event, from_debian};
use proc::{Cancel, first_line, shell};
use std::path::{Path, PathBuf};
use xshell::cmd;

/// The driver's path; otherwise what would have to be done to have one.
pub(crate) fn find(
    dirs: &Dirs,
    on_event: &dyn Fn(Event),
    cancel: &Cancel,
) -> Result<PathBuf, String> {
    let host = Host::running();
    let rustc = find_rustc(&host).ok_or("no Rust compiler; `cargo xtask setup` installs one")?;
    let own = dirs.tools().join(format!("clippy-{}", minor(&rustc.version).unwrap_or_default()));
    let unpacked = own.join("usr/bin/clippy-driver");
    let mut candidates = vec![rustc.sysroot.join("bin/clippy-driver"), unpacked.clone()];
    candidates.extend(host.programs("clippy-driver"));
    if let Some(found) = candidates.into_iter().find(|path| fits(path, &rustc)) {
        return Ok(found);
    }
    let missing = format!("no clippy-driver for {}", rustc.version);
    let Some(package) = debian_package(&rustc.path) else {
        return Err(format!("{missing}; `rustup component add clippy` has it"));
    };
    // Never installed: apt might bring another compiler along, and with it
    // every image would have to be built again.
    fetch(dirs, &package, &own, on_event, cancel).map_err(|error| {
        format!("{missing}: {package} cannot be had (do not install another version): {error}")
    })?;
    if fits(&unpacked, &rustc) {
        Ok(unpacked)
    } else {
        Err(format!("{missing}: that in {package} does not start"))
    }
}

fn fetch(
    dirs: &Dirs,
    package: &str,
    into: &Path,
    on_event: &dyn Fn(Event),
    cancel: &Cancel,
) -> Result<(), debian::AptError> {
    let on_event = |event| from_debian(on_event, event);
    let apt = Packages::open(&dirs.cache, &on_event, cancel)?;
    let deb = apt.download(package, &into.join("deb"))?;
    unpack_deb(&deb, into, &on_event, cancel)
}

/// `rust-web-clippy=VERSION` for a compiler out of `rustc-web`.
fn debian_package(rustc: &Path) -> Option<String> {
    let sh = shell().ok()?;
    let owner = first_line(cmd!(sh, "dpkg-query --search {rustc}"))?;
    let owner = owner.split([':', ',']).next()?;
    let clippy = match owner {
        "rustc" => "rust-clippy",
        "rustc-web" => "rust-web-clippy",
        _ => return None,
    };
    Some(format!("{clippy}={}", installed(owner)?))
}

/// `clippy 0.1.85` belongs to `rustc 1.85.x`.
fn fits(driver: &Path, rustc: &Rustc) -> bool {
    let said = version(driver);
    let clippy = said.as_deref().and_then(numbers).map(|[_, _, minor]| minor);
    clippy.is_some() && clippy == minor(&rustc.version)
}

fn minor(rustc: &str) -> Option<u32> {
    numbers(rustc).map(|[_, minor, _]| minor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn only_a_driver_of_the_compiler_s_version_that_starts_will_do() {
        let dir = tempfile::tempdir().unwrap();
        let rustc = Rustc {
            path: PathBuf::from("/usr/bin/rustc"),
            sysroot: PathBuf::from("/usr"),
            library: PathBuf::from("/usr/lib/rustlib/src/rust/library"),
            version: "rustc 1.85.0 (4d91de4e4 2025-02-17)".into(),
        };
        let driver = |script: &str| {
            let path = dir.path().join("clippy-driver");
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            fits(&path, &rustc)
        };
        assert!(driver("echo clippy 0.1.85"));
        assert!(!driver("echo clippy 0.1.96"));
        // As the loader, when the compiler's library is another build.
        assert!(!driver("echo clippy 0.1.85; exit 127"));
        assert!(!driver("echo hello"));
        assert!(!fits(&dir.path().join("nothing"), &rustc));
    }
}
