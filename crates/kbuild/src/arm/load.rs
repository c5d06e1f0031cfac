// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads arms: arm files, and whatever a user has a patch in.

use super::error::ArmError;
use super::role::{Occasion, Tracker, Variant};
use super::stack::{Arm, Layer, check_name};
use crate::Dirs;
use crate::config::is_option;
use evidence::Role;
use patch::{Fuzz, Mailed, PatchError};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// `kernel/arms/NAME.toml`, or a user's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArmFile {
    title: String,
    about: Option<String>,
    #[serde(default)]
    needs_rust: bool,
    #[serde(default)]
    role: Role,
    tracker: Option<Tracker>,
    #[serde(default)]
    runs: Vec<Occasion>,
    #[serde(default, rename = "variant")]
    variants: Vec<Variant>,
    on: Option<String>,
    #[serde(default)]
    patches: Vec<String>,
    #[serde(default)]
    config: Vec<String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
}

/// An arm file, and the folder that its paths are relative to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    file: PathBuf,
    base: PathBuf,
}

impl Place {
    /// One of the lab's own.
    fn own(kernel: &Path, name: &str) -> Self {
        Self { file: kernel.join("arms").join(format!("{name}.toml")), base: kernel.into() }
    }
}

/// The folder with the lab's own arms.
fn kernel(dirs: &Dirs) -> PathBuf {
    dirs.repo.join("kernel")
}

/// The names of the arms in such a folder, sorted.
fn names(kernel: &Path) -> Vec<String> {
    let entries = fs::read_dir(kernel.join("arms")).into_iter().flatten().flatten();
    let names = entries
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".toml")?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

impl Arm {
    /// One of the lab's own arms: `kernel/arms/NAME.toml`.
    ///
    /// # Errors
    /// [`ArmError`].
    pub fn load(dirs: &Dirs, name: &str) -> Result<Self, ArmError> {
        Self::load_from(&kernel(dirs), name)
    }

    /// As [`Arm::load`], out of another folder with arms/, patches/ and tracker/.
    ///
    /// # Errors
    /// [`ArmError`].
    pub fn load_from(kernel: &Path, name: &str) -> Result<Self, ArmError> {
        check_name(name)?;
        from_toml(kernel, name, Place::own(kernel, name), &mut Vec::new())
    }

    /// The names of the lab's own arms, sorted.
    #[must_use]
    pub fn list(dirs: &Dirs) -> Vec<String> {
        names(&kernel(dirs))
    }

    /// All of the lab's own arms in the order of tables: by role, each after
    /// those that it stands on.
    ///
    /// # Errors
    /// [`ArmError`].
    pub fn all(dirs: &Dirs) -> Result<Vec<Self>, ArmError> {
        let mut arms = Vec::new();
        for name in Self::list(dirs) {
            arms.push(Self::load(dirs, &name)?);
        }
        arms.sort_by_key(|arm| (arm.role, arm.below));
        Ok(arms)
    }

    /// A user's own arm: a patch or an mbox of several (compressed or not), a
    /// folder with a quilt `series` or with mails, or an arm file, whose paths
    /// are relative to its folder and which may stand on one of the lab's own.
    ///
    /// # Errors
    /// [`ArmError`].
    pub fn from_path(dirs: &Dirs, name: &str, path: &Path) -> Result<Self, ArmError> {
        check_name(name)?;
        if path.extension().is_some_and(|extension| extension == "toml") {
            let base = path.parent().unwrap_or(Path::new(".")).to_owned();
            let place = Place { file: path.into(), base };
            return from_toml(&kernel(dirs), name, place, &mut Vec::new());
        }
        let Mailed { patches, notes } =
            if path.is_dir() { read_folder(path)? } else { patch::read(&[read_named(path)?])? };
        let title = patches.first().map_or_else(String::new, |patch| patch.name.clone());
        let names: Vec<&str> = patches.iter().map(|patch| patch.name.as_str()).collect();
        let about = if names.len() > 1 { vec![names.join("; ")] } else { Vec::new() };
        let layer = |patch| Layer::Patch { patch, fuzz: Fuzz::Lenient };
        let layers = patches.into_iter().map(layer).collect();
        // Whether it needs Rust only its build can tell.
        Ok(Self { name: name.into(), title, about, layers, notes, ..Self::default() })
    }
}

