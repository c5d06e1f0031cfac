// SPDX-License-Identifier: MIT OR Apache-2.0
//! `series.toml`: which patches and files make which mail.

use kbuild::config::is_option;
use kbuild::{Content, Overlay};
use patch::{Fuzz, Mailed, Patch, PatchError};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What is wrong with `series.toml` or a file that it names.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The format is fixed.
    #[error("{path}: {error}")]
    Format {
        path: PathBuf,
        /// With line and column.
        error: Box<toml::de::Error>,
    },
    /// A file cannot be read.
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    /// A patch is damaged.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// The words do not fit together.
    #[error("{path}: {why}")]
    Wrong { path: PathBuf, why: String },
}

/// The series, read and checked for form.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The folder with `arms/`, `patches/`, `series/` and `tracker/`.
    pub(crate) kernel: PathBuf,
    /// In the order in which they are sent.
    pub parts: Vec<Part>,
    /// In the order of the mails, those of all parts.
    pub steps: Vec<Step>,
    /// Kernels that it claims to work on, the first being the one it is made for.
    pub on: Vec<On>,
    /// Kinds of checkpatch's remarks that are answered, and the answers.
    pub(crate) answered: BTreeMap<String, String>,
}

/// Mails that are sent together, under a cover letter of their own.
#[derive(Debug, Clone)]
pub struct Part {
    /// Also that of the folder.
    pub name: String,
    /// Subject and text of the cover letter.
    pub(crate) cover: (String, String),
    /// Which of the plan's steps.
    pub(crate) steps: Range<usize>,
}

#[derive(Debug, Clone)]
pub struct Step {
    /// Name of the message file without its end: `hooks`.
    pub name: String,
    /// First line of the message.
    pub subject: String,
    pub(crate) message: String,
    /// What is said below the message's `---`; may be empty.
    pub(crate) notes: String,
    patches: Vec<Patch>,
    files: Vec<(String, Vec<u8>)>,
    /// Options that this step adds, and that a build has to switch on.
    pub(crate) config: Vec<String>,
    /// The same, for kernels with Rust.
    pub(crate) config_rust: Vec<String>,
    /// After this step the tree is this arm's.
    pub(crate) arm: Option<String>,
}

/// A kernel that the series claims to work on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct On {
    /// A Debian package, or any other word that `--kernel-src` knows.
    pub kernel: String,
    /// Names of the steps that apply there; all when empty.
    #[serde(default)]
    pub steps: Vec<String>,
    /// Build each step, not only the last.
    #[serde(default)]
    pub every_step: bool,
    /// `CONFIG_RUST` values to build with.
    #[serde(default = "with_and_without")]
    pub rust: Vec<bool>,
    /// The C part alone gives the tree of this arm.
    pub arm: Option<String>,
}

fn with_and_without() -> Vec<bool> {
    vec![false, true]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    part: Vec<PartFile>,
    patch: Vec<StepFile>,
    #[serde(default)]
    on: Vec<On>,
    #[serde(default)]
    answered: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartFile {
    name: String,
    cover: String,
    steps: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepFile {
    message: String,
    #[serde(default)]
    patches: Vec<String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    #[expect(dead_code, reason = "told to readers of the file; the mails are the same")]
    optional: bool,
    #[serde(default)]
    config: Vec<String>,
    #[serde(default)]
    config_rust: Vec<String>,
    arm: Option<String>,
}

impl Step {
    /// Whether it changes, or adds, a file whose path is as wanted.
    pub(crate) fn touches(&self, wanted: &dyn Fn(&str) -> bool) -> bool {
        let mut paths = self.patches.iter().flat_map(Patch::paths);
        paths.any(wanted) || self.files.iter().any(|(path, _)| wanted(path))
    }
}

impl Plan {
    /// Reads `series/series.toml` below the folder `kernel`.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn load(kernel: &Path) -> Result<Self, PlanError> {
        let folder = kernel.join("series");
        let path = folder.join("series.toml");
        let file: PlanFile = toml::from_str(&read(&path)?)
            .map_err(|error| PlanError::Format { path: path.clone(), error: Box::new(error) })?;
        let wrong = |why: String| PlanError::Wrong { path: path.clone(), why };
        let mut steps = Vec::new();
        for step in file.patch {
            steps.push(load_step(kernel, &folder, step)?);
        }
        for on in &file.on {
            if let Some(name) = on.steps.iter().find(|name| !steps.iter().any(|s| s.name == **name))
            {
                return Err(wrong(format!("{} names the step {name:?}, which is none", on.kernel)));
            }
        }
        if steps.is_empty() || file.on.is_empty() {
            return Err(wrong("at least one [[patch]] and one [[on]] are needed".into()));
        }
        let mut parts: Vec<Part> = Vec::new();
        for part in file.part {
            check_name(&part.name).map_err(&wrong)?;
            let first = parts.last().map_or(0, |part| part.steps.end);
            let range = first..first + part.steps.len();
            let there = steps.get(range.clone()).unwrap_or_default();
            if part.steps.is_empty() || !there.iter().map(|step| &step.name).eq(&part.steps) {
                let why = format!("the steps of the part {} do not come next", part.name);
                return Err(wrong(why));
            }
            let Message { subject, body, .. } = message(&folder.join(&part.cover))?;
            parts.push(Part { name: part.name, cover: (subject, body), steps: range });
        }
        if parts.last().is_none_or(|part| part.steps.end != steps.len()) {
            return Err(wrong("every [[patch]] has to be in a [[part]]".into()));
        }
        let (on, answered) = (file.on, file.answered);
        Ok(Self { kernel: kernel.into(), parts, steps, on, answered })
    }

    /// Kinds of checkpatch's remarks that are passed over, and why.
    #[must_use]
    pub fn answered(&self) -> Vec<(String, String)> {
        self.answered.clone().into_iter().collect()
    }

    /// The fragment that kernels are configured with.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.kernel.join("series/build.config")
    }

    /// What a part's cover letter says that it applies to beside `first`: all
    /// that is checked.
    pub(crate) fn base(&self, part: &Part, first: &str) -> String {
        let mut text = format!("Based on {first}");
        for on in self.on.iter().skip(1) {
            let steps = self.steps_on(on);
            let numbers: Vec<String> = (1..)
                .zip(&self.steps[part.steps.clone()])
                .filter(|(_, step)| steps.iter().any(|other| other.name == step.name))
                .map(|(number, _)| number.to_string())
                .collect();
            let kernel = on.kernel.replace("linux-source-", "linux ");
            text += &match numbers.len() {
                0 => String::new(),
                _ if on.kernel == self.on[0].kernel => {
                    format!("; {} also by itself", numbers.join(", "))
                }
                all if all == part.steps.len() => format!("; applies to {kernel} as well"),
                _ => format!("; of it {} to {kernel}", numbers.join(", ")),
            };
        }
        text + "."
    }

    /// The steps that a kernel gets.
    pub(crate) fn steps_on(&self, on: &On) -> Vec<&Step> {
        let wanted = |step: &&Step| on.steps.is_empty() || on.steps.contains(&step.name);
        self.steps.iter().filter(wanted).collect()
    }
}

