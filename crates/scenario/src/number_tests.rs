// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every number of every file has limits, and no number makes a file a panic.

use crate::check::check;
use crate::load::{JobText, LoadFile, SettingsFile};
use crate::read::parse_with;
use crate::setup::Block;
use crate::staged::StagedFile;
use crate::step::{Action, Step};
use schemars::schema_for;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Values that have made something divide by zero, run over or fill the memory.
const WORST: [i64; 7] = [i64::MIN, -1, 0, 1, u32::MAX as i64, 1 << 40, i64::MAX];

/// The field's name and limits of each whole number below a schema.
fn numbers(schema: &Json, name: &str, found: &mut Vec<(String, Option<[i64; 2]>)>) {
    let is_integer = |of: &Json| of == "integer";
    let of = &schema["type"];
    if is_integer(of) || of.as_array().is_some_and(|all| all.iter().any(is_integer)) {
        let limits = schema["minimum"].as_i64().zip(schema["maximum"].as_i64());
        found.push((name.to_owned(), limits.map(|(least, most)| [least, most])));
    }
    for (key, below) in schema.as_object().into_iter().flatten() {
        let name =
            if ["properties", "$defs", "items"].contains(&key.as_str()) { name } else { key };
        numbers(below, name, found);
    }
    for below in schema.as_array().into_iter().flatten() {
        numbers(below, name, found);
    }
}

fn all_numbers() -> Vec<(String, Option<[i64; 2]>)> {
    let mut found = Vec::new();
    for schema in [schema_for!(StagedFile), schema_for!(LoadFile), schema_for!(SettingsFile)] {
        numbers(schema.as_value(), "", &mut found);
    }
    found
}

/// Two are compared with each other, or named by an arm.
const ELSEWHERE: [&str; 2] = ["events", "additionalProperties"];

#[test]
fn every_whole_number_has_a_least_and_a_greatest_value() {
    let all = all_numbers();
    assert!(all.len() > 25, "{all:?}");
    let open: Vec<_> = all.iter().filter(|(_, limits)| limits.is_none()).collect();
    let open = open.iter().filter(|(name, _)| !ELSEWHERE.contains(&name.as_str()));
    assert_eq!(open.count(), 0, "{all:?}");
}

fn shipped() -> Vec<PathBuf> {
    let workloads = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workloads");
    let folders = ["scenarios", "explorations"].map(|name| workloads.join(name));
    folders.iter().flat_map(|folder| crate::read::files(folder).unwrap()).collect()
}

/// Where the numbers of a value are: the keys and places that lead to them.
fn places(value: &Value, way: &[String], found: &mut Vec<Vec<String>>) {
    let deeper = |key: String| [way, &[key]].concat();
    match value {
        Value::Integer(_) => found.push(way.to_vec()),
        Value::Table(table) => {
            table.iter().for_each(|(key, below)| places(below, &deeper(key.clone()), found));
        }
        Value::Array(all) => {
            (0..).zip(all).for_each(|(n, below): (usize, _)| {
                places(below, &deeper(n.to_string()), found);
            });
        }
        _ => {}
    }
}

fn put(value: &mut Value, way: &[String], number: i64) {
    let Some((first, rest)) = way.split_first() else {
        *value = Value::Integer(number);
        return;
    };
    match value {
        Value::Table(table) => put(table.get_mut(first).unwrap(), rest, number),
        Value::Array(all) => put(&mut all[first.parse::<usize>().unwrap()], rest, number),
        _ => unreachable!(),
    }
}

/// The steps of the shipped scenarios, one for each verb and its fields.
fn steps() -> BTreeMap<String, Table> {
    let mut steps = BTreeMap::new();
    for path in shipped() {
        let file: Table = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for step in file.get("step").and_then(Value::as_array).into_iter().flatten() {
            let step = step.as_table().unwrap().clone();
            let fields: Vec<&str> = step.keys().map(String::as_str).collect();
            steps.insert(format!("{} {}", step["do"], fields.join(" ")), step);
        }
    }
    steps
}

#[test]
fn what_is_beyond_a_steps_limits_is_refused_and_the_limits_are_not() {
    let limits = |schema: schemars::Schema| -> BTreeMap<String, [i64; 2]> {
        let mut found = Vec::new();
        numbers(schema.as_value(), "", &mut found);
        found.into_iter().filter_map(|(name, limits)| Some((name, limits?))).collect()
    };
    // What lies deeper than a step's own fields is a place on a disk.
    let (own, deeper) = (limits(schema_for!(Action)), limits(schema_for!(Block)));
    let mut seen = BTreeSet::new();
    for step in steps().into_values() {
        let mut found = Vec::new();
        places(&Value::Table(step.clone()), &[], &mut found);
        for way in found {
            let name = way.last().unwrap();
            let limits = if way.len() == 1 { &own } else { &deeper };
            let [least, most] = limits[name];
            let parsed = |number| {
                let mut step = Value::Table(step.clone());
                put(&mut step, &way, number);
                Step::parse(step.as_table().unwrap().clone(), 1)
            };
            let verb = &step["do"];
            for inside in [least, most] {
                assert!(parsed(inside).is_ok(), "{verb} {name} = {inside}");
            }
            for beyond in [least - 1, most.saturating_add(1)] {
                let refused = beyond == i64::MAX || parsed(beyond).is_err();
                assert!(refused, "{verb} {name} = {beyond}");
            }
            seen.insert(format!("{verb} {name}"));
        }
    }
    assert!(seen.len() >= 10, "{seen:?}");
}

/// Each number of each shipped scenario, and of its job, replaced by the worst.
#[test]
fn no_number_makes_a_scenario_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let (file, mut tried) = (dir.path().join("scenarios/one.toml"), 0);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    for path in shipped() {
        let text = std::fs::read_to_string(&path).unwrap();
        let whole = Value::Table(toml::from_str(&text).unwrap());
        let job =
            whole.get("job").map(|job| JobText::beside(&path, job.as_str().unwrap()).unwrap());
        let mut found = Vec::new();
        places(&whole, &[], &mut found);
        for (way, number) in found.iter().flat_map(|way| WORST.map(|number| (way, number))) {
            let mut changed = whole.clone();
            put(&mut changed, way, number);
            let text = toml::to_string(&changed).unwrap();
            let _ = parse_with(&file, &text, job.as_ref());
            if job.is_none() {
                std::fs::write(&file, text).unwrap();
                let _ = check(std::slice::from_ref(&file), &[], &BTreeSet::new());
            }
            tried += 1;
        }
        for number in job.iter().flat_map(|_| WORST) {
            let job = job.as_ref().unwrap();
            let digits = |text: &str| {
                let words = text.split_inclusive(['=', '\n', ' ']).map(|word| {
                    let plain = word.trim_end_matches(|c: char| !c.is_ascii_digit());
                    let is_number = !plain.is_empty() && plain.bytes().all(|b| b.is_ascii_digit());
                    if is_number { word.replace(plain, &number.to_string()) } else { word.into() }
                });
                words.collect::<String>()
            };
            for changed in [
                JobText { fio: digits(&job.fio), ..job.clone() },
                JobText { toml: digits(&job.toml), ..job.clone() },
            ] {
                let _ = parse_with(&file, &text, Some(&changed));
                tried += 1;
            }
        }
    }
    assert!(tried > 2000, "{tried}");
}
