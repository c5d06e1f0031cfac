// SPDX-License-Identifier: MIT OR Apache-2.0
//! A whole build, of a "kernel" whose Makefile does in milliseconds what the
//! real one does in minutes.

use super::*;
use crate::{SourceSpec, Toolchain};
use std::cell::RefCell;
use std::fs;
use tempfile::TempDir;

mod options;

/// `allnoconfig` takes the requests but drops BROKEN; `vmlinux` is the text of
/// request.c, which the real thing's rules decide about too.
const MAKEFILE: &str = "\
VERSION = 7
PATCHLEVEL = 3
SUBLEVEL = 1
allnoconfig:
\tgrep -v BROKEN $(KCONFIG_ALLCONFIG) > $(O)/.config; true
vmlinux: $(O)/vmlinux
$(O)/vmlinux: drivers/md/bcache/request.c
\t@echo '  CC      drivers/md/bcache/request.o'
\t@if grep -q '#error' $<; then echo '../request.c:1:2: error: #error wanted'; exit 1; fi
\t@if grep -q hang $<; then echo half > $@; echo $$PPID > $(O)/pid; sleep 60; fi
\t@cp $< $@
";

struct Fixture {
    dir: TempDir,
    dirs: Dirs,
    events: RefCell<Vec<Event>>,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repo = dir.path().join("repo");
        let dirs = Dirs { repo: repo.clone(), cache: dir.path().join("cache") };
        let fixture = Self { dir, dirs, events: RefCell::default() };
        fixture.put("linux/Makefile", MAKEFILE);
        fixture.put("linux/Kconfig", "config BROKEN\n\tbool \"b\"\n\tdepends on NEVER\n");
        fixture.put("linux/drivers/md/bcache/request.c", "base\n");
        fixture.put("repo/kernel-config/plain.toml", "title='p'\nfragments=['base.config']\n");
        fixture.put("repo/kernel-config/base.config", "CONFIG_BCACHE=y\n");
        fixture.arm("base", None);
        fixture
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// An arm that turns request.c into `text`.
    fn arm(&self, name: &str, text: Option<&str>) {
        let mut toml = format!("title='{name}'\n");
        if let Some(text) = text {
            toml.push_str(&format!("patches=['patches/{name}.patch']\n"));
            let patch = format!(
                "--- a/drivers/md/bcache/request.c\n+++ b/drivers/md/bcache/request.c\n\
                 @@ -1 +1 @@\n-base\n+{text}\n"
            );
            self.put(&format!("repo/kernel/patches/{name}.patch"), &patch);
        }
        self.put(&format!("repo/kernel/arms/{name}.toml"), &toml);
    }

    fn builder(&self) -> Builder {
        let spec = SourceSpec::Directory(self.dir.path().join("linux"));
        let source = Source::obtain(&spec, &self.dirs, &|_| {}, &Cancel::new()).unwrap();
        let config = KernelConfig::load(&self.dirs, "plain").unwrap();
        Builder::new(&self.dirs, &source, &config).unwrap()
    }

    fn build(&self, builder: &Builder, arm: &str) -> Result<Image, BuildError> {
        let arm = Arm::load(&self.dirs, arm).unwrap();
        builder.build(&arm, &|event| self.events.borrow_mut().push(event), &Cancel::new())
    }

    fn text(image: &Image) -> String {
        fs::read_to_string(&image.path).unwrap()
    }
}

#[test]
fn arms_are_built_once_and_found_again() {
    let fixture = Fixture::new();
    fixture.arm("v1", Some("v1"));
    let builder = fixture.builder();
    let base = fixture.build(&builder, "base").unwrap();
    assert!(!base.cached);
    assert_eq!(Fixture::text(&base), "base\n");
    let v1 = fixture.build(&builder, "v1").unwrap();
    assert_eq!(Fixture::text(&v1), "v1\n");
    let again = fixture.build(&fixture.builder(), "base").unwrap();
    assert!(again.cached);
    assert_eq!(Fixture::text(&again), "base\n");
    assert_eq!(again.key, base.key);
    assert!(
        fixture
            .events
            .borrow()
            .iter()
            .any(|event| matches!(event, Event::Progress { what, .. } if what == "v1"))
    );
}

