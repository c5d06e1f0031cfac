// SPDX-License-Identifier: MIT OR Apache-2.0
//! Small text files, with one `*` per path component.

use crate::failure::{Doing, Failure};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Longest text that is sent back, in bytes; escaping may double it and it
/// must stay one message.
const LONGEST: u64 = 4 << 20;

/// A file's text, invalid UTF-8 replaced.
///
/// # Errors
/// The path, `open(2)`, `read(2)`, or more than 4 MiB.
pub fn read(pattern: &str) -> Result<String, Failure> {
    let path = resolve(pattern)?;
    let file = File::open(&path).doing(|| format!("opening {}", path.display()))?;
    let mut bytes = Vec::new();
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .doing(|| format!("reading {}", path.display()))?;
    if bytes.len() as u64 > LONGEST {
        return Err(Failure::new(format!("{} is longer than {LONGEST} bytes", path.display())));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// One `write(2)`.
///
/// # Errors
/// The path, `open(2)`, `write(2)`, or a short write.
pub fn write(pattern: &str, text: &str) -> Result<(), Failure> {
    let path = resolve(pattern)?;
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)
        .doing(|| format!("opening {} for writing", path.display()))?;
    let doing = || format!("writing {:?} to {}", shortened(text), path.display());
    let count = file.write(text.as_bytes()).doing(doing)?;
    if count != text.len() {
        return Err(Failure::new(format!("{}: only {count} bytes were taken", doing())));
    }
    Ok(())
}

/// Names, sorted.
///
/// # Errors
/// The path, or reading the directory.
pub fn list(pattern: &str) -> Result<Vec<String>, Failure> {
    let path = resolve(pattern)?;
    names(&path).doing(|| format!("listing {}", path.display()))
}

/// Waits until the path exists.
///
/// # Errors
/// It does not within the time, or the pattern is ambiguous.
pub fn wait_for(pattern: &str, timeout_ms: u64) -> Result<(), Failure> {
    let deadline = Instant::now() + Duration::from_millis(timeout_ms);
    let mut nap = Duration::from_millis(1);
    loop {
        let found = matches(pattern)?;
        match found.as_slice() {
            [path] if path.exists() => return Ok(()),
            [] | [_] => {}
            several => return Err(ambiguous(pattern, several)),
        }
        if Instant::now() >= deadline {
            return Err(Failure::new(format!("{pattern} did not appear within {timeout_ms} ms")));
        }
        thread::sleep(nap);
        nap = (nap * 2).min(Duration::from_millis(20));
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(80) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// The one path that the pattern means. Without `*` it need not exist.
fn resolve(pattern: &str) -> Result<PathBuf, Failure> {
    match matches(pattern)?.as_mut_slice() {
        [] => Err(Failure::new(format!("{pattern}: nothing matches"))),
        [one] => Ok(std::mem::take(one)),
        several => Err(ambiguous(pattern, several)),
    }
}

fn ambiguous(pattern: &str, found: &[PathBuf]) -> Failure {
    let list: Vec<_> = found.iter().map(|path| path.display().to_string()).collect();
    Failure::new(format!("{pattern} matches more than one: {}", list.join(", ")))
}

/// All paths that the pattern means; components without `*` are taken as they
/// are, components with `*` must exist.
fn matches(pattern: &str) -> Result<Vec<PathBuf>, Failure> {
    if !pattern.starts_with('/') {
        return Err(Failure::new(format!("{pattern:?} is not an absolute path")));
    }
    let mut found = vec![PathBuf::from("/")];
    for component in Path::new(pattern).components() {
        let Component::Normal(part) = component else { continue };
        let Some(part) = part.to_str() else { continue };
        let Some((head, tail)) = part.split_once('*') else {
            for path in &mut found {
                path.push(part);
            }
            continue;
        };
        if tail.contains('*') {
            return Err(Failure::new(format!("{pattern}: one `*` per component, not two")));
        }
        let mut deeper = Vec::new();
        for path in found {
            // Gone, or not a directory: matches nothing.
            for name in names(&path).unwrap_or_default() {
                let long_enough = name.len() >= head.len() + tail.len();
                if long_enough && name.starts_with(head) && name.ends_with(tail) {
                    deeper.push(path.join(name));
                }
            }
        }
        found = deeper;
    }
    if pattern.contains('*') {
        found.retain(|path| path.symlink_metadata().is_ok());
    }
    Ok(found)
}

fn names(path: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for path in ["fs/bcache/1234-ab", "fs/bcache/register.d", "fs/other"] {
            fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        fs::write(dir.path().join("fs/bcache/1234-ab/state"), "clean\n").unwrap();
        dir
    }

    #[test]
    fn a_star_means_the_only_match() {
        let dir = tree();
        let root = dir.path().to_str().unwrap();
        let error = read(&format!("{root}/fs/bcache/*-*/state")).unwrap_err().to_string();
        assert!(error.contains("one `*` per component"), "{error}");
        assert_eq!(read(&format!("{root}/fs/bcache/*-ab/state")).unwrap(), "clean\n");
        // A star in the middle, and a directory that lacks the file does not count.
        assert_eq!(read(&format!("{root}/fs/*/1*b/state")).unwrap(), "clean\n");
        let error = list(&format!("{root}/fs/bcache/*")).unwrap_err().to_string();
        assert!(error.contains("more than one") && error.contains("register.d"), "{error}");
        let error = read(&format!("{root}/fs/bcache/x*/state")).unwrap_err().to_string();
        assert!(error.contains("nothing matches"), "{error}");
    }

    #[test]
    fn writing_creates_and_errors_name_what_was_done() {
        let dir = tree();
        let root = dir.path().to_str().unwrap();
        write(&format!("{root}/new"), "x").unwrap();
        write(&format!("{root}/fs/bcache/1*/state"), "dirty").unwrap();
        assert_eq!(read(&format!("{root}/fs/bcache/1*/state")).unwrap(), "dirty");
        let error = write(&format!("{root}/none/x"), "1").unwrap_err().to_string();
        assert!(error.contains("ENOENT") && error.contains("none/x"), "{error}");
        assert!(read("relative").unwrap_err().to_string().contains("absolute"));
    }

    #[test]
    fn waiting_ends_when_the_path_appears_or_the_time_is_over() {
        let dir = tree();
        let late = dir.path().join("late");
        let pattern = format!("{}/la*e", dir.path().display());
        let error = wait_for(&pattern, 5).unwrap_err().to_string();
        assert!(error.contains("within 5 ms"), "{error}");
        let maker = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            fs::write(late, "").unwrap();
        });
        wait_for(&pattern, 60_000).unwrap();
        maker.join().unwrap();
    }
}
