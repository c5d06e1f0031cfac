// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be said of the mails without a compiler.

use crate::error::SeriesError;
use crate::git::Repo;
use crate::letter::{Recipients, placeholders};
use crate::mails::{Mails, touched};
use crate::plan::{On, Plan, Step, overlays};
use crate::report::{Finding, Outcome};
use evidence::Origin;
use kbuild::{Arm, Overlay, Source};
use patch::git::deaf;
use proc::{Cancel, Scratch, ask, shell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use xshell::cmd;

/// Runs every check that takes seconds: checkpatch, get_maintainer, rustfmt,
/// git am, what tags say, and the comparison with the arms. A `draft` may have
/// placeholders.
///
/// # Errors
/// [`SeriesError`] for what says nothing about the series.
pub fn check(
    plan: &Plan,
    mails: &Mails,
    source: &Source,
    draft: bool,
    cancel: &Cancel,
) -> Result<Vec<Finding>, SeriesError> {
    let tree = source.folder();
    let mut findings = Vec::new();
    for mail in &mails.patches {
        findings.push(checkpatch(&tree, mail, plan, cancel)?);
    }
    let covers = mails.parts.iter().map(|part| &part.cover);
    for mail in covers.chain(&mails.patches).filter(|_| !draft) {
        let text = std::fs::read_to_string(mail).map_err(SeriesError::io(mail))?;
        let left = placeholders(&text).join("\n");
        findings.push(Finding::of("filled in", &name(mail), &left));
    }
    if let Origin::GitCommit { repository, .. } = &source.provenance.origin {
        findings.extend(fixes(Path::new(repository), plan, cancel)?);
    }
    findings.extend(maintained(&tree, mails, source, cancel)?);
    findings.extend(rustfmt(&tree, plan, mails, cancel)?);
    if let Some(on) = plan.on.first() {
        let (version, pristine) = (&source.provenance.kernel, |path: &str| source.pristine(path));
        findings.extend(applies(plan, on, mails, version, &pristine, cancel)?);
    }
    findings.extend(arms(plan, mails, source));
    Ok(findings)
}

/// With the folder, which is the part's.
fn name(path: &Path) -> String {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    format!("{}/{}", path.parent().map(name).unwrap_or_default(), name(path))
}

/// Each `Fixes:` must name a commit in the history, by its own subject.
pub(crate) fn fixes(
    repository: &Path,
    plan: &Plan,
    cancel: &Cancel,
) -> Result<Vec<Finding>, SeriesError> {
    let sh = shell().map_err(SeriesError::io(repository))?;
    let mut findings = Vec::new();
    for step in &plan.steps {
        for tag in step.message.lines().filter_map(|line| line.strip_prefix("Fixes: ")) {
            let (commit, subject) = tag.split_once(' ').unwrap_or((tag, ""));
            let log = cmd!(sh, "git -C {repository} log -1 --format=%s {commit} --");
            let said = ask(deaf(log), cancel).map_err(SeriesError::run("git"))?;
            let real = said.out.trim();
            let (outcome, why) = if !said.success {
                (Outcome::Missing, format!("{commit} is not in the history of this tree"))
            } else if subject == format!("(\"{real}\")") {
                (Outcome::Ok, String::new())
            } else {
                (Outcome::Failed, format!("{commit} is (\"{real}\")"))
            };
            findings.push(Finding::new("fixes", &step.name, outcome, &why));
        }
    }
    Ok(findings)
}

/// Runs a script of the kernel's; its exit status and what it said.
fn script(
    tree: &Path,
    script: &str,
    args: &[&str],
    files: &[PathBuf],
    cancel: &Cancel,
) -> Result<(bool, Vec<String>), SeriesError> {
    let sh = shell().map_err(SeriesError::io(tree))?;
    sh.change_dir(tree);
    let said = ask(cmd!(sh, "perl {script} {args...} {files...}"), cancel)
        .map_err(SeriesError::run("perl"))?;
    Ok((said.success, said.lines().map(str::to_owned).collect()))
}

fn checkpatch(
    tree: &Path,
    mail: &Path,
    plan: &Plan,
    cancel: &Cancel,
) -> Result<Finding, SeriesError> {
    let kinds: Vec<&str> = plan.answered.keys().map(String::as_str).collect();
    let ignore = format!("--ignore={}", kinds.join(","));
    let mut args = vec!["--strict", "--no-summary", "--show-types", "--color=never", "--codespell"];
    if !kinds.is_empty() {
        args.push(&ignore);
    }
    let (_, said) = script(tree, "scripts/checkpatch.pl", &args, &[mail.into()], cancel)?;
    let remark = |line: &&String| {
        ["ERROR:", "WARNING:", "CHECK:"].iter().any(|start| line.starts_with(start))
    };
    // Its exit status also counts what is ignored; silence is no success.
    let ready = said.iter().any(|line| line.contains("no obvious style problems"));
    let mut complaint: Vec<String> = said.iter().filter(remark).cloned().collect();
    if complaint.is_empty() && !ready {
        return Err(SeriesError::Tool {
            what: "scripts/checkpatch.pl".into(),
            tail: said.join("\n"),
        });
    }
    complaint.extend(said.iter().filter(|line| line.starts_with("#")).take(3).cloned());
    let complaint = if ready { String::new() } else { complaint.join("\n") };
    Ok(Finding::of("checkpatch", &name(mail), &complaint))
}

/// Whom get_maintainer.pl names for some mails.
///
/// # Errors
/// [`SeriesError`] when it says nothing.
pub fn recipients(
    tree: &Path,
    mails: &[PathBuf],
    cancel: &Cancel,
) -> Result<Recipients, SeriesError> {
    let ask = |more: &[&str]| {
        let args = [&["--nogit", "--nogit-fallback", "--norolestats"], more].concat();
        let (success, said) = script(tree, "scripts/get_maintainer.pl", &args, mails, cancel)?;
        if !success {
            let what = "scripts/get_maintainer.pl".into();
            return Err(SeriesError::Tool { what, tail: said.join("\n") });
        }
        Ok(said.into_iter().filter(|line| line.contains('@')).collect::<Vec<String>>())
    };
    let to = ask(&["--nol", "--nor"])?;
    let mut cc = ask(&[])?;
    cc.retain(|who| !to.contains(who));
    Ok(Recipients { to, cc })
}

/// Each file that the series adds must belong to somebody in MAINTAINERS: what
/// checkpatch only asks.
fn maintained(
    tree: &Path,
    mails: &Mails,
    source: &Source,
    cancel: &Cancel,
) -> Result<Vec<Finding>, SeriesError> {
    let mut findings = Vec::new();
    let mut owned = BTreeMap::new();
    for path in touched(&mails.overlays) {
        if source.pristine(&path).is_some() {
            continue;
        }
        // The script wants to see the file: a folder above it answers the same.
        let folders = Path::new(&path).ancestors().skip(1);
        let mut named = folders.take_while(|folder| !folder.as_os_str().is_empty());
        let above = named.find(|folder| tree.join(folder).is_dir());
        let folder = above.unwrap_or(Path::new(".")).to_string_lossy().into_owned();
        if !owned.contains_key(&folder) {
            let args = ["--nogit", "--nogit-fallback", "--norolestats", "--nol", "-f", &folder];
            let (_, said) = script(tree, "scripts/get_maintainer.pl", &args, &[], cancel)?;
            owned.insert(folder.clone(), said.iter().any(|line| line.contains('@')));
        }
        let complaint = if owned[&folder] { "" } else { "MAINTAINERS names nobody for it" };
        findings.push(Finding::of("maintained", &path, complaint));
    }
    Ok(findings)
}

/// `rustfmt --check` with the kernel's own settings.
fn rustfmt(
    tree: &Path,
    plan: &Plan,
    mails: &Mails,
    cancel: &Cancel,
) -> Result<Vec<Finding>, SeriesError> {
    let Some(last) = mails.overlays.last() else { return Ok(vec![]) };
    let work = Scratch::new("bclab-").map_err(SeriesError::io(&plan.kernel))?;
    let sh = shell().map_err(SeriesError::io(tree))?;
    let repo = Repo { dir: work.path().into(), person: &mails.person, cancel };
    repo.put(last)?;
    let mut findings = Vec::new();
    for (path, _) in last.iter().filter(|(path, _)| path.ends_with(".rs")) {
        let (place, settings) = (work.path().join(path), tree.join(".rustfmt.toml"));
        let said = ask(cmd!(sh, "rustfmt --check --config-path {settings} {place}"), cancel);
        let said = match said.map_err(SeriesError::run("rustfmt")) {
            Err(SeriesError::Missing(how)) => {
                findings.push(Finding::new("rustfmt", path, Outcome::Missing, &how));
                continue;
            }
            said => said?,
        };
        let complaint: Vec<&str> = said.lines().take(12).filter(|_| !said.success).collect();
        let complaint = complaint.join("\n");
        findings.push(Finding::of("rustfmt", path, &complaint));
    }
    Ok(findings)
}

/// `git am`, mail after mail, on the files of another tree: every file has to
/// come out, byte for byte, as the lab builds it.
///
/// # Errors
/// [`SeriesError`] for what says nothing about the series.
pub(crate) fn applies(
    plan: &Plan,
    on: &On,
    mails: &Mails,
    version: &str,
    pristine: &dyn Fn(&str) -> Option<Vec<u8>>,
    cancel: &Cancel,
) -> Result<Vec<Finding>, SeriesError> {
    let steps = plan.steps_on(on);
    let version = format!("linux {version}");
    let work = Scratch::new("bclab-").map_err(SeriesError::io(&plan.kernel))?;
    let touched: BTreeSet<String> = touched(&mails.overlays);
    let repo = Repo::create(work.path(), &touched, pristine, &mails.person, cancel)?;
    let mut findings = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let Some(mail) = mail_of(plan, mails, step) else { continue };
        let what = format!("{version}, {}", name(mail));
        let mail = mail.to_string_lossy();
        let (applied, said) = repo.try_git(&["am", "--quiet", &mail])?;
        if !applied {
            findings.push(Finding::of("git am", &what, &said.join("\n")));
            return Ok(findings);
        }
        // Ours may fail where git succeeds; of this step, not of a later one.
        let complaint = match overlays(&steps[..=index], pristine) {
            Err((_, error)) => error.to_string(),
            Ok(made) => match made.last() {
                None => String::new(),
                Some(overlay) => differing(&repo.differences(overlay, pristine)?, "the lab's"),
            },
        };
        findings.push(Finding::of("git am", &what, &complaint));
    }
    Ok(findings)
}

