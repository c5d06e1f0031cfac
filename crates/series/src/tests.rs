// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small series on a small tree: what is right passes, and each kind of
//! damage is seen.

use super::*;
use crate::checks::{applies, is_arm};
use crate::fixture::{LETTER, OLD, folder, plan, pristine};
use proc::Cancel;
use std::fs;
use std::path::{Path, PathBuf};

fn written(dir: &Path, version: Option<u32>) -> (Plan, Mails) {
    let plan = plan(dir);
    let letter = Letter { version, ..LETTER };
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
    let cover = fs::read_to_string(&mails.parts[0].cover).unwrap();
    assert!(cover.contains("Subject: [PATCH v3 0/2] tests: a series\n"), "{cover}");
    assert!(cover.contains("What it is for.\n\nBased on here; of it 1 to there."), "{cover}");
    assert!(cover.contains("3 files changed"), "{cover}");
    let first = fs::read_to_string(&mails.patches[0]).unwrap();
    for part in [
        "From: A B <a@b.example>\n",
        "Subject: [PATCH v3 1/2] tests: first\n",
        "\nTo: M <m@b.example>\nCc: l@b.example,\n    k@b.example\n",
        "\n\nWhy it is done.\n\nFixes: 0123456789ab (\"x\")\nSigned-off-by: A B <a@b.example>\n---\n\n\
         Notes:\n    v2: said why.\n\n d/f.c ",
        " create mode 100644 d/n.h\n",
    ] {
        assert!(first.contains(part), "{part:?} in {first}");
    }
    // A second series in the same folder leaves nothing of the first.
    let (_, mails) = written(dir.path(), None);
    let count = fs::read_dir(dir.path().join("out/all")).unwrap().count();
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
    // Whatever the folder is called.
    fs::rename(dir.path().join("kernel"), dir.path().join("mine")).unwrap();
    let mine = Plan::load(&dir.path().join("mine")).unwrap();
    assert_eq!(is_arm(&mine, "all", "x", &mails.overlays[1], &pristine).outcome, Outcome::Ok);
}