fn from_toml(
    kernel: &Path,
    name: &str,
    place: Place,
    stack: &mut Vec<Place>,
) -> Result<Arm, ArmError> {
    let (path, base) = (place.file.clone(), place.base.clone());
    if !path.exists() {
        let known = names(kernel).join(", ");
        return Err(ArmError::Unknown { name: name.into(), known });
    }
    let text = String::from_utf8_lossy(&read(&path)?).into_owned();
    let file: ArmFile = toml::from_str(&text)
        .map_err(|error| ArmError::Format { path: path.clone(), error: Box::new(error) })?;
    stack.push(place);
    let mut arm = match &file.on {
        None => Arm::default(),
        Some(below) => {
            check_name(below)?;
            // The neighbour, or else the lab's own of that name.
            let neighbour = path.with_file_name(format!("{below}.toml"));
            let neighbour = Place { file: neighbour, base: base.clone() };
            let mut places = [neighbour, Place::own(kernel, below)].into_iter();
            let place = places.find(|place| place.file.exists() && !stack.contains(place));
            let Some(place) = place else {
                if stack.iter().any(|place| place.file.file_stem() == Path::new(below).file_stem())
                {
                    return Err(ArmError::Cycle(below.clone()));
                }
                let known = names(kernel).join(", ");
                return Err(ArmError::Unknown { name: below.clone(), known });
            };
            let arm = from_toml(kernel, below, place, stack)?;
            Arm { below: arm.below + 1, ..arm }
        }
    };
    arm.name = name.into();
    arm.title = file.title;
    arm.about
        .extend(file.about.map(|about| about.split_whitespace().collect::<Vec<_>>().join(" ")));
    arm.needs_rust |= file.needs_rust;
    arm.role = file.role;
    arm.runs = file.runs;
    arm.tracker = file.tracker.unwrap_or(arm.tracker);
    arm.variants.extend(file.variants);
    let shown = path.display().to_string();
    for line in file.config {
        if !is_option(&line) {
            return Err(ArmError::Option { place: shown, line });
        }
        arm.options.push((line, shown.clone()));
    }
    for patch in &file.patches {
        let Mailed { patches, notes } = patch::read(&[read_named(&base.join(patch))?])?;
        let layer = |patch| Layer::Patch { patch, fuzz: Fuzz::Strict };
        arm.layers.extend(patches.into_iter().map(layer));
        arm.notes.extend(notes);
    }
    for (to, from) in &file.files {
        if let Err(why) = patch::check_path(to) {
            return Err(PatchError::Refused { patch: shown, path: to.clone(), why }.into());
        }
        let data = read(&base.join(from))?;
        arm.layers.push(Layer::File { to: to.clone(), data });
    }
    Ok(arm)
}

fn read(path: &Path) -> Result<Vec<u8>, ArmError> {
    fs::read(path).map_err(|error| ArmError::Io { path: path.into(), error })
}

fn read_named(path: &Path) -> Result<(String, Vec<u8>), ArmError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok((name, read(path)?))
}

/// A folder with a quilt series, or one that holds it in `patches/`, or mails as
/// `git format-patch` and our own `series --out` leave them.
fn read_folder(dir: &Path) -> Result<Mailed, ArmError> {
    for folder in [dir.to_owned(), dir.join("patches")] {
        if folder.join("series").is_file() {
            return read_series(&folder);
        }
    }
    let entries = fs::read_dir(dir).map_err(|error| ArmError::Io { path: dir.into(), error })?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    let ends = ["patch", "diff", "mbox", "mbx", "eml", "gz"];
    paths.retain(|path| path.extension().is_some_and(|end| ends.iter().any(|known| end == *known)));
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        files.push(read_named(&path)?);
    }
    if files.is_empty() {
        return Err(ArmError::NoPatches(dir.into()));
    }
    Ok(patch::read(&files)?)
}

fn read_series(dir: &Path) -> Result<Mailed, ArmError> {
    let path = dir.join("series");
    let series = String::from_utf8_lossy(&read(&path)?).into_owned();
    let mut all = Mailed::default();
    for line in series.lines() {
        let mut words = line.split('#').next().unwrap_or("").split_whitespace();
        let Some(name) = words.next() else { continue };
        let mut read = patch::read(&[read_named(&dir.join(name))?])?;
        for option in words {
            let strip = match option {
                "-p0" => 0,
                "-p1" | "-pab" => 1,
                other => {
                    let why =
                        format!("{name}: of quilt's options -p0 and -p1 are known, not {other}");
                    return Err(
                        PatchError::Malformed { patch: path.display().to_string(), why }.into()
                    );
                }
            };
            read.patches.iter_mut().for_each(|patch| patch.strip = Some(strip));
        }
        all.patches.append(&mut read.patches);
        all.notes.append(&mut read.notes);
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
