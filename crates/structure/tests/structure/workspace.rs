// SPDX-License-Identifier: MIT OR Apache-2.0
//! The crates of a workspace: their roots, their lines, whom they use.

use crate::imports::{self, Imports};
use crate::modules::Tree;
use cargo_metadata::MetadataCommand;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of this workspace.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

pub struct Package {
    pub name: String,
    pub dir: PathBuf,
    /// The first file of each library, program, integration test and benchmark.
    pub roots: Vec<PathBuf>,
    /// The crates of the workspace that this one uses, for its tests, too.
    pub uses: Vec<String>,
}

impl Package {
    /// Who imports from whom, over all the programs of this crate. Files go
    /// by their path below the crate's folder.
    pub fn imports(&self) -> Imports {
        let mut all = Imports::default();
        for root in &self.roots {
            imports::add(&Tree::read(root), &self.dir, &mut all);
        }
        all
    }

    /// Lines of the Rust files in `src`, tests in them included: what somebody who
    /// works on the crate has to find their way in.
    pub fn lines(&self) -> usize {
        let src = self.dir.join("src");
        if src.is_dir() { lines_below(&src) } else { 0 }
    }

    /// Lines of all its Rust files, its tests' programs and benchmarks included.
    pub fn lines_with_tests(&self) -> usize {
        lines_below(&self.dir)
    }
}

/// Asks cargo; needs no network.
pub fn packages(workspace: impl AsRef<Path>) -> Vec<Package> {
    let metadata = MetadataCommand::new()
        .current_dir(workspace.as_ref())
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .expect("cargo metadata");
    let package = |package: &cargo_metadata::Package| Package {
        name: package.name.to_string(),
        dir: package.manifest_path.parent().expect("a manifest is in a folder").into(),
        roots: package.targets.iter().map(|target| target.src_path.clone().into()).collect(),
        uses: package
            .dependencies
            .iter()
            .filter(|used| used.path.is_some())
            .map(|used| used.name.to_string())
            .collect(),
    };
    metadata.packages.iter().map(package).collect()
}

/// What the tool is built with, and does not have alike in a build of the whole workspace,
/// tests included: cargo compiles it, and all that uses it, a second time for those.
pub fn compiled_twice(workspace: impl AsRef<Path>) -> Vec<String> {
    let tool = tree(workspace.as_ref(), &["--package", "xtask", "--edges", "normal,build"]);
    let all = tree(workspace.as_ref(), &["--workspace", "--edges", "normal,build,dev"]);
    assert!(tool.len() > 20, "cargo tree has {} lines", tool.len());
    tool.difference(&all).cloned().collect()
}

/// Each package with its features.
fn tree(workspace: &Path, which: &[&str]) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").expect("cargo runs the tests");
    let out = Command::new(cargo)
        .current_dir(workspace)
        .args(["tree", "--offline", "--prefix", "none", "--no-dedupe", "--format", "{p} [{f}]"])
        .args(which)
        .output()
        .expect("cargo tree");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).lines().map(str::to_owned).collect()
}

/// One line for each crate of which `lines` are more than `most`.
pub fn longer_than(packages: &[Package], lines: fn(&Package) -> usize, most: usize) -> Vec<String> {
    packages
        .iter()
        .map(|package| (package, lines(package)))
        .filter(|(_, lines)| *lines > most)
        .map(|(package, lines)| format!("  {}: {lines}", package.name))
        .collect()
}

fn lines_below(dir: &Path) -> usize {
    let mut lines = 0;
    for entry in fs::read_dir(dir).expect("a crate's folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("target") {
            lines += lines_below(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            lines += fs::read_to_string(&path).expect("Rust is UTF-8").lines().count();
        }
    }
    lines
}
