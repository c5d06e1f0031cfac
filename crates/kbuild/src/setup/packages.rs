// SPDX-License-Identifier: MIT OR Apache-2.0
//! What apt and dpkg know of a package.

use proc::{Cancel, ask, first_line, shell};
use std::path::Path;
use xshell::cmd;

/// The version of a Debian package that is installed.
#[must_use]
pub fn installed(package: &str) -> Option<String> {
    let sh = shell().ok()?;
    let format = "${db:Status-Status} ${Version}\n";
    let state = first_line(cmd!(sh, "dpkg-query --show --showformat {format} {package}"))?;
    state.strip_prefix("installed ").map(str::to_owned)
}

/// The version that apt would install; `None` for an unknown package.
pub(super) fn candidate(package: &str) -> Option<String> {
    let sh = shell().ok()?;
    let said = ask(cmd!(sh, "apt-cache policy {package}"), &Cancel::new()).ok()?;
    let version = said.out.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    (version != "(none)").then(|| version.to_owned())
}

/// The highest number that apt knows a package of this name with.
pub(super) fn newest(prefix: &str) -> Option<u32> {
    let sh = shell().ok()?;
    let said = ask(cmd!(sh, "apt-cache pkgnames {prefix}"), &Cancel::new()).ok()?;
    said.out.lines().filter_map(|name| name.strip_prefix(prefix)?.parse().ok()).max()
}

/// A fresh container has no package lists.
pub(super) fn lists_are_empty() -> bool {
    let lists = Path::new("/var/lib/apt/lists").read_dir();
    !lists.is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().contains("Packages"))
    })
}
