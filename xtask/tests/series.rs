// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask series` on doctored copies of the series: each kind of fault
//! turns the exit code to 1, with what is wrong and where.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

mod support;

use evidence::{RunRecord, RunStatus, Verdict};
use kbuild::{Arm, Dirs, Source, SourceSpec};
use proc::Cancel;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn repo() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A copy of `kernel/` to be doctored.
struct Copy(tempfile::TempDir);

impl Copy {
    fn new() -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        let done =
            Command::new("cp").arg("-r").arg(repo().join("kernel")).arg(copy.0.path()).status();
        assert!(done.unwrap().success());
        copy
    }

    fn kernel(&self) -> PathBuf {
        self.0.path().join("kernel")
    }

    /// Replaces the first `from`, which must be there.
    fn edit(&self, path: &str, from: &str, to: &str) {
        let place = self.kernel().join(path);
        let text = fs::read_to_string(&place).unwrap();
        assert!(text.contains(from), "{path} has no {from:?}");
        fs::write(place, text.replacen(from, to, 1)).unwrap();
    }

    /// Keeps the first parts, on one kernel: a check that looks at each mail finds its
    /// fault there just as well, and the others cost a minute.
    fn parts(&self, keep: usize) {
        let place = self.kernel().join("series/series.toml");
        let text = fs::read_to_string(&place).unwrap();
        let on = text.find("[[on]]").unwrap();
        let (mut parts, mut kept) = (0, String::new());
        for table in text[..on].split_inclusive("\n\n") {
            let step = table.split("message = \"").nth(1).and_then(|rest| rest.split('.').next());
            parts += usize::from(table.contains("[[part]]"));
            let stays = match step {
                None => parts <= keep,
                Some(step) => kept.contains(&format!("\"{step}\"")),
            };
            if stays {
                kept.push_str(table);
            }
        }
        fs::write(place, kept + &text[on..]).unwrap();
        self.claim("[[on]]\nkernel = \"linux-source-7.3\"\n");
    }

    /// Replaces the kernels that the series claims.
    fn claim(&self, on: &str) {
        let place = self.kernel().join("series/series.toml");
        let text = fs::read_to_string(&place).unwrap();
        let head = text.split("[[on]]").next().unwrap();
        let answered = &text[text.find("[answered]").unwrap()..];
        fs::write(place, format!("{head}{on}\n{answered}")).unwrap();
    }

    /// Without figures, which are of a run.
    fn series(&self, args: &[&str]) -> (Output, String) {
        self.series_with(&[args, &["--draft"]].concat(), |_| {})
    }

    fn series_with(&self, args: &[&str], more: impl FnOnce(&mut Command)) -> (Output, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.current_dir(repo()).args(["series", "--from"]).arg(self.kernel());
        command.args(args);
        if !args.contains(&"--sign-off") {
            command.args(["--sign-off", "A B <a@b.example>"]);
        }
        if !args.contains(&"--out") {
            command.arg("--out").arg(self.0.path().join("out"));
        }
        more(&mut command);
        let out = command.output().unwrap();
        let stdout = String::from_utf8_lossy(&out.stdout).into_owned();
        (out, stdout)
    }
}