fn differing(paths: &[String], from: &str) -> String {
    if paths.is_empty() {
        String::new()
    } else {
        format!("differs from {from}: {}", paths.join(", "))
    }
}

pub(crate) fn mail_of<'a>(plan: &Plan, mails: &'a Mails, step: &Step) -> Option<&'a PathBuf> {
    let index = plan.steps.iter().position(|other| other.name == step.name)?;
    mails.patches.get(index)
}

/// Where a step says that it makes an arm, it must: what is sent is what the
/// lab has tested.
fn arms(plan: &Plan, mails: &Mails, source: &Source) -> Vec<Finding> {
    let pristine = |path: &str| source.pristine(path);
    let steps = plan.steps.iter().zip(&mails.overlays);
    let named = steps.filter_map(|(step, overlay)| Some((step, step.arm.as_ref()?, overlay)));
    named
        .map(|(step, arm, overlay)| {
            is_arm(plan, arm, &format!("after {}", step.name), overlay, &pristine)
        })
        .collect()
}

/// Compares a tree with an arm's.
pub(crate) fn is_arm(
    plan: &Plan,
    arm: &str,
    what: &str,
    made: &Overlay,
    pristine: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Finding {
    let what = format!("{what}: arm {arm}");
    let wanted = Arm::load_from(&plan.kernel, arm)
        .map_err(|error| error.to_string())
        .and_then(|arm| arm.overlay(pristine).map_err(|error| error.to_string()));
    match wanted {
        Err(error) => Finding::of("same as arm", &what, &error),
        Ok((wanted, _)) => {
            let paths: BTreeSet<String> = touched(&[made.clone(), wanted.clone()]);
            let differ: Vec<String> =
                paths.into_iter().filter(|path| made.get(path) != wanted.get(path)).collect();
            Finding::of("same as arm", &what, &differing(&differ, "the arm's"))
        }
    }
}
