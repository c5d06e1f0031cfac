// SPDX-License-Identifier: MIT OR Apache-2.0
//! Applies a patch to files in memory.

use super::{FilePatch, Hunk, Line, Patch, PatchError};
use crate::overlay::{Content, Overlay};

/// How many lines of context at either end may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fuzz {
    /// None, as git apply: for patches that are kept with the source.
    Strict,
    /// Up to two, as patch(1), and reported: for what a user brings.
    Lenient,
}

/// What was done less than exactly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// One line per hunk that needed fuzz.
    pub notes: Vec<String>,
}

/// Applies `patch` on top of `overlay`, reading files that no earlier patch
/// touched with `pristine` (`None`: there is no such file).
///
/// # Errors
/// [`PatchError`]; the overlay may then hold a part of the patch.
pub fn apply(
    patch: &Patch,
    fuzz: Fuzz,
    overlay: &mut Overlay,
    pristine: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<Applied, PatchError> {
    let mut applied = Applied::default();
    for file in &patch.files {
        Job { patch, file, fuzz, overlay, pristine, applied: &mut applied }.run()?;
    }
    Ok(applied)
}

struct Job<'a> {
    patch: &'a Patch,
    file: &'a FilePatch,
    fuzz: Fuzz,
    overlay: &'a mut Overlay,
    pristine: &'a dyn Fn(&str) -> Option<Vec<u8>>,
    applied: &'a mut Applied,
}