#[track_caller]
fn fails(out: &Output, stdout: &str, parts: &[&str]) {
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{stdout}\n{stderr}");
    for part in parts {
        assert!(stdout.contains(part), "no {part:?} in {stdout}\n{stderr}");
    }
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn the_series_is_clean_as_it_is() {
    let (out, stdout) = Copy::new().series(&[]);
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(0), "{stdout}\n{stderr}");
    assert!(stdout.contains(" 0 failed, 0 missing") && stdout.contains("A DRAFT"), "{stdout}");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_placeholder_that_is_left_is_one() {
    let copy = Copy::new();
    copy.parts(1);
    let (out, stdout) = copy.series_with(&[], |_| {});
    let cover = "FAILED  filled in     fix/0000-cover-letter.patch\n            *** FIGURES ***";
    fails(&out, &stdout, &[cover, "ok      filled in     fix/0002-"]);
    assert!(stdout.contains("git send-email --no-thread fix/*.patch\n    To: "), "{stdout}");
}

type Doctor = fn(&mut RunRecord);

/// A run of S1 on the kernels that the series makes, doctored.
fn run_of(place: &Path, doctor: impl FnOnce(&mut RunRecord)) -> String {
    let dirs = Dirs::new(repo());
    let spec = SourceSpec::parse("linux-source-7.3").unwrap();
    let source = Source::obtain(&spec, &dirs, &|_| {}, &Cancel::new()).unwrap();
    let mut run = support::record(&["base", "fix"], &[("S1", "s")], 1);
    run.source.hash.clone_from(&source.provenance.hash);
    for arm in &mut run.arms {
        let now = Arm::load(&dirs, &arm.name).unwrap();
        arm.hash = now.overlay(&|path| source.pristine(path)).unwrap().0.hash();
    }
    run.cases =
        vec![support::case("base/S1/1", Verdict::Stale), support::case("fix/S1/1", Verdict::Ok)];
    run.status = RunStatus::Complete;
    run.summarise();
    doctor(&mut run);
    fs::create_dir_all(place).unwrap();
    fs::write(place.join("run.json"), serde_json::to_string(&run).unwrap()).unwrap();
    place.to_string_lossy().into_owned()
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn figures_are_of_runs_of_the_same_kernels_only() {
    let copy = Copy::new();
    copy.parts(1);
    let place = copy.0.path().join("run");
    let good = run_of(&place, |_| {});
    let (out, stdout) = copy.series_with(&["--figures", &good], |_| {});
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(0), "{stdout}\n{stderr}");
    let cover = copy.0.path().join("out/fix/0000-cover-letter.patch");
    let cover = fs::read_to_string(cover).unwrap();
    assert!(cover.contains("S1 s1    stale* ok\n"), "{cover}");
    assert!(!cover.contains("***"), "{cover}");

    let other = |run: &mut RunRecord| run.source.hash = "deb:linux-source-7.3=7.3.1-1".into();
    let changed = |run: &mut RunRecord| run.arms[1].hash = "arm".into();
    let alone = |run: &mut RunRecord| {
        run.arms.truncate(1);
        run.cases.truncate(1);
        run.summarise();
    };
    let doctors: [(Doctor, &str); 3] = [
        (other, "its kernels are of deb:linux-source-7.3=7.3.1-1"),
        (changed, "its arm fix has been changed since"),
        (alone, "none of its arms has a fix"),
    ];
    for (doctor, what) in doctors {
        let (out, _) = copy.series_with(&["--figures", &run_of(&place, doctor)], |_| {});
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(what), "{stderr}");
    }
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn what_checkpatch_says_is_one() {
    let copy = Copy::new();
    copy.parts(1);
    copy.edit("tracker/inflight_chunks.c", "\tif (!t)\n", "\tif( !t )\n");
    let (out, stdout) = copy.series(&[]);
    fails(&out, &stdout, &["FAILED  checkpatch    fix/0002-", "ERROR:SPACING"]);
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_series_that_is_not_what_was_tested_is_one() {
    let copy = Copy::new();
    copy.parts(3);
    copy.edit("arms/series.toml", "\"patches/kunit.patch\", ", "");
    copy.edit("tracker/inflight.rs", "//! # Ordering\n", "//! # Ordering \n");
    let (out, stdout) = copy.series(&[]);
    fails(&out, &stdout, &["FAILED  same as arm", "drivers/md/bcache/Kconfig", "FAILED  rustfmt"]);
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_hunk_that_does_not_fit_an_older_kernel_is_one() {
    let copy = Copy::new();
    copy.parts(2);
    // The Rust bindings of 6.12 look different; nothing is compiled.
    copy.claim(
        "[[on]]\nkernel = \"linux-source-7.3\"\nrust = []\n\
         [[on]]\nkernel = \"linux-source-6.12\"\nrust = []\nsteps = [\"hooks\", \"rust\"]\n",
    );
    let (out, stdout) = copy.series(&["--build"]);
    fails(&out, &stdout, &["ok      git am        linux 6.12", "FAILED  git am        linux 6.12"]);
}

/// What the fake kernel of kbuild's own tests cannot show: that the real
/// compilers, modpost and clippy say it.
#[test]
#[ignore = "builds seven kernels; `cargo xtask test --full` runs it"]
fn by_hand_what_compilers_modpost_and_clippy_say_of_a_real_kernel_is_one() {
    let copy = Copy::new();
    copy.claim("[[on]]\nkernel = \"linux-source-7.3\"\n");
    let chunks = "tracker/inflight_chunks.c";
    copy.edit(
        chunks,
        "#include <linux/slab.h>\n",
        "#include <linux/sched.h>\n#include <linux/slab.h>\n",
    );
    // No module may call it. With Rust this file is not compiled.
    let fault = "#ifdef MODULE\n\twake_up_new_task((void *)t);\n#else\n\tundeclared++;\n#endif\n";
    copy.edit(chunks, "\tif (!t)\n\t\treturn;\n", &format!("{fault}\tif (!t)\n\t\treturn;\n"));
    copy.edit(
        "tracker/inflight_table/level.rs",
        "/// Scales a hash",
        "#[allow(dead_code)]\nfn odd(number: u32) -> u32 {\n    return number;\n}\n\n/// Scales a hash",
    );
    let (out, stdout) = copy.series(&["--build"]);
    fails(
        &out,
        &stdout,
        &[
            "'undeclared' undeclared",
            "\"wake_up_new_task\" [drivers/md/bcache/bcache.ko] undefined!",
            "unneeded `return`",
        ],
    );
    let line = |start: &str, part: &str| {
        let fits = |line: &&str| line.starts_with(start) && line.contains(part);
        assert_eq!(stdout.lines().filter(fits).count(), 1, "{start} {part}: {stdout}");
    };
    line("FAILED  build", "RUST=n, built in, 10/10 ordered");
    line("FAILED  build", "RUST=n, module, 10/10 ordered");
    line("FAILED  clippy", "RUST=y, module, 6/10 rust");
    line("ok      build", "RUST=y, built in, 10/10 ordered");
    line("ok      build", "RUST=y, module, 10/10 ordered");
    let log = |line: &str| line.trim().starts_with("(whole log: logs/");
    assert_eq!(stdout.lines().filter(|line| log(line)).count(), 3, "{stdout}");
}

/// Everything on the path but one: what else a command needs on the way there
/// (apt, where nothing has named the source yet) depends on what ran before.
#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn a_missing_tool_is_three() {
    let copy = Copy::new();
    copy.parts(2);
    let tools = copy.0.path().join("tools");
    fs::create_dir(&tools).unwrap();
    for dir in std::env::split_paths(&std::env::var_os("PATH").unwrap()) {
        for tool in fs::read_dir(dir).into_iter().flatten().flatten() {
            // The first of a name is the one that counts.
            if tool.file_name() != "rustfmt" {
                let _ = std::os::unix::fs::symlink(tool.path(), tools.join(tool.file_name()));
            }
        }
    }
    let (out, stdout) = copy.series_with(&["--draft"], |command| {
        command.env("PATH", &tools);
    });
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(3), "{stdout}\n{stderr}");
    assert!(stdout.contains("MISSING rustfmt"), "{stdout}\n{stderr}");
}

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn an_unknown_kernel_a_sender_without_address_and_a_file_are_usage() {
    let copy = Copy::new();
    let file = copy.kernel().join("series/cover-fix.txt");
    let file = file.to_string_lossy();
    for (args, what) in [
        (["--build", "--on", "linux-source-1.0"].as_slice(), "linux-source-6.12"),
        (&["--sign-off", "nobody"], "NAME <ADDRESS>"),
        (&["--out", &file], "not a folder"),
    ] {
        let (out, _) = copy.series(args);
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(what), "{stderr}");
    }
}
