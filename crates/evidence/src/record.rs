// SPDX-License-Identifier: MIT OR Apache-2.0
//! `run.json`: provenance first, then every case.

use crate::harness::HarnessFailure;
use crate::load::Load;
use crate::observation::Observation;
use crate::origin::Origin;
use crate::perf::Perf;
use crate::role::Role;
use crate::verdict::{SectorCounts, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Raised whenever a field changes its meaning or disappears.
///
/// Schema 2: `observations` may be objects, `sectors` names only verdicts that
/// occur, the source's `origin` is an object. Schema 1 still reads.
pub const SCHEMA_VERSION: u32 = 2;
/// Older ones than this are not read.
pub(crate) const OLDEST_SCHEMA: u32 = 1;

/// One run: everything that is needed to believe it and to do it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Also the name of its folder.
    pub run_id: String,
    /// Whether every planned case is in `cases`.
    pub status: RunStatus,
    /// RFC 3339, UTC.
    pub started: String,
    /// RFC 3339, UTC; absent while the run goes on.
    pub finished: Option<String>,
    /// Seed of everything random in the run.
    pub seed: u64,
    /// The words after `cargo xtask` that made it, as they were given. Absent in
    /// older records, and where runs were joined.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<Vec<String>>,
    /// The runs that were joined to this one; what else the record says of how
    /// it was made is of the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<JoinedRecord>,
    pub tool: ToolRecord,
    /// The machine it ran on.
    pub host: HostRecord,
    pub qemu: QemuRecord,
    /// The kernel source that all arms share.
    pub source: SourceRecord,
    pub config: ConfigRecord,
    /// Compilers of the kernel.
    pub toolchain: ToolchainRecord,
    pub guest: GuestRecord,
    /// Arms, in table order.
    pub arms: Vec<ArmRecord>,
    /// Scenarios, in table order.
    pub scenarios: Vec<ScenarioRecord>,
    /// Attempts planned per arm and scenario.
    pub attempts: u32,
    /// Finished cases, in the order of arms, scenarios, attempts.
    pub cases: Vec<Case>,
    /// Speed and memory, where they were measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perf: Option<Perf>,
    /// Derived from `cases`.
    pub summary: Summary,
}

/// Whether a run is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Some planned cases are missing: interrupted, or still running.
    Incomplete,
    /// All planned cases are there.
    Complete,
}

/// What one of several joined runs may have of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinedRecord {
    pub run_id: String,
    pub commands: Vec<Vec<String>>,
    pub tool: ToolRecord,
    pub guest: GuestRecord,
    pub seed: u64,
    /// RFC 3339, UTC.
    pub started: String,
    /// RFC 3339, UTC.
    pub finished: Option<String>,
}

impl From<&RunRecord> for JoinedRecord {
    fn from(run: &RunRecord) -> Self {
        Self {
            run_id: run.run_id.clone(),
            commands: run.commands.clone(),
            tool: run.tool.clone(),
            guest: run.guest.clone(),
            seed: run.seed,
            started: run.started.clone(),
            finished: run.finished.clone(),
        }
    }
}

impl RunRecord {
    /// What `show` and `replay` call a case of this record.
    pub(crate) fn origin(&self, case: &Case) -> JoinedFrom {
        let own = || JoinedFrom { run: self.run_id.clone(), case: case.id.clone() };
        case.joined_from.clone().unwrap_or_else(own)
    }

