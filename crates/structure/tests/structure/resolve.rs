// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a path to the file in which what it names is defined: re-exports are
//! followed to their end.

use crate::modules::{Meaning, Place, Tree};

/// Longer chains of re-exports are circles.
const MOST_STEPS: usize = 32;

#[derive(Clone)]
enum Found {
    Module(usize),
    Item(Place),
}

impl Tree {
    /// The places that define what `path` names where `module` says it. None
    /// for other crates, and none where only a module is named: what is used
    /// of it is named by some other path.
    pub fn places(&self, module: usize, path: &[String]) -> Vec<Place> {
        let items =
            self.find(module, path, MOST_STEPS).into_iter().filter_map(|found| match found {
                Found::Item(place) => Some(place),
                Found::Module(_) => None,
            });
        items.collect()
    }

    fn find(&self, from: usize, path: &[String], steps: usize) -> Vec<Found> {
        let Some(steps) = steps.checked_sub(1) else { return Vec::new() };
        let mut here = from;
        let mut rest = path;
        // `crate`, `self` and any number of `super` lead to a module.
        loop {
            here = match rest.first().map(String::as_str) {
                Some("crate") => 0,
                Some("self") => here,
                Some("super") => match self.modules[here].parent {
                    Some(parent) => parent,
                    None => return Vec::new(),
                },
                _ => break,
            };
            rest = &rest[1..];
        }
        let mut found = vec![Found::Module(here)];
        for name in rest {
            let module = found.iter().find_map(|found| match found {
                Found::Module(module) => Some(*module),
                Found::Item(_) => None,
            });
            // What follows a type is its own: a variant, a constant.
            let Some(module) = module else { break };
            found = self.named(module, name, steps);
        }
        found
    }

    /// Own names and imports before what globs bring, as rustc does.
    fn named(&self, module: usize, name: &str, steps: usize) -> Vec<Found> {
        let meanings = self.modules[module].names.get(name).map_or(&[][..], Vec::as_slice);
        let mut found = Vec::new();
        for meaning in meanings {
            match meaning {
                Meaning::Module(module) => found.push(Found::Module(*module)),
                Meaning::Item(place) => found.push(Found::Item(place.clone())),
                Meaning::Import(path) => found.extend(self.find(module, path, steps)),
            }
        }
        if !found.is_empty() {
            return found;
        }
        let Some(steps) = steps.checked_sub(1) else { return found };
        for glob in &self.modules[module].globs {
            for origin in self.find(module, glob, steps) {
                match origin {
                    Found::Module(origin) if origin != module => {
                        found.extend(self.named(origin, name, steps));
                    }
                    // Of an enum: its `use` itself was counted.
                    Found::Module(_) | Found::Item(_) => {}
                }
            }
        }
        found
    }
}
