// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reports and exports: what is in them, what is not, and what hostile words
//! do to them.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

mod support;

use evidence::{
    Bar, Case, Exhibits, GatherError, Lane, Load, MemoryPoint, Origin, Outcome, Page, Perf, Row,
    RunRecord, Series, Timeline, Tone, Verdict, cover_letter, gather, junit, kcidb, ktap, matrix,
    report, same_kernels,
};
use support::{case, harness, inconclusive, run, verdict};

const HOSTILE: &str =
    "</pre></svg><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u{0}\u{1b}[2J\n# x";

fn table() -> RunRecord {
    run(vec![
        case("base", "S1", Verdict::Stale, verdict(Verdict::Stale)),
        case("rust", "S1", Verdict::Ok, verdict(Verdict::Ok)),
    ])
}

/// Every word that a stranger could choose is hostile.
fn hostile() -> (RunRecord, Exhibits) {
    let mut bad = case("base", "S1", Verdict::Stale, harness(HOSTILE));
    bad.observations = vec![HOSTILE.into()];
    bad.opportunities =
        vec![evidence::Opportunity { claim: HOSTILE.into(), open: true, detail: HOSTILE.into() }];
    bad.files.insert("events".into(), HOSTILE.into());
    let mut unclear = case("rust", "S1", Verdict::Ok, inconclusive(HOSTILE));
    unclear.load = Some(Load { job: HOSTILE.into(), stale_blocks: 7, ..Load::default() });
    let mut record = run(vec![bad, unclear]);
    record.run_id = HOSTILE.into();
    record.source.origin = Origin::GitCommit { commit: HOSTILE.into(), repository: HOSTILE.into() };
    record.scenarios[0].title = HOSTILE.into();
    record.arms[0].title = HOSTILE.into();
    record.perf = Some(Perf {
        reference: "base".into(),
        series: vec![series("base", &[1.0, 2.0]), series(HOSTILE, &[2.0, 4.0])],
        ..Perf::default()
    });
    let row = Row {
        at_ns: Some(1),
        event: Some(1),
        lane: Lane::Hdd,
        tone: Tone::Write,
        text: HOSTILE.into(),
    };
    let bar = Bar {
        lane: Lane::Hdd,
        tone: Tone::Write,
        from: 0,
        to: 0,
        ended: false,
        held: None,
        label: HOSTILE.into(),
    };
    let line = Timeline { focus: HOSTILE.into(), rows: vec![row], bars: vec![bar] };
    let mut exhibits = Exhibits::default();
    exhibits.timelines.insert(record.cases[0].id.clone(), line);
    exhibits.consoles.insert(record.cases[1].id.clone(), HOSTILE.into());
    (record, exhibits)
}

fn series(arm: &str, samples: &[f64]) -> Series {
    Series {
        metric: "iops".into(),
        unit: "1/s".into(),
        higher_is_better: true,
        workload: "mixed".into(),
        arm: arm.into(),
        samples: samples.to_vec(),
    }
}

#[test]
fn hostile_words_never_become_markup_or_control() {
    let (record, exhibits) = hostile();
    let page = report(&record, &exhibits);
    for forbidden in ["<script", "<img", "onerror=alert(2)>", "\u{0}", "\u{1b}"] {
        assert!(!page.contains(forbidden), "{forbidden:?} is in the page");
    }
    assert!(page.contains("&lt;script&gt;"), "the words themselves are shown");
    for text in [cover_letter(&record), ktap(&record), junit(&record)] {
        assert!(!text.contains('\u{1b}') && !text.contains('\u{0}'));
    }
    // A line of the letter, or of KTAP, cannot be forged by a line end.
    assert!(!cover_letter(&record).lines().any(|line| line == "# x"));
    assert!(ktap(&record).lines().all(|l| l.trim_start() != "# x"));
    assert!(!junit(&record).contains("<script"));
}

#[test]
fn the_page_is_self_contained_and_has_no_section_without_data() {
    let page = report(&table(), &Exhibits::default());
    assert!(page.contains(">stale*</a>") && page.contains("default-src 'none'"));
    for outside in ["src=\"http", "href=\"http", "url(", "@import", "<script", "<link"] {
        assert!(!page.contains(outside), "{outside}");
    }
    // What there is not has no section, and no excuse either.
    for absent in ["not measured", "id=\"load\"", "id=\"cost\"", "id=\"memory\""] {
        assert!(!page.contains(absent), "{absent}");
    }
    // Every link leads somewhere in the page.
    for link in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(page.contains(&format!("id=\"{link}\"")), "#{link} leads nowhere");
    }
}

