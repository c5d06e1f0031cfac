// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small series on a small tree: what is right passes, and each kind of
//! damage is seen.

use super::*;
use crate::checks::{applies, is_arm};
use crate::fixture::{OLD, folder, plan, pristine};
use proc::Cancel;
use std::fs;
use std::path::Path;

fn written(dir: &Path, version: Option<u32>) -> (Plan, Mails) {
    let plan = plan(dir);
    let letter = Letter { sign_off: Some("A B <a@b.example>"), version };
    let out = dir.join("out");
    let mails = write(&plan, &pristine, &letter, dir, &out, &Cancel::new()).unwrap();
    (plan, mails)
}

fn complaints(findings: &[Finding]) -> Vec<&str> {
    let failed = findings.iter().filter(|finding| finding.outcome == Outcome::Failed);
    failed.map(|finding| finding.detail.as_str()).collect()
}

#[test]
fn the_mails_are_what_git_send_email_wants() {
    let dir = folder();
    let (_, mails) = written(dir.path(), Some(3));
    let cover = fs::read_to_string(&mails.cover).unwrap();
    assert!(cover.contains("Subject: [PATCH v3 0/2] tests: a series\n"), "{cover}");
    assert!(cover.contains("What it is for.\n\nBased on here; of it 1 to there."), "{cover}");
    assert!(cover.contains("3 files changed"), "{cover}");
    let first = fs::read_to_string(&mails.patches[0]).unwrap();
    for part in [
        "From: A B <a@b.example>\n",
        "Subject: [PATCH v3 1/2] tests: first\n\nWhy it is done.\n\nSigned-off-by: A B \
         <a@b.example>\n---\n",
        " create mode 100644 d/n.h\n",
    ] {
        assert!(first.contains(part), "{part:?} in {first}");
    }
    // A second series in the same folder leaves nothing of the first.
    let (_, mails) = written(dir.path(), None);
    let count = fs::read_dir(dir.path().join("out")).unwrap().count();
    assert_eq!(count, mails.patches.len() + 1);
}

#[test]
fn git_am_gives_the_lab_s_files_and_the_arm_s() {
    let dir = folder();
    let (plan, mails) = written(dir.path(), None);
    let found = applies(&plan, &plan.on[0], &mails, "1", &pristine, &Cancel::new()).unwrap();
    assert_eq!((found.len(), complaints(&found)), (2, vec![]));
    let same = is_arm(&plan, "all", "x", &mails.overlays[1], &pristine);
    assert_eq!(same.outcome, Outcome::Ok, "{}", same.detail);
    // After the first step it is not that arm yet.
    let other = is_arm(&plan, "all", "x", &mails.overlays[0], &pristine);
    assert!(other.detail.contains("d/f.c"), "{}", other.detail);
    assert_eq!(other.outcome, Outcome::Failed);
}

#[test]
fn a_run_that_stops_leaves_the_mails_of_the_one_before() {
    let dir = folder();
    let (plan, _) = written(dir.path(), None);
    let out = dir.path().join("out");
    let list = |out: &Path| {
        let entries = fs::read_dir(out).unwrap().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    let before = list(&out);
    assert_eq!(before.len(), 3, "{before:?}");
    let cancel = Cancel::new();
    let letter = Letter { sign_off: Some("A B <a@b.example>"), version: Some(2) };
    let stopping = |path: &str| {
        cancel.cancel();
        pristine(path)
    };
    for to in [&out, &dir.path().join("fresh")] {
        let ended = write(&plan, &stopping, &letter, dir.path(), to, &cancel);
        assert!(matches!(ended, Err(SeriesError::Cancelled(_))), "{ended:?}");
    }
    assert_eq!(list(&out), before);
    assert!(!dir.path().join("fresh").exists());
}

#[test]
fn a_mail_that_gives_other_files_is_seen() {
    let dir = folder();
    let (plan, mails) = written(dir.path(), None);
    let text = fs::read_to_string(&mails.patches[0]).unwrap();
    let am = || applies(&plan, &plan.on[0], &mails, "1", &pristine, &Cancel::new()).unwrap();
    fs::write(&mails.patches[0], text.replace("+new\n", "+odd\n")).unwrap();
    assert_eq!(
        complaints(&am()),
        ["differs from the lab's: d/n.h", "differs from the lab's: d/n.h"]
    );
    fs::write(&mails.patches[0], text.replace(" two\n", " 2\n")).unwrap();
    let found = am();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].outcome, Outcome::Failed);
}

#[test]
fn a_kernel_that_a_hunk_does_not_fit_is_seen() {
    let dir = folder();
    let (plan, mails) = written(dir.path(), None);
    let older = |path: &str| (path == "d/f.c").then(|| OLD.replace("four", "4").into_bytes());
    let found = applies(&plan, &plan.on[1], &mails, "0", &older, &Cancel::new()).unwrap();
    assert_eq!(complaints(&found).len(), 1, "{found:?}");
    assert!(found[0].on.starts_with("linux 0, 0001-"), "{}", found[0].on);
}

#[test]
fn series_toml_is_checked() {
    let dir = folder();
    let kernel = dir.path().join("kernel");
    let path = kernel.join("series/series.toml");
    let text = fs::read_to_string(&path).unwrap();
    for (from, to, what) in [
        ("steps = [\"a\"]", "steps = [\"z\"]", "\"z\""),
        ("cover =", "cower =", "cower"),
        ("b.txt", "c.txt", "c.txt"),
        ("\"d/n.h\"", "\"../n.h\"", "leaves the tree"),
    ] {
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let error = Plan::load(&kernel).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn the_exit_code_is_that_of_the_worst_finding() {
    let report = |outcomes: &[Outcome]| {
        let finding = |outcome: &Outcome| Finding::new("c", "o", *outcome, "");
        Report { findings: outcomes.iter().map(finding).collect(), ..Default::default() }
    };
    assert_eq!(report(&[Outcome::Ok]).exit_code(), 0);
    assert_eq!(report(&[Outcome::Missing, Outcome::Ok]).exit_code(), 3);
    assert_eq!(report(&[Outcome::Missing, Outcome::Failed]).exit_code(), 1);
    assert!(report(&[Outcome::Failed]).text().contains("FAILED"));
    let half = report(&[Outcome::Ok]);
    assert!(half.text().contains("NOT COMPLETE"));
    assert!(!Report { complete: true, ..half }.text().contains("NOT COMPLETE"));
}
