// SPDX-License-Identifier: MIT OR Apache-2.0
//! The real fio, small: built statically from Debian's signed source.

use crate::cache;
use crate::error::ImageError;
use crate::event::ImageEvent;
use crate::manifest::Fio;
use crate::packages::Debian;
use crate::step::run;
use debian::SourceDir;
use proc::{ask, first_line, shell};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use xshell::cmd;

/// Fetches a source package by name and unpacks it below the directory; a test
/// has another than Debian's.
pub type FetchSource<'a> = &'a dyn Fn(&Debian<'_>, &str, &Path) -> Result<SourceDir, ImageError>;

pub struct BuiltFio {
    pub program: Vec<u8>,
    /// What it says of itself, for instance `fio-3.33`.
    pub version: String,
}

/// Changes when the way of building does.
const RECIPE: &str = "2";

/// Builds fio, or takes the one that was built the same way before. The source
/// is fetched only in the first case, so a warm cache needs no network.
///
/// # Errors
/// [`ImageError`].
pub fn build(
    fio: &Fio,
    debian: &Debian<'_>,
    fetch: FetchSource<'_>,
) -> Result<BuiltFio, ImageError> {
    let recipe =
        format!("{RECIPE}\n{}\n{}\n{:?}", fio.source, fio.configure.join("\n"), fio.engines);
    let key = blake3::hash(recipe.as_bytes()).to_hex();
    let parent = debian.cache.join("fio");
    let (dir, _) = cache::get_or_make(&parent, &key[..16], debian.cancel, |dir| {
        let tree = fetch(debian, &fio.source, &dir.join("source"))?;
        (debian.on_event)(ImageEvent::BuildingFio { version: tree.version.clone() });
        make(fio, &tree, dir, &parent.join("build.log"), debian)
    })?;
    let read = |name| fs::read(dir.join(name)).map_err(ImageError::io(&dir));
    let version = String::from_utf8_lossy(&read("version")?).into_owned();
    Ok(BuiltFio { program: read("fio")?, version })
}

fn make(
    fio: &Fio,
    tree: &SourceDir,
    dir: &Path,
    log: &Path,
    debian: &Debian<'_>,
) -> Result<(), ImageError> {
    let cancel = debian.cancel;
    let _ = fs::remove_file(log);
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let root = libraries(fio, debian)?;
    let in_tree = |program: &str| {
        let mut command = Command::new(program);
        command.current_dir(&tree.path);
        if let Some(root) = &root {
            // gcc's variables, which need no word in fio's own configuration.
            command.env("CPATH", root.join("usr/include"));
            command.env("LIBRARY_PATH", root.join("usr/lib/x86_64-linux-gnu"));
        }
        command
    };
    // The directory has a random name: kept out of the program, two builds
    // give the same bytes.
    let flags = format!("--extra-cflags=-ffile-prefix-map={}=.", tree.path.display());
    let mut configure = in_tree("./configure");
    run("configuring fio", configure.args(&fio.configure).arg(flags), log, cancel)
        .map_err(missing)?;
    run("building fio", in_tree("make").arg(format!("-j{jobs}")).arg("fio"), log, cancel)
        .map_err(missing)?;
    let program = dir.join("fio");
    run("stripping fio", in_tree("strip").arg("-o").arg(&program).arg("fio"), log, cancel)
        .map_err(missing)?;
    let sh = shell().map_err(ImageError::io(&program))?;
    let words = |option: &str| {
        let said = ask(cmd!(sh, "{program} {option}"), cancel);
        said.map(|said| said.out).map_err(ImageError::run(&program))
    };
    let version = words("--version")?;
    check_engines(fio, &words("--enghelp")?)?;
    fs::write(dir.join("version"), version.trim()).map_err(ImageError::io(dir))?;
    // 60 MB of objects that nobody needs any more.
    let _ = fs::remove_dir_all(dir.join("source"));
    Ok(())
}

/// The files of Debian's packages with the static libraries; `None` where this
/// machine's compiler finds its own.
fn libraries(fio: &Fio, debian: &Debian<'_>) -> Result<Option<PathBuf>, ImageError> {
    let sh = shell().map_err(ImageError::io(debian.cache))?;
    // gcc says the bare name again where it finds none.
    let known = |library: &String| {
        let said = first_line(cmd!(sh, "gcc -print-file-name={library}"));
        said.is_some_and(|path| path.contains('/'))
    };
    if fio.libraries.keys().all(known) {
        return Ok(None);
    }
    let packages: Vec<&str> = fio.libraries.values().map(String::as_str).collect();
    debian.root(&packages).map(Some)
}

/// `configure` leaves out in silence what it does not find.
fn check_engines(fio: &Fio, list: &str) -> Result<(), ImageError> {
    let absent: Vec<&str> = fio
        .engines
        .iter()
        .map(String::as_str)
        .filter(|engine| !list.split_whitespace().any(|word| word == *engine))
        .collect();
    if absent.is_empty() {
        return Ok(());
    }
    Err(ImageError::Missing {
        what: format!(
            "fio was built without its engine {}, for which it needs {}",
            absent.join(", "),
            fio.libraries.values().cloned().collect::<Vec<_>>().join(", ")
        ),
    })
}

fn missing(error: ImageError) -> ImageError {
    match error {
        ImageError::Io { path, source } if source.kind() == io::ErrorKind::NotFound => {
            ImageError::Missing { what: format!("building fio needs {}", path.display()) }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::GuestPath;
    use proc::Cancel;
    use std::collections::BTreeMap;

    fn fio(engines: &[&str]) -> Fio {
        Fio {
            at: GuestPath("bin/fio".into()),
            source: "fio".into(),
            libraries: BTreeMap::from([("libc.a".into(), "libaio-dev".into())]),
            configure: vec!["--flag".into()],
            engines: engines.iter().map(ToString::to_string).collect(),
        }
    }

    /// A source package whose "compiler" writes a script.
    fn tree(dir: &Path, configure: &str) -> SourceDir {
        let path = dir.join("fio-0");
        fs::create_dir_all(&path).unwrap();
        let script = path.join("configure");
        fs::write(&script, format!("#!/bin/sh\n{configure}\n")).unwrap();
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        SourceDir { path, version: "0".into() }
    }

    fn attempt(cache: &Path, engines: &[&str], configure: &str) -> Result<BuiltFio, ImageError> {
        let fetch = |_: &Debian<'_>, _: &str, into: &Path| Ok(tree(into, configure));
        let cancel = Cancel::new();
        build(&fio(engines), &Debian { cache, on_event: &|_| {}, cancel: &cancel }, &fetch)
    }

    #[test]
    fn a_failed_step_shows_its_log_and_leaves_nothing() {
        let cache = tempfile::tempdir().unwrap();
        let error = attempt(cache.path(), &[], "echo no libaio >&2; exit 1").err().unwrap();
        let text = error.to_string();
        assert!(text.contains("configuring fio") && text.contains("no libaio"), "{text}");
        let left = fs::read_dir(cache.path().join("fio")).unwrap().flatten();
        assert!(left.filter(|entry| entry.path().is_dir()).count() == 0);
    }

    #[test]
    fn an_engine_that_was_left_out_is_named_with_the_package() {
        let error = check_engines(&fio(&["libaio", "psync"]), "engines:\n psync\n").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("libaio,") || text.contains("engine libaio"), "{text}");
        assert!(text.contains("libaio-dev"), "{text}");
    }
}