#[test]
fn the_letter_keeps_to_its_columns_and_invents_no_figure() {
    let mut wide = Vec::new();
    for number in 1..30 {
        let name = format!("S{number}");
        wide.push(case("base", &name, Verdict::Stale, verdict(Verdict::Stale)));
    }
    for record in [table(), run(wide), hostile().0] {
        let letter = cover_letter(&record);
        for line in letter.lines() {
            assert!(line.chars().count() <= 72, "{line:?}");
        }
    }
    let letter = cover_letter(&table());
    assert!(letter.starts_with("Outcome\n-------\n\n  - 2 cases on Linux "), "{letter}");
    for absent in ["Under load", "Memory", "Performance", "not measured"] {
        assert!(!letter.contains(absent), "{absent}: {letter}");
    }
}

/// Whoever reads only the first lines has the figures, and what they prove.
#[test]
fn windows_and_outcomes_lead_and_say_whether_the_clean_runs_suffice() {
    let mut cases = Vec::new();
    for attempt in 1..=5 {
        for (arm, windows, verdict_is) in
            [("base", 1188, Verdict::Stale), ("rust", 1224, Verdict::Ok), ("c", 0, Verdict::Ok)]
        {
            if arm == "c" && attempt > 3 {
                continue;
            }
            let mut one = case(arm, "L1", verdict_is, verdict(verdict_is));
            (one.attempt, one.id) = (attempt, format!("{arm}/L1/{attempt}"));
            one.load = Some(Load { opportunities: windows, ..Load::default() });
            cases.push(one);
        }
    }
    let record = run(cases);
    let expected = "L1: base 5,940 misses beside a write, 5 of 5 runs stale; rust 6,120, none of 5; \
                    c 0, none of 3. Clean runs needed: 4, met by rust, NOT MET by c (had 3).";
    let letter = cover_letter(&record);
    let head = letter.split("Problem\n").next().unwrap().split_whitespace().collect::<Vec<_>>();
    assert!(head.join(" ").contains(expected), "{letter}");
    let page = report(&record, &Exhibits::default());
    assert!(page.split("<nav").next().unwrap().contains(expected), "the first screen says it");
}

/// Of a patch of somebody's, the letter does not tell how ours works.
#[test]
fn the_letter_describes_the_kernels_at_hand() {
    let mut record = table();
    let letter = cover_letter(&record);
    assert!(letter.contains("Fix\n---") && !letter.contains("placeholder first"), "{letter}");
    record.arms[0].about = vec!["it is bare".into()];
    record.arms[1].about = vec!["it is bare".into(), "a table of ranges".into()];
    let letter = cover_letter(&record);
    assert!(letter.contains("\nbase, rust: it is bare\n\nrust: a table of ranges\n"), "{letter}");
    let only = run(vec![case("base", "S1", Verdict::Stale, verdict(Verdict::Stale))]);
    assert!(!cover_letter(&only).contains("Fix\n---"));
}

/// A cell of one run is not counted by the attempts of another.
#[test]
fn joined_runs_have_the_commands_of_each_and_whole_cells() {
    let (mut one, mut other) = two();
    one.commands = vec![vec!["run".into(), "--arm".into(), "mine=a b.patch".into()]];
    other.commands = vec![vec!["run".into(), "--full".into()]];
    other.cases.pop();
    other.arms.pop();
    other.summarise();
    let merged = gather(vec![one, other]).unwrap();
    let text = matrix(&merged, Page::PLAIN);
    assert!(text.contains("stale* 2/2") && text.contains(" ok\n"), "{text}");
    let letter = cover_letter(&merged);
    // A case is found in the run that it was joined from.
    let page = report(&merged, &Exhibits::default());
    for case in ["r base/S1/1", "other base/S1/1"] {
        assert!(page.contains(&format!("cargo xtask replay {case}<")), "{case}");
    }
    assert!(!page.contains("replay r+other"));
    for line in [
        "  cargo xtask run --arm 'mine=a b.patch'\n",
        "  cargo xtask run --full\n",
        "  cargo xtask evidence RUN1 RUN2\n",
    ] {
        assert!(letter.contains(line), "{letter}");
    }
}

