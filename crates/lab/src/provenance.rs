// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a run happened and with which lab.

use evidence::{HostRecord, ToolRecord};
use proc::Cancel;
use std::path::Path;
use xshell::cmd;

fn field(path: &str, key: &str, separator: char) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    let value = line.split_once(separator)?.1.trim().trim_matches('"');
    Some(value.to_owned())
}

fn or_unknown(value: Option<String>) -> String {
    value.unwrap_or_else(|| "unknown".to_owned())
}

/// The machine, without anything that names it or its user.
#[must_use]
pub fn host() -> HostRecord {
    let memory_kib = field("/proc/meminfo", "MemTotal", ':')
        .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    HostRecord {
        os: or_unknown(field("/etc/os-release", "PRETTY_NAME", '=')),
        kernel: or_unknown(std::fs::read_to_string("/proc/sys/kernel/osrelease").ok())
            .trim()
            .to_owned(),
        cpu: or_unknown(field("/proc/cpuinfo", "model name", ':')),
        cores: std::thread::available_parallelism()
            .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX)),
        memory_mib: memory_kib.unwrap_or(0) / 1024,
    }
}

fn git(repo: &Path, args: &[&str]) -> Option<String> {
    let sh = proc::shell().ok()?;
    let said = proc::ask(cmd!(sh, "git -C {repo} {args...}"), &Cancel::new()).ok()?;
    said.success.then(|| said.out.trim().to_owned())
}

/// The lab's own version; outside git only the crate's.
#[must_use]
pub fn tool(repo: &Path) -> ToolRecord {
    ToolRecord {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: git(repo, &["rev-parse", "HEAD"]),
        dirty: git(repo, &["status", "--porcelain"]).is_some_and(|text| !text.is_empty()),
    }
}

/// Now, RFC 3339 in UTC, to the second.
#[must_use]
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%FT%TZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_described() {
        let host = host();
        assert!(host.cores >= 1 && host.memory_mib > 0 && host.os != "unknown", "{host:?}");
    }
}
