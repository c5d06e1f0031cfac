// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records for tests that need no machine.
#![allow(clippy::unwrap_used, dead_code, missing_docs)] // each test program uses its part

use evidence::{
    ArmRecord, Case, ConfigRecord, GuestRecord, HostRecord, Outcome, QemuRecord, RunRecord,
    RunStatus, SCHEMA_VERSION, ScenarioRecord, SectorCounts, SourceRecord, Summary, ToolRecord,
    ToolchainRecord, Verdict,
};
use std::collections::BTreeMap;

pub fn arm(name: &str) -> ArmRecord {
    ArmRecord {
        name: name.into(),
        title: String::new(),
        hash: format!("arm-{name}"),
        image: format!("image-{name}"),
        vmlinux: Some(format!("vmlinux-{name}")),
        ..ArmRecord::default()
    }
}

/// A run of one scenario per hash, without cases.
pub fn record(arms: &[&str], scenarios: &[(&str, &str)], attempts: u32) -> RunRecord {
    let mut record = RunRecord {
        schema_version: SCHEMA_VERSION,
        run_id: "r".into(),
        status: RunStatus::Incomplete,
        started: "2026-01-01T00:00:00Z".into(),
        finished: Some("2026-01-01T00:01:00Z".into()),
        seed: 1,
        commands: Vec::new(),
        joined: Vec::new(),
        tool: ToolRecord { version: "0".into(), commit: None, dirty: false },
        host: HostRecord {
            os: "os".into(),
            kernel: "k".into(),
            cpu: "cpu".into(),
            cores: 2,
            memory_mib: 1,
        },
        qemu: QemuRecord { version: "10".into(), accelerator: "tcg".into() },
        source: SourceRecord {
            origin: evidence::Origin::DebianPackage {
                package: "linux-source-7.3".into(),
                version: "7.3.4-1".into(),
            },
            kernel_version: "7.3.4".into(),
            hash: "deb:linux-source-7.3=7.3.4-1".into(),
        },
        config: ConfigRecord { name: "plain".into(), hash: "c".into() },
        toolchain: ToolchainRecord { cc: "gcc".into(), rustc: None, bindgen: None },
        guest: GuestRecord { hash: "g".into(), fio: "fio".into() },
        arms: arms.iter().map(|name| arm(name)).collect(),
        scenarios: scenarios
            .iter()
            .map(|(id, hash)| ScenarioRecord {
                id: (*id).into(),
                name: id.to_lowercase(),
                title: String::new(),
                hash: (*hash).into(),
                kernels: vec![],
            })
            .collect(),
        attempts,
        cases: vec![],
        perf: None,
        summary: Summary::default(),
    };
    record.summarise();
    record
}

/// A case as expected, with a log folder of its own.
pub fn case(id: &str, verdict: Verdict) -> Case {
    let mut parts = id.split('/');
    let mut part = || parts.next().unwrap().to_owned();
    let (arm, scenario, attempt) = (part(), part(), part());
    let logs = format!("logs/{}", id.replace('/', "-"));
    Case {
        id: id.into(),
        arm,
        scenario,
        attempt: attempt.parse().unwrap(),
        seed: 5,
        expected: verdict,
        outcome: Outcome::Verdict { verdict },
        opportunities: vec![],
        observations: vec!["the read was served by hdd".into()],
        sectors: SectorCounts::default(),
        cuts: vec![],
        boots_ms: vec![900],
        took_ms: 2500,
        files: BTreeMap::from([
            ("events".to_owned(), format!("{logs}/events")),
            ("logs".to_owned(), logs),
        ]),
        load: None,
        joined_from: None,
    }
}
