// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an arm is there for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An arm's part in a comparison; in the order of tables.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The unpatched kernel: shows that the tests have teeth.
    Control,
    /// Somebody's idea, which may have holes.
    #[default]
    Candidate,
    /// Must be clean in every scenario.
    Fix,
    /// Runs the tracker's KUnit tests at boot.
    Kunit,
    /// Broken on purpose: must be found out.
    Mutant,
}