impl Job<'_> {
    fn run(&mut self) -> Result<(), PatchError> {
        self.check_mode()?;
        let old = self.file.old.as_deref().map(|path| self.path(path)).transpose()?;
        let new = self.file.new.as_deref().map(|path| self.path(path)).transpose()?;
        let before = match &old {
            None => Vec::new(),
            Some(path) => self.read(path).ok_or_else(|| self.wrong(path, "is not in the tree"))?,
        };
        if let Some(path) = &new
            && new != old
            && self.read(path).is_some_and(|content| !content.is_empty() || old.is_some())
        {
            return Err(self.wrong(path, "is in the tree already"));
        }
        let shown = new.as_ref().or(old.as_ref()).cloned().unwrap_or_default();
        let after = self.patched(&shown, &before)?;
        if let Some(path) = &old
            && (new.is_none() || self.file.rename)
        {
            if new.is_none() && !after.is_empty() {
                return Err(self.wrong(path, "differs from what the patch deletes"));
            }
            self.overlay.set(path, Content::Absent);
        }
        if let Some(path) = new {
            let executable = self.file.mode.as_deref() == Some("100755");
            self.overlay.set(&path, Content::File { data: after, executable });
        }
        Ok(())
    }

    fn wrong(&self, file: &str, why: &'static str) -> PatchError {
        PatchError::File { patch: self.patch.name.clone(), file: file.into(), why }
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        match self.overlay.get(path) {
            Some(Content::File { data, .. }) => Some(data.clone()),
            Some(Content::Absent) => None,
            None => (self.pristine)(path),
        }
    }

    /// Links and submodules are no source.
    fn check_mode(&self) -> Result<(), PatchError> {
        match self.file.mode.as_deref() {
            None | Some("100644" | "100755") => Ok(()),
            Some(_) => Err(self.refused(
                self.file.new.as_deref().unwrap_or_default(),
                "only ordinary files can be made",
            )),
        }
    }

    fn refused(&self, path: &str, why: &'static str) -> PatchError {
        PatchError::Refused { patch: self.patch.name.clone(), path: path.into(), why }
    }

    /// The path in the tree: without the first component (`a/`, `b/`,
    /// `linux.orig/`), unless it exists only with it.
    fn path(&self, written: &str) -> Result<String, PatchError> {
        if let Err(why) = check_path(written) {
            return Err(self.refused(written, why));
        }
        let stripped = written.split_once('/').map_or(written, |(_, rest)| rest);
        let prefixed = written.starts_with("a/") || written.starts_with("b/");
        let plain = !prefixed && self.read(stripped).is_none() && self.read(written).is_some();
        Ok(if plain { written } else { stripped }.to_owned())
    }

    fn patched(&mut self, file: &str, before: &[u8]) -> Result<Vec<u8>, PatchError> {
        let before: Vec<&[u8]> = before.split_inclusive(|&byte| byte == b'\n').collect();
        let mut after: Vec<u8> = Vec::new();
        // Lines of `before` that are copied already, and how far the hunks
        // have been found from where they say.
        let (mut done, mut drift) = (0, 0_isize);
        for (index, hunk) in self.file.hunks.iter().enumerate() {
            let found =
                self.find(hunk, &before, done, drift).ok_or_else(|| PatchError::Rejected {
                    patch: self.patch.name.clone(),
                    file: file.into(),
                    number: index + 1,
                    header: hunk.header.clone(),
                    hunk: hunk.text(),
                })?;
            drift = found.at.cast_signed() - expected(hunk);
            if found.fuzz > 0 {
                self.applied.notes.push(format!(
                    "{}: hunk {} of {file} applied with fuzz {}",
                    self.patch.name,
                    index + 1,
                    found.fuzz
                ));
            }
            after.extend(before[done..found.at].concat());
            done = found.at;
            for line in &hunk.lines {
                match line {
                    // The file's own context stays, also where fuzz let it differ.
                    Line::Context(_) => {
                        after.extend(before[done]);
                        done += 1;
                    }
                    Line::Removed(_) => done += 1,
                    Line::Added(body) => after.extend(body.as_bytes()),
                }
            }
        }
        after.extend(before[done..].concat());
        Ok(after)
    }

    /// The nearest place at or after `done` whose lines are the hunk's.
    fn find(&self, hunk: &Hunk, before: &[&[u8]], done: usize, drift: isize) -> Option<Found> {
        let old: Vec<&str> = hunk
            .lines
            .iter()
            .filter_map(|line| match line {
                Line::Context(body) | Line::Removed(body) => Some(body.as_str()),
                Line::Added(_) => None,
            })
            .collect();
        let context = |lines: &mut dyn Iterator<Item = &Line>| {
            lines.take_while(|line| matches!(line, Line::Context(_))).count()
        };
        let head = context(&mut hunk.lines.iter());
        let tail = context(&mut hunk.lines.iter().rev());
        let last = before.len().checked_sub(old.len())?;
        let most = match self.fuzz {
            Fuzz::Strict => 0,
            Fuzz::Lenient => 2,
        };
        let wish = (expected(hunk) + drift).max(0).cast_unsigned();
        for fuzz in 0..=most.min(head.max(tail)) {
            let kept = fuzz.min(head)..old.len() - fuzz.min(tail);
            // Without a line to compare, it would fit anywhere.
            if kept.is_empty() && !old.is_empty() {
                break;
            }
            let fits =
                |at: usize| kept.clone().all(|index| before[at + index] == old[index].as_bytes());
            let mut places: Vec<usize> = (done..=last).filter(|&at| fits(at)).collect();
            // Hunks without any old line go where they say, or nowhere.
            if old.is_empty() {
                places.retain(|&at| at == wish);
            }
            places.sort_by_key(|at| at.abs_diff(wish));
            if let Some(&at) = places.first() {
                return Some(Found { at, fuzz });
            }
        }
        None
    }
}

struct Found {
    at: usize,
    fuzz: usize,
}

/// Index of the hunk's first old line.
fn expected(hunk: &Hunk) -> isize {
    let empty = !hunk.lines.iter().any(|line| !matches!(line, Line::Added(_)));
    // `-5,0` means "after line 5", `-5,1` means line 5 itself.
    let start = hunk.old_start.cast_signed();
    if empty { start } else { start - 1 }
}

