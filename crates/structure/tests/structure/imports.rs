// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which file uses what another defines: by `use`, by a path in the code, in
//! an attribute or among a macro's arguments.
//!
//! What this does not see: methods, whose files only the compiler knows.

use crate::modules::{self, Place, Source, Tree, is_public, is_test, plain};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// From a place to a place, with the lines that make it so.
pub type Imports = BTreeMap<(Place, Place), BTreeSet<(usize, String)>>;

pub fn add(tree: &Tree, dir: &Path, all: &mut Imports) {
    let dir = dir.canonicalize().expect("a crate's folder");
    let short = |place: &Place| Place {
        file: place.file.strip_prefix(&dir).unwrap_or(&place.file).to_owned(),
        test: place.test,
    };
    for source in &tree.sources {
        let mut reader = Reader::new(tree, source);
        reader.visit_file(&source.syntax);
        for (from, to, line, path) in reader.found {
            // A file may use what its own tests' module defines, and the
            // other way round.
            if from.file != to.file {
                all.entry((short(&from), short(&to))).or_default().insert((line, path));
            }
        }
    }
}

struct Reader<'a> {
    tree: &'a Tree,
    module: usize,
    test: bool,
    /// Names of local variables anywhere in the file.
    locals: HashSet<String>,
    found: Vec<(Place, Place, usize, String)>,
}

impl<'a> Reader<'a> {
    fn new(tree: &'a Tree, source: &Source) -> Self {
        let mut locals = Locals::default();
        locals.visit_file(&source.syntax);
        let test = tree.modules[source.module].place.test;
        Self { tree, module: source.module, test, locals: locals.0, found: Vec::new() }
    }

    fn add(&mut self, path: &[String], line: usize) {
        let mut from = self.tree.modules[self.module].place.clone();
        from.test |= self.test;
        for to in self.tree.places(self.module, path) {
            self.found.push((from.clone(), to, line, path.join("::")));
        }
    }

    /// Paths among tokens that syn has not parsed.
    fn add_tokens(&mut self, tokens: TokenStream, strings: bool) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            let field = at > 0 && is_punct(&tokens[at - 1], '.');
            match &tokens[at] {
                TokenTree::Group(group) => self.add_tokens(group.stream(), strings),
                TokenTree::Ident(first) if !field => {
                    let line = first.span().start().line;
                    let mut path = vec![plain(first)];
                    while let [colon, second, TokenTree::Ident(next), ..] = &tokens[at + 1..]
                        && is_punct(colon, ':')
                        && is_punct(second, ':')
                    {
                        path.push(plain(next));
                        at += 3;
                    }
                    let called = matches!(tokens.get(at + 1), Some(TokenTree::Group(_)));
                    if path.len() > 1 || called || !self.locals.contains(&path[0]) {
                        self.add(&path, line);
                    }
                }
                // `#[serde(default = "path")]`
                TokenTree::Literal(literal) if strings => {
                    let text = literal.to_string();
                    let text = text.trim_matches('"');
                    if let Ok(path) = syn::parse_str::<syn::Path>(text) {
                        self.add(&names(&path), literal.span().start().line);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn names(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| plain(&segment.ident)).collect()
}

impl<'a> Visit<'a> for Reader<'a> {
    fn visit_item(&mut self, item: &'a syn::Item) {
        let outer = self.test;
        self.test |= modules::attributes(item).iter().any(is_test);
        visit::visit_item(self, item);
        self.test = outer;
    }

    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        let outer = self.module;
        if item.content.is_some() {
            // A module inside a function has no place in the tree.
            self.module =
                self.tree.modules[outer].inline.get(&plain(&item.ident)).copied().unwrap_or(outer);
        }
        visit::visit_item_mod(self, item);
        self.module = outer;
    }

    /// A re-export only passes on: the file imports it where it uses the name.
    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        if is_public(&item.vis) {
            return;
        }
        for import in modules::imports(&item.tree) {
            // `use Enum::*` counts, `use module::*` where a name is used.
            self.add(&import.path, item.span().start().line);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let line = path.span().start().line;
        let path_names = names(path);
        if path.leading_colon.is_none() {
            self.add(&path_names, line);
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_path(&mut self, expr: &'a syn::ExprPath) {
        let local = expr.path.get_ident().is_some_and(|name| self.locals.contains(&plain(name)));
        if !local {
            visit::visit_expr_path(self, expr);
        }
    }

    fn visit_expr_call(&mut self, call: &'a syn::ExprCall) {
        match &*call.func {
            syn::Expr::Path(function) => self.visit_path(&function.path),
            other => self.visit_expr(other),
        }
        for argument in &call.args {
            self.visit_expr(argument);
        }
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        self.visit_path(&call.path);
        self.add_tokens(call.tokens.clone(), false);
    }

    fn visit_attribute(&mut self, attribute: &'a syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.add_tokens(list.tokens.clone(), list.path.is_ident("serde"));
        }
    }

    /// `pub(in path)` names who may look, not whom it uses.
    fn visit_visibility(&mut self, _: &'a syn::Visibility) {}
}

#[derive(Default)]
struct Locals(HashSet<String>);

impl<'a> Visit<'a> for Locals {
    fn visit_pat_ident(&mut self, pattern: &'a syn::PatIdent) {
        self.0.insert(plain(&pattern.ident));
        visit::visit_pat_ident(self, pattern);
    }
}
