// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arms: named stacks of patches, files and options over one source.

use crate::Dirs;
use crate::overlay::{Content, Overlay};
use crate::patch::{self, Fuzz, Patch, PatchError, split_mbox};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What an arm adds, in the order in which it is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Layer {
    Patch {
        patch: Patch,
        fuzz: Fuzz,
    },
    /// A file put at `to`, whether one is there or not.
    File {
        to: String,
        data: Vec<u8>,
    },
}

/// A kernel under test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arm {
    /// As on the command line.
    pub name: String,
    /// One line for tables and help.
    pub title: String,
    /// Whether the source must support Rust.
    pub needs_rust: bool,
    /// Options beyond the configuration's, as `CONFIG_X=y`, each with the
    /// place that it comes from for messages.
    pub(crate) options: Vec<(String, String)>,
    layers: Vec<Layer>,
}

/// Why an arm cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArmError {
    /// No file of that name in `kernel/arms`.
    #[error("no arm {name:?}; there are {known} (your own: --arm NAME=PATH)")]
    Unknown {
        /// As asked for.
        name: String,
        /// Those that exist.
        known: String,
    },
    /// Arm files have a fixed format.
    #[error("{path}: {error}")]
    Format {
        /// The arm file.
        path: PathBuf,
        /// With line and column.
        error: Box<toml::de::Error>,
    },
    /// The names are used in paths and tables.
    #[error("arm name {0:?}: use letters, digits, '-' and '_'")]
    Name(String),
    /// `on` leads back to the arm itself.
    #[error("arm {0:?} stacks on itself")]
    Cycle(String),
    /// A file that the arm needs cannot be read.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// A line of `config` is not an option.
    #[error("{place}: {line:?} is not of the form CONFIG_X=y")]
    Option {
        /// The arm file.
        place: String,
        /// The line.
        line: String,
    },
    /// A patch is damaged, refused, or does not apply.
    #[error(transparent)]
    Patch(#[from] PatchError),
}

/// `kernel/arms/NAME.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArmFile {
    title: String,
    #[serde(default)]
    needs_rust: bool,
    on: Option<String>,
    #[serde(default)]
    patches: Vec<String>,
    #[serde(default)]
    config: Vec<String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
}

impl Arm {
    /// One of the lab's own arms: `kernel/arms/NAME.toml`.
    ///
    /// # Errors
    /// [`ArmError`].
    pub fn load(dirs: &Dirs, name: &str) -> Result<Self, ArmError> {
        check_name(name)?;
        let kernel = dirs.repo.join("kernel");
        let path = kernel.join("arms").join(format!("{name}.toml"));
        if !path.exists() {
            return Err(ArmError::Unknown {
                name: name.into(),
                known: Self::list(dirs).join(", "),
            });
        }
        Self::from_toml(name, &path, &kernel, &mut vec![name.to_owned()])
    }

    /// The names of the lab's own arms, sorted.
    #[must_use]
    pub fn list(dirs: &Dirs) -> Vec<String> {
        let entries = fs::read_dir(dirs.repo.join("kernel/arms"));
        let mut names: Vec<String> = entries
            .map(|entries| {
                entries
                    .flatten()
                    .filter_map(|entry| {
                        Some(entry.file_name().to_str()?.strip_suffix(".toml")?.to_owned())
                    })
                    .collect()
            })
            .unwrap_or_default();
        names.sort();
        names
    }

    /// A user's own arm: a patch, an mbox of several, a directory with a quilt
    /// `series`, or an arm file (whose paths are relative to its directory).
    ///
    /// # Errors
    /// [`ArmError`].
    pub fn from_path(name: &str, path: &Path) -> Result<Self, ArmError> {
        check_name(name)?;
        if path.extension().is_some_and(|extension| extension == "toml") {
            let base = path.parent().unwrap_or(Path::new("."));
            return Self::from_toml(name, path, base, &mut vec![name.to_owned()]);
        }
        let patches = if path.is_dir() { read_series(path)? } else { read_patches(path)? };
        let title = patches.first().map_or_else(String::new, |patch| patch.name.clone());
        let layers =
            patches.into_iter().map(|patch| Layer::Patch { patch, fuzz: Fuzz::Lenient }).collect();
        // Whether it needs Rust only its build can tell.
        Ok(Self { name: name.into(), title, needs_rust: false, options: vec![], layers })
    }

