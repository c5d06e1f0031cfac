// SPDX-License-Identifier: MIT OR Apache-2.0
//! Patches from somebody else. `KBUILD_FUZZ=100000` asks for as many inputs (git
//! is started for each); a failure names its seed, and `KBUILD_FUZZ_SEED` begins
//! there.

use super::{Fuzz, apply, check_path, read};
use crate::overlay::Overlay;
use fastrand::Rng;
use std::fs;
use std::path::Path;

fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("KBUILD_FUZZ_SEED").unwrap_or(0);
    first..first + number("KBUILD_FUZZ").unwrap_or(1_000)
}

fn below(rng: &mut Rng, limit: usize) -> usize {
    rng.usize(..limit.max(1))
}

fn pick<'a>(rng: &mut Rng, list: &[&'a str]) -> &'a str {
    list[below(rng, list.len())]
}

const LINES: [&str; 35] = [
    "--- a/d/f",
    "+++ b/d/f",
    "--- /dev/null",
    "+++ /dev/null",
    "+++ b/../../etc/passwd",
    "--- a/.git/config",
    "+++ /etc/passwd",
    "+++ b/d/new\t2026-01-01",
    "@@ -1,2 +1,2 @@",
    "@@ -1 +1 @@ f()",
    "@@ -0,0 +1 @@",
    "@@ -18446744073709551615,18446744073709551615 +1 @@",
    "@@ -9223372036854775808,1 +1 @@",
    "@@ -0,1 +0,0 @@",
    "@@ -99999999999999999999 +1 @@",
    " 1",
    "-2",
    "+two",
    "-1",
    "\\ No newline at end of file",
    "",
    "diff --git a/d/f b/d/f",
    "diff --git a/d/f b/d/g",
    "diff --git é é",
    "new file mode 120000",
    "new file mode 100644",
    "deleted file mode 100644",
    "rename from d/f",
    "rename to ../g",
    "GIT binary patch",
    "From 1 Mon Sep 17 00:00:00 2001",
    "Subject: [PATCH 99999999999/é] x",
    "Subject: [PATCH v99999999999,1/4294967295] x",
    "Content-Transfer-Encoding: quoted-printable",
    "Content-Transfer-Encoding: base64",
];

/// Lines of patches in any order, or a real patch with a few lines replaced.
fn input(rng: &mut Rng, real: &[String]) -> String {
    let mut lines: Vec<String> = match below(rng, 4) {
        0 if !real.is_empty() => {
            let patch = &real[below(rng, real.len())];
            // A piece is enough, and quicker.
            let lines: Vec<&str> = patch.lines().collect();
            let from = below(rng, lines.len());
            lines[from..].iter().take(60).map(|line| (*line).to_owned()).collect()
        }
        1 => ["--- a/d/f", "+++ b/d/f", "@@ -1,3 +1,3 @@", " 1", "-2", "+two", " 3"]
            .map(str::to_owned)
            .into(),
        _ => (0..1 + below(rng, 14)).map(|_| pick(rng, &LINES).to_owned()).collect(),
    };
    for _ in 0..below(rng, 4) {
        let at = below(rng, lines.len());
        match below(rng, 4) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, pick(rng, &LINES).to_owned()),
            2 => lines[at] = pick(rng, &LINES).to_owned(),
            _ => {
                let mut bytes = lines[at].clone().into_bytes();
                if !bytes.is_empty() {
                    let byte = below(rng, bytes.len());
                    bytes[byte] = rng.u8(..);
                }
                lines[at] = String::from_utf8_lossy(&bytes).into_owned();
            }
        }
        if lines.is_empty() {
            lines.push(String::new());
        }
    }
    lines.join(pick(rng, &["\n", "\n", "\n", "\r\n"]))
}

fn one(seed: u64, real: &[String]) -> (usize, usize) {
    let mut rng = Rng::with_seed(seed);
    let text = input(&mut rng, real);
    let Ok(mailed) = read(&[("p".to_owned(), text.into_bytes())]) else { return (0, 0) };
    let mut applied = 0;
    for patch in &mailed.patches {
        let mut overlay = Overlay::default();
        let fuzz = if below(&mut rng, 2) == 0 { Fuzz::Strict } else { Fuzz::Lenient };
        let file = |path: &str| (path == "d/f").then(|| b"1\n2\n3\n4\n".to_vec());
        applied += usize::from(apply(patch, fuzz, &mut overlay, &file).is_ok());
        for (path, _) in overlay.iter() {
            assert!(check_path(path).is_ok(), "{path:?}");
        }
    }
    (mailed.patches.len(), applied)
}

#[test]
fn no_patch_of_somebody_elses_brings_the_tool_down_or_leaves_the_tree() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kernel/patches");
    let real: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let (mut parsed, mut applied) = (0, 0);
    for seed in seeds() {
        let outcome = std::panic::catch_unwind(|| one(seed, &real));
        let (patches, fits) = outcome.unwrap_or_else(|_| panic!("seed {seed}"));
        parsed += patches;
        applied += fits;
    }
    eprintln!("{parsed} patches parsed and {applied} applied of {} texts", seeds().count());
    assert!(parsed > 200 && applied > 20, "the generator has lost its way");
}
