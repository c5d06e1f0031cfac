// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looks at the machine, without changing anything.

use super::bindgen;
use super::needs::{NEEDS, Need, Probe};
use super::packages::{candidate, installed, lists_are_empty};
use super::scope::Scope;
use crate::Dirs;
use crate::toolchain::{
    LIBCLANG_MAJORS, MIN_BINDGEN, MIN_CLANG, MIN_RUSTC, find_bindgen, find_libclang, find_llvm,
    find_rustc, in_path, numbers, version,
};
use proc::{first_line, shell};
use std::path::{Path, PathBuf};
use xshell::cmd;

/// What makes something that is missing appear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fix {
    /// Debian packages, to be installed by root.
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
pub fn survey(dirs: &Dirs, scope: Scope) -> Survey {
    let wanted = NEEDS.iter().filter(|need| need.scope == Scope::Run || need.scope == scope);
    Survey { scope, items: wanted.map(|need| look(dirs, need)).collect() }
}

fn look(dirs: &Dirs, need: &Need) -> Item {
    let packages = || Fix::Packages(need.packages.iter().map(|&name| name.to_owned()).collect());
    // Where, and its own words.
    let found: Option<(PathBuf, String)> = match need.probe {
        Probe::Program(program) => in_path(program).into_iter().next().map(|path| {
            let version = version(&path).unwrap_or_default();
            (path, version)
        }),
        Probe::Mute(program) => {
            in_path(program).into_iter().next().map(|path| (path, String::new()))
        }
        Probe::File(places) => {
            let place = places.iter().map(Path::new).find(|path| path.exists());
            place.map(|path| (path.into(), String::new()))
        }
        Probe::Rustc => find_rustc().map(|rustc| (rustc.path, rustc.version)),
        Probe::Libclang => find_libclang().map(|dir| (dir, String::new())),
        Probe::Bindgen => find_bindgen(dirs).map(|tool| (tool.path, tool.version)),
        Probe::Llvm => find_llvm().map(|(cc, _, bin)| (bin.unwrap_or_default(), cc)),
        Probe::Python(module) => python_module(module).map(|file| (file, String::new())),
    };
    let state = match found {
        Some((path, version)) => State::Found { path, version },
        None => State::Missing(match need.probe {
            Probe::Rustc => rust_fix(),
            Probe::Libclang => libclang_fix(),
            Probe::Bindgen => bindgen_fix(),
            Probe::Llvm => llvm_fix(),
            _ => packages(),
        }),
    };
    Item { name: need.name, purpose: need.purpose, state }
}

fn python_module(name: &str) -> Option<PathBuf> {
    let import = format!("import {name}; print({name}.__file__)");
    let sh = shell().ok()?;
    first_line(cmd!(sh, "/usr/bin/python3 -c {import}")).map(PathBuf::from)
}

/// A compiler with sources: Debian 12 has it for its web browsers, Debian 13
/// as its own; elsewhere rustup's.
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
    if lists_are_empty() {
        // Nothing is known yet; the list is read again after an update.
        return Fix::Packages(vec!["rustc-web".into(), "rust-web-src".into()]);
    }
    Fix::ByHand("rustup component add rust-src (with a toolchain of 1.85 or newer)".into())
}

fn libclang_fix() -> Fix {
    let known = LIBCLANG_MAJORS
        .iter()
        .map(|major| format!("libclang1-{major}"))
        .find(|package| candidate(package).is_some());
    Fix::Packages(vec![known.unwrap_or_else(|| "libclang1-19".into())])
}

/// All of LLVM's tools from one release, the newest that there is.
fn llvm_fix() -> Fix {
    let known = LIBCLANG_MAJORS
        .iter()
        .filter(|&&major| major >= MIN_CLANG[0])
        .find(|major| candidate(&format!("clang-{major}")).is_some());
    let major = known.copied().unwrap_or(19);
    Fix::Packages(["clang", "lld", "llvm"].map(|tool| format!("{tool}-{major}")).into())
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
