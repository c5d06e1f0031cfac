// SPDX-License-Identifier: MIT OR Apache-2.0
//! A run in the repository: small, and without a word about whose machine it
//! was.

use crate::files;
use crate::replay;
use crate::runs::{self, StoredRun};
use crate::{exit, prepare};
use ::evidence::{Case, Differ, Exhibits, Outcome, Published, RunRecord, Tone, Verdict};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Time lines in the published report, in rows: some 300 bytes each.
const ROWS: usize = 900;

/// Writes `results/published/NAME`, and what README shows of it.
pub fn publish(
    name: &str,
    run: &RunRecord,
    exhibits: &Exhibits,
    found: &[StoredRun],
) -> Result<()> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.';
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(plain) {
        let why = "use letters, digits, '-', '_' and '.'";
        return Err(exit::usage(format!("--publish {name:?}: {why}")));
    }
    let dirs = prepare::dirs()?;
    let dir = dirs.repo.join("results/published").join(name);
    let record = anonymous(run, name);
    let fewer = fewer(run, exhibits);
    let mut files = vec![
        (PathBuf::from("report.html"), ::evidence::report(&record, &fewer)),
        ("cover-letter.txt".into(), ::evidence::cover_letter(&record)),
        ("run.json".into(), serde_json::to_string_pretty(&record)? + "\n"),
    ];
    if let Some((case, line)) = picture(run, exhibits) {
        let drawing = ::evidence::timeline_svg(line);
        files.push(("race.svg".into(), ::evidence::standalone(&drawing)));
        files.push(("race.txt".into(), format!("the race, event by event: {}\n", case.id)));
    }
    for (path, text) in drawings(&record) {
        files.push((path.into(), text));
    }
    for (stored, case) in worth_a_bundle(found) {
        let bundle = replay::of_case(&dirs, stored, case)?;
        let file = format!("bundles/{}.json", case.id.replace('/', "-"));
        files.push((file.into(), serde_json::to_string(&bundle)? + "\n"));
    }
    for (file, text) in &files {
        if let Some(leak) = leak(text, &private(&dirs.repo, &dirs.cache)) {
            let file = file.display();
            return Err(exit::usage(format!(
                "not published: {file} would tell {leak:?}, which names this machine"
            )));
        }
    }
    // Only now: what was there before goes as a whole.
    if dir.exists() {
        std::fs::remove_dir_all(&dir).with_context(|| format!("cannot clear {}", dir.display()))?;
    }
    let mut bytes = 0;
    for (file, text) in &files {
        files::replace(&dir.join(file), text)?;
        bytes += text.len();
    }
    println!("{}: {} files, {} KiB", dir.display(), files.len(), bytes / 1024);
    readme(false).map(drop)
}

/// Paths lead nowhere in the repository.
fn anonymous(run: &RunRecord, name: &str) -> RunRecord {
    let mut record = run.clone();
    record.run_id = name.to_owned();
    record.cases.iter_mut().for_each(|case| case.files.clear());
    record
}

fn is_bad(case: &Case) -> bool {
    !matches!(case.outcome, Outcome::Verdict { verdict: Verdict::Ok })
}

/// Bad cases first, up to [`ROWS`].
fn fewer(run: &RunRecord, exhibits: &Exhibits) -> Exhibits {
    let mut kept = Exhibits::default();
    let mut rows = 0;
    let (bad, good): (Vec<&Case>, Vec<&Case>) = run.cases.iter().partition(|case| is_bad(case));
    for case in bad.into_iter().chain(good) {
        let Some(line) = exhibits.timelines.get(&case.id) else { continue };
        if rows + line.rows.len() > ROWS {
            continue;
        }
        rows += line.rows.len();
        kept.timelines.insert(case.id.clone(), line.clone());
    }
    kept
}

/// The race as README shows it: the first one that went stale, the shortest
/// story of its kind.
fn picture<'a>(
    run: &'a RunRecord,
    exhibits: &'a Exhibits,
) -> Option<(&'a Case, &'a ::evidence::Timeline)> {
    let stale = |case: &&Case| {
        matches!(case.outcome, Outcome::Verdict { verdict: Verdict::Stale }) && case.cuts.is_empty()
    };
    let with_line = |case: &'a Case| Some((case, exhibits.timelines.get(&case.id)?));
    let told = |line: &::evidence::Timeline| line.rows.iter().any(|row| row.tone == Tone::Fill);
    let mut candidates = run.cases.iter().filter(stale).filter_map(with_line);
    candidates.find(|(_, line)| told(line))
}