/// A path that stays inside the tree and out of git's own files.
pub(crate) fn check_path(path: &str) -> Result<(), &'static str> {
    if path.starts_with('/') {
        return Err("an absolute path");
    }
    if path.bytes().any(|byte| byte < 0x20 || byte == b'\\' || byte == b'"') {
        return Err("an odd character");
    }
    for part in path.split('/') {
        match part {
            "" | "." => return Err("an empty or single-dot component"),
            ".." => return Err("it leaves the tree"),
            _ if part.eq_ignore_ascii_case(".git") => return Err("it is git's own"),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";

    fn run(text: &str, fuzz: Fuzz) -> Result<(Overlay, Applied), PatchError> {
        let patch = Patch::parse("p", text)?;
        let mut overlay = Overlay::default();
        let applied = apply(&patch, fuzz, &mut overlay, &|path| {
            (path == "d/f").then(|| FILE.as_bytes().to_vec())
        })?;
        Ok((overlay, applied))
    }

    fn content(overlay: &Overlay, path: &str) -> String {
        match overlay.get(path) {
            Some(Content::File { data, .. }) => String::from_utf8(data.clone()).unwrap(),
            other => panic!("{path}: {other:?}"),
        }
    }

    const HUNK: &str = "--- a/d/f\n+++ b/d/f\n@@ -4,3 +4,3 @@\n 4\n-5\n+five\n 6\n";

    #[test]
    fn a_hunk_applies_where_it_says_and_where_it_moved() {
        let (overlay, applied) = run(HUNK, Fuzz::Strict).unwrap();
        assert_eq!(content(&overlay, "d/f"), FILE.replace('5', "five"));
        assert!(applied.notes.is_empty());
        let moved = HUNK.replace("-4,3 +4,3", "-1,3 +1,3");
        let (overlay, _) = run(&moved, Fuzz::Strict).unwrap();
        assert_eq!(content(&overlay, "d/f"), FILE.replace('5', "five"));
    }

    #[test]
    fn a_changed_context_needs_fuzz_and_says_so() {
        let changed = HUNK.replace(" 6\n", " six\n");
        let error = run(&changed, Fuzz::Strict).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, PatchError::Rejected { number: 1, .. }));
        for part in ["p does not apply", "d/f", "@@ -4,3 +4,3 @@", "+five"] {
            assert!(text.contains(part), "{text}");
        }
        let (overlay, applied) = run(&changed, Fuzz::Lenient).unwrap();
        assert_eq!(content(&overlay, "d/f"), FILE.replace('5', "five"));
        assert!(applied.notes[0].contains("fuzz 1"));
        let wrong = HUNK.replace("-5\n", "-50\n");
        assert!(run(&wrong, Fuzz::Lenient).is_err());
    }

    #[test]
    fn paths_that_leave_the_tree_are_refused() {
        for bad in ["b/../../etc/x", "/etc/x", "b/.git/hooks/x", "b/d/.GIT/x", "b//x", "../x"] {
            let text = format!("--- /dev/null\n+++ {bad}\n@@ -0,0 +1 @@\n+x\n");
            let error = run(&text, Fuzz::Lenient).unwrap_err();
            assert!(matches!(error, PatchError::Refused { .. }), "{bad}: {error}");
        }
        let link = "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n\
                    @@ -0,0 +1 @@\n+/etc\n\\ No newline at end of file\n";
        assert!(matches!(run(link, Fuzz::Lenient), Err(PatchError::Refused { .. })));
    }

    #[test]
    fn files_come_go_and_move() {
        let text = "--- /dev/null\n+++ b/d/new\n@@ -0,0 +1 @@\n+x\n\
                    diff --git a/d/f b/d/g\nrename from d/f\nrename to d/g\n";
        let (overlay, _) = run(text, Fuzz::Strict).unwrap();
        assert_eq!(content(&overlay, "d/new"), "x\n");
        assert_eq!(content(&overlay, "d/g"), FILE);
        assert_eq!(overlay.get("d/f"), Some(&Content::Absent));

        let exists = "--- /dev/null\n+++ b/d/f\n@@ -0,0 +1 @@\n+x\n";
        assert!(run(exists, Fuzz::Strict).unwrap_err().to_string().contains("already"));
        let missing = "--- a/d/none\n+++ b/d/none\n@@ -1 +1 @@\n-x\n+y\n";
        assert!(run(missing, Fuzz::Strict).unwrap_err().to_string().contains("not in the tree"));
    }

    #[test]
    fn a_plain_diff_without_prefixes_applies_too() {
        let (overlay, _) =
            run(&HUNK.replace("a/d", "d").replace("b/d", "d"), Fuzz::Strict).unwrap();
        assert_eq!(content(&overlay, "d/f"), FILE.replace('5', "five"));
    }

    #[test]
    fn several_hunks_drift_together() {
        let text = "--- a/d/f\n+++ b/d/f\n@@ -1,2 +1,4 @@\n 1\n+a\n+b\n 2\n\
                    @@ -8,2 +10,1 @@\n 8\n-9\n";
        let (overlay, _) = run(text, Fuzz::Strict).unwrap();
        assert_eq!(content(&overlay, "d/f"), "1\na\nb\n2\n3\n4\n5\n6\n7\n8\n");
    }
}
