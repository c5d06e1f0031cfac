// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looks at the machine, without changing anything.

use super::bindgen;
use super::needs::{NEEDS, Need, Probe};
use super::os::Os;
use super::packages::{candidate, installed, lists_are_empty, newest};
use super::scope::Scope;
use crate::toolchain::{
    LIBCLANG_MAJORS, MIN_BINDGEN, MIN_CLANG, MIN_RUSTC, find_bindgen, find_libclang, find_llvm,
    find_rustc, numbers, reads, version,
};
use crate::{Dirs, Host};
use proc::{first_line, shell};
use std::path::PathBuf;
use xshell::cmd;

/// What makes something that is missing appear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fix {
    /// Packages, by the host's names, to be installed by root.
    Packages(Vec<String>),
    /// bindgen, compiled into the lab's own cache.
    CargoInstall,
    /// Something that only the user can do.
    ByHand(String),
}

/// Whether something is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Found {
        path: PathBuf,
        /// Its own words; empty where it has none.
        version: String,
    },
    Missing(Fix),
}

/// One thing that the machine must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub name: &'static str,
    /// Why it is wanted.
    pub purpose: &'static str,
    /// Whether it is there.
    pub state: State,
}

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// What the machine is wanted for.
    pub scope: Scope,
    /// What it is; `None` where nobody has described it.
    pub os: Option<Os>,
    /// In the order of the table.
    pub items: Vec<Item>,
}

impl Survey {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing().next().is_none()
    }

    /// What is missing, with its fix.
    pub fn missing(&self) -> impl Iterator<Item = (&Item, &Fix)> {
        self.items.iter().filter_map(|item| match &item.state {
            State::Missing(fix) => Some((item, fix)),
            State::Found { .. } => None,
        })
    }

    /// What a root's shell is to be told; `None` when no package is missing.
    #[must_use]
    pub fn command(&self) -> Option<String> {
        let packages = self.packages();
        if packages.is_empty() {
            return None;
        }
        let install = self.os.as_ref().map_or("(install)", |os| os.install.as_str());
        Some(format!("{install} {}", packages.join(" ")))
    }

    /// All missing packages, sorted.
    #[must_use]
    pub fn packages(&self) -> Vec<String> {
        let mut packages: Vec<String> = self
            .missing()
            .filter_map(|(_, fix)| match fix {
                Fix::Packages(packages) => Some(packages.clone()),
                _ => None,
            })
            .flatten()
            .collect();
        packages.sort();
        packages.dedup();
        packages
    }
}

/// Looks for everything that `scope` needs.
#[must_use]
pub fn survey(host: &Host, dirs: &Dirs, scope: Scope) -> Survey {
    let os = Os::of(host);
    let wanted = NEEDS.iter().filter(|need| need.scope == Scope::Run || need.scope == scope);
    let items = wanted.map(|need| look(host, os.as_ref(), dirs, need)).collect();
    Survey { scope, os, items }
}

/// Everything that a host of that kind would have to have, as if it had
/// nothing.
#[must_use]
pub fn survey_as(os: &Os, scope: Scope) -> Survey {
    let wanted = NEEDS.iter().filter(|need| need.scope == Scope::Run || need.scope == scope);
    let item = |need: &Need| {
        let state = State::Missing(Fix::Packages(os.packages(need.name)));
        Item { name: need.name, purpose: need.purpose, state }
    };
    Survey { scope, os: Some(os.clone()), items: wanted.map(item).collect() }
}

/// Whether packages, and Debian's signed sources, come through the host's apt.
pub(super) fn has_apt(host: &Host, os: Option<&Os>) -> bool {
    os.is_some_and(Os::is_debian) && !host.programs("apt-get").is_empty()
}

fn look(host: &Host, os: Option<&Os>, dirs: &Dirs, need: &Need) -> Item {
    let program = |name: &str| host.programs(name).into_iter().next();
    // Where, and its own words.
    let found: Option<(PathBuf, String)> = match need.probe {
        Probe::Program(name) => program(name).map(|path| {
            let version = version(&path).unwrap_or_default();
            (path, version)
        }),
        Probe::Mute(name) => program(name).map(|path| (path, String::new())),
        Probe::File(places) => {
            let place = places.iter().map(|place| host.file(place)).find(|path| path.exists());
            place.map(|path| (path, String::new()))
        }
        Probe::Rustc => find_rustc(host).map(|rustc| (rustc.path, rustc.version)),
        Probe::Libclang => {
            find_libclang(host, bindgen_to_be(host, dirs)).map(|dir| (dir, String::new()))
        }
        Probe::Bindgen => find_bindgen(host, dirs).map(|tool| (tool.path, tool.version)),
        Probe::Llvm => find_llvm(host),
        Probe::Python(module) => python_module(host, module).map(|file| (file, String::new())),
    };
    let state = match found {
        Some((path, version)) => State::Found { path, version },
        None => State::Missing(fix(host, os, dirs, need)),
    };
    Item { name: need.name, purpose: need.purpose, state }
}

