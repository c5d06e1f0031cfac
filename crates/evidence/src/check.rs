// SPDX-License-Identifier: MIT OR Apache-2.0
//! A `run.json` may come from somebody else. Whoever reads one may rely on
//! what is checked here: names are words, paths stay inside the run's folder,
//! a case is one of the run and is there once.

use crate::record::{Case, OLDEST_SCHEMA, RunRecord, SCHEMA_VERSION};
use std::collections::BTreeSet;
use std::path::{Component, Path};

/// Letters, digits, `-`, `_`, `.`, `+`: fit for a file name, a table and a
/// shell; no path, no option.
fn is_word(text: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    !text.is_empty() && text.len() <= 100 && text.chars().all(fine) && !text.starts_with(['-', '.'])
}

/// A relative path that only goes down.
fn is_inside(path: &str) -> bool {
    let parts = Path::new(path).components();
    !path.is_empty()
        && !path.contains(|c: char| c.is_control() || c == '\\')
        && parts.clone().count() > 0
        && parts.into_iter().all(|part| matches!(part, Component::Normal(_)))
}

impl RunRecord {
    /// Parses and checks a `run.json`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        let word = |key: &str, of: &serde_json::Value| match of.get(key) {
            Some(serde_json::Value::String(word)) => word.clone(),
            _ => "unknown".to_owned(),
        };
        let tool = value.get("tool").unwrap_or(&serde_json::Value::Null);
        let writer = format!("version {}, commit {}", word("version", tool), word("commit", tool));
        match value.get("schema_version").and_then(serde_json::Value::as_u64) {
            Some(version) if (OLDEST_SCHEMA.into()..=SCHEMA_VERSION.into()).contains(&version) => {}
            Some(version) => {
                return Err(format!(
                    "schema version {version}, this tool reads {OLDEST_SCHEMA} to {SCHEMA_VERSION}; \
                     it was written by {writer}"
                ));
            }
            None => return Err("no schema_version".to_owned()),
        }
        let mut run: Self = serde_json::from_value(value)
            .map_err(|error| format!("{error}; it was written by {writer}, perhaps a newer one"))?;
        run.schema_version = SCHEMA_VERSION;
        run.check()?;
        Ok(run)
    }

    fn check(&self) -> Result<(), String> {
        let arms = self.arms.iter().map(|arm| arm.name.as_str()).collect::<BTreeSet<_>>();
        let scenarios = self.scenarios.iter().map(|s| s.id.as_str()).collect::<BTreeSet<_>>();
        for (what, names, count) in
            [("arm", &arms, self.arms.len()), ("scenario", &scenarios, self.scenarios.len())]
        {
            if let Some(name) = names.iter().find(|name| !is_word(name)) {
                return Err(format!("{name:?} is no name of an {what}"));
            }
            if names.len() != count {
                return Err(format!("a name of an {what} is there twice"));
            }
        }
        let planned = (arms.len() as u64 * scenarios.len() as u64)
            .checked_mul(u64::from(self.attempts))
            .filter(|planned| u32::try_from(*planned).is_ok());
        if planned.is_none() {
            return Err(format!("{} attempts are too many", self.attempts));
        }
        let mut seen = BTreeSet::new();
        for case in &self.cases {
            self.check_case(case, &arms, &scenarios)?;
            if !seen.insert(&case.id) {
                return Err(format!("case {:?} is there twice", case.id));
            }
        }
        Ok(())
    }

    fn check_case(
        &self,
        case: &Case,
        arms: &BTreeSet<&str>,
        scenarios: &BTreeSet<&str>,
    ) -> Result<(), String> {
        let known = arms.contains(case.arm.as_str())
            && scenarios.contains(case.scenario.as_str())
            && (1..=self.attempts).contains(&case.attempt)
            && case.id == format!("{}/{}/{}", case.arm, case.scenario, case.attempt);
        if !known {
            return Err(format!("case {:?} is not one of this run", case.id));
        }
        match case.files.values().find(|path| !is_inside(path)) {
            Some(path) => Err(format!("case {} names {path:?}, outside its folder", case.id)),
            None => Ok(()),
        }
    }
}
