// SPDX-License-Identifier: MIT OR Apache-2.0
//! A diff, and which files it speaks of. What its hunks say is git's business.

use super::{PatchError, check_path};

/// One patch: changes to any number of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// How to call it in messages: a file's name or a mail's subject.
    pub name: String,
    /// As it was given, for whoever sends it on.
    pub text: String,
    /// Leading components of its paths that are not the tree's, where somebody
    /// says so; otherwise its paths tell.
    pub strip: Option<usize>,
    /// As written, with their `a/` and `b/`.
    written: Vec<String>,
}

impl Patch {
    /// Takes a diff; text before, between and after the files (a mail's body, a
    /// signature) is passed over.
    ///
    /// # Errors
    /// [`PatchError::Malformed`] when there is no diff in it,
    /// [`PatchError::Refused`] when it would write where no patch may.
    pub fn parse(name: &str, text: &str) -> Result<Self, PatchError> {
        // A patch whose every line ends in CR LF was mangled on its way.
        let mangled = text.matches('\n').count() == text.matches("\r\n").count();
        let text = if mangled { text.replace("\r\n", "\n") } else { text.to_owned() };
        let refused =
            |path: &str, why| PatchError::Refused { patch: name.into(), path: path.into(), why };
        let mut written: Vec<String> = Vec::new();
        // Between `diff --git` and the hunks.
        let mut header = false;
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let next = |by: usize| lines.get(at + by).copied().unwrap_or_default();
            let file = line.starts_with("--- ") && next(1).starts_with("+++ ");
            if let Some(names) = line.strip_prefix("diff --git ") {
                header = true;
                written.extend(halves(names).into_iter().flatten());
            } else if file && next(2).starts_with("@@ -") {
                header = false;
                written.extend([line, next(1)].into_iter().filter_map(file_name));
            } else if header {
                written.extend(moved(line));
                if let Some(mode) = mode(line)
                    && !matches!(mode, "100644" | "100755")
                {
                    let path = written.last().map_or("", String::as_str);
                    return Err(refused(path, "only ordinary files can be made"));
                }
                header = !line.is_empty() && !line.starts_with("@@");
            }
        }
        for path in &written {
            check_path(path).map_err(|why| refused(path, why))?;
        }
        if written.is_empty() {
            return Err(PatchError::malformed(name, "no diff in it"));
        }
        Ok(Self { name: name.into(), text, strip: None, written })
    }

    /// The files of the tree that it speaks of, with the usual `a/` and `b/`.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths_less(1)
    }

    /// The same, less `strip` leading components.
    pub(super) fn paths_less(&self, strip: usize) -> impl Iterator<Item = &str> {
        self.written.iter().filter_map(move |path| path.splitn(strip + 1, '/').nth(strip))
    }

    /// How many leading components are not the tree's: one (`a/`, `b/`,
    /// `linux.orig/`), unless files are there only with it.
    pub(super) fn strip(&self, exists: &dyn Fn(&str) -> bool) -> usize {
        let prefixed = self
            .written
            .iter()
            .any(|path| path.starts_with(['a', 'b']) && path[1..].starts_with('/'));
        let plain = !prefixed && !self.paths_less(1).any(exists) && self.paths_less(0).any(exists);
        self.strip.unwrap_or(usize::from(!plain))
    }
}

/// The path after `--- ` or `+++ `; plain diff puts a time stamp behind a tab.
fn file_name(line: &str) -> Option<String> {
    let path = line[4..].split('\t').next().unwrap_or_default().trim_end();
    (path != "/dev/null").then(|| path.to_owned())
}

/// Splits `a/x b/x`, where x may hold blanks; of a rename, other lines tell.
fn halves(names: &str) -> Option<[String; 2]> {
    let names = names.trim_end();
    let middle = names.len() / 2;
    let (old, new) = (names.get(..middle)?, names.get(middle..)?.strip_prefix(' ')?);
    let same = old.split_once('/')?.1 == new.split_once('/')?.1;
    same.then(|| [old.to_owned(), new.to_owned()])
}

fn moved(line: &str) -> Option<String> {
    let words = ["rename from ", "rename to ", "copy from ", "copy to "];
    let path = words.iter().find_map(|word| line.strip_prefix(word))?;
    Some(format!("a/{}", path.trim_end()))
}

fn mode(line: &str) -> Option<&str> {
    let words = ["new file mode ", "new mode "];
    words.iter().find_map(|word| line.strip_prefix(word)).map(str::trim_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_git_patch_are_known_and_prose_is_none() {
        let text = "rename from \"here\"\n--- words\n---\n x | 1 +\n\
            diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@ f()\n a\n-b\n+c\n\
            diff --git a/n b/n\nnew file mode 100644\nindex 0..1\n--- /dev/null\n+++ b/n\n\
            @@ -0,0 +1 @@\n+n\n\
            diff --git a/d/o b/d/r\nsimilarity index 100%\nrename from d/o\nrename to d/r\n-- \n2.47\n";
        let patch = Patch::parse("p", text).unwrap();
        let mut paths: Vec<&str> = patch.paths().collect();
        paths.dedup();
        assert_eq!(paths, ["x", "n", "d/o", "d/r"]);
        let none = Patch::parse("p", "just words\n--- a\n+++ b\n").unwrap_err().to_string();
        assert!(none.contains("no diff"), "{none}");
    }

    #[test]
    fn paths_that_leave_the_tree_are_refused() {
        for bad in ["b/../../etc/x", "/etc/x", "b/.git/hooks/x", "b/d/.GIT/x", "b//x", "../x"] {
            let text = format!("--- /dev/null\n+++ {bad}\n@@ -0,0 +1 @@\n+x\n");
            let error = Patch::parse("p", &text).unwrap_err();
            assert!(matches!(error, PatchError::Refused { .. }), "{bad}: {error}");
        }
        let moved = "diff --git a/x b/y\nrename from x\nrename to ../y\n";
        assert!(matches!(Patch::parse("p", moved), Err(PatchError::Refused { .. })));
        for mode in ["new file mode 120000", "new file mode 160000", "new mode 120000"] {
            let link = format!(
                "diff --git a/l b/l\n{mode}\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc\n"
            );
            assert!(matches!(Patch::parse("p", &link), Err(PatchError::Refused { .. })), "{mode}");
        }
    }

    #[test]
    fn mangled_line_ends_are_mended_and_single_ones_stay() {
        let text = "--- a/x\r\n+++ b/x\r\n@@ -1 +1 @@\r\n-a\r\n+b\r\n";
        assert_eq!(Patch::parse("p", text).unwrap().text, text.replace("\r\n", "\n"));
        let one = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\r\n+b\n";
        assert_eq!(Patch::parse("p", one).unwrap().text, one);
    }

    #[test]
    fn the_prefix_is_what_the_tree_does_not_have() {
        let diff = |path: &str| {
            Patch::parse("p", &format!("--- {path}\n+++ {path}\n@@ -1 +1 @@\n-a\n+b\n"))
        };
        let strip = |path: &str| diff(path).unwrap().strip(&|path| path == "d/f");
        assert_eq!((strip("a/d/f"), strip("linux.orig/d/f"), strip("d/f")), (1, 1, 0));
        assert_eq!(Patch { strip: Some(0), ..diff("n").unwrap() }.strip(&|_| false), 0);
    }
}
