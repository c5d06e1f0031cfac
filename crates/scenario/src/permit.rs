// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a cut under load may leave: a scenario permits causes, arm by arm, what
//! follows from how that arm works, and nothing else.

use crate::cause::Cause;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Causes that a scenario permits, by arm; `"*"` stands for every arm.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Permits(BTreeMap<String, Vec<Cause>>);

impl Permits {
    /// Whether what `arm` shows for this reason is no failure of the arm.
    #[must_use]
    pub fn permits(&self, arm: &str, cause: Cause) -> bool {
        [arm, "*"].iter().any(|name| self.0.get(*name).is_some_and(|list| list.contains(&cause)))
    }

    /// A permit that would make every check void: what is not understood.
    #[must_use]
    pub fn blank_cheque(&self) -> Option<&str> {
        let named = self.0.iter().find(|(_, list)| list.contains(&Cause::Unknown));
        named.map(|(arm, _)| arm.as_str())
    }
}