/// Each commit brings its lab and its guest: they need not be the same ones.
#[test]
fn runs_of_several_commits_say_which_to_check_out() {
    let (mut one, mut other) = two();
    one.commands = vec![vec!["run".into(), "--out".into(), "results/a".into()]];
    other.commands = vec![vec!["perf".into()]];
    other.tool.commit = Some("f00d".into());
    other.guest.hash = "another".into();
    one.tool.commit = None;
    assert!(gather(vec![one.clone(), other.clone()]).is_err(), "no commit to check out");
    one.tool.commit = Some("beef".into());
    let merged = gather(vec![one, other]).unwrap();
    let letter = cover_letter(&merged);
    let wanted = "In a clone of bcache-lab, on Debian with Rust:\n\n  git checkout beef\n  \
                  cargo xtask run --out results/a\n  git checkout f00d\n  cargo xtask perf\n  \
                  cargo xtask evidence results/a RUN2\n";
    assert!(letter.contains(wanted), "{letter}");
    let page = report(&merged, &Exhibits::default());
    assert!(page.contains("r: 0, commit beef; other: 0, commit f00d"), "{page}");
}

/// Instructions in one run, memory in another: one measurement; twice the same
/// is none.
#[test]
fn measurements_of_different_things_are_joined() {
    let (mut one, mut other) = two();
    let perf = Perf { reference: "base".into(), ..Perf::default() };
    let point = MemoryPoint {
        arm: "rust".into(),
        device_bytes: 1 << 40,
        idle_bytes: 1,
        peak_bytes: 2,
        in_flight: 3,
        slab_growth_bytes: None,
    };
    one.perf = Some(Perf { series: vec![series("base", &[1.0])], ..perf.clone() });
    other.perf = Some(Perf { memory: vec![point], ..perf });
    let merged = gather(vec![one.clone(), other.clone()]).unwrap().perf.unwrap();
    assert_eq!((merged.series.len(), merged.memory.len()), (1, 1));
    other.perf.clone_from(&one.perf);
    let refused = gather(vec![one, other]).unwrap_err().to_string();
    assert!(refused.contains("iops of base"), "{refused}");
}

#[test]
fn documents_of_different_kernels_are_told_apart() {
    let (one, mut other) = two();
    assert_eq!(same_kernels(&[&one, &other]), Ok(()));
    other.seed = 7;
    other.tool.commit = Some("later".into());
    assert_eq!(same_kernels(&[&one, &other]), Ok(()), "of the same kernels all the same");
    other.arms[1].image = "x".into();
    let why = same_kernels(&[&one, &other]).unwrap_err().to_string();
    assert!(why.contains("runs r and other") && why.contains("kernel of arm rust"), "{why}");
}

#[test]
fn measured_figures_are_in_the_letter_and_on_the_page() {
    let mut loaded = case("base", "S1", Verdict::Stale, verdict(Verdict::Stale));
    loaded.load = Some(Load { stale_blocks: 4711, opportunities: 815, ..Load::default() });
    let mut record = run(vec![loaded, case("rust", "S1", Verdict::Ok, verdict(Verdict::Ok))]);
    record.perf = Some(Perf {
        reference: "base".into(),
        margin: 0.02,
        series: vec![
            series("base", &[100.0, 200.0, 400.0]),
            series("rust", &[101.0, 198.0, 400.0]),
        ],
        memory: vec![MemoryPoint {
            arm: "rust".into(),
            device_bytes: 1 << 40,
            idle_bytes: 64,
            peak_bytes: 65_536,
            in_flight: 32,
            slab_growth_bytes: None,
        }],
        ..Perf::default()
    });
    let (letter, page) = (cover_letter(&record), report(&record, &Exhibits::default()));
    for figure in ["4711", "815", "64 KiB", "1 TiB"] {
        assert!(letter.contains(figure) && page.contains(figure), "{figure}\n{letter}");
    }
    assert!(letter.contains("ratio 1.0000 (too few pairs"), "{letter}");
}

