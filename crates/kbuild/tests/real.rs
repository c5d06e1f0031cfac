// SPDX-License-Identifier: MIT OR Apache-2.0
//! On the real kernel source, where the cache has one (any build leaves it
//! there). What takes more than a second runs when `BCACHE_LAB_SLOW` is set.

#![allow(clippy::unwrap_used, reason = "the helpers are parts of tests")]

use kbuild::{
    Arm, BuildError, Builder, Cancel, ConfigError, Dirs, KernelConfig, Source, SourceSpec,
};
use std::fs;
use std::path::{Path, PathBuf};

fn repo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn real_source(dirs: &Dirs) -> Option<Source> {
    let entries = fs::read_dir(dirs.cache.join("sources")).ok()?;
    let warm = entries.flatten().any(|entry| {
        entry.file_name().to_string_lossy().starts_with("linux-source-7")
            && entry.path().join("source.json").exists()
    });
    if !warm {
        eprintln!("not run: no kernel source in {}", dirs.cache.display());
        return None;
    }
    Some(Source::obtain(&SourceSpec::Newest, dirs, &|_| {}, &Cancel::new()).unwrap())
}

fn slow() -> bool {
    let slow = std::env::var_os("BCACHE_LAB_SLOW").is_some();
    if !slow {
        eprintln!("not run: BCACHE_LAB_SLOW is not set");
    }
    slow
}

/// A checkout with `kernel-config/base.config` and the given last lines.
fn doctored(more: &str) -> (tempfile::TempDir, Dirs) {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("kernel-config");
    fs::create_dir_all(&config).unwrap();
    for name in ["base.config", "rust.config"] {
        fs::copy(repo().join("kernel-config").join(name), config.join(name)).unwrap();
    }
    fs::write(config.join("more.config"), more).unwrap();
    let list = "title='d'\nfragments=['base.config', 'rust.config', 'more.config']\n";
    fs::write(config.join("doctored.toml"), list).unwrap();
    let arms = dir.path().join("kernel/arms");
    fs::create_dir_all(&arms).unwrap();
    fs::write(arms.join("base.toml"), "title='base'\n").unwrap();
    let dirs = Dirs { repo: dir.path().into(), ..Dirs::new(&repo()) };
    (dir, dirs)
}

#[test]
fn every_arm_applies_to_the_newest_source() {
    let dirs = Dirs::new(&repo());
    let Some(source) = real_source(&dirs) else { return };
    for name in Arm::list(&dirs) {
        let arm = Arm::load(&dirs, &name).unwrap();
        let overlay = arm.overlay(&|path| source.pristine(path));
        let (overlay, notes) = overlay.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(notes.is_empty(), "{name}: {notes:?}");
        assert_eq!(overlay.iter().next().is_none(), name == "base", "{name}");
    }
}

#[test]
fn a_doctored_fragment_is_named_with_what_it_depends_on() {
    if !slow() {
        return;
    }
    // The device mapper is not there, and bcache needs its checksums.
    let (_dir, dirs) = doctored("# why\nCONFIG_CRC64=n\nCONFIG_DM_CACHE=y\n");
    let Some(source) = real_source(&dirs) else { return };
    let config = KernelConfig::load(&dirs, "doctored").unwrap();
    let builder = Builder::new(&dirs, &source, &config).unwrap();
    let arm = Arm::load(&dirs, "base").unwrap();
    let error = builder.build(&arm, &|_| {}, &Cancel::new()).unwrap_err();
    assert!(matches!(error, BuildError::Config(ConfigError::Lost(_))), "{error}");
    let text = error.to_string();
    for part in [
        "CONFIG_DM_CACHE=y (kernel-config/more.config:3): got n",
        "BLK_DEV_DM=n",
        "CONFIG_CRC64=n (kernel-config/more.config:2): got y",
        "selected by BCACHE",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

/// `rust` builds, though with overflow checks: the compiler has removed them.
#[test]
fn a_tracker_that_may_panic_is_not_built() {
    if !slow() {
        return;
    }
    let dirs = Dirs::new(&repo());
    let Some(source) = real_source(&dirs) else { return };
    let config = KernelConfig::load(&dirs, "plain").unwrap();
    let builder = Builder::new(&dirs, &source, &config).unwrap();
    let arm = |name: &str| Arm::load(&dirs, name).unwrap();
    builder.build(&arm("rust"), &|_| {}, &Cancel::new()).unwrap();
    let error = builder.build(&arm("mutant-panic"), &|_| {}, &Cancel::new()).unwrap_err();
    let BuildError::Panics { source_file, calls, .. } = &error else { panic!("{error}") };
    assert_eq!(source_file, "drivers/md/bcache/inflight.rs");
    assert!(calls.iter().any(|call| call.contains("panic_bounds_check")), "{calls:?}");
}

#[test]
fn an_edit_of_bcache_is_an_image_within_few_steps() {
    if !slow() {
        return;
    }
    let dirs = Dirs::new(&repo());
    let Some(source) = real_source(&dirs) else { return };
    let config = KernelConfig::load(&dirs, "plain").unwrap();
    let builder = Builder::new(&dirs, &source, &config).unwrap();
    let build = |arm: &Arm| builder.build(arm, &|_| {}, &Cancel::new()).unwrap();
    let base = build(&Arm::load(&dirs, "base").unwrap());

    let dir = tempfile::tempdir().unwrap();
    let request = source.pristine("drivers/md/bcache/request.c").unwrap();
    let first = String::from_utf8_lossy(&request).lines().next().unwrap().to_owned();
    let patch = |word: &str| {
        let path = dir.path().join("edit.patch");
        let text = format!(
            "--- a/drivers/md/bcache/request.c\n+++ b/drivers/md/bcache/request.c\n\
             @@ -1 +1,2 @@\n {first}\n+/* {word} */\n"
        );
        fs::write(&path, text).unwrap();
        Arm::from_path(&dirs, "edit", &path).unwrap()
    };
    // A comment that was never there before, so that it is built now.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let edited = build(&patch(&now.as_nanos().to_string()));
    assert!(!edited.cached);
    assert_ne!(edited.key, base.key);
    let log = fs::read_to_string(dirs.cache.join("logs/build-edit.log")).unwrap();
    let compiled = log.lines().filter(|line| line.starts_with("  CC ")).count();
    assert!(compiled <= 30, "{compiled} files were compiled:\n{log}");
    // A comment changes no code: the images are the same, so nothing of the
    // build's time, user or place is in them.
    let kernel = |image: &kbuild::Image| blake3::hash(&fs::read(&image.path).unwrap());
    assert_eq!(kernel(&edited), kernel(&build(&patch("another"))));
}
