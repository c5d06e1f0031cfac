// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arms: named stacks of patches, files and options over one source.

use super::error::ArmError;
use super::role::{Occasion, Tracker, Variant};
use evidence::Role;
use patch::{Content, Overlay};
use patch::{Fuzz, Patch, PatchError};

/// What an arm adds, in the order in which it is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Layer {
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arm {
    /// As on the command line.
    pub name: String,
    /// One line for tables and help.
    pub title: String,
    /// How it works, in paragraphs: those of the arms that it stands on first.
    pub about: Vec<String>,
    /// Whether the source must support Rust.
    pub needs_rust: bool,
    /// Its part in a comparison.
    pub role: Role,
    /// How it keeps track of writes; as the arm that it stands on, where its
    /// file does not say.
    pub tracker: Tracker,
    /// Its switches, and those of the arms that it stands on.
    pub variants: Vec<Variant>,
    /// Runs that take it unasked.
    pub(super) runs: Vec<Occasion>,
    /// Arms that it stands on.
    pub(super) below: usize,
    /// Options beyond the configuration's, as `CONFIG_X=y`, each with the
    /// place that it comes from for messages.
    pub(crate) options: Vec<(String, String)>,
    pub(super) layers: Vec<Layer>,
    /// What was decided when it was read.
    pub(super) notes: Vec<String>,
}

impl Arm {
    /// Whether a run takes it unasked.
    #[must_use]
    pub fn is_in(&self, occasion: Occasion) -> bool {
        self.runs.contains(&occasion)
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
    /// read with `pristine`, and what somebody may want to know of it: mails that
    /// were passed over, context that was missing.
    ///
    /// # Errors
    /// [`PatchError`] when a patch does not apply.
    pub fn overlay(
        &self,
        pristine: &dyn Fn(&str) -> Option<Vec<u8>>,
    ) -> Result<(Overlay, Vec<String>), PatchError> {
        let mut overlay = Overlay::default();
        let mut notes = self.notes.clone();
        for layer in &self.layers {
            match layer {
                Layer::Patch { patch, fuzz } => {
                    notes.extend(patch::apply(patch, *fuzz, &mut overlay, pristine)?);
                }
                Layer::File { to, data } => {
                    overlay.set(to, Content::File { data: data.clone(), executable: false });
                }
            }
        }
        Ok((overlay, notes))
    }
}

/// A name is used in paths and tables.
pub(super) fn check_name(name: &str) -> Result<(), ArmError> {
    let fine = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fine { Ok(()) } else { Err(ArmError::Name(name.into())) }
}
