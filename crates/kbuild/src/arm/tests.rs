// SPDX-License-Identifier: MIT OR Apache-2.0
use super::*;
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
fn a_user_s_arm_is_a_patch_a_series_or_an_arm_file() {
    let (dir, _) = repo(&[
        ("one.patch", A_TO_B),
        ("two.patch", B_TO_C),
        ("series", "# comment\none.patch -p1\n\ntwo.patch # last\n"),
        ("own.toml", "title='own'\npatches=['one.patch']\n"),
    ]);
    let from = |what: &str| Arm::from_path("mine", &dir.path().join(what)).unwrap();
    assert_eq!(f_of(&from("one.patch")), "b\n");
    assert_eq!(f_of(&from("")), "c\n");
    assert_eq!(f_of(&from("own.toml")), "b\n");
    let missing = Arm::from_path("mine", &dir.path().join("none.patch")).unwrap_err();
    assert!(missing.to_string().contains("none.patch"));
}
