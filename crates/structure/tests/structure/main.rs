// SPDX-License-Identifier: MIT OR Apache-2.0
//! What holds for the source as a whole: no two files import each other, no
//! crate is too long, and crates use each other in one direction.
//!
//! `cargo test -p structure` prints what does not.

mod circles;
mod fake;
mod imports;
mod modules;
mod resolve;
mod workspace;

use workspace::Package;

/// A crate with more lines than this in `src` holds more than one idea.
const MOST_LINES: usize = 8_000;

/// With the programs in `tests`. They may come on top: each goes in by the crate's
/// front door and is read by itself. But what needs more of them than this has more
/// doors than one crate should.
const MOST_WITH_TESTS: usize = 10_000;

fn packages() -> Vec<Package> {
    let packages = workspace::packages(workspace::ROOT);
    assert!(packages.len() > 5, "the workspace was not read");
    packages
}

#[test]
fn no_two_files_import_each_other() {
    let packages = packages();
    let edges: usize = packages.iter().map(|package| package.imports().len()).sum();
    assert!(edges > 100, "only {edges} imports between files: the source was not understood");
    let circles: Vec<_> = packages.iter().flat_map(circles::of_files).collect();
    assert!(
        circles.is_empty(),
        "{} groups of files import each other:\n{}",
        circles.len(),
        circles.join("\n")
    );
}

#[test]
fn no_crate_is_too_long() {
    let packages = packages();
    let long = workspace::longer_than(&packages, Package::lines, MOST_LINES);
    assert!(long.is_empty(), "crates with more than {MOST_LINES} lines:\n{}", long.join("\n"));
    let long = workspace::longer_than(&packages, Package::lines_with_tests, MOST_WITH_TESTS);
    let long = long.join("\n");
    assert!(long.is_empty(), "more than {MOST_WITH_TESTS} lines with tests:\n{long}");
}

#[test]
fn nothing_is_compiled_twice_for_the_tests() {
    let twice = workspace::compiled_twice(workspace::ROOT);
    let add = "add these features to xtask/Cargo.toml, beside the others of the tests";
    assert!(
        twice.is_empty(),
        "other features than in the whole workspace; {add}:\n{}",
        twice.join("\n")
    );
}

#[test]
fn crates_use_each_other_in_one_direction() {
    let circles = circles::of_packages(&packages());
    assert!(circles.is_empty(), "crates that use each other:\n{}", circles.join("\n"));
}
