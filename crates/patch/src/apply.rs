// SPDX-License-Identifier: MIT OR Apache-2.0
//! Applies a patch to copies of the files that it speaks of, with `git apply`.

use super::{Patch, PatchError, check_path};
use crate::git::deaf;
use crate::overlay::{Content, Overlay};
use proc::{Cancel, Scratch, ask, shell};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use xshell::cmd;

/// How much of the context at a hunk's ends must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fuzz {
    /// All of it: for patches that are kept with the source.
    Strict,
    /// One line at either end, and reported: for what a user brings.
    Lenient,
}

/// Lines shown of what does not apply.
const SHOWN: usize = 60;

/// Applies `patch` on top of `overlay`, reading files that no earlier patch
/// touched with `pristine` (`None`: there is no such file). Returns a line for
/// each hunk that was applied with less than its context.
///
/// # Errors
/// [`PatchError`]; then the overlay is as it was.
pub fn apply(
    patch: &Patch,
    fuzz: Fuzz,
    overlay: &mut Overlay,
    pristine: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<Vec<String>, PatchError> {
    let io = PatchError::io(&patch.name);
    let read = |path: &str| match overlay.get(path) {
        Some(Content::File { data, executable }) => Some((data.clone(), *executable)),
        Some(Content::Absent) => None,
        None => pristine(path).map(|data| (data, false)),
    };
    let strip = patch.strip(&|path| read(path).is_some());
    let before: Files =
        patch.paths_less(strip).filter_map(|path| Some((path.to_owned(), read(path)?))).collect();
    let work = Scratch::new("bclab-").map_err(&io)?;
    let (tree, file) = (work.path().join("tree"), work.path().join("patch"));
    // git takes a last line without its end for a damaged one.
    let end = if patch.text.ends_with('\n') { "" } else { "\n" };
    let text = format!("{}{end}", patch.text);
    put(&tree, &before).and_then(|()| fs::write(&file, text)).map_err(&io)?;

    let sh = shell().map_err(&io)?;
    sh.change_dir(&tree);
    let git = |how: &[&str]| {
        let lenient: &[&str] = if fuzz == Fuzz::Lenient { &["-C1", "--unidiff-zero"] } else { &[] };
        let strip = strip.to_string();
        let cmd = cmd!(sh, "git apply --whitespace=nowarn -p{strip} {lenient...} {how...} {file}");
        // A repository that the temporary folder lies in is not meant.
        let cmd = deaf(cmd).env("GIT_CEILING_DIRECTORIES", work.path());
        ask(cmd, &Cancel::new()).map_err(PatchError::run(&patch.name))
    };
    let said = git(&[])?;
    if !said.success {
        let damaged = git(&["--numstat"])?;
        if !damaged.success {
            return Err(PatchError::malformed(&patch.name, words(&damaged.err)));
        }
        // It did nothing so far; now it leaves the hunks beside the files.
        git(&["--reject"])?;
        let hunks = rejected(&tree).map_err(&io)?;
        return Err(PatchError::Rejected {
            patch: patch.name.clone(),
            why: words(&said.err),
            hunks,
        });
    }
    let mut after = Files::new();
    list(&tree, &tree, &mut after).map_err(&io)?;
    for path in before.keys().filter(|path| !after.contains_key(*path)) {
        overlay.set(path, Content::Absent);
    }
    for (path, (data, executable)) in after {
        if let Err(why) = check_path(&path) {
            return Err(PatchError::Refused { patch: patch.name.clone(), path, why });
        }
        if before.get(&path) != Some(&(data.clone(), executable)) {
            overlay.set(&path, Content::File { data, executable });
        }
    }
    let reduced = said.err.lines().filter(|line| line.starts_with("Context reduced"));
    Ok(reduced.map(|line| format!("{}: fuzz: {line}", patch.name)).collect())
}

/// Path → content and whether it has the x bits.
type Files = BTreeMap<String, (Vec<u8>, bool)>;

fn put(tree: &Path, files: &Files) -> io::Result<()> {
    fs::create_dir_all(tree)?;
    for (path, (data, executable)) in files {
        let place = tree.join(path);
        fs::create_dir_all(place.parent().unwrap_or(tree))?;
        fs::write(&place, data)?;
        let mode = if *executable { 0o755 } else { 0o644 };
        fs::set_permissions(&place, PermissionsExt::from_mode(mode))?;
    }
    Ok(())
}

fn list(tree: &Path, dir: &Path, into: &mut Files) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let (entry, path) = entry.map(|entry| (entry.file_type(), entry.path()))?;
        let kind = entry?;
        if kind.is_dir() {
            list(tree, &path, into)?;
            continue;
        }
        let name = path.strip_prefix(tree).unwrap_or(&path).to_string_lossy().into_owned();
        if !kind.is_file() {
            return Err(io::Error::other(format!("{name} is no ordinary file")));
        }
        let executable = fs::metadata(&path)?.permissions().mode() & 0o100 != 0;
        into.insert(name, (fs::read(&path)?, executable));
    }
    Ok(())
}

/// What git says is wrong, a line each.
fn words(err: &str) -> String {
    let lines = err.lines().filter_map(|line| line.strip_prefix("error: "));
    lines.collect::<Vec<_>>().join("; ")
}

