// SPDX-License-Identifier: MIT OR Apache-2.0
//! Named kernel configurations: lists of fragments, merged and verified.

use crate::Dirs;
use crate::kconfig::Kconfig;
use crate::make_vars::MakeVars;
use crate::toolchain::CcKind;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// One requested option and where the request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// With its `CONFIG_`.
    pub name: String,
    /// `y`, `n`, `m`, a number or a quoted string.
    pub value: String,
    /// `file:line`.
    pub place: String,
}

/// What a named configuration asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelConfig {
    /// As on the command line.
    pub name: String,
    /// One line for help.
    pub title: String,
    /// The C compiler that it is for.
    pub toolchain: CcKind,
    /// Words for the kernel's command line.
    pub cmdline: Vec<String>,
    /// What a guest needs, in MiB, where that is more than usual.
    pub memory_mib: Option<u32>,
    /// How much slower than a plain kernel this one may be, as a factor.
    pub slowness: u32,
    pub fail: Option<Fail>,
    /// Reports that the unpatched kernel gives as well.
    pub known: Vec<Known>,
    /// What shows that this configuration finds what it is for.
    pub proofs: Vec<Proof>,
    /// What the user tells make, on top.
    pub make: MakeVars,
    /// Without the Rust fragment's, which is used where the source allows.
    requests: Vec<Request>,
    rust: Vec<Request>,
}

/// Allocations that fail, all of them, in a kernel with `CONFIG_FAILSLAB` and
/// its filter by call stack.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fail {
    /// The function of the kernel that must be on the call stack.
    #[serde(rename = "in")]
    pub function: String,
    /// Of all blocks of two pages or more that may not be waited for, anywhere:
    /// how many in a hundred fail as well.
    #[serde(default)]
    pub pages_percent: u8,
    /// Arms that allocate there: a case of theirs in which nothing failed has
    /// shown nothing.
    pub arms: Vec<String>,
}

/// A report that the unpatched kernel gives as well: named in a case, no verdict.
/// Not for lockdep, which goes silent after its first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// What reports: `KCSAN`, `lockdep`…
    pub kind: String,
    /// The end of the report's first line: the functions.
    pub at: String,
    /// What it is, and why it is not ours.
    pub why: String,
}

/// A faulty kernel that this configuration, and not the plain one, finds out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// An arm of the lab, or a patch, relative to the checkout.
    pub arm: String,
    /// The scenario that it is run in, or [`Proof::KUNIT`].
    pub scenario: String,
    /// What it must get there, as in a table of verdicts.
    pub verdict: String,
}

impl Proof {
    /// In place of a scenario: the KUnit tests, which the arm runs at boot.
    pub const KUNIT: &str = "KUnit";

    /// Whether KUnit has to find the kernel out, and no scenario.
    #[must_use]
    pub fn by_kunit(&self) -> bool {
        self.scenario == Self::KUNIT
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No file of that name in `kernel-config`.
    #[error("no kernel configuration {name:?}; there are {known}")]
    Unknown { name: String, known: String },
    /// A file cannot be read.
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    /// The list of fragments has a fixed format.
    #[error("{path}: {error}")]
    Format {
        path: PathBuf,
        /// With line and column.
        error: Box<toml::de::Error>,
    },
    /// A line of a fragment is not an option.
    #[error("{place}: {line:?} is neither CONFIG_X=value nor a comment")]
    Line {
        /// `file:line`.
        place: String,
        line: String,
    },
    /// A fragment wants two different things.
    #[error("{second} wants {name}={value}, but {first} has it otherwise")]
    Conflict {
        name: String,
        /// What the later line wants.
        value: String,
        /// `file:line` of the earlier one.
        first: String,
        /// `file:line` of the later one.
        second: String,
    },
    /// The kernel's configuration did not take an option.
    #[error("{}", lost_text(.0))]
    Lost(Vec<LostOption>),
}

/// An option that did not survive `olddefconfig`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostOption {
    /// With its `CONFIG_`.
    pub name: String,
    /// What was asked for.
    pub wanted: String,
    /// What the kernel made of it.
    pub got: String,
    /// `file:line` of the request.
    pub place: String,
    /// What it depends on, with present values, or what selects it.
    pub because: Vec<String>,
}

fn lost_text(lost: &[LostOption]) -> String {
    let mut text = String::from("the kernel's configuration did not take:");
    for option in lost {
        text.push_str(&format!(
            "\n  {}={} ({}): got {}",
            option.name, option.wanted, option.place, option.got
        ));
        for line in &option.because {
            text.push_str("\n    ");
            text.push_str(line);
        }
    }
    text
}

