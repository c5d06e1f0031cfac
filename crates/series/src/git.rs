// SPDX-License-Identifier: MIT OR Apache-2.0
//! git in a repository of our own, deaf to the user's configuration.

use crate::error::SeriesError;
use kbuild::{Content, Overlay};
use patch::git::deaf;
use proc::{Cancel, ask, first_line, shell};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use xshell::cmd;

/// Whether `text` is `NAME <ADDRESS>`.
#[must_use]
pub fn is_person(text: &str) -> bool {
    Person::parse(text).is_some()
}

/// Who the mails come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) address: String,
}

impl Person {
    /// `Name <address>`
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('<')?;
        let address = rest.strip_suffix('>')?.trim();
        let fine = !name.trim().is_empty() && address.contains('@') && !address.contains(' ');
        fine.then(|| Self { name: name.trim().into(), address: address.into() })
    }

    /// What `git commit` would put into a commit made in `repo`.
    pub(crate) fn configured(repo: &Path) -> Result<Self, SeriesError> {
        let sh = shell().map_err(SeriesError::io(repo))?;
        let get = |key: &str| {
            first_line(cmd!(sh, "git -C {repo} config {key}")).filter(|text| !text.is_empty())
        };
        match (get("user.name"), get("user.email")) {
            (Some(name), Some(address)) => Ok(Self { name, address }),
            _ => Err(SeriesError::Missing(
                "who sends the series? `git config --global user.name NAME` and `git config \
                 --global user.email ADDRESS`, or --sign-off 'NAME <ADDRESS>'"
                    .into(),
            )),
        }
    }
}

/// A repository that holds only the files that the series touches: to git am
/// and to format-patch it is as good as the whole tree.
#[derive(Debug)]
pub(crate) struct Repo<'a> {
    pub(crate) dir: PathBuf,
    pub(crate) person: &'a Person,
    pub(crate) cancel: &'a Cancel,
}

impl<'a> Repo<'a> {
    /// A repository in the empty folder `dir` with the pristine versions of
    /// every file in `touched`, committed.
    pub(crate) fn create(
        dir: &Path,
        touched: &BTreeSet<String>,
        pristine: &dyn Fn(&str) -> Option<Vec<u8>>,
        person: &'a Person,
        cancel: &'a Cancel,
    ) -> Result<Self, SeriesError> {
        let repo = Self { dir: dir.into(), person, cancel };
        repo.git(&["init", "--quiet", "--initial-branch=series"])?;
        let mut overlay = Overlay::default();
        for path in touched {
            if let Some(data) = pristine(path) {
                overlay.set(path, Content::File { data, executable: false });
            }
        }
        repo.put(&overlay)?;
        repo.git(&["add", "--all"])?;
        repo.git(&["commit", "--quiet", "--allow-empty", "--message=pristine"])?;
        Ok(repo)
    }

    /// Makes the files what `overlay` says.
    pub(crate) fn put(&self, overlay: &Overlay) -> Result<(), SeriesError> {
        for (path, content) in overlay.iter() {
            let place = self.dir.join(path);
            match content {
                Content::File { data, .. } => {
                    let parent = place.parent().unwrap_or(&self.dir);
                    fs::create_dir_all(parent).map_err(SeriesError::io(parent))?;
                    fs::write(&place, data).map_err(SeriesError::io(&place))?;
                }
                Content::Absent if place.exists() => {
                    fs::remove_file(&place).map_err(SeriesError::io(&place))?;
                }
                Content::Absent => {}
            }
        }
        Ok(())
    }

    /// Runs git and returns what it printed.
    pub(crate) fn git(&self, args: &[&str]) -> Result<Vec<String>, SeriesError> {
        let (success, lines) = self.try_git(args)?;
        if success {
            return Ok(lines);
        }
        Err(SeriesError::Tool { what: format!("git {}", args.join(" ")), tail: lines.join("\n") })
    }

    /// As [`Repo::git`], where failure is an answer.
    pub(crate) fn try_git(&self, args: &[&str]) -> Result<(bool, Vec<String>), SeriesError> {
        let sh = shell().map_err(SeriesError::io(&self.dir))?;
        sh.change_dir(&self.dir);
        let cmd = deaf(cmd!(sh, "git {args...}"))
            .env("GIT_AUTHOR_NAME", &self.person.name)
            .env("GIT_AUTHOR_EMAIL", &self.person.address)
            .env("GIT_COMMITTER_NAME", &self.person.name)
            .env("GIT_COMMITTER_EMAIL", &self.person.address);
        let said = ask(cmd, self.cancel).map_err(SeriesError::run("git"))?;
        Ok((said.success, said.lines().map(str::to_owned).collect()))
    }

    /// The files that differ from `overlay` over the pristine ones; only names.
    pub(crate) fn differences(
        &self,
        overlay: &Overlay,
        pristine: &dyn Fn(&str) -> Option<Vec<u8>>,
    ) -> Result<Vec<String>, SeriesError> {
        let mut paths: BTreeSet<String> = self.git(&["ls-files"])?.into_iter().collect();
        paths.extend(overlay.iter().map(|(path, _)| path.to_owned()));
        let differs = |path: &String| {
            let wanted = match overlay.get(path) {
                Some(Content::File { data, .. }) => Some(data.clone()),
                Some(Content::Absent) => None,
                None => pristine(path),
            };
            wanted != fs::read(self.dir.join(path)).ok()
        };
        Ok(paths.into_iter().filter(differs).collect())
    }
}
