// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes the mails, with git's own format-patch.

use crate::error::SeriesError;
use crate::git::{Person, Repo};
use crate::letter::{Letter, Recipients};
use crate::plan::{Part, Plan, Step, overlays};
use kbuild::Overlay;
use proc::{Cancel, Scratch};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The mails on disk, and what they were made of.
#[derive(Debug, Clone)]
pub struct Mails {
    /// One per part of the plan, in order.
    pub parts: Vec<PartMails>,
    /// One per step, in order, of all parts.
    pub patches: Vec<PathBuf>,
    pub(crate) person: Person,
    /// What the tree looks like after each.
    pub(crate) overlays: Vec<Overlay>,
}

/// The mails of one part, in a folder of its name.
#[derive(Debug, Clone)]
pub struct PartMails {
    /// `0000-cover-letter.patch`.
    pub cover: PathBuf,
    /// All of them in one file.
    pub mbox: PathBuf,
    pub recipients: Recipients,
}

/// Writes the mails into the folder `out`, a folder for each part and an mbox
/// beside it, replacing those of an earlier run: all of them or, when it fails
/// or is to stop, none.
///
/// # Errors
/// [`SeriesError::Patch`] when a step does not apply to the source that
/// `pristine` reads; [`SeriesError::Missing`] without git or a name.
pub fn write(
    plan: &Plan,
    pristine: &dyn Fn(&str) -> Option<Vec<u8>>,
    letter: &Letter<'_>,
    repo: &Path,
    out: &Path,
    cancel: &Cancel,
) -> Result<Mails, SeriesError> {
    let person = match letter.sign_off {
        Some(text) => Person::parse(text).ok_or_else(|| {
            SeriesError::Missing(format!("--sign-off {text:?}: 'NAME <ADDRESS>' is expected"))
        })?,
        None => Person::configured(repo)?,
    };
    let steps: Vec<&Step> = plan.steps.iter().collect();
    let overlays =
        overlays(&steps, pristine).map_err(|(step, error)| SeriesError::Patch { step, error })?;
    let work = Scratch::new("bclab-").map_err(SeriesError::io(Path::new("temporary folder")))?;
    let touched = touched(&overlays);
    let git = Repo::create(work.path(), &touched, pristine, &person, cancel)?;
    let commits = commit(&git, &steps, &overlays)?;
    // Beside the repository's own files, which nobody looks at.
    let fresh = work.path().join(".git/mails");
    let mut made = Vec::new();
    for part in &plan.parts {
        // Once to ask who is to get them, and once more with their names in.
        let nobody = Recipients::default();
        let mails = format_patch(&git, part, &commits, letter, &nobody, &fresh.join("nameless"))?;
        let recipients = (letter.recipients)(&mails)?;
        let mails =
            format_patch(&git, part, &commits, letter, &recipients, &fresh.join(&part.name))?;
        let text = fs::read_to_string(&mails[0]).map_err(SeriesError::io(&mails[0]))?;
        let (subject, body) = &part.cover;
        let body = format!("{body}\n\n{}", plan.base(part, letter.base));
        let filled = letter.fill(&text, subject, &body, &commits[0]);
        fs::write(&mails[0], filled).map_err(SeriesError::io(&mails[0]))?;
        made.push((part, mails, recipients));
    }
    cancel.check()?;
    let (mut parts, mut patches) = (Vec::new(), Vec::new());
    // Where they were before there were parts.
    remove_old(out)?;
    for (part, mails, recipients) in made {
        let folder = out.join(&part.name);
        remove_old(&folder)?;
        let mut placed = put_in_place(&mails, &folder)?;
        let mbox = out.join(format!("{}.mbox", part.name));
        let text: Result<Vec<String>, _> = placed.iter().map(fs::read_to_string).collect();
        let text = text.and_then(|text| fs::write(&mbox, text.concat()));
        text.map_err(SeriesError::io(&mbox))?;
        parts.push(PartMails { cover: placed.remove(0), mbox, recipients });
        patches.extend(placed);
    }
    Ok(Mails { parts, patches, person, overlays })
}