/// A letter of a thousand lines is not read.
#[test]
fn many_figures_are_a_table_in_the_letter() {
    let mut record = run(vec![]);
    let measured = |workload: &str, arm: &str| Series {
        metric: "instructions".into(),
        workload: workload.into(),
        ..series(arm, &[100.0, 101.0, 99.0, 100.0, 102.0, 98.0])
    };
    let others: Vec<String> = (0..30).map(|n| format!("w{n}")).collect();
    let workloads = others.iter().map(String::as_str).chain(["bypass-write", "read-miss"]);
    record.perf = Some(Perf {
        reference: "base".into(),
        margin: 0.02,
        series: workloads.flat_map(|w| [measured(w, "base"), measured(w, "rust")]).collect(),
        ..Perf::default()
    });
    let letter = cover_letter(&record);
    assert!(letter.contains("All 64 series"), "{letter}");
    assert!(letter.lines().any(|line| line.starts_with("rust ")), "{letter}");
    assert!(letter.lines().count() < 150 && letter.lines().all(|line| line.len() <= 72));
}

#[test]
fn ktap_and_junit_never_call_a_case_without_a_verdict_good() {
    let record = run(vec![
        case("base", "S1", Verdict::Stale, verdict(Verdict::Stale)),
        case("base", "S2", Verdict::Stale, verdict(Verdict::Ok)),
        case("rust", "S1", Verdict::Ok, inconclusive("closed")),
        case("rust", "S2", Verdict::Ok, harness("panicked")),
    ]);
    let text = ktap(&record);
    assert!(text.starts_with("KTAP version 1\n") && text.contains("\n1..2\n"), "{text}");
    for line in [
        "  ok 1 S1/1 # XFAIL stale, as expected",
        "  not ok 2 S2/1 # ok, expected stale",
        "  not ok 1 S1/1 # ERROR inconclusive: closed",
        "not ok 1 base",
        "not ok 2 rust",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let xml = junit(&record);
    assert!(xml.contains("failures=\"1\"") && xml.contains("errors=\"2\""), "{xml}");
}

/// The rules of the published schema that a wrong export would break; the
/// whole schema is GPL, and is checked by hand with kcidb-io.
#[test]
fn kcidb_keeps_the_rules_of_its_schema() {
    for record in [table(), hostile().0] {
        let value = kcidb(&record);
        let id = |text: &str| {
            let (origin, rest) = text.split_once(':').unwrap();
            origin == "bcache_lab" && !rest.is_empty() && !rest.contains('\0')
        };
        assert_eq!(value["version"], serde_json::json!({ "major": 5, "minor": 3 }));
        let ids = |list: &str| -> Vec<String> {
            let all = value[list].as_array().unwrap().iter();
            all.map(|one| one["id"].as_str().unwrap().to_owned()).collect()
        };
        let (checkouts, builds, tests) = (ids("checkouts"), ids("builds"), ids("tests"));
        assert!(checkouts.iter().chain(&builds).chain(&tests).all(|text| id(text)));
        let mut unique = tests.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), tests.len());
        for build in value["builds"].as_array().unwrap() {
            assert!(checkouts.iter().any(|id| *id == build["checkout_id"]));
        }
        for test in value["tests"].as_array().unwrap() {
            assert!(builds.iter().any(|id| *id == test["build_id"]));
            assert!(["PASS", "FAIL", "ERROR", "MISS"].contains(&test["status"].as_str().unwrap()));
            let path = test["path"].as_str().unwrap();
            let fine = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            assert!(path.split('.').all(|part| !part.is_empty() && part.chars().all(fine)));
            let excerpt = test["log_excerpt"].as_str().unwrap_or_default();
            assert!(excerpt.len() <= 16_384 && !excerpt.contains('\0'));
        }
    }
}

fn two() -> (RunRecord, RunRecord) {
    let (one, mut two) = (table(), table());
    two.run_id = "other".into();
    two.started = "2026-01-02T00:00:00Z".into();
    (one, two)
}

#[test]
fn runs_of_the_same_kernels_become_one() {
    let (one, mut other) = two();
    other.seed = 7;
    other.cases[0].seed = 99;
    let merged = gather(vec![one, other]).unwrap();
    let ids: Vec<&str> = merged.cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids, ["base/S1/1", "rust/S1/1", "base/S1/2", "rust/S1/2"]);
    assert_eq!(merged.cases[2].seed, 99, "a case keeps its own seed");
    assert_eq!((merged.summary.planned, merged.exit_code()), (4, 0));
    assert_eq!(merged.run_id, "r+other");
}

