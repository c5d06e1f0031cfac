// SPDX-License-Identifier: MIT OR Apache-2.0
//! The last lines of a command's output, for error messages.

use std::collections::VecDeque;

const KEPT: usize = 15;

/// Keeps the newest lines that a person would want to read.
#[derive(Debug, Default)]
pub struct Tail(VecDeque<String>);

impl Tail {
    /// Takes the next line; an empty one says nothing.
    pub fn push(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(line.to_owned());
    }

    /// What was kept, a line each.
    #[must_use]
    pub fn text(self) -> String {
        Vec::from(self.0).join("\n")
    }
}