/// `kernel-config/NAME.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    title: String,
    fragments: Vec<String>,
    #[serde(default)]
    toolchain: CcKind,
    #[serde(default)]
    cmdline: Vec<String>,
    memory_mib: Option<u32>,
    #[serde(default = "one")]
    slowness: u32,
    fail: Option<Fail>,
    #[serde(default)]
    known: Vec<Known>,
    #[serde(default, rename = "proof")]
    proofs: Vec<Proof>,
}

fn one() -> u32 {
    1
}

/// The fragment that is left out where the source knows no Rust.
const RUST_FRAGMENT: &str = "rust.config";

impl KernelConfig {
    /// The configuration `kernel-config/NAME.toml`.
    ///
    /// # Errors
    /// [`ConfigError`], except for [`ConfigError::Lost`].
    pub fn load(dirs: &Dirs, name: &str) -> Result<Self, ConfigError> {
        let dir = dirs.repo.join("kernel-config");
        let path = dir.join(format!("{name}.toml"));
        if name.contains(['/', '.']) || !path.exists() {
            let known = Self::list(dirs).join(", ");
            return Err(ConfigError::Unknown { name: name.into(), known });
        }
        let file: ConfigFile = toml::from_str(&read(&path)?)
            .map_err(|error| ConfigError::Format { path: path.clone(), error: Box::new(error) })?;
        let (mut requests, mut rust) = (Vec::new(), Vec::new());
        for fragment in &file.fragments {
            let path = dir.join(fragment);
            let shown = format!("kernel-config/{fragment}");
            let into = if fragment == RUST_FRAGMENT { &mut rust } else { &mut requests };
            into.extend(parse(&shown, &read(&path)?)?);
        }
        Ok(Self {
            name: name.into(),
            title: file.title,
            toolchain: file.toolchain,
            cmdline: file.cmdline,
            memory_mib: file.memory_mib,
            slowness: file.slowness.max(1),
            fail: file.fail,
            known: file.known,
            proofs: file.proofs,
            make: MakeVars::default(),
            requests,
            rust,
        })
    }

    /// One fragment, wherever it is, and the checkout's for Rust on top.
    ///
    /// # Errors
    /// [`ConfigError`], except for [`ConfigError::Lost`].
    pub fn of_fragment(dirs: &Dirs, name: &str, path: &Path) -> Result<Self, ConfigError> {
        let shown = path.strip_prefix(&dirs.repo).unwrap_or(path).display().to_string();
        let rust = dirs.repo.join("kernel-config").join(RUST_FRAGMENT);
        Ok(Self {
            name: name.into(),
            title: String::new(),
            toolchain: CcKind::Gcc,
            cmdline: Vec::new(),
            memory_mib: None,
            slowness: 1,
            fail: None,
            known: Vec::new(),
            proofs: Vec::new(),
            make: MakeVars::default(),
            requests: parse(&shown, &read(path)?)?,
            rust: parse(&format!("kernel-config/{RUST_FRAGMENT}"), &read(&rust)?)?,
        })
    }

    /// Puts a fragment of the user's on top: its options win, and are verified
    /// like all others.
    ///
    /// # Errors
    /// [`ConfigError`], except for [`ConfigError::Lost`].
    pub fn add_fragment(&mut self, path: &Path) -> Result<(), ConfigError> {
        let more = parse(&path.display().to_string(), &read(path)?)?;
        self.rust.retain(|request| more.iter().all(|other| other.name != request.name));
        self.requests.extend(more);
        Ok(())
    }

    /// Whether a fragment wants a kernel without Rust.
    pub(crate) fn refuses_rust(&self) -> bool {
        let asked = self.requests.iter().rfind(|request| request.name == "CONFIG_RUST");
        asked.is_some_and(|request| request.value == "n")
    }

