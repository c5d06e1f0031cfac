// SPDX-License-Identifier: MIT OR Apache-2.0
//! The report in a real browser, headless: axe finds nothing, in both themes,
//! on a desk and on a phone; a cell opens its case; nothing sticks out.
//!
//! It takes `chromium`, and axe-core from npm, so it is asked for by name:
//! `cargo test -p evidence --test browser -- --ignored by_hand_`.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

use evidence::{Exhibits, Lane, Row, RunRecord, Store, Timeline, Tone, gather, report};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const AXE: &str = "axe-core@4.14.1";

/// What the frame saw.
#[derive(Debug, Deserialize)]
struct Seen {
    dark: bool,
    width: u64,
    wide: u64,
    tall: u64,
    opened: bool,
    findings: Vec<String>,
}

/// axe, as one file.
fn axe() -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe");
    let script = place.join("node_modules/axe-core/axe.min.js");
    if !script.is_file() {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
        let out = npm.arg(&place).arg(AXE).stdin(Stdio::null()).output().unwrap();
        assert!(script.is_file(), "npm: {}", String::from_utf8_lossy(&out.stderr));
    }
    script
}

fn look(page: &str, axe: &Path, dark: bool, width: u64) -> Seen {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(axe, dir.path().join("axe.min.js")).unwrap();
    // The page forbids all scripts; axe is one.
    let (head, body) = page.split_once("<meta http-equiv").unwrap();
    let (_, body) = body.split_once('>').unwrap();
    let page =
        format!("{head}{body}").replace("</body>", "<script src=\"axe.min.js\"></script></body>");
    std::fs::write(dir.path().join("page.html"), page).unwrap();
    let frame = include_str!("data/frame.html").replace("@WIDTH@", &width.to_string());
    let file = dir.path().join("frame.html");
    std::fs::write(&file, frame).unwrap();
    let mut chromium = Command::new("chromium");
    chromium.args([
        "--headless",
        // Tests may run as root, which the sandbox does not want.
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // Else each file is an origin of its own, and the frame is closed to us.
        "--allow-file-access-from-files",
        "--window-size=1400,1000",
        "--virtual-time-budget=120000",
    ]);
    chromium.arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!dark)));
    chromium.arg(format!("--user-data-dir={}", dir.path().join("profile").display()));
    chromium.arg("--dump-dom").arg(&file).stdin(Stdio::null());
    let out = chromium.output().unwrap();
    let dom = String::from_utf8_lossy(&out.stdout);
    let (_, result) = dom.split_once("<pre id=\"result\">").unwrap();
    let (json, _) = result.split_once("</pre>").unwrap();
    let json = json.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&json)
        .unwrap_or_else(|error| panic!("{error}: {json}\n{}", String::from_utf8_lossy(&out.stderr)))
}

/// Everything that a page can show: matrix, loads, cost, memory, time lines.
fn everything() -> (RunRecord, Exhibits) {
    let read = |name: &str| {
        let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let path = repo.join("results/published").join(name).join("run.json");
        Store::read(&path).unwrap().unwrap()
    };
    let names = ["matrix", "load", "bypass-kinds", "perf"];
    let mut run = gather(names.map(read).to_vec()).unwrap();
    // A few measurements stand for hundreds, all of which look alike.
    if let Some(perf) = &mut run.perf {
        perf.series.retain(|series| {
            ["bypass-write", "bypass-write-cached", "mix-4k-128k/read"].contains(&&*series.workload)
        });
    }
    // Published cases have no logs.
    let tones = [
        Tone::Step,
        Tone::Note,
        Tone::Proof,
        Tone::Write,
        Tone::Read,
        Tone::Hold,
        Tone::Journal,
        Tone::Leaf,
        Tone::Fill,
        Tone::Inferred,
        Tone::Cut,
        Tone::Skipped,
        Tone::Verdict,
        Tone::Bad,
    ];
    let row = |tone| Row {
        at_ns: Some(1_000_000),
        event: Some(1),
        lane: Lane::Hdd,
        tone,
        text: "what was seen at the disks".into(),
    };
    let line =
        Timeline { focus: "block 1".into(), rows: tones.map(row).to_vec(), bars: Vec::new() };
    let mut exhibits = Exhibits::default();
    for case in &run.cases[..2] {
        exhibits.timelines.insert(case.id.clone(), line.clone());
        exhibits.consoles.insert(case.id.clone(), "bcache: register_cache()\n".repeat(40));
    }
    (run, exhibits)
}

#[test]
#[ignore = "takes chromium and npm: apt-get install chromium"]
fn by_hand_axe_finds_nothing_in_both_themes_on_a_desk_and_on_a_phone() {
    let axe = axe();
    let (run, exhibits) = everything();
    let page = report(&run, &exhibits);
    if let Some(kept) = std::env::var_os("BCLAB_KEEP_REPORT") {
        std::fs::write(kept, &page).unwrap();
    }
    let sound = |dark, width| {
        let seen = look(&page, &axe, dark, width);
        eprintln!("dark {dark}, {width} wide: {seen:?}");
        assert_eq!(seen.findings, Vec::<String>::new(), "dark {dark}, {width} wide");
        assert_eq!(seen.dark, dark, "the theme was not the one asked for");
        assert!(seen.opened, "a cell does not open its case");
        assert!(seen.wide <= seen.width, "{} of {} pixels", seen.wide, seen.width);
        // The same lines are taller where they are narrow.
        let tallest = if width < 1000 { 25_000 } else { 20_000 };
        assert!(seen.tall < tallest, "{} pixels before anything is unfolded", seen.tall);
    };
    // The checks see what they are there for.
    let faint = page.replace("--dim:#5c6670", "--dim:#b4bcc4");
    let stuck = page.replace(" tabindex=\"0\"", "").replace("class=\"scroll\"", "");
    // Each look takes a processor for a quarter of a minute.
    std::thread::scope(|scope| {
        for (dark, width) in [(false, 1280), (false, 390), (true, 1280), (true, 390)] {
            let sound = &sound;
            scope.spawn(move || sound(dark, width));
        }
        scope.spawn(|| {
            let faint = look(&faint, &axe, false, 1280);
            assert!(faint.findings.iter().any(|f| f.starts_with("color-contrast")), "{faint:?}");
        });
        scope.spawn(|| {
            let stuck = look(&stuck, &axe, false, 390);
            assert!(stuck.wide > stuck.width, "{stuck:?}");
        });
    });
}
