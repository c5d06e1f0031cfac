// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads unified diffs, plain or git's.

use super::PatchError;

/// One patch: changes to any number of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// How to call it in messages: a file's name or a mail's subject.
    pub name: String,
    /// In the order of the text.
    pub files: Vec<FilePatch>,
    /// As it was given, for whoever sends it on.
    pub text: String,
}

/// The changes to one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilePatch {
    /// Path before, as written (with its `a/`); `None` for a new file.
    pub old: Option<String>,
    /// Path after, as written (with its `b/`); `None` for a deleted file.
    pub new: Option<String>,
    /// The file mode that git states, if it does.
    pub mode: Option<String>,
    /// The old path goes away though the new one has its content.
    pub rename: bool,
    /// In the order of the file.
    pub hunks: Vec<Hunk>,
}

/// A stretch of changed lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// The `@@` line.
    pub header: String,
    /// First line before the change, from 1; 0 for an empty file.
    pub old_start: usize,
    /// Context and changes.
    pub lines: Vec<Line>,
}

/// One line of a hunk, with its newline unless the file ends without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Stays.
    Context(String),
    /// Goes.
    Removed(String),
    /// Comes.
    Added(String),
}

impl Hunk {
    /// The hunk as it stood in the patch.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.header.clone();
        for line in &self.lines {
            let (sign, body) = match line {
                Line::Context(body) => (' ', body),
                Line::Removed(body) => ('-', body),
                Line::Added(body) => ('+', body),
            };
            text.push('\n');
            text.push(sign);
            text.push_str(body.trim_end_matches('\n'));
        }
        text
    }
}

impl Patch {
    /// Reads a diff; text before, between and after the diffs (a mail's body,
    /// a signature) is passed over.
    ///
    /// # Errors
    /// [`PatchError::Malformed`] when there is no diff or a damaged one.
    pub fn parse(name: &str, text: &str) -> Result<Self, PatchError> {
        // A patch whose every line ends in CR LF was mangled on its way.
        let unix = text.replace("\r\n", "\n");
        let text = if text.matches('\n').count() == text.matches("\r\n").count() {
            unix.as_str()
        } else {
            text
        };
        let mut reader =
            Reader { name, lines: text.split_inclusive('\n').collect(), at: 0, files: vec![] };
        while reader.at < reader.lines.len() {
            reader.step()?;
        }
        let files = reader.files;
        if files.is_empty() {
            return Err(PatchError::Malformed {
                patch: name.into(),
                line: 1,
                why: "no diff in it".into(),
            });
        }
        Ok(Self { name: name.into(), files, text: text.into() })
    }
}

struct Reader<'t> {
    name: &'t str,
    lines: Vec<&'t str>,
    at: usize,
    files: Vec<FilePatch>,
}

impl<'t> Reader<'t> {
    fn malformed(&self, why: impl Into<String>) -> PatchError {
        PatchError::Malformed { patch: self.name.into(), line: self.at + 1, why: why.into() }
    }

