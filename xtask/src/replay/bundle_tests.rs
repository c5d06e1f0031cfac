// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bundles from strangers.

use super::*;
use evidence::{Outcome, SectorCounts, Verdict};
use kbuild::Dirs;
use proptest::prelude::*;
use serde_json::{Value, json};

fn repo() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn good() -> Bundle {
    let scenario = std::fs::read_to_string(repo().join("workloads/scenarios/s1-race.toml"));
    let arm = Arm::load(&Dirs::new(&repo()), "v1").unwrap();
    let text = String::new;
    Bundle {
        format: FORMAT.to_owned(),
        version: VERSION,
        run_id: "r".into(),
        tool: ToolRecord { version: "0".into(), commit: None, dirty: false },
        source: SourceRecord {
            origin: evidence::Origin::Words(text()),
            kernel_version: "7".into(),
            hash: text(),
        },
        config: ConfigRecord { name: "plain".into(), hash: text() },
        toolchain: ToolchainRecord { cc: text(), rustc: None, bindgen: None },
        guest: GuestRecord { hash: text(), fio: text() },
        qemu: QemuRecord { version: text(), accelerator: "tcg".into() },
        arm: ArmRecord {
            name: "v1".into(),
            title: text(),
            hash: text(),
            image: text(),
            ..ArmRecord::default()
        },
        case: Case {
            id: "v1/S1/1".into(),
            arm: "v1".into(),
            scenario: "S1".into(),
            attempt: 1,
            seed: 5,
            expected: Verdict::Ok,
            outcome: Outcome::Verdict { verdict: Verdict::Ok },
            opportunities: vec![],
            observations: vec![],
            sectors: SectorCounts::default(),
            cuts: vec![],
            boots_ms: vec![],
            took_ms: 1,
            files: BTreeMap::new(),
            load: None,
            joined_from: None,
        },
        scenario: scenario.unwrap(),
        job: None,
        content: arm.to_portable(),
    }
}

fn parse(value: &Value) -> Result<Bundle, BundleError> {
    Bundle::parse(value.to_string().as_bytes())
}

#[test]
fn a_bundle_survives_the_journey() {
    let text = serde_json::to_vec(&good()).unwrap();
    assert_eq!(Bundle::parse(&text).unwrap(), good());
}

#[test]
fn what_would_lead_astray_is_refused() {
    let whole = serde_json::to_value(good()).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut changed = whole.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        parse(&changed)
    };
    assert!(with("/run_id", json!("other")).is_ok());
    for (pointer, value) in [
        ("/format", json!("x")),
        ("/version", json!(2)),
        ("/arm/name", json!("../../etc")),
        ("/case/id", json!("../S1/1")),
        ("/case/arm", json!("base")),
        ("/case/scenario", json!("S2")),
        ("/case/attempt", json!(2)),
        ("/case/files", json!({ "events": "/etc/passwd" })),
        ("/scenario", json!("id = 1")),
        ("/content/name", json!("x;reboot")),
        ("/content/options", json!(["CONFIG_X=\"$(shell reboot)\""])),
        ("/content/layers/0", json!({ "kind": "file", "to": "../x", "text": "" })),
        ("/content/layers/0", json!({ "kind": "run", "argv": ["reboot"] })),
    ] {
        assert!(with(pointer, value.clone()).is_err(), "{pointer} = {value} was accepted");
    }
    let mut more = whole.clone();
    more["extra"] = json!(1);
    assert!(parse(&more).is_err());
    assert!(Bundle::parse(&vec![b' '; usize::try_from(LONGEST).unwrap() + 1]).is_err());
}

/// A load's bundle stands alone: its job is in it.
#[test]
fn a_load_comes_with_its_job_and_its_length() {
    let path = repo().join("workloads/scenarios/l2-fio-race-cut.toml");
    let mut bundle = good();
    bundle.scenario = std::fs::read_to_string(&path).unwrap();
    bundle.job = super::super::inputs::job_text(&path, &bundle.scenario).unwrap();
    bundle.case.id = "v1/L2/1".into();
    bundle.case.scenario = "L2".into();
    bundle.case.load = Some(evidence::Load { cuts: 7, ..evidence::Load::default() });
    let read = Bundle::parse(&serde_json::to_vec(&bundle).unwrap()).unwrap();
    assert_eq!(read, bundle);
    let scenario = read.scenario().unwrap();
    let hash = scenario::parse(&path, &bundle.scenario).unwrap().hash;
    assert_eq!((scenario.hash, scenario.load.unwrap().cycles.unwrap().count), (hash, 7));
    let job = bundle.job.take().unwrap();
    let without = Bundle::parse(&serde_json::to_vec(&bundle).unwrap()).unwrap_err();
    assert!(without.to_string().contains("no job in it"), "{without}");
    for bad in [
        Some(JobText { name: "another".into(), ..job.clone() }),
        Some(JobText { name: "../race-cut".into(), ..job.clone() }),
        Some(JobText { fio: "[w]\nfilename=/dev/sda\n".into(), ..job.clone() }),
        Some(JobText { toml: "x".repeat(300_000), ..job }),
    ] {
        let text = serde_json::to_vec(&Bundle { job: bad, ..bundle.clone() }).unwrap();
        assert!(Bundle::parse(&text).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = Bundle::parse(&bytes);
    }

    /// Damage in a real one: an error, or a bundle that still keeps the rules.
    #[test]
    fn a_damaged_bundle_is_an_error_or_still_a_bundle(
        at in 0usize..40_000, with in any::<u8>(), cut in 0usize..40_000, mode in 0u8..3,
    ) {
        let mut bytes = serde_json::to_vec(&good()).unwrap();
        let length = bytes.len();
        match mode {
            0 => bytes[at % length] = with,
            1 => bytes.truncate(cut % length),
            _ => {
                let (a, b) = (at % length, cut % length);
                bytes.drain(a.min(b)..a.max(b));
            }
        }
        if let Ok(bundle) = Bundle::parse(&bytes) {
            prop_assert!(plain(&bundle.arm.name) && bundle.case.files.is_empty());
        }
    }
}
