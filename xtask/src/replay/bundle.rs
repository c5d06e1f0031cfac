// SPDX-License-Identifier: MIT OR Apache-2.0
//! A case in one small file, to be played on another machine.
//!
//! The file is JSON in one piece: nothing in it names a path to write to, so
//! none can lead astray, and nothing in it reaches a shell. It is read up to
//! a size, its parts are checked against the hashes in it, and only then used.

use super::inputs::LONGEST_SCENARIO;
use evidence::{
    ArmRecord, Case, ConfigRecord, GuestRecord, QemuRecord, RunRecord, SourceRecord, ToolRecord,
    ToolchainRecord,
};
use kbuild::{Arm, PortableArm};
use scenario::{JobText, Scenario, ScenarioError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// What the file says it is.
const FORMAT: &str = "bcache-lab replay bundle";
/// Counted up when a field changes its meaning.
const VERSION: u32 = 1;
/// Larger files are not read, in bytes.
pub const LONGEST: u64 = 8 << 20;

/// Everything that a case needs beside a checkout of the lab.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    format: String,
    version: u32,
    pub run_id: String,
    pub tool: ToolRecord,
    pub source: SourceRecord,
    pub config: ConfigRecord,
    pub toolchain: ToolchainRecord,
    pub guest: GuestRecord,
    pub qemu: QemuRecord,
    pub arm: ArmRecord,
    /// The case as it went, without its files.
    pub case: Case,
    /// The scenario's file.
    pub scenario: String,
    /// The job of a load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobText>,
    /// The arm's patches and files; absent where the run has not kept them.
    pub content: Option<PortableArm>,
}

/// Why a bundle is of no use.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It cannot be read.
    #[error("cannot read the bundle: {0}")]
    Io(#[from] std::io::Error),
    /// It is not one, or damaged.
    #[error("not a replay bundle: {0}")]
    Format(String),
}

impl Bundle {
    /// A case of a run with what it was made from.
    pub fn new(
        run: &RunRecord,
        case: &Case,
        arm: &ArmRecord,
        (scenario, job): (String, Option<JobText>),
        content: Option<PortableArm>,
    ) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            run_id: run.run_id.clone(),
            tool: run.tool.clone(),
            source: run.source.clone(),
            config: run.config.clone(),
            toolchain: run.toolchain.clone(),
            guest: run.guest.clone(),
            qemu: run.qemu.clone(),
            arm: arm.clone(),
            case: Case { files: BTreeMap::new(), ..case.clone() },
            scenario,
            job,
            content,
        }
    }

    /// Reads a bundle, whoever it is from.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn open(path: &Path) -> Result<Self, BundleError> {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
        Self::parse(&bytes)
    }

    /// Reads the bytes of a bundle and checks what can be checked alone.
    ///
    /// # Errors
    /// [`BundleError::Format`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let wrong = |why: String| Err(BundleError::Format(why));
        if bytes.len() as u64 > LONGEST {
            return wrong(format!("larger than {LONGEST} bytes"));
        }
        let bundle: Self = serde_json::from_slice(bytes)
            .map_err(|error| BundleError::Format(error.to_string()))?;
        if bundle.format != FORMAT || bundle.version != VERSION {
            return wrong(format!("format {:?} {}", bundle.format, bundle.version));
        }
        let (case, arm) = (&bundle.case, &bundle.arm.name);
        let id = format!("{arm}/{}/{}", case.scenario, case.attempt);
        if case.id != id || case.arm != *arm || !plain(arm) || !plain(&case.scenario) {
            return wrong(format!("a case {:?} of arm {arm:?}", case.id));
        }
        if !case.files.is_empty() {
            return wrong("it names files".to_owned());
        }
        let job = bundle.job.as_ref();
        if job.is_some_and(|job| !plain(&job.name)) {
            return wrong("its job has no plain name".to_owned());
        }
        let texts =
            job.map_or([&bundle.scenario; 3], |job| [&bundle.scenario, &job.fio, &job.toml]);
        if texts.iter().any(|text| text.len() as u64 > LONGEST_SCENARIO) {
            return wrong("its scenario is too long".to_owned());
        }
        bundle.scenario()?;
        bundle.arm_content()?;
        Ok(bundle)
    }

    /// The scenario, checked. A load with power cuts has as many cycles as the
    /// case had, however long its run was made.
    ///
    /// # Errors
    /// [`BundleError::Format`], with the line in the scenario.
    pub fn scenario(&self) -> Result<Scenario, BundleError> {
        let path = Path::new("scenario in the bundle");
        let parsed = scenario::parse_with(path, &self.scenario, self.job.as_ref());
        let mut scenario = parsed.map_err(|error| {
            let why = match error {
                ScenarioError::Read { .. } => "it is of a load, and has no job in it".to_owned(),
                other => other.to_string(),
            };
            BundleError::Format(why)
        })?;
        let cycles = scenario.load.as_mut().and_then(|load| load.cycles.as_mut());
        if let (Some(cycles), Some(load)) = (cycles, &self.case.load) {
            cycles.count = load.cuts.max(1);
        }
        if scenario.id != self.case.scenario {
            let why = format!("scenario {:?} for case {:?}", scenario.id, self.case.id);
            return Err(BundleError::Format(why));
        }
        Ok(scenario)
    }

    /// The arm that came with it.
    ///
    /// # Errors
    /// [`BundleError::Format`].
    pub fn arm_content(&self) -> Result<Option<Arm>, BundleError> {
        let read = |content| Arm::from_portable(content);
        let arm = self.content.as_ref().map(read).transpose();
        let arm = arm.map_err(|error| BundleError::Format(error.to_string()))?;
        match arm {
            Some(arm) if arm.name != self.arm.name => {
                Err(BundleError::Format(format!("arm {:?} for {:?}", arm.name, self.arm.name)))
            }
            arm => Ok(arm),
        }
    }
}

/// A word that is safe in a file's name.
fn plain(word: &str) -> bool {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    !word.is_empty() && word.len() <= 64 && word.bytes().all(fine)
}

#[cfg(test)]
#[path = "bundle_tests.rs"]
mod tests;