/// A commit for each step; the names of the one before the first and of each.
fn commit(
    git: &Repo<'_>,
    steps: &[&Step],
    overlays: &[Overlay],
) -> Result<Vec<String>, SeriesError> {
    let head = || Ok::<_, SeriesError>(git.git(&["rev-parse", "HEAD"])?.concat());
    // Where nothing is committed.
    let place = git.dir.join(".git/lab-message");
    let file = format!("--file={}", place.display());
    let say = |text: &str| fs::write(&place, text).map_err(SeriesError::io(&place));
    let mut commits = vec![head()?];
    for (step, overlay) in steps.iter().zip(overlays) {
        git.put(overlay)?;
        git.git(&["add", "--all"])?;
        say(&step.message)?;
        git.git(&["commit", "--quiet", "--signoff", "--cleanup=verbatim", &file])?;
        if !step.notes.is_empty() {
            say(&step.notes)?;
            git.git(&["notes", "add", &file])?;
        }
        commits.push(head()?);
    }
    Ok(commits)
}

/// The mails of one part, cover letter first.
fn format_patch(
    git: &Repo<'_>,
    part: &Part,
    commits: &[String],
    letter: &Letter<'_>,
    recipients: &Recipients,
    into: &Path,
) -> Result<Vec<PathBuf>, SeriesError> {
    let (first, last) = (&commits[part.steps.start], &commits[part.steps.end]);
    let mut args = vec![
        "format-patch".to_owned(),
        "--numbered".into(),
        "--cover-letter".into(),
        "--thread=shallow".into(),
        "--notes".into(),
        "--stat=72".into(),
        "--summary".into(),
        // With the parts before this one as prerequisites.
        format!("--base={}", commits[0]),
        format!("--output-directory={}", into.display()),
    ];
    args.extend(letter.version.map(|version| format!("--reroll-count={version}")));
    args.extend(recipients.to.iter().map(|to| format!("--to={to}")));
    args.extend(recipients.cc.iter().map(|cc| format!("--cc={cc}")));
    args.push(format!("{first}..{last}"));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let made: Vec<PathBuf> = git.git(&args)?.into_iter().map(PathBuf::from).collect();
    if made.len() == part.steps.len() + 1 {
        return Ok(made);
    }
    let tail = format!("{} mails for {} steps", made.len(), part.steps.len());
    Err(SeriesError::Tool { what: "git format-patch".into(), tail })
}

/// Puts finished mails into a folder, in no time.
fn put_in_place(made: &[PathBuf], out: &Path) -> Result<Vec<PathBuf>, SeriesError> {
    fs::create_dir_all(out).map_err(SeriesError::io(out))?;
    let out = std::path::absolute(out).map_err(SeriesError::io(out))?;
    let hidden = tempfile::Builder::new().prefix(".mails-").tempdir_in(&out);
    let hidden = hidden.map_err(SeriesError::io(&out))?;
    let name = |mail: &PathBuf| mail.file_name().unwrap_or_default().to_owned();
    for mail in made {
        fs::copy(mail, hidden.path().join(name(mail))).map_err(SeriesError::io(&out))?;
    }
    let place = |mail: &PathBuf| {
        let to = out.join(name(mail));
        fs::rename(hidden.path().join(name(mail)), &to).map_err(SeriesError::io(&to)).map(|()| to)
    };
    made.iter().map(place).collect()
}

/// All paths that any of the overlays changes.
pub(crate) fn touched(overlays: &[Overlay]) -> BTreeSet<String> {
    overlays.iter().flat_map(|o| o.iter().map(|(path, _)| path.to_owned())).collect()
}

/// Mails of an earlier series would be sent along.
fn remove_old(out: &Path) -> Result<(), SeriesError> {
    for entry in fs::read_dir(out).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let bare = name.trim_start_matches(|c: char| c == 'v' || c.is_ascii_digit());
        if bare.starts_with('-') && bare.len() < name.len() && name.ends_with(".patch") {
            fs::remove_file(entry.path()).map_err(SeriesError::io(&entry.path()))?;
        }
    }
    Ok(())
}