#[test]
fn every_input_changes_the_key() {
    let fixture = Fixture::new();
    let arm = |name: &str| Arm::load(&fixture.dirs, name).unwrap();
    let key = |builder: &Builder, name: &str| builder.plan(&arm(name)).unwrap().0.image.key;
    let mut builder = fixture.builder();
    let mut keys = vec![key(&builder, "base")];
    assert_eq!(keys[0], key(&fixture.builder(), "base"));

    fixture.arm("v1", Some("v1"));
    keys.push(key(&builder, "v1"));
    fixture.arm("v1", Some("v2"));
    keys.push(key(&builder, "v1"));
    fixture.put("repo/kernel/arms/v1.toml", "title='option'\nconfig=['CONFIG_X=y']\n");
    keys.push(key(&builder, "v1"));
    fixture.put("repo/kernel-config/base.config", "CONFIG_BCACHE=y\nCONFIG_Y=y\n");
    keys.push(key(&fixture.builder(), "base"));
    fixture.put("repo/kernel-config/base.config", "CONFIG_BCACHE=y\n");
    for change in 0..3 {
        let versions = &mut builder.tools.versions;
        match change {
            0 => versions.cc.push('x'),
            1 => versions.rustc = Some("rustc 1.96".into()),
            _ => versions.bindgen = Some("bindgen 0.73".into()),
        }
        keys.push(key(&builder, "base"));
    }
    fixture.put("linux/drivers/md/bcache/super.c", "more\n");
    keys.push(key(&fixture.builder(), "base"));

    let mut unique = keys.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), keys.len(), "{keys:?}");
}

#[test]
fn only_what_is_compiled_elsewhere_needs_an_object_tree_of_its_own() {
    let fixture = Fixture::new();
    fixture.put("repo/kernel/text", "text\n");
    let group_with = |path: &str| {
        let files = format!("title='t'\n[files]\n'{path}'='text'\n");
        fixture.put("repo/kernel/arms/t.toml", &files);
        let arm = Arm::load(&fixture.dirs, "t").unwrap();
        group(&fixture.builder().plan(&arm).unwrap().0, &MakeVars::default())
    };
    let inside = group_with("drivers/md/bcache/inflight.rs");
    assert_eq!(inside, group_with("Documentation/admin-guide/bcache.rst"));
    assert_ne!(inside, group_with("rust/bindings/bindings_helper.h"));
}

#[test]
fn a_failed_build_shows_the_first_error_and_leaves_no_image() {
    let fixture = Fixture::new();
    fixture.arm("bad", Some("#error no"));
    let builder = fixture.builder();
    for _ in 0..2 {
        let error = fixture.build(&builder, "bad").unwrap_err();
        let BuildError::Failed { first_error, log, .. } = &error else { panic!("{error}") };
        assert!(first_error.starts_with("../request.c:1:2: error: #error wanted"), "{first_error}");
        assert!(fs::read_to_string(log).unwrap().contains("error: #error"));
    }
    assert_eq!(Fixture::text(&fixture.build(&builder, "base").unwrap()), "base\n");
}

