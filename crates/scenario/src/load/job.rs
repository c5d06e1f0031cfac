// SPDX-License-Identifier: MIT OR Apache-2.0
//! A job of `workloads/fio`: the `.fio` file, and the `.toml` file beside it
//! with what fio cannot say.

use super::jobfile::JobFile;
use crate::error::ScenarioError;
use crate::number::{LONGEST_MS, within};
use crate::setup::CacheMode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A job with its settings.
#[derive(Clone, Debug)]
pub struct Job {
    /// File name without its ending.
    pub name: String,
    /// One line.
    pub title: String,
    /// How its writes are to bypass the cache.
    pub bypass: Bypass,
    /// What is set in sysfs.
    pub settings: Settings,
    /// How slow the virtual disks are.
    pub delays: Delays,
    /// The `.fio` file.
    pub file: JobFile,
}

/// Why a write bypasses the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Bypass {
    /// The cache mode says so.
    Writearound,
    /// `sequential_cutoff`.
    Sequential,
    /// The SSD is slow: `congested_*_threshold_us`.
    Congestion,
    /// Discards always do.
    Discard,
    /// No bucket is free: `bch_data_insert_start` turns the rest of a
    /// writethrough write into an invalidation.
    Fallback,
    /// It is not to bypass.
    None,
}

impl Bypass {
    /// As in files and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Writearound => "writearound",
            Self::Sequential => "sequential",
            Self::Congestion => "congestion",
            Self::Discard => "discard",
            Self::Fallback => "fallback",
            Self::None => "none",
        }
    }
}

/// `sequential_cutoff` is an unsigned int of bytes.
const LARGEST_KIB: u64 = (1 << 22) - 1;
const LONGEST_US: u64 = LONGEST_MS * 1000;

/// bcache's sysfs files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `cache_mode`.
    pub cache_mode: CacheMode,
    /// `sequential_cutoff` in KiB; 0 switches it off.
    #[serde(default, deserialize_with = "within::<0, LARGEST_KIB, _, _>")]
    #[schemars(range(min = 0, max = LARGEST_KIB))]
    pub sequential_cutoff_kib: u64,
    /// `congested_read_threshold_us`; 0 switches it off.
    #[serde(default, deserialize_with = "within::<0, LONGEST_US, _, _>")]
    #[schemars(range(min = 0, max = LONGEST_US))]
    pub congested_read_us: u64,
    /// `congested_write_threshold_us`; 0 switches it off.
    #[serde(default, deserialize_with = "within::<0, LONGEST_US, _, _>")]
    #[schemars(range(min = 0, max = LONGEST_US))]
    pub congested_write_us: u64,
    /// `writethrough_fua`, where the kernel has it.
    #[serde(default)]
    pub writethrough_fua: bool,
}

impl Settings {
    /// The same without what makes `bypass` happen, for the round that shows
    /// that nothing else does; `None` where no setting is the reason.
    #[must_use]
    pub fn without(self, bypass: Bypass) -> Option<Self> {
        match bypass {
            Bypass::Writearound => Some(Self { cache_mode: CacheMode::Writethrough, ..self }),
            Bypass::Sequential => Some(Self { sequential_cutoff_kib: 0, ..self }),
            Bypass::Congestion => {
                Some(Self { congested_read_us: 0, congested_write_us: 0, ..self })
            }
            Bypass::Discard | Bypass::Fallback | Bypass::None => None,
        }
    }
}

/// Time that the virtual disks add to each request before its media, in
/// milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Delays {
    /// Each write to the backing device.
    #[serde(deserialize_with = "within::<0, LONGEST_MS, _, _>")]
    #[schemars(range(min = 0, max = LONGEST_MS))]
    pub hdd_write: u64,
    /// Each discard of the backing device.
    #[serde(deserialize_with = "within::<0, LONGEST_MS, _, _>")]
    #[schemars(range(min = 0, max = LONGEST_MS))]
    pub hdd_trim: u64,
    /// Each read of the cache device.
    #[serde(deserialize_with = "within::<0, LONGEST_MS, _, _>")]
    #[schemars(range(min = 0, max = LONGEST_MS))]
    pub ssd_read: u64,
    /// Each write to the cache device.
    #[serde(deserialize_with = "within::<0, LONGEST_MS, _, _>")]
    #[schemars(range(min = 0, max = LONGEST_MS))]
    pub ssd_write: u64,
}

