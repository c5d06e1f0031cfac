// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes the mails, with git's own format-patch.

use crate::error::SeriesError;
use crate::git::{Person, Repo};
use crate::plan::Step;
use crate::plan::{Plan, overlays};
use kbuild::Overlay;
use proc::{Cancel, Scratch};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The mails on disk, and what they were made of.
#[derive(Debug, Clone)]
pub struct Mails {
    /// `0000-cover-letter.patch`.
    pub cover: PathBuf,
    /// One per step, in order.
    pub patches: Vec<PathBuf>,
    pub(crate) person: Person,
    /// What the tree looks like after each.
    pub(crate) overlays: Vec<Overlay>,
}

/// What is said about the mails as a whole.
#[derive(Debug, Clone, Default)]
pub struct Letter<'a> {
    /// `Name <address>`; without it, git's configuration in `repo`.
    pub sign_off: Option<&'a str>,
    /// `[PATCH vN n/m]`.
    pub version: Option<u32>,
}

/// Writes the mails into the folder `out`, replacing those of an earlier run:
/// all of them or, when it fails or is to stop, none.
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
    // Where nothing is committed.
    let place = work.path().join(".git/lab-message");
    for (step, overlay) in steps.iter().zip(&overlays) {
        git.put(overlay)?;
        git.git(&["add", "--all"])?;
        fs::write(&place, &step.message).map_err(SeriesError::io(&place))?;
        let file = format!("--file={}", place.display());
        git.git(&["commit", "--quiet", "--signoff", "--cleanup=verbatim", &file])?;
    }
    // Beside the repository's own files, which nobody looks at.
    let fresh = work.path().join(".git").join("mails");
    let (count, into) =
        (format!("-{}", steps.len()), format!("--output-directory={}", fresh.display()));
    let version = letter.version.map(|version| format!("--reroll-count={version}"));
    let mut args = vec![
        "format-patch",
        "--numbered",
        "--cover-letter",
        "--stat=72",
        "--summary",
        &into,
        &count,
    ];
    args.extend(version.as_deref());
    let made: Vec<PathBuf> = git.git(&args)?.into_iter().map(PathBuf::from).collect();
    if made.len() != steps.len() + 1 {
        let tail = format!("{} mails for {} steps", made.len(), steps.len());
        return Err(SeriesError::Tool { what: "git format-patch".into(), tail });
    }
    fill_cover(&made[0], plan)?;
    cancel.check()?;
    let mut patches = put_in_place(&made, out)?;
    let cover = patches.remove(0);
    Ok(Mails { cover, patches, person, overlays })
}

/// Puts finished mails where those of an earlier run are, in no time.
fn put_in_place(made: &[PathBuf], out: &Path) -> Result<Vec<PathBuf>, SeriesError> {
    fs::create_dir_all(out).map_err(SeriesError::io(out))?;
    let out = std::path::absolute(out).map_err(SeriesError::io(out))?;
    let hidden = tempfile::Builder::new().prefix(".mails-").tempdir_in(&out);
    let hidden = hidden.map_err(SeriesError::io(&out))?;
    let name = |mail: &PathBuf| mail.file_name().unwrap_or_default().to_owned();
    for mail in made {
        fs::copy(mail, hidden.path().join(name(mail))).map_err(SeriesError::io(&out))?;
    }
    remove_old(&out)?;
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
    for entry in fs::read_dir(out).map_err(SeriesError::io(out))?.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let bare = name.trim_start_matches(|c: char| c == 'v' || c.is_ascii_digit());
        if bare.starts_with('-') && bare.len() < name.len() && name.ends_with(".patch") {
            fs::remove_file(entry.path()).map_err(SeriesError::io(&entry.path()))?;
        }
    }
    Ok(())
}

/// Puts our words where git left room for them.
fn fill_cover(path: &Path, plan: &Plan) -> Result<(), SeriesError> {
    let text = fs::read_to_string(path).map_err(SeriesError::io(path))?;
    let (subject, body) = &plan.cover;
    let body = format!("{body}\n\n{}", plan.base());
    let filled =
        text.replacen("*** SUBJECT HERE ***", subject, 1).replacen("*** BLURB HERE ***", &body, 1);
    fs::write(path, filled).map_err(SeriesError::io(path))
}
