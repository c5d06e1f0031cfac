// SPDX-License-Identifier: MIT OR Apache-2.0
//! From files to scenarios: staged ones and loads.

use crate::error::ScenarioError;
use crate::load::{self, JobText};
use crate::scenario::Scenario;
use crate::staged;
use evidence::natural;
use std::path::{Path, PathBuf};

/// Reads every scenario below `dir`, sorted by id.
///
/// # Errors
/// [`ScenarioError`] naming the file and the line.
pub fn load_all(dir: &Path) -> Result<Vec<Scenario>, ScenarioError> {
    let mut scenarios: Vec<Scenario> =
        files(dir)?.iter().map(|path| load(path)).collect::<Result<_, _>>()?;
    scenarios.sort_by_key(|scenario: &Scenario| natural(&scenario.id));
    Ok(scenarios)
}

/// The files of scenarios in a folder.
///
/// # Errors
/// [`ScenarioError::Read`]
pub fn files(dir: &Path) -> Result<Vec<PathBuf>, ScenarioError> {
    let listing = std::fs::read_dir(dir)
        .map_err(|source| ScenarioError::Read { path: dir.to_owned(), source })?;
    let mut paths: Vec<PathBuf> = listing
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ext| ext == "toml"))
        .collect();
    paths.sort();
    Ok(paths)
}

/// Reads one scenario.
///
/// # Errors
/// [`ScenarioError`] naming the file and the line.
pub fn load(path: &Path) -> Result<Scenario, ScenarioError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ScenarioError::Read { path: path.to_owned(), source })?;
    parse(path, &text)
}

/// Parses one scenario; `path` is only for messages.
///
/// # Errors
/// [`ScenarioError`] naming the line and what is allowed there.
pub fn parse(path: &Path, text: &str) -> Result<Scenario, ScenarioError> {
    parse_with(path, text, None)
}

/// The same for a load whose `job` is given, instead of lying in a folder beside
/// `path`.
///
/// # Errors
/// [`ScenarioError`], also when the scenario names another job.
pub fn parse_with(
    path: &Path,
    text: &str,
    job: Option<&JobText>,
) -> Result<Scenario, ScenarioError> {
    load::parse(path, text, job).unwrap_or_else(|| staged::parse(path, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use evidence::Verdict;

    const GOOD: &str = r#"
id = "S1"
name = "n"
title = "t"
why = "w"
[disks]
ssd = { mib = 512, volatile_cache = true }
hdd = { mib = 64, volatile_cache = true }
[bcache]
cache_mode = "writearound"
[blocks]
target = { sector = 0, sectors = 8 }
[[step]]
do = "read"
at = "target"
served_by = "hdd"
proves = "x"
[[step]]
do = "judge"
[expect]
base = "stale"
"#;

    fn line_of(text: &str) -> (usize, String) {
        match parse(Path::new("x.toml"), text) {
            Err(ScenarioError::Syntax { line, message, .. }) => (line, message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_good_one_parses_and_unknown_arms_are_expected_clean() {
        let scenario = parse(Path::new("x.toml"), GOOD).unwrap();
        assert_eq!(scenario.expected("base"), Verdict::Stale);
        assert_eq!(scenario.expected("mine"), Verdict::Ok);
    }

    #[test]
    fn errors_name_the_line_and_what_is_allowed() {
        let (line, message) = line_of(&GOOD.replace("do = \"read\"", "do = \"reed\""));
        assert_eq!(line, 13);
        assert!(message.contains("reed") && message.contains("await-held"), "{message}");
        let (line, message) = line_of(&GOOD.replace("at = \"target\"", "at = \"tarjet\""));
        assert_eq!(line, 13);
        assert!(message.contains("tarjet") && message.contains("target"), "{message}");
        let (line, message) = line_of(&GOOD.replace("writearound", "writesquare"));
        assert_eq!(line, 10, "{message}");
        let (_, message) = line_of(&GOOD.replace("proves = \"x\"", ""));
        assert!(message.contains("opportunity"), "{message}");
        let (_, message) = line_of(&GOOD.replace("sector = 0", "sector = 999999999"));
        assert!(message.contains("target"), "{message}");
        let (_, message) = line_of(&GOOD.replace("mib = 512", "mib = 256"));
        assert!(message.contains("513 buckets of 512 KiB"), "{message}");
        let (line, message) = line_of(&GOOD.replace("served_by", "bucket_kib = 1\nserved_by"));
        assert!(line == 13 && message.contains("bucket_kib"), "{message}");
        let (line, message) = line_of(&GOOD.replace("mib = 64,", "mib = 64, time_scale = 0,"));
        assert!(line == 8 && message.contains("0.001 to 1000"), "{line} {message}");
    }

    #[test]
    fn ids_sort_as_people_count() {
        let mut ids = ["S10a", "S2", "S10", "L1", "S11", "S7c", "S7"];
        ids.sort_by_key(|id| natural(id));
        assert_eq!(ids, ["L1", "S2", "S7", "S7c", "S10", "S10a", "S11"]);
    }

    #[test]
    fn the_shipped_scenarios_parse() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workloads/scenarios");
        let scenarios = load_all(&dir).unwrap();
        let ids: Vec<_> = scenarios.iter().map(|s| s.id.as_str()).collect();
        let staged: Vec<_> = ids.iter().copied().filter(|id| id.starts_with('S')).collect();
        assert!(staged.starts_with(&["S1", "S2", "S3"]), "{ids:?}");
        assert!(ids.contains(&"L1") && scenarios[0].load.is_some(), "{ids:?}");
    }
}
