// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds of a "kernel" whose Makefile does in milliseconds what the real one
//! does in minutes: each kind of damage is reported as what it is, with its
//! step and its log. gcc and ld are the real ones; real kernels are built by
//! the ignored tests of `xtask/tests/series.rs`.

use super::*;
use kbuild::{Dirs, KernelConfig};
use proc::Cancel;
use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// The kernel exports `exported()`; `linked()` can be reached by what is built
/// in. Options named BROKEN are lost, as unmet dependencies lose them.
const MAKEFILE: &str = r#"
VERSION = 7
PATCHLEVEL = 3
SUBLEVEL = 1
has = $(shell grep -qs '^$(1)$$' $(O)/.config && echo yes)
flags = -Wall -Werror $(if $(call has,CONFIG_RUST=y),-DCONFIG_RUST)
bcache = drivers/md/bcache/bcache.c
.PHONY: drivers/md/bcache/
allnoconfig:
	@grep -v BROKEN $(KCONFIG_ALLCONFIG) > $(O)/.config
vmlinux:
	@echo '  CC      vmlinux' && echo $(MAKECMDGOALS) >> $(O)/made
	@gcc $(flags) -o $(O)/vmlinux main.c $(if $(call has,CONFIG_BCACHE=y),$(bcache))
modules:
	@gcc $(flags) -c -o $(O)/bcache.o $(bcache)
	@for f in $$(nm -u $(O)/bcache.o | awk '{ print $$2 }' | grep -v '^exported$$'); do \
		echo "ERROR: modpost: \"$$f\" [$(bcache:.c=.ko)] undefined!"; exit 1; done