    fn line(&self, at: usize) -> &'t str {
        self.lines.get(at).copied().unwrap_or_default()
    }

    fn step(&mut self) -> Result<(), PatchError> {
        let line = self.line(self.at);
        if let Some(rest) = line.strip_prefix("diff --git ") {
            self.git_header(rest.trim_end())
        } else if line.starts_with("--- ") && self.line(self.at + 1).starts_with("+++ ") {
            self.names_and_hunks(FilePatch::default())
        } else {
            self.at += 1;
            Ok(())
        }
    }

    /// `diff --git a/x b/x` and the extended lines below it.
    fn git_header(&mut self, names: &str) -> Result<(), PatchError> {
        let mut file = FilePatch::default();
        // Both names are the same save for a rename, which states them again.
        if let Some((old, new)) = halves(names) {
            (file.old, file.new) = (Some(old.into()), Some(new.into()));
        }
        let mut created = false;
        loop {
            self.at += 1;
            let line = self.line(self.at).trim_end();
            if let Some(mode) = line.strip_prefix("new file mode ") {
                (file.mode, created) = (Some(mode.into()), true);
                file.old = None;
            } else if line.starts_with("deleted file mode ") {
                file.new = None;
            } else if let Some(mode) = line.strip_prefix("new mode ") {
                file.mode = Some(mode.into());
            } else if let Some(from) = line.strip_prefix("rename from ") {
                (file.old, file.rename) = (Some(format!("a/{from}")), true);
            } else if let Some(from) = line.strip_prefix("copy from ") {
                file.old = Some(format!("a/{from}"));
            } else if let Some(to) =
                line.strip_prefix("rename to ").or_else(|| line.strip_prefix("copy to "))
            {
                file.new = Some(format!("b/{to}"));
            } else if line.starts_with("GIT binary patch") || line.starts_with("Binary files ") {
                return Err(self.malformed("binary changes cannot be applied"));
            } else if !["old mode ", "index ", "similarity index ", "dissimilarity index "]
                .iter()
                .any(|start| line.starts_with(start))
            {
                break;
            }
        }
        if self.line(self.at).starts_with("--- ") && self.line(self.at + 1).starts_with("+++ ") {
            return self.names_and_hunks(file);
        }
        if file.old.is_none() && file.new.is_none() {
            return Err(self.malformed(format!("cannot tell the file names in {names:?}")));
        }
        // An empty new file, a mode change, a pure rename or copy.
        let pure = file.rename || file.mode.is_some() || created || file.old != file.new;
        if pure {
            self.files.push(file);
        }
        Ok(())
    }

    fn names_and_hunks(&mut self, mut file: FilePatch) -> Result<(), PatchError> {
        let name = |line: &str| {
            let path = line[4..].trim_end_matches(['\n', '\r']);
            // Plain diff puts a time stamp behind a tab.
            let path = path.split('\t').next().unwrap_or(path).trim_end();
            (path != "/dev/null").then(|| path.to_owned())
        };
        file.old = name(self.line(self.at));
        file.new = name(self.line(self.at + 1));
        if file.old.is_none() && file.new.is_none() {
            return Err(self.malformed("both names are /dev/null"));
        }
        self.at += 2;
        while self.line(self.at).starts_with("@@ ") {
            let hunk = self.hunk()?;
            file.hunks.push(hunk);
        }
        if file.hunks.is_empty() {
            return Err(self.malformed("expected a hunk (@@ -a,b +c,d @@)"));
        }
        self.files.push(file);
        Ok(())
    }

    fn hunk(&mut self) -> Result<Hunk, PatchError> {
        let header = self.line(self.at).trim_end().to_owned();
        let Some((old_start, mut old, mut new)) = ranges(&header) else {
            return Err(self.malformed(format!("not a hunk header: {header}")));
        };
        self.at += 1;
        let mut lines: Vec<Line> = Vec::new();
        while old > 0 || new > 0 {
            if self.at >= self.lines.len() {
                return Err(self.malformed("the patch ends within a hunk"));
            }
            let line = self.line(self.at);
            // Some mailers strip the blank of an empty context line.
            let (sign, body) = match line.split_at_checked(1) {
                Some((sign, body)) if sign != "\n" => (sign, body),
                _ => (" ", "\n"),
            };
            let body = body.to_owned();
            match sign {
                " " if old > 0 && new > 0 => {
                    (old, new) = (old - 1, new - 1);
                    lines.push(Line::Context(body));
                }
                "-" if old > 0 => {
                    old -= 1;
                    lines.push(Line::Removed(body));
                }
                "+" if new > 0 => {
                    new -= 1;
                    lines.push(Line::Added(body));
                }
                "\\" => no_newline(&mut lines),
                _ => return Err(self.malformed("the hunk is shorter than its header says")),
            }
            self.at += 1;
        }
        if self.line(self.at).starts_with('\\') {
            no_newline(&mut lines);
            self.at += 1;
        }
        Ok(Hunk { header, old_start, lines })
    }
}