/// The packages by the host's own names. apt knows best, where it knows
/// anything.
fn fix(host: &Host, os: Option<&Os>, dirs: &Dirs, need: &Need) -> Fix {
    let Some(os) = os else {
        return Fix::ByHand(format!("as Debian's package {}", debian_name(need)));
    };
    let usual = Fix::Packages(os.packages(need.name));
    if host.programs("apt-cache").is_empty() || lists_are_empty() {
        return usual;
    }
    match need.probe {
        Probe::Rustc => rust_fix(),
        Probe::Libclang => libclang_fix(bindgen_to_be(host, dirs)).unwrap_or(usual),
        Probe::Bindgen => bindgen_fix(),
        Probe::Llvm => llvm_fix().unwrap_or(usual),
        _ => usual,
    }
}

fn debian_name(need: &Need) -> String {
    Os::named("debian").map_or_else(String::new, |os| os.packages(need.name).join(" "))
}

fn python_module(host: &Host, name: &str) -> Option<PathBuf> {
    let import = format!("import {name}; print({name}.__file__)");
    let python = host.file("/usr/bin/python3");
    let sh = shell().ok()?;
    first_line(cmd!(sh, "{python} -c {import}")).map(PathBuf::from)
}

/// A compiler with sources: Debian 12 has it for its web browsers, Debian 13
/// as its own, Ubuntu with its version in the name; elsewhere rustup's.
fn rust_fix() -> Fix {
    let new_enough = |package: &str| {
        candidate(package).and_then(|version| numbers(&version)).is_some_and(|v| v >= MIN_RUSTC)
    };
    for (compiler, sources) in [("rustc-web", "rust-web-src"), ("rustc", "rust-src")] {
        // Sources of another version would bring another compiler along.
        if let Some(version) = installed(compiler)
            && numbers(&version).is_some_and(|numbers| numbers >= MIN_RUSTC)
        {
            return Fix::Packages(vec![format!("{sources}={version}")]);
        }
        if new_enough(compiler) {
            return Fix::Packages(vec![compiler.into(), sources.into()]);
        }
    }
    match newest("rustc-1.") {
        Some(minor) if minor >= MIN_RUSTC[1] => {
            Fix::Packages(vec![format!("rustc-1.{minor}"), format!("rust-1.{minor}-src")])
        }
        _ => {
            Fix::ByHand("rustup component add rust-src (with a toolchain of 1.85 or newer)".into())
        }
    }
}

/// The version of the bindgen that there is, or that set-up would bring.
fn bindgen_to_be(host: &Host, dirs: &Dirs) -> [u32; 3] {
    let there = find_bindgen(host, dirs).and_then(|tool| numbers(&tool.version));
    there
        .or_else(|| numbers(&candidate("bindgen")?).filter(|version| *version >= MIN_BINDGEN))
        .or_else(|| numbers(bindgen::VERSION))
        .unwrap_or(MIN_BINDGEN)
}

fn libclang_fix(bindgen: [u32; 3]) -> Option<Fix> {
    let readable = LIBCLANG_MAJORS.into_iter().filter(|&major| reads(bindgen, major));
    readable
        .map(|major| format!("libclang1-{major}"))
        .find(|package| candidate(package).is_some())
        .map(|p| Fix::Packages(vec![p]))
}

/// All of LLVM's tools from one release, the newest that there is.
fn llvm_fix() -> Option<Fix> {
    let major = LIBCLANG_MAJORS
        .iter()
        .filter(|&&major| major >= MIN_CLANG[0])
        .find(|major| candidate(&format!("clang-{major}")).is_some())?;
    Some(Fix::Packages(["clang", "lld", "llvm"].map(|tool| format!("{tool}-{major}")).into()))
}

fn bindgen_fix() -> Fix {
    match candidate("bindgen").and_then(|version| numbers(&version)) {
        Some(version) if version >= MIN_BINDGEN => Fix::Packages(vec!["bindgen".into()]),
        _ if bindgen::cargo().is_some() => Fix::CargoInstall,
        _ => Fix::ByHand("install Rust with cargo, or bindgen 0.71.1 or newer".into()),
    }
}

#[cfg(test)]
mod tests;