/// The file beside the job, `workloads/fio/NAME.toml`: what fio cannot say.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsFile {
    /// One line for tables.
    title: String,
    /// How the job's writes are to bypass the cache: that is what must be seen.
    bypass: Bypass,
    /// What is set in sysfs.
    bcache: Settings,
    /// How slow the virtual disks are.
    #[serde(default)]
    delay_ms: Delays,
}

/// A job's two files as text, for one that is not in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobText {
    /// File name without its ending.
    pub name: String,
    /// The `.fio` file.
    pub fio: String,
    /// The `.toml` file.
    pub toml: String,
}

impl JobText {
    /// Reads the job `name` of the scenario in file `scenario`: jobs are in the
    /// folder `fio` beside the scenarios' folder.
    ///
    /// # Errors
    /// The file that cannot be read.
    pub fn beside(scenario: &Path, name: &str) -> Result<Self, ScenarioError> {
        Self::read(&jobs_of(scenario), name)
    }

    /// Reads both files of job `name` in folder `dir`.
    ///
    /// # Errors
    /// The file that cannot be read.
    pub fn read(dir: &Path, name: &str) -> Result<Self, ScenarioError> {
        let read = |ending: &str| {
            let path = dir.join(format!("{name}.{ending}"));
            std::fs::read_to_string(&path).map_err(|source| ScenarioError::Read { path, source })
        };
        Ok(Self { name: name.to_owned(), fio: read("fio")?, toml: read("toml")? })
    }
}

/// The folder of the jobs of the scenario in file `scenario`.
pub(super) fn jobs_of(scenario: &Path) -> PathBuf {
    scenario.parent().and_then(Path::parent).unwrap_or(Path::new(".")).join("fio")
}

impl Job {
    /// Reads both files of job `name` in folder `dir`.
    ///
    /// # Errors
    /// [`ScenarioError`] with the file and the line.
    pub fn load(dir: &Path, name: &str) -> Result<Self, ScenarioError> {
        Self::parse(dir, &JobText::read(dir, name)?)
    }

    /// From text; `dir` is where messages say that the files are.
    ///
    /// # Errors
    /// [`ScenarioError`] with the file and the line.
    pub fn parse(dir: &Path, text: &JobText) -> Result<Self, ScenarioError> {
        let JobText { name, fio, toml } = text;
        let path = |ending: &str| dir.join(format!("{name}.{ending}"));
        let syntax = |path: PathBuf, line, message| ScenarioError::Syntax { path, line, message };
        let file = JobFile::parse(&path("fio"), fio)
            .map_err(|(line, message)| syntax(path("fio"), line, message))?;
        let raw: SettingsFile = toml::from_str(toml).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(toml.len()));
            let line = toml[..at].matches('\n').count() + 1;
            syntax(path("toml"), line, error.message().to_owned())
        })?;
        let SettingsFile { title, bypass, bcache: settings, delay_ms: delays } = raw;
        Ok(Self { name: name.clone(), title, bypass, settings, delays, file })
    }

    /// What identifies the job: both files.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("{}\n{:?}\n{:?}\n{:?}", self.file.text, self.bypass, self.settings, self.delays)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_its_reason_a_job_has_the_same_settings_but_one() {
        let settings = Settings {
            cache_mode: CacheMode::Writearound,
            sequential_cutoff_kib: 64,
            congested_read_us: 1,
            congested_write_us: 2,
            writethrough_fua: false,
        };
        let without = |bypass| settings.without(bypass);
        let cached = Settings { cache_mode: CacheMode::Writethrough, ..settings };
        assert_eq!(without(Bypass::Writearound), Some(cached));
        let random = Settings { sequential_cutoff_kib: 0, ..settings };
        assert_eq!(without(Bypass::Sequential), Some(random));
        let quick = Settings { congested_read_us: 0, congested_write_us: 0, ..settings };
        assert_eq!(without(Bypass::Congestion), Some(quick));
        for by_itself in [Bypass::Discard, Bypass::Fallback, Bypass::None] {
            assert_eq!(without(by_itself), None);
        }
    }
}
