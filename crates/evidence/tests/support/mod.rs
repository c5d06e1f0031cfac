// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records for tests.
#![allow(dead_code)] // not every test file needs all of it

use evidence::{
    ArmRecord, Case, ConfigRecord, GuestRecord, HostRecord, Origin, Outcome, QemuRecord, RunRecord,
    RunStatus, SCHEMA_VERSION, ScenarioRecord, SectorCounts, SourceRecord, Summary, ToolRecord,
    ToolchainRecord, Verdict,
};
use std::collections::BTreeMap;

/// A case as it goes when all is well.
pub fn case(arm: &str, scenario: &str, expected: Verdict, outcome: Outcome) -> Case {
    Case {
        id: format!("{arm}/{scenario}/1"),
        arm: arm.into(),
        scenario: scenario.into(),
        attempt: 1,
        seed: 5,
        expected,
        outcome,
        opportunities: vec![],
        observations: vec![],
        sectors: SectorCounts::default(),
        cuts: vec![],
        boots_ms: vec![],
        took_ms: 1,
        files: BTreeMap::new(),
        load: None,
        joined_from: None,
    }
}

pub fn verdict(verdict: Verdict) -> Outcome {
    Outcome::Verdict { verdict }
}

/// A record of these cases; arms and scenarios are theirs.
pub fn run(cases: Vec<Case>) -> RunRecord {
    let (arms, scenarios) = (names(&cases, |case| &case.arm), names(&cases, |c| &c.scenario));
    record(&arms, &scenarios, cases)
}

/// A record of these arms and scenarios, with the cases that there are.
pub fn record(
    arms: &[impl AsRef<str>],
    scenarios: &[impl AsRef<str>],
    cases: Vec<Case>,
) -> RunRecord {
    let arm = |name: &str| ArmRecord {
        name: name.into(),
        title: String::new(),
        hash: "h".into(),
        image: "i".into(),
        ..ArmRecord::default()
    };
    let scenario = |id: &str| ScenarioRecord {
        id: id.into(),
        name: "race".into(),
        title: String::new(),
        hash: String::new(),
        kernels: vec![],
    };
    let mut record = RunRecord {
        schema_version: SCHEMA_VERSION,
        run_id: "r".into(),
        status: RunStatus::Incomplete,
        started: "2026-01-01T00:00:00Z".into(),
        finished: None,
        seed: 1,
        commands: vec![],
        joined: Vec::new(),
        tool: ToolRecord { version: "0".into(), commit: None, dirty: false },
        host: HostRecord {
            os: String::new(),
            kernel: String::new(),
            cpu: String::new(),
            cores: 2,
            memory_mib: 1,
        },
        qemu: QemuRecord { version: String::new(), accelerator: "tcg".into() },
        source: SourceRecord {
            origin: Origin::Words(String::new()),
            kernel_version: String::new(),
            hash: String::new(),
        },
        config: ConfigRecord { name: "plain".into(), hash: String::new() },
        toolchain: ToolchainRecord { cc: String::new(), rustc: None, bindgen: None },
        guest: GuestRecord { hash: String::new(), fio: String::new() },
        arms: arms.iter().map(|name| arm(name.as_ref())).collect(),
        scenarios: scenarios.iter().map(|id| scenario(id.as_ref())).collect(),
        attempts: 1,
        cases,
        perf: None,
        summary: Summary::default(),
    };
    record.summarise();
    record
}

pub fn inconclusive(why: &str) -> Outcome {
    Outcome::Inconclusive { why: why.into() }
}

pub fn harness(what: &str) -> Outcome {
    Outcome::Harness {
        what: what.parse().unwrap(),
        message: what.into(),
        console_tail: what.into(),
        next_step: what.into(),
    }
}

fn names(cases: &[Case], of: fn(&Case) -> &String) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for case in cases {
        if !names.contains(of(case)) {
            names.push(of(case).clone());
        }
    }
    names
}
