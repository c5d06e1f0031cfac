// SPDX-License-Identifier: MIT OR Apache-2.0
//! git in a repository of our own, deaf to the user's configuration.

use super::SeriesError;
use crate::overlay::{Content, Overlay};
use proc::{Cancel, run_lines};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether `text` is `NAME <ADDRESS>`.
#[must_use]
pub fn is_person(text: &str) -> bool {
    Person::parse(text).is_some()
}

/// Who the mails come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) address: String,
}

impl Person {
    /// `Name <address>`
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('<')?;
        let address = rest.strip_suffix('>')?.trim();
        let fine = !name.trim().is_empty() && address.contains('@') && !address.contains(' ');
        fine.then(|| Self { name: name.trim().into(), address: address.into() })
    }

    /// What `git commit` would put into a commit made in `repo`.
    pub(super) fn configured(repo: &Path, cancel: &Cancel) -> Result<Self, SeriesError> {
        let get = |key: &str| -> Result<Option<String>, SeriesError> {
            let mut first = None;
            let mut command = Command::new("git");
            command.arg("-C").arg(repo).args(["config", key]);
            run_lines(&mut command, cancel, |line| first = Some(line.to_owned()))
                .map_err(SeriesError::run("git"))?;
            Ok(first.filter(|text| !text.is_empty()))
        };
        match (get("user.name")?, get("user.email")?) {
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
pub(super) struct Repo<'a> {
    pub(super) dir: PathBuf,
    pub(super) person: &'a Person,
    pub(super) cancel: &'a Cancel,
}

impl<'a> Repo<'a> {
    /// A repository in the empty folder `dir` with the pristine versions of
    /// every file in `touched`, committed.
    pub(super) fn create(
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
    pub(super) fn put(&self, overlay: &Overlay) -> Result<(), SeriesError> {
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
    pub(super) fn git(&self, args: &[&str]) -> Result<Vec<String>, SeriesError> {
        let (success, lines) = self.try_git(args)?;
        if success {
            return Ok(lines);
        }
        Err(SeriesError::Tool { what: format!("git {}", args.join(" ")), tail: lines.join("\n") })
    }

    /// As [`Repo::git`], where failure is an answer.
    pub(super) fn try_git(&self, args: &[&str]) -> Result<(bool, Vec<String>), SeriesError> {
        let mut lines = Vec::new();
        let mut command = Command::new("git");
        for (key, _) in std::env::vars_os() {
            // GIT_DIR of a hook that we may run in, and all its relatives.
            if key.to_string_lossy().starts_with("GIT_") {
                command.env_remove(key);
            }
        }
        command
            .current_dir(&self.dir)
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", &self.person.name)
            .env("GIT_AUTHOR_EMAIL", &self.person.address)
            .env("GIT_COMMITTER_NAME", &self.person.name)
            .env("GIT_COMMITTER_EMAIL", &self.person.address)
            .args(args);
        let status = run_lines(&mut command, self.cancel, |line| lines.push(line.to_owned()))
            .map_err(SeriesError::run("git"))?;
        Ok((status.success(), lines))
    }

    /// The files that differ from `overlay` over the pristine ones; only names.
    pub(super) fn differences(
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