/// What a tree looks like after each of `steps`, as far as it was changed.
///
/// # Errors
/// The name of the step that does not apply, and why.
pub(crate) fn overlays(
    steps: &[&Step],
    pristine: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<Vec<Overlay>, (String, Box<PatchError>)> {
    let mut overlay = Overlay::default();
    let mut all = Vec::new();
    for step in steps {
        for patch in &step.patches {
            patch::apply(patch, Fuzz::Strict, &mut overlay, pristine)
                .map_err(|error| (step.name.clone(), Box::new(error)))?;
        }
        for (to, data) in &step.files {
            overlay.set(to, Content::File { data: data.clone(), executable: false });
        }
        all.push(overlay.clone());
    }
    Ok(all)
}

fn load_step(kernel: &Path, folder: &Path, file: StepFile) -> Result<Step, PlanError> {
    let path = folder.join(&file.message);
    let Message { subject, body, notes } = message(&path)?;
    let mut patches = Vec::new();
    for name in &file.patches {
        let text = read(&kernel.join(name))?.into_bytes();
        let Mailed { patches: read, .. } = patch::read(&[(name.clone(), text)])?;
        patches.extend(read);
    }
    let mut files = Vec::new();
    for (to, from) in &file.files {
        if let Err(why) = patch::check_path(to) {
            return Err(PlanError::Wrong { path, why: format!("{to}: {why}") });
        }
        files.push((to.clone(), read(&kernel.join(from))?.into_bytes()));
    }
    for option in file.config.iter().chain(&file.config_rust) {
        if !is_option(option) {
            return Err(PlanError::Wrong { path, why: format!("{option:?} is no CONFIG_X=y") });
        }
    }
    let name = file.message.strip_suffix(".txt").unwrap_or(&file.message).to_owned();
    let (config, config_rust) = (file.config, file.config_rust);
    let text = if body.is_empty() { subject.clone() } else { format!("{subject}\n\n{body}") };
    let (message, arm) = (text, file.arm);
    Ok(Step { name, subject, message, notes, patches, files, config, config_rust, arm })
}

/// A message's file.
struct Message {
    /// First line.
    subject: String,
    /// What follows the empty line after it.
    body: String,
    /// What follows a line `---`.
    notes: String,
}

fn message(path: &Path) -> Result<Message, PlanError> {
    let text = read(path)?;
    let (text, notes) = text.split_once("\n---\n").unwrap_or((&text, ""));
    let (subject, body) = text.split_once('\n').unwrap_or((text, ""));
    if subject.trim().is_empty() || !body.is_empty() && !body.starts_with('\n') {
        let why = "a subject and an empty line are expected first".into();
        return Err(PlanError::Wrong { path: path.into(), why });
    }
    let own = |text: &str| text.trim().to_owned();
    Ok(Message { subject: own(subject), body: own(body), notes: own(notes) })
}

/// It is a folder.
fn check_name(name: &str) -> Result<(), String> {
    let fine = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fine && !name.is_empty() { Ok(()) } else { Err(format!("{name:?} is no name of a part")) }
}

fn read(path: &Path) -> Result<String, PlanError> {
    fs::read_to_string(path).map_err(|error| PlanError::Io { path: path.into(), error })
}
