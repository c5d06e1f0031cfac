// SPDX-License-Identifier: MIT OR Apache-2.0
//! Just enough of Kconfig to say why an option was not taken.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// One `config X` entry.
#[derive(Debug, Clone, Default)]
struct Definition {
    place: String,
    prompt: bool,
    /// Its own conditions and those of the blocks around it.
    depends: Vec<String>,
}

/// All definitions of a source tree.
#[derive(Debug, Default)]
pub(crate) struct Kconfig {
    definitions: BTreeMap<String, Vec<Definition>>,
    /// Option → the options that select it.
    selected_by: BTreeMap<String, Vec<String>>,
}

impl Kconfig {
    /// Reads every Kconfig file that matters on x86.
    pub(crate) fn read(tree: &Path) -> Self {
        let mut kconfig = Self::default();
        kconfig.walk(tree, tree);
        kconfig
    }

    fn walk(&mut self, tree: &Path, dir: &Path) {
        let Ok(entries) = fs::read_dir(dir) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                let other_arch = dir.ends_with("arch") && name != "x86";
                if !other_arch && name != "Documentation" && !name.starts_with('.') {
                    self.walk(tree, &path);
                }
            } else if name.starts_with("Kconfig") {
                let shown = path.strip_prefix(tree).unwrap_or(&path).display().to_string();
                self.parse(&shown, &fs::read_to_string(&path).unwrap_or_default());
            }
        }
    }

    /// Adds one file's definitions.
    pub(crate) fn parse(&mut self, file: &str, text: &str) {
        // Conditions of the enclosing if, menu and choice blocks.
        let mut blocks: Vec<Vec<String>> = Vec::new();
        let mut current: Option<(String, Definition)> = None;
        let mut help: Option<usize> = None;
        let joined = text.replace("\\\n", " ");
        for (index, raw) in joined.lines().enumerate() {
            let indent = raw.chars().take_while(|c| c.is_whitespace()).count();
            let line = raw.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if help.is_some_and(|outer| indent > outer) {
                continue;
            }
            help = None;
            let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let rest = rest.trim();
            match word {
                "config" | "menuconfig" => {
                    self.add(current.take());
                    let place = format!("{file}:{}", index + 1);
                    let depends = blocks.concat();
                    current =
                        Some((rest.into(), Definition { place, depends, ..Default::default() }));
                }
                "if" | "menu" | "choice" => {
                    self.add(current.take());
                    blocks.push(if word == "if" { vec![rest.to_owned()] } else { vec![] });
                }
                "endif" | "endmenu" | "endchoice" => {
                    self.add(current.take());
                    blocks.pop();
                }
                "depends" => {
                    let condition = rest.strip_prefix("on").unwrap_or(rest).trim().to_owned();
                    match (&mut current, blocks.last_mut()) {
                        (Some((_, definition)), _) => definition.depends.push(condition),
                        (None, Some(block)) => block.push(condition),
                        _ => {}
                    }
                }
                "bool" | "tristate" | "int" | "hex" | "string" | "prompt" => {
                    if let Some((_, definition)) = &mut current {
                        definition.prompt |= !rest.is_empty();
                    }
                }
                "select" => {
                    if let (Some((name, _)), Some(target)) =
                        (&current, rest.split_whitespace().next())
                    {
                        self.selected_by.entry(target.into()).or_default().push(name.clone());
                    }
                }
                "help" | "---help---" => help = Some(indent),
                _ => {}
            }
        }
        self.add(current.take());
    }

    fn add(&mut self, definition: Option<(String, Definition)>) {
        if let Some((name, definition)) = definition {
            self.definitions.entry(name).or_default().push(definition);
        }
    }

    /// Why `option` (with its `CONFIG_`) is not `wanted`, a reason a line.
    pub(crate) fn explain(
        &self,
        option: &str,
        wanted: &str,
        values: &BTreeMap<String, String>,
    ) -> Vec<String> {
        let symbol = option.strip_prefix("CONFIG_").unwrap_or(option);
        let value = |name: &str| {
            values.get(&format!("CONFIG_{name}")).cloned().unwrap_or_else(|| "n".into())
        };
        let Some(definitions) = self.definitions.get(symbol) else {
            return vec!["no such option in this source".into()];
        };
        let mut reasons = Vec::new();
        let selectors = self.selected_by.get(symbol).map_or(&[][..], Vec::as_slice);
        if wanted == "n" {
            let active: Vec<&str> =
                selectors.iter().filter(|s| value(s) != "n").map(String::as_str).collect();
            if !active.is_empty() {
                reasons.push(format!("selected by {}", active.join(", ")));
            }
        }
        for definition in definitions {
            let place = &definition.place;
            if !definition.prompt {
                let by = if selectors.is_empty() { "nothing".into() } else { selectors.join(", ") };
                reasons.push(format!("{place}: cannot be set by hand, only selected (by {by})"));
            }
            for condition in &definition.depends {
                let state: Vec<String> =
                    symbols(condition).map(|name| format!("{name}={}", value(name))).collect();
                reasons.push(format!("{place}: depends on {condition} ({})", state.join(", ")));
            }
        }
        reasons
    }
}

/// The option names in a condition.
fn symbols(condition: &str) -> impl Iterator<Item = &str> {
    condition
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_selects_and_help_texts_are_told_apart() {
        let mut kconfig = Kconfig::default();
        kconfig.parse(
            "K",
            "menu \"M\"\n\tdepends on NET\nconfig A\n\tbool \"a\"\n\tselect HIDDEN if X86\n\
             \thelp\n\t  Say Y here.\n\t  depends on nothing\nconfig HIDDEN\n\tbool\nendmenu\n\
             config B\n\tbool \"b\"\n\tdepends on A || \\\n\t\tC\n",
        );
        let values = BTreeMap::from([("CONFIG_A".to_owned(), "y".to_owned())]);
        let explain = |name: &str, wanted: &str| kconfig.explain(name, wanted, &values).join("\n");
        assert_eq!(explain("CONFIG_A", "y"), "K:3: depends on NET (NET=n)");
        assert!(explain("CONFIG_HIDDEN", "n").starts_with("selected by A"));
        assert!(explain("CONFIG_HIDDEN", "y").contains("only selected (by A)"));
        let b = explain("CONFIG_B", "y");
        assert!(b.contains("A=y, C=n") && !b.contains("NET"), "{b}");
        assert_eq!(explain("CONFIG_NONE", "y"), "no such option in this source");
    }
}
