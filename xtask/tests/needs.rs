// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every command that boots kernels of a configuration first asks for what these
//! kernels take. A kernel with KASAN takes clang.
#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Hides every LLVM in a mount namespace of its own, where there is one.
const WITHOUT_CLANG: &str = "for bin in /usr/lib/llvm-*/bin; do [ ! -d $bin ] || mount -t tmpfs lab $bin; done; exec \"$@\"";

fn without_clang(args: &[&str]) -> Output {
    let mut command = Command::new("unshare");
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    command.args(["--mount", "--map-root-user", "sh", "-euc", WITHOUT_CLANG, "sh"]);
    command.arg(env!("CARGO_BIN_EXE_xtask")).args(args).output().unwrap()
}

#[test]
fn a_configuration_asks_for_its_compiler_whoever_boots_it() {
    let dir = tempfile::tempdir().unwrap();
    let below = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (out, plan, bundle) = (below("out"), below("plan"), below("bundle.json"));
    let sent = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../results/published/matrix/bundles/base-S1-1.json");
    let mut sent: Value = serde_json::from_slice(&fs::read(sent).unwrap()).unwrap();
    sent["config"]["name"] = "kasan".into();
    fs::write(&bundle, sent.to_string()).unwrap();
    let one = ["--arm", "base", "--scenario", "S1"];
    let kasan = ["--config", "kasan"];
    let planned = [&["shard", "plan", "--shards", "1", "--out", &plan], &one[..], &kasan].concat();
    let made = without_clang(&planned);
    if String::from_utf8_lossy(&made.stderr).contains("unshare") {
        eprintln!("not run: no mount namespace");
        return;
    }
    assert!(made.status.success(), "{made:?}");
    let session = [&kasan[..], &["--no-install", "--out", &out]].concat();
    let commands = [
        [&["run"], &one[..], &session].concat(),
        [&["nightly"], &one[..], &session].concat(),
        [&["perf", "--arm", "base"], &session[..]].concat(),
        vec!["shard", "run", &plan, "1", "--no-install"],
        vec!["replay", &bundle, "--no-install", "--out", &out],
    ];
    for args in commands {
        let ended = without_clang(&args);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(3), "{args:?}: {said}");
        assert!(said.contains("missing: clang and lld"), "{args:?}: {said}");
    }
}
