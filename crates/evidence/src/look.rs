// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a case looks at a glance; in the order in which one outdoes another.

use crate::record::{Case, Outcome};
use crate::verdict::Verdict;
use comfy_table::Color;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Look {
    Ok,
    Expected,
    Inconclusive,
    Harness,
    Contradiction,
}

impl Look {
    pub(crate) fn of(case: &Case) -> Self {
        match case.outcome {
            Outcome::Verdict { .. } if case.contradicts() => Self::Contradiction,
            Outcome::Verdict { verdict: Verdict::Ok } => Self::Ok,
            Outcome::Verdict { .. } => Self::Expected,
            Outcome::Inconclusive { .. } => Self::Inconclusive,
            Outcome::Harness { .. } => Self::Harness,
        }
    }

    /// In a page.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Ok => "v-ok",
            Self::Expected => "v-expected",
            Self::Inconclusive => "v-inconclusive",
            Self::Harness => "v-harness",
            Self::Contradiction => "v-contradiction",
        }
    }

    /// In a terminal.
    pub(crate) fn colour(self) -> Color {
        match self {
            Self::Ok => Color::DarkGreen,
            Self::Expected => Color::DarkYellow,
            Self::Inconclusive | Self::Harness => Color::DarkMagenta,
            Self::Contradiction => Color::Red,
        }
    }
}
