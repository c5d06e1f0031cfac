// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line as a user meets it, wrong turns first.

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use std::path::Path;

fn xtask() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    command
}

/// As in `cargo xtask list | head`.
#[test]
fn a_reader_that_leaves_is_not_an_error() {
    for command in ["list", "schema"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_xtask"))
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .arg(command)
            .stdout(writer)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stderr), "", "{command}");
    }
}

#[test]
fn an_unknown_flag_is_usage() {
    xtask().args(["run", "--fast"]).assert().code(2).stderr(contains("--fast"));
}

#[test]
fn an_unknown_arm_names_the_known_ones() {
    xtask()
        .args(["run", "--arm", "bsae"])
        .assert()
        .code(2)
        .stderr(contains("\"bsae\"; did you mean \"base\"?").and(contains("rust")));
}

#[test]
fn an_unknown_scenario_names_the_known_ones() {
    xtask()
        .args(["run", "--scenario", "nonesuch"])
        .assert()
        .code(2)
        .stderr(contains("nonesuch").and(contains("; there are L1, ")).and(contains("S44")));
    xtask()
        .args(["run", "--scenario", "race-ct"])
        .assert()
        .code(2)
        .stderr(contains("did you mean \"race-cut\"?"));
}

#[test]
fn an_unknown_configuration_names_the_known_ones() {
    xtask()
        .args(["build", "base", "--config", "plane"])
        .assert()
        .code(2)
        .stderr(contains("plane").and(contains("plain")));
}

#[test]
fn a_round_of_an_unknown_configuration_names_the_known_ones() {
    xtask()
        .args(["test", "--config", "lockdeb"])
        .assert()
        .code(2)
        .stderr(contains("lockdeb").and(contains("fault, kasan, kcsan, lockdep, plain")));
}

#[test]
fn an_exploration_of_a_load_is_refused() {
    let load = ["explore", "base", "--scenario", "L1"];
    xtask().args(load).assert().code(2).stderr(contains("L1 is a load"));
}

#[test]
fn one_state_is_of_one_scenario() {
    let two = ["explore", "base", "--scenario", "S2", "--scenario", "S3"];
    let state = ["--state", "1", "--out", "no-such-folder"];
    xtask().args(two).args(state).assert().code(2).stderr(contains("one --scenario"));
}

#[test]
fn zero_machines_are_refused() {
    xtask().args(["run", "--jobs", "0"]).assert().code(2).stderr(contains("1..=64"));
}

#[test]
fn a_missing_patch_is_named() {
    xtask()
        .args(["run", "--arm", "mine=no/such.patch"])
        .assert()
        .code(2)
        .stderr(contains("no/such.patch"));
}

#[test]
fn a_kernel_source_that_is_not_there_is_named() {
    xtask()
        .args(["build", "base", "--kernel-src", "/no/such/tree"])
        .assert()
        .code(2)
        .stderr(contains("/no/such/tree"));
}

#[test]
fn a_folder_that_is_no_kernel_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    xtask()
        .args(["build", "base", "--kernel-src"])
        .arg(dir.path())
        .assert()
        .code(2)
        .stderr(contains("not a kernel source"));
}

#[test]
fn a_results_folder_in_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _held = evidence::Store::open(dir.path()).unwrap();
    xtask().args(["run", "--out"]).arg(dir.path()).assert().code(2).stderr(contains("in use"));
}

#[test]
fn help_has_examples_and_exit_codes() {
    xtask()
        .args(["run", "--help"])
        .assert()
        .success()
        .stdout(contains("Examples:").and(contains("Exit codes:")).and(contains("fix.patch")));
}

#[test]
fn list_shows_arms_and_scenarios() {
    xtask()
        .arg("list")
        .assert()
        .success()
        .stdout(contains("base").and(contains("v1")).and(contains("cut-in-window")));
    let out = xtask().args(["list", "--json"]).assert().success().get_output().stdout.clone();
    let list: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let taken = |what: &str| -> Vec<String> {
        let all = list[what].as_array().unwrap().iter();
        let default = all.filter(|one| one["default"] == true);
        default.map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(taken("arms"), ["base", "rust", "ordered"]);
    assert!(taken("scenarios").contains(&"race".to_owned()));
}

/// What README shows is what the default runs.
#[test]
fn the_readme_shows_the_arms_of_the_default() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    assert!(readme.contains("<!-- published: matrix base rust ordered -->"));
    let wide = readme.lines().filter(|line| line.chars().count() > 100);
    assert_eq!(wide.collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(readme.lines().count() <= 200);
}

/// Another kernel that a scenario boots is looked for before anything is built.
#[test]
fn a_scenario_s_other_kernel_is_part_of_the_plan() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../workloads/scenarios");
    let text = std::fs::read_to_string(own.join("s54-other-kernel.toml")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("s54-other-kernel.toml");
    let dry = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let mut command = xtask();
        command.args(["run", "--arm", "rust", "--dry-run", "--scenario"]).arg(&file);
        command.assert()
    };
    dry(&text).success().stdout(contains("kernel base, which scenarios boot"));
    dry(&text.replace("\"base\"", "\"bse\"")).code(2).stderr(contains("did you mean \"base\"?"));
}

