// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a cut under load may leave: a scenario permits causes, arm by arm, what
//! follows from how that arm works, and nothing else.

use crate::cause::Cause;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Causes that a scenario permits, by arm; `"*"` stands for every arm but those
/// with an empty list, which are permitted nothing.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Permits(BTreeMap<String, Vec<Cause>>);

impl Permits {
    /// Whether what `arm` shows for this reason is no failure of the arm.
    #[must_use]
    pub fn permits(&self, arm: &str, cause: Cause) -> bool {
        let listed = |name| self.0.get(name).is_some_and(|list| list.contains(&cause));
        !self.0.get(arm).is_some_and(Vec::is_empty) && (listed(arm) || listed("*"))
    }

    /// A permit that would make every check void: what is not understood.
    #[must_use]
    pub fn blank_cheque(&self) -> Option<&str> {
        let named = self.0.iter().find(|(_, list)| list.contains(&Cause::Unknown));
        named.map(|(arm, _)| arm.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_permits_nothing() {
        let text = "\"*\" = [\"torn-set\"]\nbase = [\"late-fill\"]\nstrict = []";
        let permits: Permits = toml::from_str(text).unwrap();
        let both = [Cause::TornSet, Cause::LateFill];
        let permitted = |arm| both.map(|cause| permits.permits(arm, cause));
        assert_eq!(permitted("base"), [true, true]);
        assert_eq!(permitted("other"), [true, false]);
        assert_eq!(permitted("strict"), [false, false]);
    }
}