/// The first case of every arm and scenario that is not clean.
fn worth_a_bundle(found: &[StoredRun]) -> Vec<(&StoredRun, &Case)> {
    let mut seen = BTreeSet::new();
    let cases = found.iter().flat_map(|run| run.record.cases.iter().map(move |case| (run, case)));
    cases.filter(|(_, case)| is_bad(case) && seen.insert((&case.arm, &case.scenario))).collect()
}

/// Words that must not leave this machine.
fn private(repo: &Path, cache: &Path) -> Vec<String> {
    let mut words: Vec<String> =
        [repo, cache].iter().map(|path| path.to_string_lossy().into_owned()).collect();
    words.extend(std::env::var("HOME").ok().filter(|home| home.len() > 1));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    words.push(host.trim().to_owned());
    words.extend(["/home/", "/root/", "/tmp/"].map(str::to_owned));
    words.retain(|word| word.len() > 3 && word != "localhost");
    words
}

/// The first private word in a text; a host's name counts only as a word of
/// its own.
fn leak<'a>(text: &str, private: &'a [String]) -> Option<&'a str> {
    let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '-');
    private.iter().map(String::as_str).find(|word| {
        text.match_indices(word).any(|(at, _)| {
            word.starts_with('/')
                || (edge(text[..at].chars().next_back())
                    && edge(text[at + word.len()..].chars().next()))
        })
    })
}

/// The plots of a record, as files.
fn drawings(run: &RunRecord) -> Vec<(String, String)> {
    let plots = ::evidence::plot::plots(run).into_iter();
    plots.map(|plot| (format!("{}.svg", plot.name), plot.svg)).collect()
}

/// Rewrites the blocks of README and docs/ and the plots that they show, or
/// says whether all of them are what the published records give.
pub fn readme(check: bool) -> Result<bool> {
    renew(&prepare::dirs()?.repo, check)
}

fn renew(repo: &Path, check: bool) -> Result<bool> {
    let mut files = Vec::new();
    for (path, up) in texts(repo)? {
        let before = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let spliced = ::evidence::splice(&before, |name| {
            let Some(published) = published(repo, name, up)? else { return Ok(None) };
            let folder = repo.join("results/published").join(name);
            let drawn = drawings(&published.run).into_iter();
            files.extend(drawn.map(|(file, text)| (folder.join(file), text)));
            Ok::<_, anyhow::Error>(Some(published))
        });
        match spliced {
            Ok(after) => files.push((path, after)),
            // Only README must have one.
            Err(error) if !up.is_empty() && is_without_block(&error) => {}
            Err(error) => return Err(error.context(path.display().to_string())),
        }
    }
    files.retain(|(path, text)| std::fs::read_to_string(path).ok().as_ref() != Some(text));
    if !check {
        for (path, text) in &files {
            files::replace(path, text)?;
        }
    }
    for (path, _) in files.iter().filter(|_| check) {
        println!("out of date: {}", path.display());
    }
    Ok(files.is_empty() || !check)
}

/// Two published runs that are not of the same kernels, if there are any: their
/// figures stand side by side.
pub fn differ(repo: &Path) -> Result<Option<Differ>> {
    let folder = repo.join("results/published");
    let mut found = Vec::new();
    for entry in folder.read_dir().with_context(|| format!("cannot read {}", folder.display()))? {
        let dir = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        found.push(runs::find(repo, &dir.to_string_lossy())?.record);
    }
    found.sort_by(|a, b| a.run_id.cmp(&b.run_id));
    Ok(::evidence::same_kernels(&found.iter().collect::<Vec<_>>()).err())
}

fn is_without_block(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(::evidence::ReadmeError::NoBlock))
}

/// README.md and docs/*.md, with the way from their folder to the top.
fn texts(repo: &Path) -> Result<Vec<(PathBuf, &'static str)>> {
    let mut texts = vec![(repo.join("README.md"), "")];
    let docs = repo.join("docs");
    if docs.is_dir() {
        for entry in docs.read_dir().context("cannot read docs/")? {
            let path = entry.context("cannot read docs/")?.path();
            if path.extension().is_some_and(|extension| extension == "md") {
                texts.push((path, "../"));
            }
        }
    }
    texts.sort();
    Ok(texts)
}