#[test]
fn the_version_has_the_commit() {
    xtask()
        .arg("--version")
        .assert()
        .success()
        .stdout(predicates::str::is_match("^cargo xtask [0-9.]+ \\([0-9a-f]{40}").unwrap());
}

/// In a real shell: what is typed is completed.
#[test]
fn a_shell_completes_commands_and_options() {
    for shell in ["bash", "zsh", "fish"] {
        xtask().args(["completions", shell]).assert().success().stdout(contains("cargo xtask"));
    }
    let script = xtask().args(["completions", "bash"]).assert().get_output().stdout.clone();
    let ask =
        "\nCOMP_WORDS=(xtask ev); COMP_CWORD=1; _xtask xtask ev xtask; echo \"${COMPREPLY[@]}\"\n";
    let mut bash = Command::new("bash");
    let script = [&script[..], ask.as_bytes()].concat();
    bash.write_stdin(script).assert().success().stdout(contains("evidence"));
}

/// Whatever cannot be, without a word about Rust, and no folder stays behind.
#[test]
fn wrong_input_is_two_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let there = dir.path().join("there.toml");
    std::fs::write(&there, "").unwrap();
    let (dir, file) = (dir.path().to_str().unwrap(), there.to_str().unwrap());
    let fresh = format!("{dir}/fresh");
    for words in [
        vec!["new", "scenario", "there", "--dir", dir],
        vec!["log", "no-such-file"],
        vec!["log", file],
        vec!["log", "no-such-run", "base/S1"],
        vec!["show", "no-such-run"],
        vec!["show", "--sector", "1"],
        vec!["evidence", "no-such-run"],
        vec!["run", "--out", file],
        vec!["perf", "--arm", "bsae"],
        vec!["run", "--config", "lockdeb"],
        vec!["run", "--arm", "x=no-such.patch", "--out", &fresh],
    ] {
        let out = xtask().args(&words).assert().code(2).get_output().stderr.clone();
        let text = String::from_utf8_lossy(&out);
        assert!(!text.contains("panicked") && !text.is_empty(), "{words:?}: {text}");
    }
    assert!(!Path::new(&fresh).exists());
}

/// The letter's command does what was done: the same arms, one with a path, the
/// same scenarios, attempts, seed, configuration.
#[test]
fn the_letters_command_is_the_one_that_was_run() {
    let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = repo.join("results/published/matrix/run.json");
    let mut record = evidence::Store::read(&path).unwrap().unwrap();
    let mine = "mine=xtask/tests/data/warns.patch";
    for words in [
        vec!["run"],
        vec!["run", "--full", "--seed", "7", "--scenario", "L1", "--arm", "base", "--arm", "rust"],
        vec!["run", "--arm", "base", "--arm", mine, "--scenario", "race", "--attempts", "3"],
        vec!["run", "--arm", "base", "--config", "lockdep", "--kernel-src", "linux-source-6.12"],
        vec!["perf", "--quick", "--arm", "base", "--arm", mine],
    ] {
        let dry = |words: &[String]| {
            let out = xtask().args(words).arg("--dry-run").assert().success().get_output().clone();
            String::from_utf8(out.stdout).unwrap()
        };
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        record.commands = vec![words.clone()];
        let letter = evidence::cover_letter(&record);
        let (_, printed) = letter.split_once("How to reproduce").unwrap();
        let (_, printed) = printed.split_once("  cargo xtask ").unwrap();
        let (printed, _) = printed.split_once("\n  cargo xtask evidence").unwrap();
        let printed = shlex::split(&printed.replace("\\\n", " ")).unwrap();
        let (done, again) = (dry(&words), dry(&printed));
        assert_eq!(again, done);
        for word in words.iter().filter(|word| word.contains('=')) {
            let name = word.split('=').next().unwrap();
            assert!(done.contains(&format!("kernel {name}: ")), "{done}");
        }
        assert!(done.contains(" on two idle cores"), "{done}");
    }
}

#[test]
fn the_schema_is_json() {
    let out = xtask().arg("schema").assert().success().get_output().stdout.clone();
    let schema: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(schema["title"], "RunRecord");
}

#[test]
fn cycles_and_hours_are_for_loads_with_power_cuts() {
    for option in [["--cycles", "3"], ["--hours", "0.5"]] {
        let args = ["run", "--scenario", "S1", option[0], option[1]];
        xtask().args(args).assert().code(2).stderr(contains("L2"));
    }
    xtask().args(["run", "--scenario", "L2", "--hours", "-1"]).assert().code(2);
    xtask()
        .args(["run", "--scenario", "L2", "--hours", "1", "--cycles", "2"])
        .assert()
        .code(2)
        .stderr(contains("cannot be used with"));
}

