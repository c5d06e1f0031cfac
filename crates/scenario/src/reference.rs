// SPDX-License-Identifier: MIT OR Apache-2.0
//! docs/scenarios.md, made from the types that read the files. It is checked here, and
//! written by `BLESS=1 cargo test -p scenario`.

use crate::load::{LoadFile, SettingsFile};
use crate::staged::StagedFile;
use crate::step::{Action, Proof};
use schemars::{Schema, schema_for};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

const HEAD: &str = "\
<!-- Generated from the types in crates/scenario and crates/vdisk. After a change there:
     BLESS=1 cargo test -p scenario -->
# Scenarios, loads and disks

The files in `workloads/`, field by field. `cargo xtask check [PATH]` says what is wrong with a
file, with its line; `cargo xtask new scenario NAME` writes one to start from.

| folder | what is in it |
|---|---|
| `workloads/scenarios` | [scenarios](#a-scenario-step-by-step) and [loads](#a-load) that `run` plays |
| `workloads/explorations` | scenarios that only `explore` records, up to their first cut |
| `workloads/fio` | a load's job: a fio file, and [its settings](#settings-of-a-job) beside it |
| `workloads/disks` | [timing profiles](#a-disk-profile) of virtual disks |
| `workloads/explore.toml` | which bad crash states each arm may and must have; explained in the file |

Sectors are of 512 bytes and, where nothing else is said, of the bcache device. A field that is
not *required* may be left out; its default is given.
";

/// Text about a top-level file, then everything that its fields lead to.
struct Reference {
    text: String,
    types: BTreeMap<String, Value>,
}

fn reference() -> String {
    let text = HEAD.to_owned();
    let mut reference = Reference { text, types: BTreeMap::new() };
    let steps = "The steps are `[[step]]` tables, with `do` for the verb: see [steps](#steps).\n\n";
    reference.file("A scenario, step by step", &schema_for!(StagedFile), steps);
    let kind = "A load has `kind = \"load\"` and no steps.\n\n";
    reference.file("A load", &schema_for!(LoadFile), kind);
    reference.file("Settings of a job", &schema_for!(SettingsFile), "");
    reference.file("A disk profile", &schema_for!(vdisk::Profile), "");
    reference.steps(&schema_for!(Action));
    reference.values();
    reference.text
}

impl Reference {
    fn file(&mut self, title: &str, schema: &Schema, more: &str) {
        let schema = self.learn(schema);
        self.say(&format!("\n## {title}\n\n{}\n\n{more}", describe(&schema)));
        self.fields(&schema);
    }

    /// Keeps the types that a schema refers to.
    fn learn(&mut self, schema: &Schema) -> Value {
        let schema = schema.as_value().clone();
        let types = schema["$defs"].as_object().into_iter().flatten();
        self.types.extend(types.map(|(name, of)| (name.clone(), of.clone())));
        schema
    }

    fn say(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// A line for each field, `do` aside.
    fn fields(&mut self, schema: &Value) {
        let required = |name: &str| {
            schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
        };
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            if name == "do" {
                continue;
            }
            let default = match &field["default"] {
                _ if required(name) => "required".to_owned(),
                Value::Null => "none".to_owned(),
                Value::Object(_) => "its defaults".to_owned(),
                value => format!("`{value}`"),
            };
            let line = format!("- `{name}` ({}; {default}): {}\n", kind(field), describe(field));
            self.say(&line);
        }
    }

    fn steps(&mut self, schema: &Schema) {
        let schema = self.learn(schema);
        self.say(
            "\n## Steps\n\nA step with `proves` is part of the opportunity: when what it demands \
             does not come about, the case is inconclusive, whatever was read. `check` asks for \
             `proves` where a step does nothing else.\n",
        );
        for verb in schema["oneOf"].as_array().into_iter().flatten() {
            let name = verb["properties"]["do"]["const"].as_str().unwrap();
            let of = verb["$ref"].as_str().map(|link| self.types.remove(last(link)).unwrap());
            let of = of.unwrap_or_else(|| verb.clone());
            self.say(&format!("\n### `{name}`\n\n{}\n\n", describe(&of)));
            self.fields(&of);
            let proof = Action::PROOFS.iter().find(|(verb, _)| *verb == name).unwrap().1;
            match proof {
                Proof::Never => {}
                Proof::Optional => self.say("- `proves` (text; none): what it shows, in words.\n"),
                Proof::Always => {
                    self.say("- `proves` (text; required): what it shows, in words.\n")
                }
            }
        }
    }

    /// The types of fields, but for the verbs.
    fn values(&mut self) {
        self.say("\n## Types\n");
        self.types.remove("Action");
        for (name, schema) in std::mem::take(&mut self.types) {
            self.say(&format!("\n### {name}\n\n{}\n\n", describe(&schema)));
            self.fields(&schema);
            let listed = schema["enum"].as_array().into_iter().flatten();
            let listed = listed.map(|value| (value.clone(), String::new()));
            let told = schema["oneOf"].as_array().into_iter().flatten().flat_map(|one| {
                let values: Vec<Value> = match (&one["const"], &one["enum"], &one["properties"]) {
                    (Value::Null, Value::Array(values), _) => values.clone(),
                    (Value::Null, _, Value::Object(fields)) => {
                        let of =
                            |(key, of): (&String, &Value)| format!("{{ {key} = {} }}", kind(of));
                        fields.iter().map(of).map(Value::from).collect()
                    }
                    (value, ..) => vec![value.clone()],
                };
                values.into_iter().map(|value| (value, describe(one)))
            });
            let lines: Vec<String> = listed
                .chain(told)
                .map(|(value, what)| {
                    let colon = if what.is_empty() { "" } else { ": " };
                    format!("- `{}`{colon}{what}\n", value.as_str().unwrap_or_default())
                })
                .collect();
            self.say(&lines.concat());
            for one in schema["anyOf"].as_array().into_iter().flatten() {
                self.say(&format!("- {}: {}\n", kind(one), describe(one)));
            }
        }
    }
}

/// The comment, with its own line breaks taken out.
fn describe(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    let paragraphs = text.split("\n\n").map(|part| part.replace('\n', " "));
    paragraphs.collect::<Vec<_>>().join("\n\n").replace("[`", "`").replace("`]", "`")
}

fn last(link: &str) -> &str {
    link.rsplit('/').next().unwrap_or(link)
}

/// The type of a field in words, with a link where it is one of ours.
fn kind(field: &Value) -> String {
    if let Some(link) = field["$ref"].as_str() {
        let name = last(link);
        return format!("[{name}](#{})", name.to_lowercase());
    }
    for key in ["anyOf", "allOf", "oneOf"] {
        if let Some(all) = field[key].as_array() {
            let some = all.iter().filter(|one| one["type"] != "null").map(kind);
            return some.collect::<Vec<_>>().join(" or ");
        }
    }
    let word = match &field["type"] {
        Value::Array(words) => words.iter().find(|word| *word != "null").unwrap(),
        word => word,
    };
    let mut text = match word.as_str() {
        Some("string") => "text".to_owned(),
        Some("integer") => "whole number".to_owned(),
        Some("number") => "number".to_owned(),
        Some("boolean") => "true or false".to_owned(),
        Some("array") if last(field["items"]["$ref"].as_str().unwrap_or("")) == "Action" => {
            "[steps](#steps)".to_owned()
        }
        Some("array") => format!("list of {}", kind(&field["items"])),
        Some("object") => format!("name = {}", kind(&field["additionalProperties"])),
        other => panic!("no word for {other:?}: {field}"),
    };
    if let (Some(least), Some(most)) = (field["minItems"].as_u64(), field["maxItems"].as_u64())
        && least == most
    {
        write!(text, ", {least} of them").unwrap();
    }
    text
}

#[test]
fn docs_scenarios_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scenarios.md");
    let text = reference();
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let stale = text.lines().zip(found.lines()).find(|(new, old)| new != old);
    assert!(
        found == text,
        "docs/scenarios.md is not what the types say; BLESS=1 cargo test -p scenario writes it.\n\
         First line that differs (new, old): {stale:#?}"
    );
}

/// A verb or field without a comment would leave a hole.
#[test]
fn everything_is_explained() {
    let text = reference();
    let holes =
        text.lines().filter(|line| line.starts_with("- ") && line.trim_end().ends_with(':'));
    assert_eq!(holes.collect::<Vec<_>>(), Vec::<&str>::new());
    for (name, _) in Action::PROOFS {
        let at = text.find(&format!("### `{name}`\n\n")).unwrap_or_else(|| panic!("no {name}"));
        let explained = text[at..].split("\n\n").nth(1).unwrap();
        assert!(explained.len() > 10 && !explained.starts_with(['-', '#']), "{name}");
    }
}
