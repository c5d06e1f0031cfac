// SPDX-License-Identifier: MIT OR Apache-2.0
use super::*;
use patch::Content;
use tempfile::TempDir;

const A_TO_B: &str = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n";
const B_TO_C: &str = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-b\n+c\n";

fn repo(files: &[(&str, &str)]) -> (TempDir, Dirs) {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let dirs = Dirs { repo: dir.path().into(), cache: dir.path().join("cache") };
    (dir, dirs)
}

fn f_of(arm: &Arm) -> String {
    let (overlay, _) = arm.overlay(&|path| (path == "f").then(|| b"a\n".to_vec())).unwrap();
    match overlay.get("f") {
        Some(Content::File { data, .. }) => String::from_utf8(data.clone()).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_arm_stacks_patches_files_and_options() {
    let (_dir, dirs) = repo(&[
        ("kernel/p/one.patch", A_TO_B),
        ("kernel/p/two.patch", B_TO_C),
        ("kernel/src/new.rs", "new"),
        (
            "kernel/arms/low.toml",
            "title='low'\nneeds_rust=true\npatches=['p/one.patch']\nconfig=['CONFIG_A=y']\n\
             [files]\n'd/new.rs'='src/new.rs'\n",
        ),
        (
            "kernel/arms/high.toml",
            "title='high'\non='low'\npatches=['p/two.patch']\nconfig=['CONFIG_B=n']\n",
        ),
    ]);
    assert_eq!(Arm::list(&dirs), ["high", "low"]);
    let arm = Arm::load(&dirs, "high").unwrap();
    assert_eq!((arm.title.as_str(), arm.needs_rust), ("high", true));
    let options: Vec<_> = arm.options.iter().map(|(line, _)| line.as_str()).collect();
    assert_eq!(options, ["CONFIG_A=y", "CONFIG_B=n"]);
    assert_eq!(f_of(&arm), "c\n");
    let (overlay, _) = arm.overlay(&|_| Some(b"a\n".to_vec())).unwrap();
    assert!(overlay.get("d/new.rs").is_some());
}

#[test]
fn wrong_arm_files_are_named_with_the_place() {
    let (_dir, dirs) = repo(&[
        ("kernel/arms/odd.toml", "title='x'\npatchs=[]\n"),
        ("kernel/arms/loop.toml", "title='x'\non='loop'\n"),
        ("kernel/arms/out.toml", "title='x'\n[files]\n'../x'='arms/out.toml'\n"),
        ("kernel/arms/option.toml", "title='x'\nconfig=['BCACHE=y']\n"),
    ]);
    let error = |name: &str| Arm::load(&dirs, name).unwrap_err().to_string();
    assert!(
        error("odd").contains("odd.toml") && error("odd").contains("line 2"),
        "{}",
        error("odd")
    );
    assert!(error("loop").contains("itself"));
    assert!(error("out").contains("leaves the tree"));
    assert!(error("option").contains("CONFIG_X=y"));
    assert!(error("none").contains("there are loop, odd, option, out"), "{}", error("none"));
    assert!(error("../odd").contains("arm name"));
}

#[test]
fn a_user_s_arm_is_a_patch_a_series_mails_or_an_arm_file() {
    let mail = |number: &str, diff: &str| {
        format!(
            "From 1 Mon Sep 17 00:00:00 2001\nFrom: A <a@b>\nSubject: [PATCH {number}] x\n\n{diff}"
        )
    };
    let (dir, dirs) = repo(&[
        ("one.patch", A_TO_B),
        ("series", "# comment\none.patch -p1\n\nbare.patch -p0 # last\n"),
        ("bare.patch", &B_TO_C.replace("a/f", "f").replace("b/f", "f")),
        ("odd/series", "one.patch -p7\n"),
        ("odd/one.patch", A_TO_B),
        ("own.toml", "title='own'\npatches=['one.patch']\n"),
        ("mails/0000-cover-letter.patch", &mail("0/2", "words\n")),
        ("mails/0001-b.patch", &mail("2/2", B_TO_C)),
        ("mails/0002-a.patch", &mail("1/2", A_TO_B)),
        ("mails/series.json", "{}"),
        ("empty/README", "words"),
    ]);
    let from = |what: &str| Arm::from_path(&dirs, "mine", &dir.path().join(what));
    assert_eq!(f_of(&from("one.patch").unwrap()), "b\n");
    assert_eq!(f_of(&from("").unwrap()), "c\n");
    assert_eq!(f_of(&from("own.toml").unwrap()), "b\n");
    assert_eq!(f_of(&from("mails").unwrap()), "c\n");
    for (what, part) in [("none.patch", "none.patch"), ("odd", "-p7"), ("empty", "quilt series")] {
        let error = from(what).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_user_s_arm_may_stand_on_one_of_the_lab_s_or_on_a_neighbour() {
    let (dir, dirs) = repo(&[
        ("kernel/p/one.patch", A_TO_B),
        (
            "kernel/arms/rust.toml",
            "title='r'\nneeds_rust=true\nrole='fix'\ntracker='ranges'\nruns=['nightly']\n\
             patches=['p/one.patch']\n[[variant]]\nname='off'\nsysfs={x='0'}\n",
        ),
        ("mine/two.patch", B_TO_C),
        ("mine/own.toml", "title='own'\non='rust'\npatches=['two.patch']\n"),
        ("mine/more.toml", "title='more'\non='own'\nrole='mutant'\n"),
        // By the same name: what it stands on is not itself.
        ("other/two.patch", B_TO_C),
        ("other/rust.toml", "title='mine'\non='rust'\npatches=['two.patch']\n"),
        ("mine/lost.toml", "title='lost'\non='nothing'\n"),
    ]);
    let from = |what: &str| Arm::from_path(&dirs, "mine", &dir.path().join(what));
    let own = from("mine/own.toml").unwrap();
    assert_eq!(f_of(&own), "c\n");
    assert!(own.needs_rust && own.role == Role::Candidate && !own.is_in(Occasion::Nightly));
    assert_eq!((own.tracker, own.variants.len()), (Tracker::Ranges, 1));
    let more = from("mine/more.toml").unwrap();
    assert_eq!((f_of(&more).as_str(), more.role), ("c\n", Role::Mutant));
    assert_eq!(f_of(&from("other/rust.toml").unwrap()), "c\n");
    let lost = from("mine/lost.toml").unwrap_err().to_string();
    assert!(lost.contains("\"nothing\"; there are rust"), "{lost}");
}

/// The lab's own files: what the commands run unasked.
#[test]
fn every_arm_of_the_lab_has_its_part() {
    let dirs = Dirs::new(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    let all = Arm::all(&dirs).unwrap();
    let names = |wanted: &dyn Fn(&Arm) -> bool| -> Vec<&str> {
        all.iter().filter(|arm| wanted(arm)).map(|arm| arm.name.as_str()).collect()
    };
    let on = |occasion| names(&move |arm| arm.is_in(occasion));
    assert_eq!(on(Occasion::Default), ["base", "rust", "ordered"]);
    assert_eq!(on(Occasion::Loads), ["base", "two-pass", "v1", "c", "rust", "ordered"]);
    assert_eq!(on(Occasion::Perf), ["base", "two-pass", "c", "rust", "ordered"]);
    assert_eq!(
        on(Occasion::Nightly),
        ["base", "two-pass", "v1", "durable", "series", "c", "rust", "ordered"]
    );
    assert_eq!(names(&|arm| arm.role == Role::Control), ["base"]);
    assert_eq!(names(&|arm| arm.role == Role::Fix), ["c", "rust", "ordered"]);
    assert_eq!(names(&|arm| arm.role == Role::Kunit), ["kunit", "kunit-c"]);
    for arm in &all {
        assert_eq!(arm.role == Role::Mutant, arm.name.starts_with("mutant-"), "{}", arm.name);
        assert!(arm.tracker != Tracker::Unknown, "{}", arm.name);
    }
}