#[test]
fn what_make_is_told_where_to_build_is_not_the_user_s() {
    let args = ["build", "base", "--make", "O=/tmp/x"];
    xtask().args(args).assert().code(2).stderr(contains("O=/tmp/x").and(contains("the lab sets")));
}

#[test]
fn a_fragment_is_read_before_anything_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let fragment = dir.path().join("mine.config");
    let build = || {
        let mut command = xtask();
        command.args(["build", "base", "--config-fragment"]).arg(&fragment);
        command
    };
    build().assert().code(2).stderr(contains("mine.config"));
    std::fs::write(&fragment, "CONFIG_X=y\nCONFIG_Y\n").unwrap();
    build().assert().code(2).stderr(contains("mine.config:2").and(contains("CONFIG_Y")));
}

#[test]
fn a_plan_of_shards_keeps_what_the_user_adds_to_the_kernel() {
    let dir = tempfile::tempdir().unwrap();
    let fragment = dir.path().join("mine.config");
    std::fs::write(&fragment, "CONFIG_X=y\n").unwrap();
    xtask()
        .args(["shard", "plan", "--arm", "base", "--scenario", "S1", "--shards", "1"])
        .args(["--make", "KCFLAGS=-O1", "--config-fragment"])
        .arg(&fragment)
        .arg("--out")
        .arg(dir.path().join("plan"))
        .assert()
        .success();
    let plan = std::fs::read_to_string(dir.path().join("plan/plan.json")).unwrap();
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["make"][0], "KCFLAGS=-O1");
    assert_eq!(plan["config_fragments"][0], fragment.canonicalize().unwrap().to_str().unwrap());
}

#[test]
fn help_names_every_way_to_a_kernel() {
    let words = ["git:~/linux#v7.2", "dir:~/linux", "deb:linux-source-7.3=", "LLVM=1", "ccache"];
    let out = xtask().args(["run", "--help"]).assert().success().get_output().stdout.clone();
    let out = String::from_utf8(out).unwrap();
    for word in words {
        assert!(out.contains(word), "{word}: {out}");
    }
}

#[test]
fn another_host_s_packages_have_its_own_names() {
    let setup = |host: &str| {
        let mut command = xtask();
        command.args(["setup", "--check", "--as", host]);
        command
    };
    setup("fedora")
        .assert()
        .success()
        .stdout(contains("by hand: dnf install ").and(contains("elfutils-libelf-devel")));
    setup("arch").assert().success().stdout(contains("pacman -S --needed"));
    setup("beos").assert().code(2).stderr(contains("debian-12, debian, ubuntu, fedora"));
}

/// Whatever else is missing there, nothing is fetched for a machine that it
/// cannot run on.
#[test]
fn another_machine_is_refused_before_anything_is_fetched() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let uname = dir.path().join("uname");
    std::fs::write(&uname, "#!/bin/sh\necho aarch64\n").unwrap();
    std::fs::set_permissions(&uname, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let cache = dir.path().join("cache");
    for args in [&["run", "--arm", "base"][..], &["build", "base"], &["setup", "--check"]] {
        xtask()
            .args(args)
            .env("PATH", &path)
            .env("XDG_CACHE_HOME", &cache)
            .assert()
            .code(3)
            .stderr(contains("needs x86-64").and(contains("aarch64")));
    }
    assert!(!cache.exists());
}

#[test]
fn a_cache_that_make_cannot_work_in_is_refused_before_unpacking() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["my cache", "a:b"] {
        let cache = dir.path().join(name);
        xtask()
            .args(["build", "base"])
            .env("XDG_CACHE_HOME", &cache)
            .assert()
            .code(3)
            .stderr(contains(name).and(contains("XDG_CACHE_HOME")));
        assert!(!cache.exists());
    }
}

/// README shows what the first command plays, of the scenarios and arms of today.
#[test]
fn readme_shows_what_a_run_without_options_plays() {
    let out = xtask().args(["run", "--dry-run"]).assert().success().get_output().clone();
    let plan = String::from_utf8(out.stdout).unwrap();
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let (_, block) = readme.split_once("<!-- published: matrix").unwrap();
    let shown = block.lines().find_map(|line| line.split_once(" cases on Linux")).unwrap().0;
    let planned = plan.lines().find_map(|line| line.split_once(" cases (")).unwrap();
    assert_eq!(planned.0, shown, "{plan}");
    let (_, ids) = planned.1.split_once("seed 1: ").unwrap();
    for id in ids.trim_end_matches(')').split(' ') {
        assert!(block.lines().any(|line| line.starts_with(&format!("{id} "))), "{id}");
    }
}