    /// The names of all configurations, sorted.
    #[must_use]
    pub fn list(dirs: &Dirs) -> Vec<String> {
        let entries = fs::read_dir(dirs.repo.join("kernel-config")).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| {
            Some(entry.file_name().to_str()?.strip_suffix(".toml")?.to_owned())
        });
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// All requests for a kernel with or without Rust, and an arm's options
    /// on top (which override, as an arm knows what it needs); of each of those
    /// the line and its place.
    ///
    /// # Errors
    /// [`ConfigError::Line`].
    pub fn requests(
        &self,
        rust: bool,
        arm: &[(String, String)],
    ) -> Result<Vec<Request>, ConfigError> {
        let mut all: BTreeMap<String, Request> = BTreeMap::new();
        let rust = if rust { self.rust.as_slice() } else { &[] };
        for request in self.requests.iter().chain(rust) {
            all.insert(request.name.clone(), request.clone());
        }
        for (line, place) in arm {
            let request = request(line, place.clone())?;
            all.insert(request.name.clone(), request);
        }
        Ok(all.into_values().collect())
    }
}

/// The lines that `olddefconfig` starts from, on top of tinyconfig's.
#[must_use]
pub fn text(requests: &[Request]) -> String {
    requests.iter().map(|request| format!("{}\n", line(request))).collect()
}

fn line(request: &Request) -> String {
    match request.value.as_str() {
        "n" => format!("# {} is not set", request.name),
        value => format!("{}={value}", request.name),
    }
}

/// Compares what was asked for with the `.config` that came out.
///
/// # Errors
/// [`ConfigError::Lost`] with every option that is not as requested.
pub(crate) fn verify(
    requests: &[Request],
    dot_config: &str,
    kconfig: &dyn Fn() -> Kconfig,
) -> Result<(), ConfigError> {
    let values = values(dot_config);
    let got = |name: &str| values.get(name).cloned().unwrap_or_else(|| "n".to_owned());
    let lost: Vec<&Request> = requests.iter().filter(|r| got(&r.name) != r.value).collect();
    if lost.is_empty() {
        return Ok(());
    }
    // Reading all of the source's Kconfig files takes a second: only now.
    let kconfig = kconfig();
    let explain = |request: &&Request| LostOption {
        name: request.name.clone(),
        wanted: request.value.clone(),
        got: got(&request.name),
        place: request.place.clone(),
        because: kconfig.explain(&request.name, &request.value, &values),
    };
    Err(ConfigError::Lost(lost.iter().map(explain).collect()))
}

/// `CONFIG_X` → value of everything that a `.config` sets.
fn values(dot_config: &str) -> BTreeMap<String, String> {
    dot_config
        .lines()
        .filter(|line| line.starts_with("CONFIG_"))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|error| ConfigError::Io { path: path.into(), error })
}

fn parse(file: &str, text: &str) -> Result<Vec<Request>, ConfigError> {
    let mut requests = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let place = format!("{file}:{}", index + 1);
        // As the kernel's own tools write an option that is off.
        let off = line.strip_prefix("# ").and_then(|rest| rest.strip_suffix(" is not set"));
        if let Some(name) = off.filter(|name| name.starts_with("CONFIG_")) {
            requests.push(request(&format!("{name}=n"), place)?);
        } else if !line.is_empty() && !line.starts_with('#') {
            requests.push(request(line, place)?);
        }
    }
    check_conflicts(&requests)?;
    Ok(requests)
}

fn request(line: &str, place: String) -> Result<Request, ConfigError> {
    match line.split_once('=') {
        Some((name, value)) if is_option(line) => {
            Ok(Request { name: name.into(), value: value.into(), place })
        }
        _ => Err(ConfigError::Line { place, line: line.into() }),
    }
}

/// `CONFIG_NAME=value`
#[must_use]
pub fn is_option(line: &str) -> bool {
    let Some((name, value)) = line.split_once('=') else { return false };
    let symbol = name.strip_prefix("CONFIG_").unwrap_or_default();
    let number = value.strip_prefix('-').unwrap_or(value);
    let number = number.strip_prefix("0x").unwrap_or(number);
    let valid = matches!(value, "y" | "n" | "m")
        || value.len() >= 2 && value.starts_with('"') && value.ends_with('"')
        || !number.is_empty() && number.bytes().all(|b| b.is_ascii_hexdigit());
    !symbol.is_empty() && symbol.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && valid
}

/// A later fragment may override an earlier one; a fragment not itself.
fn check_conflicts(requests: &[Request]) -> Result<(), ConfigError> {
    let mut seen: BTreeMap<&str, &Request> = BTreeMap::new();
    for request in requests {
        let first = *seen.entry(&request.name).or_insert(request);
        if first.value != request.value {
            return Err(ConfigError::Conflict {
                name: request.name.clone(),
                value: request.value.clone(),
                first: first.place.clone(),
                second: request.place.clone(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
