// SPDX-License-Identifier: MIT OR Apache-2.0
//! The modules of one program or library, as rustc would find them from its
//! first file, and the names that each of them gives or brings in.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use syn::{Attribute, Expr, ExprLit, Item, ItemMod, Lit, Meta, UseTree, Visibility};

/// What imports and is imported: a file, and apart from it the test code that
/// stands in it. Tests may import what they like: nothing but tests imports
/// them, so a file and its `#[cfg(test)] mod tests` are no circle, whether the
/// tests stand in a file of their own or not.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    pub file: PathBuf,
    pub test: bool,
}

/// What a name in a module stands for.
#[derive(Clone)]
pub enum Meaning {
    Module(usize),
    /// Defined here: a function, a type, a constant, a macro.
    Item(Place),
    /// Brought in by `use` from this path.
    Import(Vec<String>),
}

pub struct Module {
    pub parent: Option<usize>,
    pub place: Place,
    pub names: HashMap<String, Vec<Meaning>>,
    /// Paths before `::*`.
    pub globs: Vec<Vec<String>>,
    /// Inline modules by their name, for whoever walks the file again.
    pub inline: HashMap<String, usize>,
}

/// A file that was read, and the module that it is.
pub struct Source {
    pub module: usize,
    pub syntax: syn::File,
}

#[derive(Default)]
pub struct Tree {
    /// The first is the root.
    pub modules: Vec<Module>,
    pub sources: Vec<Source>,
}

impl Tree {
    pub fn read(root: &Path) -> Self {
        let mut tree = Self::default();
        let children = root.parent().expect("a file is in a folder").to_owned();
        tree.add_file(root, &children, None, false);
        tree
    }

    /// `children` is the folder in which the file's `mod x;` are looked for.
    fn add_file(
        &mut self,
        file: &Path,
        children: &Path,
        parent: Option<usize>,
        test: bool,
    ) -> usize {
        let file = file.canonicalize().unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let text = fs::read_to_string(&file).expect("Rust is UTF-8");
        let syntax = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let module = self.add_module(parent, Place { file, test });
        self.add_items(module, &syntax.items, children, true);
        self.sources.push(Source { module, syntax });
        module
    }

    fn add_module(&mut self, parent: Option<usize>, place: Place) -> usize {
        self.modules.push(Module {
            parent,
            place,
            names: HashMap::new(),
            globs: Vec::new(),
            inline: HashMap::new(),
        });
        self.modules.len() - 1
    }

    /// `whole`: these are a file's own items, not those of an inline module.
    fn add_items(&mut self, module: usize, items: &[Item], children: &Path, whole: bool) {
        for item in items {
            let Place { file, test } = self.modules[module].place.clone();
            let place = Place { file, test: test || attributes(item).iter().any(is_test) };
            match item {
                Item::Mod(inner) => self.add_mod(module, inner, place, children, whole),
                Item::Use(import) => {
                    for import in imports(&import.tree) {
                        let module = &mut self.modules[module];
                        match import.name {
                            None => module.globs.push(import.path),
                            Some(name) => {
                                let names = module.names.entry(name).or_default();
                                names.push(Meaning::Import(import.path));
                            }
                        }
                    }
                }
                _ => {
                    if let Some(name) = defined(item) {
                        let names = self.modules[module].names.entry(name).or_default();
                        names.push(Meaning::Item(place));
                    }
                }
            }
        }
    }

    fn add_mod(
        &mut self,
        parent: usize,
        item: &ItemMod,
        place: Place,
        children: &Path,
        whole: bool,
    ) {
        let name = plain(&item.ident);
        let id = if let Some((_, items)) = &item.content {
            let id = self.add_module(Some(parent), place);
            self.add_items(id, items, &children.join(&name), false);
            self.modules[parent].inline.insert(name.clone(), id);
            id
        } else {
            let (file, below) = match item.attrs.iter().find_map(path_attribute) {
                // From the file's own folder, or, in an inline module, from
                // the folder that its name adds.
                Some(path) if whole => {
                    let file = place.file.parent().expect("a file is in a folder").join(path);
                    let below = file.parent().expect("a file is in a folder").to_owned();
                    (file, below)
                }
                Some(path) => {
                    let file = children.join(path);
                    let below = file.parent().expect("a file is in a folder").to_owned();
                    (file, below)
                }
                None => {
                    let below = children.join(&name);
                    let beside = children.join(format!("{name}.rs"));
                    (if beside.exists() { beside } else { below.join("mod.rs") }, below)
                }
            };
            self.add_file(&file, &below, Some(parent), place.test)
        };
        self.modules[parent].names.entry(name).or_default().push(Meaning::Module(id));
    }
}

/// One leaf of a `use`: without a name, it is `path::*`.
pub struct Import {
    pub path: Vec<String>,
    pub name: Option<String>,
}

pub fn imports(tree: &UseTree) -> Vec<Import> {
    let mut found = Vec::new();
    add_imports(tree, &mut Vec::new(), &mut found);
    found
}

fn add_imports(tree: &UseTree, path: &mut Vec<String>, found: &mut Vec<Import>) {
    match tree {
        UseTree::Path(step) => {
            path.push(plain(&step.ident));
            add_imports(&step.tree, path, found);
            path.pop();
        }
        UseTree::Name(leaf) => add_leaf(plain(&leaf.ident), None, path, found),
        UseTree::Rename(leaf) => {
            add_leaf(plain(&leaf.ident), Some(plain(&leaf.rename)), path, found);
        }
        UseTree::Glob(_) => found.push(Import { path: path.clone(), name: None }),
        UseTree::Group(group) => {
            for tree in &group.items {
                add_imports(tree, path, found);
            }
        }
    }
}

/// `a::{self}` is `a`.
fn add_leaf(leaf: String, renamed: Option<String>, path: &[String], found: &mut Vec<Import>) {
    let mut path = path.to_vec();
    if leaf != "self" || path.is_empty() {
        path.push(leaf);
    }
    let name = renamed.or_else(|| path.last().cloned());
    found.push(Import { path, name });
}

/// Without `r#`.
pub fn plain(ident: &proc_macro2::Ident) -> String {
    ident.to_string().trim_start_matches("r#").to_owned()
}

pub fn is_test(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else { return attribute.path().is_ident("test") };
    list.path.is_ident("cfg") && list.tokens.to_string() == "test"
}

fn path_attribute(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    match &pair.value {
        Expr::Lit(ExprLit { lit: Lit::Str(path), .. }) if pair.path.is_ident("path") => {
            Some(path.value())
        }
        _ => None,
    }
}

pub fn is_public(visibility: &Visibility) -> bool {
    !matches!(visibility, Visibility::Inherited)
}

fn defined(item: &Item) -> Option<String> {
    Some(plain(match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    }))
}

pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