fn published(repo: &Path, name: &str, up: &'static str) -> Result<Option<Published>> {
    let dir = repo.join("results/published").join(name);
    if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
        return Err(exit::usage(format!("a document asks for a published run {name:?}")));
    }
    if !dir.exists() {
        return Ok(None);
    }
    let run = runs::find(repo, &dir.to_string_lossy())
        .with_context(|| format!("a document asks for the published run {name:?}"))?;
    let mut pictures = Vec::new();
    // Drawn from an event log that is not published.
    if dir.join("race.svg").is_file() {
        let caption = std::fs::read_to_string(dir.join("race.txt")).unwrap_or_default();
        pictures.push(("race.svg".to_owned(), caption.trim().to_owned()));
    }
    let plots = ::evidence::plot::plots(&run.record).into_iter();
    pictures.extend(plots.map(|plot| (format!("{}.svg", plot.name), plot.caption)));
    Ok(Some(Published { name: name.to_owned(), up, run: run.record, pictures }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::evidence::{MemoryPoint, Perf};

    #[test]
    fn a_plot_or_a_table_that_is_not_the_records_is_out_of_date() {
        let repo = tempfile::tempdir().unwrap();
        let (readme, folder) =
            (repo.path().join("README.md"), repo.path().join("results/published/cost"));
        let block = "a\n<!-- published: cost -->\n<!-- end of published -->\nb\n";
        std::fs::write(&readme, block).unwrap();
        // Nothing there yet: said, and no error.
        assert!(renew(repo.path(), false).unwrap() && renew(repo.path(), true).unwrap());
        let here = prepare::dirs().unwrap().repo.join("results/published/matrix/run.json");
        let mut record = ::evidence::Store::read(&here).unwrap().unwrap();
        let point = |tib: u64, peak| MemoryPoint {
            arm: "rust".into(),
            device_bytes: tib << 40,
            idle_bytes: 256,
            peak_bytes: peak,
            in_flight: 8,
            slab_growth_bytes: None,
        };
        let memory = vec![point(1, 4096), point(100, 8192)];
        record.perf = Some(Perf { memory, ..Perf::default() });
        let text = serde_json::to_string(&record).unwrap();
        files::replace(&folder.join("run.json"), &text).unwrap();
        assert!(!renew(repo.path(), true).unwrap());
        assert!(renew(repo.path(), false).unwrap() && renew(repo.path(), true).unwrap());
        assert!(std::fs::read_to_string(&readme).unwrap().contains("cost/memory.svg)"));
        let plot = folder.join("memory.svg");
        let drawn = std::fs::read_to_string(&plot).unwrap();
        std::fs::write(&plot, drawn.replace("100 TiB", "101 TiB")).unwrap();
        assert!(!renew(repo.path(), true).unwrap());
        std::fs::remove_file(&plot).unwrap();
        assert!(!renew(repo.path(), true).unwrap());
        // A block in docs/ as well, by a path from there; a text without one is left alone.
        assert!(renew(repo.path(), false).unwrap() && renew(repo.path(), true).unwrap());
        let more = repo.path().join("docs/cost.md");
        files::replace(&more, block).unwrap();
        files::replace(&repo.path().join("docs/plain.md"), "plain\n").unwrap();
        assert!(!renew(repo.path(), true).unwrap());
        assert!(renew(repo.path(), false).unwrap() && renew(repo.path(), true).unwrap());
        let text = std::fs::read_to_string(&more).unwrap();
        assert!(text.contains("(../results/published/cost/memory.svg)"), "{text}");
    }

    #[test]
    fn what_is_published_of_different_kernels_is_found() {
        let repo = tempfile::tempdir().unwrap();
        let here = prepare::dirs().unwrap().repo.join("results/published/matrix/run.json");
        let mut record = ::evidence::Store::read(&here).unwrap().unwrap();
        let mut publish = |name: &str, change: &dyn Fn(&mut RunRecord)| {
            record.run_id = name.to_owned();
            change(&mut record);
            let text = serde_json::to_string(&record).unwrap();
            let file = repo.path().join("results/published").join(name).join("run.json");
            files::replace(&file, &text).unwrap();
            differ(repo.path()).unwrap().map(|differ| differ.to_string())
        };
        assert_eq!(publish("a", &|_| ()), None);
        assert_eq!(publish("b", &|run| run.seed += 1), None);
        let why = publish("c", &|run| run.arms[0].vmlinux = Some("another".into())).unwrap();
        assert!(why.contains("runs a and c") && why.contains("the kernel of arm base"), "{why}");
    }

    #[test]
    fn what_names_this_machine_is_found() {
        let private = ["/home/".to_owned(), "buildbox".to_owned()];
        assert_eq!(leak("git tree /home/eve/linux", &private), Some("/home/"));
        assert_eq!(leak("on buildbox, twice", &private), Some("buildbox"));
        assert_eq!(leak("a buildboxes plural, /homely", &private), None);
    }
}