/// All hunks that `git apply --reject` put aside.
fn rejected(tree: &Path) -> io::Result<String> {
    let mut files = Files::new();
    list(tree, tree, &mut files)?;
    let mut text = String::new();
    for (path, (data, _)) in files.iter().filter(|(path, _)| path.ends_with(".rej")) {
        text.push_str(&format!("{}:\n", path.trim_end_matches(".rej")));
        // The first line is git's heading.
        for line in String::from_utf8_lossy(data).lines().skip(1).take(SHOWN) {
            text.push_str(line);
            text.push('\n');
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";

    fn run(text: &str, fuzz: Fuzz) -> Result<(Overlay, Vec<String>), PatchError> {
        let patch = Patch::parse("p", text)?;
        let mut overlay = Overlay::default();
        let file = |path: &str| (path == "d/f").then(|| FILE.as_bytes().to_vec());
        match apply(&patch, fuzz, &mut overlay, &file) {
            Ok(notes) => Ok((overlay, notes)),
            Err(error) => {
                assert_eq!(overlay, Overlay::default(), "changed by a patch that fails");
                Err(error)
            }
        }
    }

    fn content(overlay: &Overlay, path: &str) -> String {
        match overlay.get(path) {
            Some(Content::File { data, .. }) => String::from_utf8(data.clone()).unwrap(),
            other => panic!("{path}: {other:?}"),
        }
    }

    /// Also where the last line has lost its end.
    const HUNK: &str = "--- a/d/f\n+++ b/d/f\n@@ -4,3 +4,3 @@\n 4\n-5\n+five\n 6";

    #[test]
    fn a_hunk_applies_where_it_says_and_where_it_moved() {
        let (overlay, notes) = run(HUNK, Fuzz::Strict).unwrap();
        assert_eq!(content(&overlay, "d/f"), FILE.replace('5', "five"));
        assert!(notes.is_empty());
        let moved = HUNK.replace("-4,3 +4,3", "-2,3 +2,3");
        let (overlay, _) = run(&moved, Fuzz::Strict).unwrap();
        assert_eq!(content(&overlay, "d/f"), FILE.replace('5', "five"));
    }

    #[test]
    fn a_changed_context_needs_fuzz_and_says_so() {
        let changed = "--- a/d/f\n+++ b/d/f\n@@ -3,5 +3,5 @@\n 3\n 4\n-5\n+five\n 6\n seven\n";
        let error = run(changed, Fuzz::Strict).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, PatchError::Rejected { .. }));
        for part in ["p does not apply", "d/f:3", "@@ -3,5 +3,5 @@", "+five"] {
            assert!(text.contains(part), "{text}");
        }
        let (overlay, notes) = run(changed, Fuzz::Lenient).unwrap();
        assert_eq!(content(&overlay, "d/f"), FILE.replace('5', "five"));
        assert!(notes.len() == 1 && notes[0].starts_with("p: fuzz: "), "{notes:?}");
        let wrong = changed.replace("-5\n", "-50\n");
        assert!(run(&wrong, Fuzz::Lenient).is_err());
    }

    #[test]
    fn every_hunk_that_fails_is_shown_and_nothing_is_half_done() {
        let two = "--- a/d/f\n+++ b/d/f\n@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n\
                   @@ -5,4 +5,4 @@\n 5\n 6\n-70\n+seven\n 8\n";
        let text = run(two, Fuzz::Strict).unwrap_err().to_string();
        assert!(text.contains("-70\n+seven") && !text.contains("+two"), "{text}");
    }

    #[test]
    fn damage_is_told_from_a_patch_for_another_kernel() {
        for damaged in ["@@ -1,3 +1,3 @@\n 1\n-2\n", "@@ -1,3 +1,3 @@\n 1\nrubbish\n"] {
            let text = format!("--- a/d/f\n+++ b/d/f\n{damaged}");
            let error = run(&text, Fuzz::Lenient).unwrap_err();
            assert!(matches!(error, PatchError::Malformed { .. }), "{error}");
            assert!(
                error.to_string().contains("line 5") || error.to_string().contains("line 6"),
                "{error}"
            );
        }
    }

    #[test]
    fn files_come_go_and_move_and_get_their_x_bits() {
        let text = "diff --git a/d/new b/d/new\nnew file mode 100755\n--- /dev/null\n+++ b/d/new\n\
                    @@ -0,0 +1 @@\n+x\ndiff --git a/d/f b/d/g\nsimilarity index 100%\n\
                    rename from d/f\nrename to d/g\n";
        let (overlay, _) = run(text, Fuzz::Strict).unwrap();
        let new = Content::File { data: b"x\n".into(), executable: true };
        assert_eq!(overlay.get("d/new"), Some(&new));
        assert_eq!(content(&overlay, "d/g"), FILE);
        assert_eq!(overlay.get("d/f"), Some(&Content::Absent));

        let exists = "--- /dev/null\n+++ b/d/f\n@@ -0,0 +1 @@\n+x\n";
        assert!(run(exists, Fuzz::Strict).unwrap_err().to_string().contains("already exists"));
        let missing = "--- a/d/none\n+++ b/d/none\n@@ -1 +1 @@\n-x\n+y\n";
        assert!(run(missing, Fuzz::Strict).unwrap_err().to_string().contains("No such file"));
    }

    #[test]
    fn a_plain_diff_without_prefixes_applies_too() {
        let plain = HUNK.replace("a/d", "d").replace("b/d", "d");
        let (overlay, _) = run(&plain, Fuzz::Strict).unwrap();
        assert_eq!(content(&overlay, "d/f"), FILE.replace('5', "five"));
    }

    /// As somebody writes it by hand, or with `diff -U0`.
    #[test]
    fn a_user_s_patch_may_have_no_context_at_all() {
        for hunk in ["@@ -5 +5 @@\n-5\n+five\n", "@@ -4,2 +4,2 @@\n 4\n-5\n+five\n"] {
            let text = format!("--- a/d/f\n+++ b/d/f\n{hunk}");
            let (overlay, _) = run(&text, Fuzz::Lenient).unwrap();
            assert_eq!(content(&overlay, "d/f"), FILE.replace('5', "five"));
        }
    }
}
