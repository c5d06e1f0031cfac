// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an arm changes in a source tree: whole files by path.

use std::collections::BTreeMap;

/// A file as the arm wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    File {
        data: Vec<u8>,
        /// Whether its mode has the x bits.
        executable: bool,
    },
    Absent,
}

/// Files that differ from the pristine source, by path in the tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overlay(BTreeMap<String, Content>);

impl Overlay {
    /// The arm's version of a file; `None` where it leaves the pristine one.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Content> {
        self.0.get(path)
    }

    /// Sets the arm's version of a file.
    pub fn set(&mut self, path: &str, content: Content) {
        self.0.insert(path.to_owned(), content);
    }

    /// All changed files, ordered by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Content)> {
        self.0.iter().map(|(path, content)| (path.as_str(), content))
    }

    /// Identifies all that it changes.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        self.feed(&mut hasher);
        hasher.finalize().to_hex().to_string()
    }

    /// Feeds everything into a hash.
    pub fn feed(&self, hasher: &mut blake3::Hasher) {
        for (path, content) in self.iter() {
            hasher.update(&(path.len() as u64).to_le_bytes());
            hasher.update(path.as_bytes());
            match content {
                Content::Absent => hasher.update(b"absent"),
                Content::File { data, executable } => hasher
                    .update(if *executable { b"x" } else { b"-" })
                    .update(&(data.len() as u64).to_le_bytes())
                    .update(data),
            };
        }
    }
}