#[test]
fn an_interrupted_build_ends_at_once_and_is_not_taken_for_done() {
    let fixture = Fixture::new();
    fixture.arm("slow", Some("hang"));
    let builder = fixture.builder();
    fixture.build(&builder, "base").unwrap();
    let arm = Arm::load(&fixture.dirs, "slow").unwrap();
    let cancel = Cancel::new();
    let pid_file = || {
        let objects = fs::read_dir(fixture.dirs.objects()).unwrap().flatten().next().unwrap();
        fs::read_to_string(objects.path().join("tree/pid")).ok().filter(|pid| pid.ends_with('\n'))
    };
    let pid = std::thread::scope(|scope| {
        let stop = scope.spawn(|| {
            let pid = loop {
                if let Some(pid) = pid_file() {
                    break pid.trim().to_owned();
                }
                std::thread::sleep(std::time::Duration::from_millis(10));
            };
            cancel.cancel();
            pid
        });
        let ended = builder.build(&arm, &|_| {}, &cancel);
        assert!(matches!(ended, Err(BuildError::Cancelled(_))), "{ended:?}");
        stop.join().unwrap()
    });
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    assert!(!stat.is_ok_and(|stat| !stat.contains(") Z")), "make {pid} is still there");
    assert!(builder.find(&arm).unwrap().is_none());
    // The half vmlinux is newer than its source, and still not used.
    let base = fixture.build(&builder, "base").unwrap();
    assert_eq!(Fixture::text(&base), "base\n");
    fixture.arm("slow", Some("fast"));
    assert_eq!(Fixture::text(&fixture.build(&builder, "slow").unwrap()), "fast\n");
}

#[test]
fn an_option_that_is_dropped_stops_the_build_by_name() {
    let fixture = Fixture::new();
    fixture.put("repo/kernel/arms/odd.toml", "title='odd'\nconfig=['CONFIG_BROKEN=y']\n");
    let builder = fixture.builder();
    for _ in 0..2 {
        let text = fixture.build(&builder, "odd").unwrap_err().to_string();
        assert!(text.contains("CONFIG_BROKEN=y") && text.contains("NEVER=n"), "{text}");
        assert!(text.contains("odd.toml"), "{text}");
    }
}

#[test]
fn a_patch_that_does_not_apply_and_an_old_source_are_named() {
    let fixture = Fixture::new();
    fixture.arm("v1", Some("v1"));
    fixture.put("linux/drivers/md/bcache/request.c", "other\n");
    fixture.put("repo/kernel/arms/rusty.toml", "title='r'\nneeds_rust=true\n");
    let builder = fixture.builder();
    let text = fixture.build(&builder, "v1").unwrap_err().to_string();
    for part in ["arm v1 on Linux 7.3.1", "v1.patch", "@@ -1 +1 @@", "-base\n+v1"] {
        assert!(text.contains(part), "{text}");
    }
    let text = fixture.build(&builder, "rusty").unwrap_err().to_string();
    assert!(
        text.contains("7.3.1") && text.contains("6.18") && text.contains("atomic.rs"),
        "{text}"
    );
    assert!(fixture.build(&builder, "base").is_ok());
}

#[test]
fn two_builders_at_once_build_each_image_once() {
    let fixture = Fixture::new();
    fixture.arm("v1", Some("v1"));
    let dirs = &fixture.dirs;
    let builders = [fixture.builder(), fixture.builder()];
    let run = |builder: &Builder| -> Vec<Image> {
        let build = |arm: &str| {
            builder.build(&Arm::load(dirs, arm).unwrap(), &|_| {}, &Cancel::new()).unwrap()
        };
        ["base", "v1"].map(build).to_vec()
    };
    let images: Vec<Vec<Image>> = std::thread::scope(|scope| {
        let threads = builders.each_ref().map(|builder| scope.spawn(|| run(builder)));
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (index, text) in ["base\n", "v1\n"].iter().enumerate() {
        let both: Vec<&Image> = images.iter().map(|images| &images[index]).collect();
        assert!(both.iter().all(|image| Fixture::text(image) == *text));
        assert_eq!(both.iter().filter(|image| !image.cached).count(), 1);
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let fixture = Fixture::new();
    let builder = fixture.builder();
    let images = fixture.dirs.images();
    fs::write(&images, "a file where a directory should be").unwrap();
    let error = fixture.build(&builder, "base").unwrap_err().to_string();
    assert!(error.contains("images"), "{error}");
}

#[test]
fn a_toolchain_is_recorded() {
    let fixture = Fixture::new();
    let image = fixture.build(&fixture.builder(), "base").unwrap();
    let Toolchain { cc, rustc, .. } = image.toolchain;
    assert!(cc.contains("gcc"), "{cc}");
    assert_eq!(rustc, None);
}