drivers/md/bcache/:
	@$(CLIPPY_DRIVER) $(CLIPPY) drivers/md/bcache/*.rs
"#;

/// Knows the version, as the real one; has one lint.
const CLIPPY: &str = "#!/bin/sh
[ \"$1\" = --version ] && echo 'clippy 0.1.MINOR' && exit
grep -q needless \"$2\" && printf 'warning: needless\\n --> %s:1:1\\n' \"$2\"
exit 0
";

struct Fixture {
    dir: tempfile::TempDir,
    findings: RefCell<Vec<Finding>>,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fixture = Self { dir, findings: RefCell::default() };
        fixture.put("linux/Makefile", MAKEFILE);
        fixture.put("linux/Kconfig", "config BROKEN\n\tbool \"b\"\n\tdepends on NEVER\n");
        fixture.put(
            "linux/main.c",
            "int exported(void){return 0;}\nint linked(void){return 0;}\n\
             int main(void){return 0;}\n",
        );
        fixture.put("linux/drivers/md/bcache/request.c", "");
        fixture.put("linux/drivers/md/bcache/bcache.c", "int base;\n");
        for file in ["rust/kernel/sync/atomic.rs", "rust/kernel/lib.rs"] {
            fixture.put(&format!("linux/{file}"), "");
        }
        fixture.put("repo/kernel-config/rust.config", "CONFIG_RUST=y\n");
        fixture.put("kernel/series/build.config", "CONFIG_X=y\n");
        fixture.put("kernel/series/cover.txt", "t: series\n\nWhy.\n");
        fixture.put("kernel/series/a.txt", "t: first\n\nWhy.\n");
        fixture.put("kernel/series/b.txt", "t: second\n\nWhy.\n");
        fixture.steps("int a(void){return 0;}\n", "int b(void){return 0;}\n", "fn f() {}\n", "");
        fixture
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What the two steps make of bcache.c, the second one's Rust, and more
    /// lines for the second.
    fn steps(&self, one: &str, two: &str, rust: &str, more: &str) {
        self.put("kernel/tracker/1.c", one);
        self.put("kernel/tracker/2.c", two);
        self.put("kernel/tracker/r.rs", rust);
        let linux = self.dir.path().join("linux");
        let toml = format!(
            "[[part]]\nname='all'\ncover='cover.txt'\nsteps=['a','b']\n\
             [[patch]]\nmessage='a.txt'\nfiles={{'drivers/md/bcache/bcache.c'='tracker/1.c'}}\n\
             [[patch]]\nmessage='b.txt'\n{more}\n\
             files={{'drivers/md/bcache/bcache.c'='tracker/2.c',\
             'drivers/md/bcache/r.rs'='tracker/r.rs'}}\n\
             [[on]]\nkernel='dir:{}'\nevery_step=true\n",
            linux.display()
        );
        self.put("kernel/series/series.toml", &toml);
    }

    /// Builds all; what was found is in `findings`.
    fn run(&self) -> Result<(), SeriesError> {
        let root = self.dir.path();
        let dirs = Dirs { repo: root.join("repo"), cache: root.join("cache") };
        let plan = Plan::load(&root.join("kernel")).unwrap();
        let config = KernelConfig::of_fragment(&dirs, "series", &plan.config()).unwrap();
        let rustc = kbuild::toolchain::find_rustc(&kbuild::Host::running())
            .expect("`cargo xtask setup` installs it");
        let [_, minor, _] = kbuild::toolchain::numbers(&rustc.version).unwrap();
        let driver = format!("cache/tools/clippy-{minor}/usr/bin/clippy-driver");
        self.put(&driver, &CLIPPY.replace("MINOR", &minor.to_string()));
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(root.join(&driver), mode).unwrap();
        // As `cargo xtask setup` leaves it in the real cache.
        let bindgen = "cache/tools/bin/bindgen";
        self.put(bindgen, "#!/bin/sh\necho bindgen 0.73.2\n");
        fs::set_permissions(root.join(bindgen), fs::Permissions::from_mode(0o755)).unwrap();

        let cancel = Cancel::new();
        let letter = fixture::LETTER;
        let linux = root.join("linux");
        let pristine = |path: &str| fs::read(linux.join(path)).ok();
        let mails = write(&plan, &pristine, &letter, root, &root.join("out"), &cancel).unwrap();
        let earlier = self.findings.take();
        Builds {
            plan: &plan,
            only: &[],
            mails: &mails,
            dirs: &dirs,
            config: &config,
            logs: &root.join("out/logs"),
            earlier: &earlier,
            on_progress: &|_| {},
            on_finding: &|finding| self.findings.borrow_mut().push(finding.clone()),
            on_event: &|_| {},
            cancel: &cancel,
        }
        .run()
    }

    /// Kernels that were made so far.
    fn made(&self) -> usize {
        let objects = fs::read_dir(self.dir.path().join("cache/objects")).unwrap().flatten();
        let texts = objects.flat_map(|entry| {
            let groups = fs::read_dir(entry.path().join("groups")).into_iter().flatten().flatten();
            let trees = groups.map(|group| group.path()).chain([entry.path().join("tree")]);
            trees.map(|tree| fs::read_to_string(tree.join("made")).unwrap_or_default())
        });
        texts.map(|text| text.lines().count()).max().unwrap_or(0)
    }

    /// Check and step of each failure; the rest must be fine, and the log that
    /// a failure names must have its first line.
    fn failures(&self) -> Vec<String> {
        let findings = self.findings.borrow();
        assert!(findings.iter().all(|finding| finding.outcome != Outcome::Missing), "{findings:?}");
        let failed = findings.iter().filter(|finding| finding.outcome == Outcome::Failed);
        let told = failed.map(|finding| {
            let (first, _) = finding.detail.split_once('\n').unwrap();
            let (_, log) = finding.detail.split_once("(whole log: ").unwrap();
            let log = self.dir.path().join("out").join(log.trim_end_matches(')'));
            assert!(fs::read_to_string(log).unwrap().contains(first), "{finding:?}");
            format!("{}: {}: {first}", finding.check, finding.on)
        });
        told.collect()
    }
}

#[test]
fn a_good_series_is_built_in_every_way_once() {
    let fixture = Fixture::new();
    fixture.run().unwrap();
    assert_eq!(fixture.failures(), [""; 0]);
    let builds = |fixture: &Fixture| fixture.findings.borrow().len();
    // Unpatched twice, two steps four times, one of them by clippy.
    assert_eq!(builds(&fixture), 2 + 8 + 1);
    let made = fixture.made();
    fixture.run().unwrap();
    assert_eq!((builds(&fixture), fixture.made()), (11, made), "nothing is built again");
    fixture.steps("int a(void){return 0;}\n", "int c(void){return 0;}\n", "fn f() {}\n", "");
    fixture.run().unwrap();
    let fresh = fixture.findings.borrow().iter().filter(|found| found.seconds > 0.0).count();
    assert!(fixture.made() > made && fresh == 11, "keys follow what is built");
}

#[test]
fn a_step_that_needs_rust_fails_where_there_is_none() {
    let fixture = Fixture::new();
    let two = "#ifndef CONFIG_RUST\nint f(void){return undeclared;}\n#endif\n";
    fixture.steps("int a;\n", two, "fn f() {}\n", "");
    fixture.run().unwrap();
    let failures = fixture.failures();
    let [built_in, module] = failures.as_slice() else { panic!("{failures:?}") };
    assert!(built_in.starts_with("build: linux 7.3.1, RUST=n, built in, 2/2 b: "), "{built_in}");
    assert!(module.starts_with("build: linux 7.3.1, RUST=n, module, 2/2 b: "), "{module}");
    assert!(module.contains("'undeclared' undeclared"), "{module}");
}

#[test]
fn a_symbol_that_is_not_there_or_not_exported_is_told_by_linker_and_modpost() {
    let fixture = Fixture::new();
    let call = |name: &str| format!("int {name}(void);\nint f(void){{return {name}();}}\n");
    fixture.steps(&call("exported"), &call("linked"), "fn f() {}\n", "");
    fixture.run().unwrap();
    let failures = fixture.failures();
    assert_eq!(failures.len(), 2, "{failures:?}");
    for (failure, rust) in failures.iter().zip(["y", "n"]) {
        let wanted =
            format!("build: linux 7.3.1, RUST={rust}, module, 2/2 b: ERROR: modpost: \"li");
        assert!(failure.starts_with(&wanted), "{failure}");
    }
    fixture.steps(&call("nowhere"), "int b;\n", "fn f() {}\n", "");
    fixture.run().unwrap();
    let failures = fixture.failures();
    assert_eq!(failures.len(), 4, "{failures:?}");
    assert!(failures[0].contains("built in, 1/2 a") && failures[0].contains("undefined reference"));
}

#[test]
fn what_clippy_says_is_one_and_so_is_an_option_that_is_lost() {
    let fixture = Fixture::new();
    fixture.steps("int a;\n", "int b;\n", "fn needless() {}\n", "");
    fixture.run().unwrap();
    let failures = fixture.failures();
    assert_eq!(failures, ["clippy: linux 7.3.1, RUST=y, module, 2/2 b: warning: needless"]);

    fixture.steps("int a;\n", "int b;\n", "fn f() {}\n", "config_rust=['CONFIG_BROKEN=y']");
    fixture.run().unwrap();
    let findings = fixture.findings.borrow();
    let lost = findings.iter().filter(|finding| finding.outcome == Outcome::Failed);
    let lost: Vec<&Finding> = lost.collect();
    assert_eq!(lost.len(), 3, "{lost:?}");
    for finding in lost {
        assert!(finding.on.contains("RUST=y") && finding.on.ends_with("2/2 b"), "{finding:?}");
        assert!(finding.detail.contains("CONFIG_BROKEN=y"), "{finding:?}");
    }
}

#[test]
fn an_unpatched_kernel_that_does_not_build_says_nothing_of_the_series() {
    let fixture = Fixture::new();
    fixture.put("linux/main.c", "int main(void){return undeclared;}\n");
    let ended = fixture.run();
    let Err(SeriesError::Base { what, first_error, log }) = ended else { panic!("{ended:?}") };
    assert_eq!(what, "linux 7.3.1, RUST=n, built in, unpatched");
    assert!(first_error.contains("undeclared") && log.exists());
    assert!(fixture.findings.borrow().is_empty());
}
