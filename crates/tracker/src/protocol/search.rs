// SPDX-License-Identifier: MIT OR Apache-2.0

//! Visits every state, and finds the shortest way to each that breaks a property.

use super::steps::{Model, Name};
use super::{Property, Rules, Setting, State};
use std::collections::{HashMap, VecDeque};

/// What an exploration has found.
pub struct Found {
    /// States reached.
    pub states: usize,
    /// For each property that does not hold, a shortest way to break it.
    pub broken: HashMap<Property, Vec<String>>,
}

/// Visits every state that can be reached.
pub fn explore(rules: Rules, setting: Setting) -> Found {
    let model = Model { rules, setting };
    // For each state: the one before it, and the step from there.
    let mut seen: HashMap<State, usize> = HashMap::new();
    let mut order: Vec<(usize, Name)> = Vec::new();
    let mut queue = VecDeque::new();
    let mut broken = HashMap::new();

    let first = State::first(setting);
    seen.insert(first.clone(), 0);
    order.push((0, Name("", 0, "", 0)));
    queue.push_back((0, first));
    while let Some((number, state)) = queue.pop_front() {
        for property in state.violated() {
            broken.entry(property).or_insert_with(|| path(&order, number));
        }
        for (name, next) in model.steps(&state) {
            if !seen.contains_key(&next) {
                seen.insert(next.clone(), order.len());
                queue.push_back((order.len(), next));
                order.push((number, name));
            }
        }
    }
    Found { states: order.len(), broken }
}

/// The steps from the first state to this one.
fn path(order: &[(usize, Name)], mut number: usize) -> Vec<String> {
    let mut steps = Vec::new();
    while number != 0 {
        let (before, name) = &order[number];
        steps.push(name.to_string());
        number = *before;
    }
    steps.reverse();
    steps
}