    fn from_toml(
        name: &str,
        path: &Path,
        base: &Path,
        stack: &mut Vec<String>,
    ) -> Result<Self, ArmError> {
        let text = String::from_utf8_lossy(&read(path)?).into_owned();
        let file: ArmFile = toml::from_str(&text)
            .map_err(|error| ArmError::Format { path: path.into(), error: Box::new(error) })?;
        let mut arm = match &file.on {
            None => Self {
                name: String::new(),
                title: String::new(),
                needs_rust: false,
                options: vec![],
                layers: vec![],
            },
            Some(below) => {
                check_name(below)?;
                if stack.contains(below) {
                    return Err(ArmError::Cycle(below.clone()));
                }
                stack.push(below.clone());
                let arms = path.parent().unwrap_or(Path::new("."));
                Self::from_toml(below, &arms.join(format!("{below}.toml")), base, stack)?
            }
        };
        arm.name = name.into();
        arm.title = file.title;
        arm.needs_rust |= file.needs_rust;
        for line in file.config {
            let place = path.display().to_string();
            if !crate::config::is_option(&line) {
                return Err(ArmError::Option { place, line });
            }
            arm.options.push((line, place));
        }
        for patch in &file.patches {
            let patches = read_patches(&base.join(patch))?;
            arm.layers.extend(
                patches.into_iter().map(|patch| Layer::Patch { patch, fuzz: Fuzz::Strict }),
            );
        }
        for (to, from) in &file.files {
            if let Err(why) = patch::check_path(to) {
                let patch = path.display().to_string();
                return Err(PatchError::Refused { patch, path: to.clone(), why }.into());
            }
            let data = read(&base.join(from))?;
            arm.layers.push(Layer::File { to: to.clone(), data });
        }
        Ok(arm)
    }

    /// The Rust files that the arm file names: held to the kernel's rules, as a
    /// patch of somebody's is not.
    pub(crate) fn rust_files(&self) -> impl Iterator<Item = &str> {
        self.layers.iter().filter_map(|layer| match layer {
            Layer::File { to, .. } => Some(to.as_str()).filter(|to| to.ends_with(".rs")),
            Layer::Patch { .. } => None,
        })
    }

    /// The files that this arm changes in a tree whose unchanged files are
    /// read with `pristine`, and what was done less than exactly.
    ///
    /// # Errors
    /// [`PatchError`] when a patch does not apply.
    pub fn overlay(
        &self,
        pristine: &dyn Fn(&str) -> Option<Vec<u8>>,
    ) -> Result<(Overlay, Vec<String>), PatchError> {
        let mut overlay = Overlay::default();
        let mut notes = Vec::new();
        for layer in &self.layers {
            match layer {
                Layer::Patch { patch, fuzz } => {
                    notes.extend(patch::apply(patch, *fuzz, &mut overlay, pristine)?.notes);
                }
                Layer::File { to, data } => {
                    overlay.set(to, Content::File { data: data.clone(), executable: false });
                }
            }
        }
        Ok((overlay, notes))
    }
}

mod portable;

pub use portable::PortableArm;

fn check_name(name: &str) -> Result<(), ArmError> {
    let fine = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fine { Ok(()) } else { Err(ArmError::Name(name.into())) }
}

fn read(path: &Path) -> Result<Vec<u8>, ArmError> {
    fs::read(path).map_err(|error| ArmError::Io { path: path.into(), error })
}

/// A file with one patch or several mails.
fn read_patches(path: &Path) -> Result<Vec<Patch>, ArmError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(split_mbox(&name, &String::from_utf8_lossy(&read(path)?))?)
}

/// A directory with a quilt series, or one that holds it in `patches/`.
fn read_series(dir: &Path) -> Result<Vec<Patch>, ArmError> {
    let nested = dir.join("patches");
    let dir = if dir.join("series").exists() { dir } else { nested.as_path() };
    let series = String::from_utf8_lossy(&read(&dir.join("series"))?).into_owned();
    let mut patches = Vec::new();
    for line in series.lines() {
        // Options such as -p1 follow the name; -p1 is what is understood.
        let Some(name) = line.split('#').next().unwrap_or("").split_whitespace().next() else {
            continue;
        };
        patches.extend(read_patches(&dir.join(name))?);
    }
    Ok(patches)
}

#[cfg(test)]
mod tests;