/// `\ No newline at end of file` speaks of the line before it.
fn no_newline(lines: &mut [Line]) {
    if let Some(Line::Context(body) | Line::Removed(body) | Line::Added(body)) = lines.last_mut()
        && body.ends_with('\n')
    {
        body.pop();
    }
}

/// Splits `a/x b/x`, where x may hold blanks.
fn halves(names: &str) -> Option<(&str, &str)> {
    let middle = names.len() / 2;
    let (old, new) = (names.get(..middle)?, names.get(middle..)?.strip_prefix(' ')?);
    let tail = |path: &str| path.split_once('/').map(|(_, tail)| tail.to_owned());
    (tail(old)? == tail(new)?).then_some((old, new))
}

/// Lines of the longest file that a patch may speak of.
const MOST_LINES: usize = 1 << 30;

/// `@@ -start,count +start,count @@`: old start, old count, new count.
fn ranges(header: &str) -> Option<(usize, usize, usize)> {
    let (ranges, _) = header.strip_prefix("@@ -")?.split_once(" @@")?;
    let (old, new) = ranges.split_once(" +")?;
    let range = |text: &str| -> Option<(usize, usize)> {
        match text.split_once(',') {
            Some((start, count)) => Some((start.parse().ok()?, count.parse().ok()?)),
            None => Some((text.parse().ok()?, 1)),
        }
    };
    let ((start, old), (_, new)) = (range(old)?, range(new)?);
    // No source file is that long, and places are added up.
    (start <= MOST_LINES && old <= MOST_LINES && new <= MOST_LINES).then_some((start, old, new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_git_patch_with_a_new_a_changed_and_a_deleted_file() {
        let text = "words\n---\n x | 1 +\n\
            diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@ f()\n a\n-b\n+c\n\
            diff --git a/n b/n\nnew file mode 100644\nindex 0..1\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+n\n\
            diff --git a/d b/d\ndeleted file mode 100644\n--- a/d\n+++ /dev/null\n@@ -1 +0,0 @@\n-d\n\
            -- \n2.47\n";
        let patch = Patch::parse("p", text).unwrap();
        let names: Vec<_> =
            patch.files.iter().map(|f| (f.old.as_deref(), f.new.as_deref())).collect();
        assert_eq!(names, [(Some("a/x"), Some("b/x")), (None, Some("b/n")), (Some("a/d"), None)]);
        assert_eq!(patch.files[0].hunks[0].text(), "@@ -1,2 +1,2 @@ f()\n a\n-b\n+c");
    }

    #[test]
    fn damage_is_named_by_line() {
        let cut = "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\n-b\n";
        let error = Patch::parse("p", cut).unwrap_err().to_string();
        assert!(error.starts_with("p:6:") && error.contains("ends within a hunk"), "{error}");
        let short = "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\nrubbish\n";
        assert!(Patch::parse("p", short).unwrap_err().to_string().starts_with("p:5:"));
        let none = Patch::parse("p", "just words\n").unwrap_err().to_string();
        assert!(none.contains("no diff"), "{none}");
        assert!(Patch::parse("p", "diff --git a/x b/x\nGIT binary patch\n").is_err());
    }

    #[test]
    fn renames_and_missing_newlines() {
        let text = "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n";
        let file = &Patch::parse("p", text).unwrap().files[0];
        assert!(file.rename && file.old.as_deref() == Some("a/x"));
        let text = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n";
        let hunk = &Patch::parse("p", text).unwrap().files[0].hunks[0];
        assert_eq!(hunk.lines, [Line::Removed("a".into()), Line::Added("b\n".into())]);
    }

    #[test]
    fn mangled_line_ends_are_mended() {
        let text = "--- a/x\r\n+++ b/x\r\n@@ -1 +1 @@\r\n-a\r\n+b\r\n";
        let hunk = &Patch::parse("p", text).unwrap().files[0].hunks[0];
        assert_eq!(hunk.lines[1], Line::Added("b\n".into()));
    }
}