#[test]
fn runs_that_differ_are_refused_by_name() {
    type Change = fn(&mut RunRecord);
    let changes: [(&str, Change); 10] = [
        ("kernel source", |run| run.source.hash = "x".into()),
        ("configuration", |run| run.config.name = "x".into()),
        ("C compiler", |run| run.toolchain.cc = "x".into()),
        ("rustc", |run| run.toolchain.rustc = Some("x".into())),
        ("QEMU", |run| run.qemu.version = "x".into()),
        ("lab's own version", |run| run.tool.dirty = true),
        ("guest image", |run| run.guest.hash = "x".into()),
        ("fio", |run| run.guest.fio = "x".into()),
        ("arm rust", |run| run.arms[1].hash = "x".into()),
        ("scenario S1", |run| run.scenarios[0].hash = "x".into()),
    ];
    for (what, change) in changes {
        let (one, mut other) = two();
        change(&mut other);
        match gather(vec![one, other]) {
            Err(error @ GatherError::Differ { .. }) => {
                assert!(error.to_string().contains(what), "{error}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
    let same = gather(vec![table(), table()]);
    assert!(matches!(same, Err(GatherError::Twice(_))), "{same:?}");
}

#[test]
fn an_incomplete_run_is_refused_even_when_it_says_otherwise() {
    let mut short = table();
    short.cases.pop();
    for status in [evidence::RunStatus::Complete, evidence::RunStatus::Incomplete] {
        short.status = status;
        let refused = gather(vec![short.clone()]).unwrap_err();
        assert!(refused.to_string().contains("1 of 2 cases"), "{refused}");
    }
    assert_eq!(gather(vec![]), Err(GatherError::Nothing));
}

#[test]
fn a_thousand_cases_are_fast_and_their_page_stays_small() {
    let mut cases: Vec<Case> = Vec::new();
    for attempt in 1..=50 {
        for scenario in 1..=10 {
            for arm in ["base", "rust"] {
                let mut one = case(arm, &format!("S{scenario}"), Verdict::Ok, verdict(Verdict::Ok));
                one.attempt = attempt;
                one.id = format!("{arm}/S{scenario}/{attempt}");
                one.observations = vec!["something was seen here, at some length".into(); 8];
                cases.push(one);
            }
        }
    }
    let mut record = run(cases);
    record.attempts = 50;
    record.summarise();
    let began = std::time::Instant::now();
    let record = gather(vec![record]).unwrap();
    let page = report(&record, &Exhibits::default());
    let _ = (cover_letter(&record), kcidb(&record).to_string(), junit(&record), ktap(&record));
    assert!(began.elapsed().as_secs() < 3, "{:?}", began.elapsed());
    assert!(page.len() < 4 << 20, "{} bytes", page.len());
    assert!(matches!(record.cases[0].outcome, Outcome::Verdict { .. }));
}

#[test]
fn a_path_in_a_record_stays_in_its_run() {
    let mut one = case("base", "S1", Verdict::Ok, verdict(Verdict::Ok));
    for path in ["/etc/passwd", "../x", "logs/../../x", "./x", ""] {
        one.files.insert("events".into(), path.into());
        let found = one.file("run".as_ref(), "events");
        assert!(found.is_none() || path.is_empty(), "{path}: {found:?}");
    }
    one.files.insert("events".into(), "logs/a/events".into());
    assert_eq!(
        one.file("run".as_ref(), "events").unwrap(),
        std::path::Path::new("run/logs/a/events")
    );
}

/// A commit is what others can look up; whatever else a source is, it is none.
#[test]
fn kcidb_names_the_commit_of_a_git_tree_and_of_nothing_else() {
    let sha1 = "0123456789abcdef0123456789abcdef01234567";
    let git = |commit: &str| Origin::GitCommit { commit: commit.into(), repository: "/l".into() };
    let package =
        Origin::DebianPackage { package: "linux-source-7.3".into(), version: sha1.into() };
    for (origin, commit) in [
        (git(sha1), Some(sha1)),
        // SHA-256, which the format cannot hold.
        (git(&sha1.repeat(2)[..64]), None),
        (package, None),
        (Origin::Directory { path: sha1.into() }, None),
        (Origin::Tarball { path: sha1.into() }, None),
        (Origin::Words(format!("git commit {sha1} of /l")), None),
    ] {
        let mut record = table();
        record.source.origin = origin;
        record.source.hash = format!("git-tree:{sha1}");
        let checkouts = kcidb(&record)["checkouts"].clone();
        let found = checkouts.as_array().unwrap().iter().map(|c| c["git_commit_hash"].as_str());
        assert_eq!(found.collect::<Vec<_>>(), [commit; 2], "{}", record.source.origin);
    }
}