    /// The runs that are in it: itself, where none were joined.
    #[must_use]
    pub fn parts(&self) -> Vec<JoinedRecord> {
        if self.joined.is_empty() { vec![self.into()] } else { self.joined.clone() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolRecord {
    pub version: String,
    /// Commit of the checkout; `None` outside git.
    pub commit: Option<String>,
    /// The checkout had uncommitted changes.
    pub dirty: bool,
}

impl ToolRecord {
    /// The commit, if it is all there was.
    #[must_use]
    pub fn checkout(&self) -> Option<&str> {
        self.commit.as_deref().filter(|_| !self.dirty)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostRecord {
    pub os: String,
    pub kernel: String,
    pub cpu: String,
    pub cores: u32,
    pub memory_mib: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QemuRecord {
    pub version: String,
    /// `kvm` or `tcg`, as probed by a real boot or chosen by the user.
    pub accelerator: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceRecord {
    pub origin: Origin,
    pub kernel_version: String,
    /// Identifies the content: `deb:PACKAGE=VERSION`, `git-tree:…`, `blake3:…`.
    pub hash: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigRecord {
    pub name: String,
    pub hash: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolchainRecord {
    pub cc: String,
    pub rustc: Option<String>,
    pub bindgen: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuestRecord {
    pub hash: String,
    pub fio: String,
}

/// An arm as it was built.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArmRecord {
    pub name: String,
    /// One line.
    pub title: String,
    /// Its part in a comparison; absent in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// How it works, in paragraphs; those of the arms that it stands on first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<String>,
    /// Content hash of its patches, files and options.
    pub hash: String,
    /// Hash of everything that the kernel was built from, compilers included.
    pub image: String,
    /// Hash of the kernel itself, bit for bit; absent in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmlinux: Option<String>,
}

/// A scenario as it was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioRecord {
    /// `S1`…
    pub id: String,
    pub name: String,
    /// One line.
    pub title: String,
    /// Content hash of its file.
    pub hash: String,
    /// The kernels beside the arm's that it boots.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kernels: Vec<KernelRecord>,
}

/// A kernel that scenarios boot beside the arm's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KernelRecord {
    /// The arm.
    pub name: String,
    pub source: SourceRecord,
    /// Hash of the kernel, bit for bit.
    pub vmlinux: String,
}

/// One attempt of one arm at one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// `ARM/SCENARIO/ATTEMPT`, unique in the run.
    pub id: String,
    pub arm: String,
    pub scenario: String,
    /// From 1.
    pub attempt: u32,
    /// Seed of this case.
    pub seed: u64,
    /// What the scenario's file expects of the arm.
    pub expected: Verdict,
    pub outcome: Outcome,
    /// The observable proofs that the window was open.
    pub opportunities: Vec<Opportunity>,
    /// What was seen on the way, in order.
    pub observations: Vec<Observation>,
    /// Judged sectors by verdict.
    pub sectors: SectorCounts,
    /// Cuts, in order.
    pub cuts: Vec<Cut>,
    /// Boots of the case, process start to agent ready, in milliseconds.
    pub boots_ms: Vec<u64>,
    /// The whole case, in milliseconds.
    pub took_ms: u64,
    /// Paths relative to the run's folder: `console`, `events`.
    pub files: BTreeMap<String, String>,
    /// What a load counted; absent in deterministic scenarios.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
    /// Where it is to be found; absent but where runs were joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined_from: Option<JoinedFrom>,
}

/// The run that a case was joined from, and what it is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinedFrom {
    pub run: String,
    pub case: String,
}

/// How a case ended. Only a verdict is a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Outcome {
    /// The window was open and the oracle judged.
    Verdict {
        /// The worst of all sectors.
        verdict: Verdict,
    },
    /// The window was not shown to be open; nothing follows from what was read.
    Inconclusive {
        /// Which part of the opportunity is missing.
        why: String,
    },
    /// The harness failed: VM, disks, guest set-up, time. Never a verdict.
    Harness {
        /// `panicked`, `hung`, `boot-timeout`…
        what: HarnessFailure,
        message: String,
        /// Last lines of the console.
        console_tail: String,
        /// What to do about it.
        next_step: String,
    },
}

/// One proof that the window was open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Opportunity {
    pub claim: String,
    /// Whether it came about.
    pub open: bool,
    /// What was seen, with figures.
    pub detail: String,
}

/// One power cut or reset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// `power` or `reset`.
    pub kind: String,
    /// Position in the disks' common event sequence.
    pub at_event: u64,
    /// Completed writes that the cut took.
    pub writes_lost: u64,
}

/// Counted from the cases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    pub planned: u32,
    pub as_expected: u32,
    pub contradictions: u32,
    pub inconclusive: u32,
    pub harness_failures: u32,
}

impl SourceRecord {
    /// What `--kernel-src` has to be for exactly this source on any machine;
    /// `None` where only this machine has it.
    #[must_use]
    pub fn kernel_src(&self) -> Option<&str> {
        self.hash.strip_prefix("deb:")
    }
}

impl ArmRecord {
    /// Whether it is the unpatched kernel, which the others are held against.
    #[must_use]
    pub fn is_control(&self) -> bool {
        // Older records know it by its name only.
        self.role.map_or(self.name == "base", |role| role == Role::Control)
    }
}

impl Case {
    /// Whether a verdict was reached and is neither the expected one nor, for
    /// a load, permitted beside it.
    #[must_use]
    pub fn contradicts(&self) -> bool {
        let permitted = self.load.as_ref().map_or(&[][..], |load| &load.permitted);
        matches!(self.outcome, Outcome::Verdict { verdict }
            if verdict != self.expected && !permitted.contains(&verdict))
    }

    /// Path of one of `files` below the run's folder `run`. `None` where the
    /// case has no such file, or names one outside: a record may be somebody
    /// else's.
    #[must_use]
    pub fn file(&self, run: &Path, key: &str) -> Option<PathBuf> {
        let relative = Path::new(self.files.get(key)?);
        let inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
        inside.then(|| run.join(relative))
    }
}

impl RunRecord {
    /// Recounts `summary` from `cases` and sets `status`.
    pub fn summarise(&mut self) {
        let mut summary = Summary {
            planned: u32::try_from(self.arms.len() * self.scenarios.len()).unwrap_or(u32::MAX)
                * self.attempts,
            ..Summary::default()
        };
        for case in &self.cases {
            match &case.outcome {
                Outcome::Verdict { .. } if case.contradicts() => summary.contradictions += 1,
                Outcome::Verdict { .. } => summary.as_expected += 1,
                Outcome::Inconclusive { .. } => summary.inconclusive += 1,
                Outcome::Harness { .. } => summary.harness_failures += 1,
            }
        }
        let finished = self.cases.len() == summary.planned as usize;
        self.status = if finished { RunStatus::Complete } else { RunStatus::Incomplete };
        self.summary = summary;
    }

    /// Exit code of the run (design.md section 8): 1 when a verdict
    /// contradicts its expectation, else 4 when a case has no verdict or is
    /// missing, else 0.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let Summary { contradictions, inconclusive, harness_failures, .. } = self.summary;
        if contradictions > 0 {
            1
        } else if inconclusive + harness_failures > 0 || self.status == RunStatus::Incomplete {
            4
        } else {
            0
        }
    }
}

/// The JSON schema of `run.json`, pretty-printed.
///
/// # Panics
/// Never: a schema is a JSON value.
#[must_use]
pub fn schema_json() -> String {
    let schema = schemars::schema_for!(RunRecord);
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
    text.push('\n');
    text
}