#[test]
fn a_run_that_stops_leaves_the_mails_of_the_one_before() {
    let dir = folder();
    let (plan, _) = written(dir.path(), None);
    let out = dir.path().join("out/all");
    let list = |out: &Path| {
        let entries = fs::read_dir(out).unwrap().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    let before = list(&out);
    assert_eq!(before.len(), 3, "{before:?}");
    let cancel = Cancel::new();
    let letter = Letter { version: Some(2), ..LETTER };
    let stopping = |path: &str| {
        cancel.cancel();
        pristine(path)
    };
    for to in [&dir.path().join("out"), &dir.path().join("fresh")] {
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
    assert!(found[0].on.starts_with("linux 0, all/0001-"), "{}", found[0].on);
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
        ("\"a\", \"b\"", "\"b\", \"a\"", "part all do not come next"),
        ("\"a\", \"b\"", "\"a\"", "has to be in a [[part]]"),
        ("b.txt", "c.txt", "c.txt"),
        ("\"d/n.h\"", "\"../n.h\"", "leaves the tree"),
    ] {
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let error = Plan::load(&kernel).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn parts_are_sent_one_by_one_and_say_what_they_stand_on() {
    let dir = folder();
    let path = dir.path().join("kernel/series/series.toml");
    let text = fs::read_to_string(&path).unwrap();
    let two = "steps = [\"a\"]\n[[part]]\nname = \"more\"\ncover = \"cover.txt\"\nsteps = [\"b\"]";
    fs::write(&path, text.replacen("steps = [\"a\", \"b\"]", two, 1)).unwrap();
    let commit = "1234567890123456789012345678901234567890";
    let letter = Letter { base_commit: Some(commit), ..LETTER };
    let (plan, out) = (plan(dir.path()), dir.path().join("out"));
    let mails = write(&plan, &pristine, &letter, dir.path(), &out, &Cancel::new()).unwrap();
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let covers: Vec<String> = mails.parts.iter().map(|part| read(&part.cover)).collect();
    for cover in &covers {
        assert!(
            cover.contains("[PATCH 0/1]") && cover.contains("\nMessage-ID: <cover."),
            "{cover}"
        );
        assert!(cover.contains(&format!("\nbase-commit: {commit}\n")), "{cover}");
    }
    assert!(covers[0].contains("Based on here; applies to there as well.\n"), "{}", covers[0]);
    assert!(covers[1].contains("Based on here.\n"), "{}", covers[1]);
    assert!(!covers[0].contains("prerequisite"), "{}", covers[0]);
    assert_eq!(covers[1].matches("\nprerequisite-patch-id: ").count(), 1, "{}", covers[1]);
    assert!(out.join("more/0001-tests-second.patch").exists());
    assert_eq!(read(&mails.parts[1].mbox).matches("\nSubject: [PATCH ").count(), 2);
    // Out of a package, no commit is said.
    let mails = write(&plan, &pristine, &LETTER, dir.path(), &out, &Cancel::new()).unwrap();
    assert!(!read(&mails.parts[1].cover).contains("base-commit"));
}

/// b4 out of PyPI, once: Debian 12's cannot read folded headers.
fn b4() -> PathBuf {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/b4-0.16.0");
    let (sh, program) = (proc::shell().unwrap(), venv.join("bin/b4"));
    if !program.exists() {
        xshell::cmd!(sh, "python3 -m venv {venv}").quiet().run().unwrap();
        let pip = venv.join("bin/pip");
        xshell::cmd!(sh, "{pip} install --quiet b4==0.16.0").quiet().run().unwrap();
    }
    program
}

#[test]
fn git_am_and_b4_take_the_mbox() {
    let dir = folder();
    let (_, mails) = written(dir.path(), None);
    let person = git::Person::parse("A B <a@b.example>").unwrap();
    let cancel = Cancel::new();
    let sh = proc::shell().unwrap();
    let touched = ["d/f.c".to_owned()].into();
    let mbox = &mails.parts[0].mbox;
    let taken = |name: &str, mbox: &Path| {
        let place = dir.path().join(name);
        fs::create_dir(&place).unwrap();
        let repo = git::Repo::create(&place, &touched, &pristine, &person, &cancel).unwrap();
        let mbox = mbox.to_string_lossy();
        repo.git(&["am", "--quiet", "--empty=drop", &mbox]).unwrap();
        repo.differences(&mails.overlays[1], &pristine).unwrap()
    };
    assert_eq!(taken("am", mbox), Vec::<String>::new());
    let (b4, out) = (b4(), dir.path().join("b4"));
    let said = proc::ask(
        xshell::cmd!(
            sh,
            "{b4} --offline-mode --no-stdin am --no-cover --use-local-mbox {mbox} --outdir {out}"
        ),
        &cancel,
    );
    let said = said.unwrap();
    assert!(said.success, "{}{}", said.out, said.err);
    let series = fs::read_dir(&out).unwrap().flatten().map(|entry| entry.path());
    let series: Vec<_> = series.filter(|path| path.extension() == Some("mbx".as_ref())).collect();
    assert_eq!(series.len(), 1, "{}{}", said.out, said.err);
    assert_eq!(taken("b4-am", &series[0]), Vec::<String>::new());
    // A mail that is not there is missed.
    let text = fs::read_to_string(mbox).unwrap();
    let second = text.rfind("\nFrom ").unwrap() + 1;
    let broken = dir.path().join("broken.mbox");
    fs::write(&broken, &text[..second]).unwrap();
    let said = proc::ask(
        xshell::cmd!(
            sh,
            "{b4} --offline-mode --no-stdin am --use-local-mbox {broken} --outdir {out}"
        ),
        &cancel,
    )
    .unwrap();
    assert!(said.err.contains("ERROR"), "{}{}", said.out, said.err);
}

#[test]
fn a_placeholder_is_seen_where_somebody_has_left_one() {
    let dir = folder();
    let put = |text: &str| fs::write(dir.path().join("kernel/series/cover.txt"), text).unwrap();
    let cover = |figures: Option<&str>| {
        let letter = Letter { figures, ..LETTER };
        let (plan, out) = (plan(dir.path()), dir.path().join("out"));
        let mails = write(&plan, &pristine, &letter, dir.path(), &out, &Cancel::new()).unwrap();
        fs::read_to_string(&mails.parts[0].cover).unwrap()
    };
    put(&format!("tests: a series\n\n{FIGURES}\n"));
    assert_eq!(letter::placeholders(&cover(None)), [FIGURES]);
    assert_eq!(letter::placeholders(&cover(Some("12 of 12\n"))), [""; 0]);
    assert!(cover(Some("12 of 12\n")).contains("12 of 12\n\nBased on"));
    put("tests: a series\n\nIt is *** HOW MUCH? *** faster.\n  *** WHO ***\n");
    assert_eq!(letter::placeholders(&cover(None)).len(), 2);
    put("tests: a series\n\n* a list *\n *** p < 0.001\n");
    assert_eq!(letter::placeholders(&cover(None)), [""; 0]);
}

#[test]
fn a_fixes_tag_has_to_be_in_the_history() {
    let dir = folder();
    let history = dir.path().join("history");
    fs::create_dir(&history).unwrap();
    let (person, cancel) = (git::Person::parse("A B <a@b.example>").unwrap(), Cancel::new());
    let repo = git::Repo::create(&history, &[].into(), &|_| None, &person, &cancel).unwrap();
    let commit = repo.git(&["rev-parse", "--short=12", "HEAD"]).unwrap().concat();
    let of = |tag: &str| {
        let path = dir.path().join("kernel/series/a.txt");
        fs::write(path, format!("tests: first\n\nWhy.\n\nFixes: {tag}\n")).unwrap();
        let found = checks::fixes(&history, &plan(dir.path()), &cancel).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].outcome
    };
    assert_eq!(of(&format!("{commit} (\"pristine\")")), Outcome::Ok);
    assert_eq!(of(&format!("{commit} (\"another\")")), Outcome::Failed);
    assert_eq!(of("0123456789ab (\"pristine\")"), Outcome::Missing);
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
