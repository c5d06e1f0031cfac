// SPDX-License-Identifier: MIT OR Apache-2.0
//! Loads on real kernels, and what bad job files lead to.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

mod support;

use scenario::{Scenario, ScenarioError};
use std::path::Path;

const JOB: &str = "\
[global]
filename=/dev/bcache0
randseed=1
direct=1
ioengine=libaio
offset=32m
size=2m
runtime=3

[writer]
rw=randwrite
bs=16k
iodepth=8
serialize_overlap=1
loops=1000000
verify=crc32c
verify_fatal=0
continue_on_error=verify
exitall=1

[reader]
rw=randread
bs=4k
iodepth=8
time_based=1
";

const SETTINGS: &str = "\
title = \"t\"
bypass = \"writearound\"
[bcache]
cache_mode = \"writearound\"
[delay_ms]
hdd_write = 20
";

const SCENARIO: &str = "\
kind = \"load\"
id = \"L1\"
name = \"n\"
title = \"t\"
why = \"w\"
job = \"job\"
[disks]
ssd = { mib = 8192, volatile_cache = true }
hdd = { mib = 64, volatile_cache = true }
[expect]
base = \"stale\"
";

/// A scenario and its job as files, parsed.
fn scenario(scenario: &str, job: &str, settings: &str) -> Result<Scenario, ScenarioError> {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in
        [("scenarios/l.toml", scenario), ("fio/job.fio", job), ("fio/job.toml", settings)]
    {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let path = dir.path().join("scenarios/l.toml");
    scenario::parse(&path, scenario)
}

/// File name, line and message of what is wrong.
fn wrong(result: Result<Scenario, ScenarioError>) -> (String, usize, String) {
    match result {
        Err(ScenarioError::Syntax { path, line, message }) => {
            (path.file_name().unwrap().to_string_lossy().into_owned(), line, message)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_device_too_small_for_the_job_names_both() {
    let (file, line, message) =
        wrong(scenario(SCENARIO, &JOB.replace("size=2m", "size=64m"), SETTINGS));
    assert_eq!((file.as_str(), line), ("job.fio", 7));
    assert!(message.contains("96 MiB") && message.contains("63 MiB"), "{message}");
}

#[test]
fn errors_in_the_files_beside_the_job_have_their_line() {
    let (file, line, message) =
        wrong(scenario(SCENARIO, JOB, &SETTINGS.replace("writearound\"\n[", "sometimes\"\n[")));
    assert_eq!((file.as_str(), line), ("job.toml", 4), "{message}");
    let (file, line, message) = wrong(scenario(&SCENARIO.replace("name", "nome"), JOB, SETTINGS));
    assert_eq!((file.as_str(), line), ("l.toml", 3), "{message}");
    let (file, _, message) =
        wrong(scenario(&SCENARIO.replace("\"load\"", "\"lode\""), JOB, SETTINGS));
    assert!(file == "l.toml" && message.contains("lode"), "{message}");
    let (file, line, message) = wrong(scenario(SCENARIO, "[w]\nfilename=/dev/sda\n", SETTINGS));
    assert!(file == "job.fio" && line == 1 && message.contains("randseed"), "{message}");
    let cycles = format!("{SCENARIO}[cycles]\ncount = 3\nevents = [9, 2]\n");
    assert!(wrong(scenario(&cycles, JOB, SETTINGS)).2.contains("LEAST"));
    let blank = format!("{SCENARIO}[permit]\nrust = [\"unknown\"]\n");
    let (_, line, message) = wrong(scenario(&blank, JOB, SETTINGS));
    assert!(line == 12 && message.contains("no reason"), "{line}: {message}");
    let invented = format!("{SCENARIO}[permit]\nrust = [\"bad-luck\"]\n");
    let (_, line, message) = wrong(scenario(&invented, JOB, SETTINGS));
    assert!(line == 13 && message.contains("disk-behind"), "{line}: {message}");
    let missing = scenario(&SCENARIO.replace("\"job\"", "\"nothing\""), JOB, SETTINGS);
    assert!(missing.unwrap_err().to_string().contains("nothing.fio"));
}

#[test]
fn the_shipped_jobs_and_loads_parse() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workloads");
    let loads: Vec<Scenario> = scenario::load_all(&root.join("scenarios"))
        .unwrap()
        .into_iter()
        .filter(|scenario| scenario.load.is_some())
        .collect();
    let used = |name: &str| loads.iter().any(|s| s.load.as_ref().unwrap().job.name == name);
    for entry in std::fs::read_dir(root.join("fio")).unwrap().flatten() {
        let path = entry.path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        scenario::Job::load(&root.join("fio"), &name).unwrap();
        let other = path.with_extension("toml").is_file() && path.with_extension("fio").is_file();
        assert!(other, "{name}: a .fio and a .toml belong together");
        let perf_only = ["small-writes-2", "small-writes-4"].contains(&name.as_str());
        assert!(used(&name) || perf_only, "no scenario runs {name}");
    }
}

mod machines {
    use super::*;
    use crate::support::{play, play_in};
    use evidence::{Case, Outcome, Verdict};
    use lab::Left;

    fn with_job(job: &str) -> Scenario {
        scenario(SCENARIO, job, SETTINGS).unwrap()
    }

    fn inconclusive(case: &Case) -> &str {
        match &case.outcome {
            Outcome::Inconclusive { why } => why,
            other => panic!("{other:?}"),
        }
    }

    fn trouble(case: &Case) -> (String, &str) {
        match &case.outcome {
            Outcome::Harness { what, message, .. } => (what.to_string(), message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    #[ignore = "boots machines: `cargo xtask test` runs it"]
    fn a_short_load_shows_the_race_on_base_and_none_on_rust() {
        let base = play("base", &with_job(JOB));
        assert_eq!(base.outcome, Outcome::Verdict { verdict: Verdict::Stale });
        let load = base.load.unwrap();
        assert!(load.opportunities > 0 && load.verify_errors + load.stale_blocks > 0);
        assert_eq!(load.swept_bytes >> 20, 63);

        let rust = play("rust", &with_job(JOB));
        assert_eq!(rust.outcome, Outcome::Verdict { verdict: Verdict::Ok });
        let load = rust.load.unwrap();
        assert!(load.opportunities > 0 && load.skipped_exactly > Some(0));
        assert_eq!(load.verify_errors + load.stale_blocks, 0);
    }

    /// The unpatched kernel where it is expected to be fixed: its failure keeps
    /// what a replay needs, and the replay finds the same sectors, with the
    /// same causes. The cut keeps what it may: a torn btree set would have the
    /// cache refused before anything could be judged.
    #[test]
    #[ignore = "boots machines: `cargo xtask test` runs it"]
    fn a_cut_that_went_wrong_is_judged_again_from_its_log() {
        let text = SCENARIO.replace("base = \"stale\"\n", "")
            + "[cycles]\ncount = 1\nevents = [20000, 20000]\nopen = \"keep\"\n\
               [stamped]\nsector = 65536\nsectors = 4096\nwrite_sectors = 32\ndepth = 4\n\
               [permit]\nbase = [\"disk-lost\", \"unjournaled\"]\n";
        let job =
            JOB.split("[writer]").next().unwrap().replace("runtime=3", "runtime=3\ntime_based=1")
                + "[writer]\nrw=randwrite\nbs=16k\niodepth=4\nserialize_overlap=1\noffset=34m\n\
               [reader]\nrw=randread\nbs=4k\niodepth=8\nsize=4m\n";
        let scenario = scenario(&text, &job, SETTINGS).unwrap();
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let then = play_in(first.path(), "base", &scenario, None);
        assert!(then.contradicts(), "{then:?}");
        let causes = &then.load.as_ref().unwrap().causes;
        assert!(causes.contains_key("late-fill"), "the race's mark: {causes:?}");
        let left = Left::of(first.path(), &then).expect("log and record of the cut");
        let now = play_in(second.path(), "base", &scenario, Some(left));
        assert_eq!((&now.outcome, now.sectors), (&then.outcome, then.sectors));
        assert_eq!(now.load.unwrap().causes, *causes);
    }

    #[test]
    #[ignore = "boots machines: `cargo xtask test` runs it"]
    fn a_job_that_reads_nothing_is_inconclusive() {
        let writes_only = JOB.split("[reader]").next().unwrap();
        let writes_only = writes_only.replace("verify=crc32c\n", "");
        let case = play("rust", &with_job(&writes_only));
        assert!(inconclusive(&case).contains("0 blocks read by fio"), "{case:?}");
        assert!(case.opportunities.iter().any(|o| !o.open));
    }

    #[test]
    #[ignore = "boots machines: `cargo xtask test` runs it"]
    fn a_job_that_never_bypasses_is_inconclusive() {
        let reads_only = JOB.replace("rw=randwrite", "rw=randread");
        let reads_only = reads_only.replace("verify=crc32c\n", "").replace("exitall=1\n", "");
        let case = play("rust", &with_job(&reads_only));
        assert!(inconclusive(&case).contains("0 keys without pointers"), "{case:?}");
    }

    #[test]
    #[ignore = "boots machines: `cargo xtask test` runs it"]
    fn fios_own_message_comes_with_file_and_line() {
        let case = play("base", &with_job(&JOB.replace("bs=16k", "bz=16k")));
        let (what, message) = trouble(&case);
        assert_eq!(what, "fio-job");
        assert!(message.contains("job.fio:12: fio says: ") && message.contains("bz=16k"));
    }

    /// An engine that our fio was built without, as libaio could be.
    #[test]
    #[ignore = "boots machines: `cargo xtask test` runs it"]
    fn an_engine_that_fio_lacks_is_named_with_its_line() {
        let case = play("base", &with_job(&JOB.replace("libaio", "rbd")));
        let (what, message) = trouble(&case);
        assert_eq!(what, "fio-job");
        assert!(message.contains("job.fio:5: fio says: ") && message.contains("rbd"), "{message}");
    }
}
