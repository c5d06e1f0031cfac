// SPDX-License-Identifier: MIT OR Apache-2.0
//! Small crates on which the checks are seen to fail, and to pass.

use crate::{circles, workspace};
use std::fs;
use tempfile::TempDir;
use workspace::Package;

/// The first file is the root. The folder is there as long as it is held.
fn fake(files: &[(&str, &str)]) -> (TempDir, Package) {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder above")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    let package = Package {
        name: "fake".to_owned(),
        dir: dir.path().to_owned(),
        roots: vec![dir.path().join(files[0].0)],
        uses: Vec::new(),
    };
    (dir, package)
}

/// The groups of files, each as `a.rs b.rs`.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let (_dir, package) = fake(files);
    let texts = circles::of_files(&package);
    let from = |line: &str| line.trim().split_once(" -> ").map(|(from, _)| from.to_owned());
    let one = |text: &String| {
        let mut names: Vec<_> = text.lines().filter_map(from).collect();
        names.dedup();
        names.join(" ")
    };
    texts.iter().map(one).collect()
}

#[test]
fn a_clean_tree_has_no_circle() {
    let files = [
        ("lib.rs", "mod a; mod b; pub use a::A; pub use b::B; mod shop;"),
        ("a.rs", "use crate::shop::Ware; pub struct A(Ware); use std::fmt; use fmt::Debug;"),
        ("b.rs", "use crate::A; pub struct B(A); fn f() { let a = 1; a; }"),
        // A room's front door: it lists who is inside.
        ("shop/mod.rs", "mod till; mod ware; pub use ware::Ware; pub(crate) use till::Till;"),
        ("shop/ware.rs", "pub struct Ware;"),
        ("shop/till.rs", "use super::Ware; pub struct Till(Ware);"),
    ];
    assert_eq!(circles_of(&files), [""; 0]);
}

#[test]
fn a_circle_by_crate() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B; pub struct A; fn f(_: B) {}"),
        ("b.rs", "pub struct B; fn f() { let _ = crate::a::A; }"),
    ];
    assert_eq!(circles_of(&files), ["a.rs b.rs"]);
}

#[test]
fn a_circle_says_which_lines() {
    let (_dir, package) = fake(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "\nuse crate::b::B;\npub struct A;"),
        ("b.rs", "pub struct B;\n\n\nuse crate::a::A;"),
    ]);
    let want = "fake: 2 files\n  a.rs -> b.rs\n      2: crate::b::B\n  b.rs -> a.rs\n      4: crate::a::A\n";
    assert_eq!(circles::of_files(&package), [want]);
}

#[test]
fn a_circle_by_super() {
    let files = [
        ("lib.rs", "mod a;"),
        ("a.rs", "mod b; pub struct A; fn f() { b::g(); }"),
        ("a/b.rs", "use super::A; pub fn g() -> A { A }"),
    ];
    assert_eq!(circles_of(&files), ["a/b.rs a.rs"]);
}

#[test]
fn a_child_of_a_parent_that_does_not_use_it_is_no_circle() {
    let files = [
        ("lib.rs", "mod a;"),
        ("a.rs", "mod b; pub use b::g; pub struct A;"),
        ("a/b.rs", "use super::A; pub fn g() -> A { A }"),
    ];
    assert_eq!(circles_of(&files), [""; 0]);
}

#[test]
fn a_parent_that_uses_what_it_re_exports_imports_it() {
    let files = [
        ("lib.rs", "mod a;"),
        ("a.rs", "mod b; pub use b::g; pub struct A; fn f() { g(); }"),
        ("a/b.rs", "use super::A; pub fn g() -> A { A }"),
    ];
    assert_eq!(circles_of(&files), ["a/b.rs a.rs"]);
}

#[test]
fn a_circle_behind_re_exports_is_between_those_that_define() {
    let files = [
        ("lib.rs", "mod door; mod a; pub use door::*;"),
        ("door.rs", "pub use crate::a::{A, f as g};"),
        ("a/mod.rs", "mod one; mod two; pub use one::A; pub use two::*;"),
        ("a/one.rs", "pub struct A; fn h() { crate::g() }"),
        ("a/two.rs", "use super::super::door::A; pub fn f() { let _ = A; }"),
    ];
    assert_eq!(circles_of(&files), ["a/one.rs a/two.rs"]);
}

#[test]
fn a_circle_of_three_by_globs_macros_and_attributes() {
    let files = [
        ("main.rs", "mod a; mod b; mod c; fn main() {}"),
        ("a.rs", "use crate::b::*; pub struct A; fn f() -> B { B }"),
        ("b.rs", "pub struct B; fn f() { println!(\"{}\", crate::c::text()) }"),
        (
            "c.rs",
            "pub fn text() -> u8 { 0 } struct C { #[serde(default = \"crate::a::A::new\")] a: u8 }",
        ),
    ];
    assert_eq!(circles_of(&files), ["a.rs b.rs c.rs"]);
}

#[test]
fn modules_with_a_path_and_inline_ones_are_found() {
    let files = [
        ("lib.rs", "#[path = \"odd/name.rs\"] mod a; mod b { pub mod c; pub fn g() {} }"),
        ("odd/name.rs", "pub struct A; fn f() { crate::b::c::h() }"),
        ("b/c.rs", "use crate::a::A; pub fn h() {}"),
    ];
    assert_eq!(circles_of(&files), ["b/c.rs odd/name.rs"]);
}

#[test]
fn tests_may_import_what_they_test() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub struct A; #[cfg(test)] mod tests;"),
        ("a/tests.rs", "use super::*; use crate::b::B; fn f() { A; }"),
        ("b.rs", "use crate::a::A; pub struct B; #[cfg(test)] mod tests { use crate::a::A; }"),
    ];
    assert_eq!(circles_of(&files), [""; 0]);
    // A file that uses what its tests' module defines is one with it.
    let files = [
        ("lib.rs", "mod a;"),
        ("a.rs", "pub struct A; mod tests; use tests::T;"),
        ("a/tests.rs", "use super::A; pub struct T(A);"),
    ];
    assert_eq!(circles_of(&files), ["a/tests.rs a.rs"]);
}

#[test]
fn crates_that_use_each_other_in_tests_only_are_a_circle() {
    let package = |name: &str, uses: &[&str]| {
        let (_dir, mut package) = fake(&[("lib.rs", "")]);
        package.name = name.to_owned();
        package.uses = uses.iter().map(|&name| name.to_owned()).collect();
        package
    };
    let clean = [package("a", &["b", "c"]), package("b", &["c"]), package("c", &[])];
    assert_eq!(circles::of_packages(&clean), [""; 0]);
    let round = [package("a", &["b"]), package("b", &["c"]), package("c", &["a"])];
    assert_eq!(circles::of_packages(&round), ["a, b, c"]);
}

#[test]
fn a_crate_with_a_line_too_many_is_too_long() {
    let (_dir, package) =
        fake(&[("src/lib.rs", "\n\n\n"), ("src/a.rs", "//\n//\n"), ("tests/t.rs", "//\n")]);
    let packages = [package];
    assert_eq!(workspace::longer_than(&packages, Package::lines, 4), ["  fake: 5"]);
    assert_eq!(workspace::longer_than(&packages, Package::lines, 5), [""; 0]);
    let all = Package::lines_with_tests;
    assert_eq!(workspace::longer_than(&packages, all, 5), ["  fake: 6"]);
    assert_eq!(workspace::longer_than(&packages, all, 6), [""; 0]);
}
