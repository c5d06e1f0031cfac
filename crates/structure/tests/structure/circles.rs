// SPDX-License-Identifier: MIT OR Apache-2.0
//! What imports each other, in words.

use crate::modules::Place;
use crate::workspace::Package;
use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use std::fmt::Write;

/// How many lines of one file that import from one other are printed.
const MOST_LINES: usize = 3;

/// One text for each group of files of a crate that import each other: every
/// import inside the group, with its lines.
pub fn of_files(package: &Package) -> Vec<String> {
    let imports = package.imports();
    let edges = imports.keys().map(|(from, to)| (from, to));
    let mut texts = Vec::new();
    for circle in groups(edges.clone()) {
        let mut text = format!("{}: {} files\n", package.name, circle.len());
        for ((from, to), lines) in &imports {
            if !circle.contains(&from) || !circle.contains(&to) {
                continue;
            }
            let _ = writeln!(text, "  {} -> {}", shown(from), shown(to));
            for (line, path) in lines.iter().take(MOST_LINES) {
                let _ = writeln!(text, "      {line}: {path}");
            }
            if lines.len() > MOST_LINES {
                let _ = writeln!(text, "      and {} more", lines.len() - MOST_LINES);
            }
        }
        texts.push(text);
    }
    texts
}

/// One line for each group of crates that use each other, their tests
/// included: cargo itself refuses it only without tests.
pub fn of_packages(packages: &[Package]) -> Vec<String> {
    let edges = packages
        .iter()
        .flat_map(|package| package.uses.iter().map(|used| (package.name.as_str(), used.as_str())));
    groups(edges).iter().map(|names| names.join(", ")).collect()
}

/// The strongly connected groups of more than one.
fn groups<T: Copy + Ord + std::hash::Hash>(edges: impl Iterator<Item = (T, T)>) -> Vec<Vec<T>> {
    let graph = DiGraphMap::<T, ()>::from_edges(edges.filter(|(from, to)| from != to));
    let mut groups = tarjan_scc(&graph);
    groups.retain(|group| group.len() > 1);
    for group in &mut groups {
        group.sort();
    }
    groups.sort();
    groups
}

fn shown(place: &Place) -> String {
    format!("{}{}", place.file.display(), if place.test { " (tests)" } else { "" })
}
