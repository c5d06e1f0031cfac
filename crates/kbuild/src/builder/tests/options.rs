// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a user adds to a build: fragments, variables for make, compilers.

use super::*;
use crate::ConfigError;
use std::os::unix::fs::PermissionsExt;

impl Fixture {
    fn with(&self, fragment: &str, make: &[&str]) -> Result<Builder, BuildError> {
        let spec = SourceSpec::Directory(self.dir.path().join("linux"));
        let source = Source::obtain(&spec, &self.dirs, &|_| {}, &Cancel::new()).unwrap();
        let mut config = KernelConfig::load(&self.dirs, "plain")?;
        self.put("mine.config", fragment);
        config.add_fragment(&self.dir.path().join("mine.config"))?;
        let words: Vec<String> = make.iter().map(ToString::to_string).collect();
        config.make = MakeVars::parse(&words).unwrap();
        Builder::new(&self.dirs, &source, &config)
    }

    fn key(&self, fragment: &str, make: &[&str]) -> String {
        let arm = Arm::load(&self.dirs, "base").unwrap();
        self.with(fragment, make).unwrap().plan(&arm).unwrap().0.image.key
    }

    /// A program that answers every question with `line`.
    fn program(&self, path: &str, line: &str) -> String {
        self.put(path, &format!("#!/bin/sh\necho '{line}'\n"));
        let path = self.dir.path().join(path);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    /// A source that takes Rust, of which it wants that version.
    fn rust(&self, rustc: &str) {
        for file in ["rust/kernel/lib.rs", "rust/kernel/sync/atomic.rs"] {
            self.put(&format!("linux/{file}"), "");
        }
        let script = format!("case $1 in rustc) echo {rustc};; *) echo 0.71.1;; esac\n");
        self.put("linux/scripts/min-tool-version.sh", &script);
        self.put("repo/kernel-config/rust.config", "CONFIG_RUST=y\n");
        let plain = "title='p'\nfragments=['base.config', 'rust.config']\n";
        self.put("repo/kernel-config/plain.toml", plain);
    }

    /// A Rust toolchain of one's own, as make variables.
    fn toolchain(&self) -> [String; 2] {
        let root = self.dir.path().join("rust");
        self.put("rust/lib/rustlib/src/rust/library/core/src/lib.rs", "");
        let rustc = self.program("rust/rustc", "");
        let answers = format!(
            "#!/bin/sh\ncase $1 in --print) echo '{}';; *) echo 'rustc 1.99.0 (x)';; esac\n",
            root.display()
        );
        self.put("rust/rustc", &answers);
        let bindgen = self.program("rust/bindgen", "bindgen 0.80.0");
        [format!("RUSTC={rustc}"), format!("BINDGEN={bindgen}")]
    }
}

#[test]
fn what_the_user_adds_is_part_of_the_identity() {
    let fixture = Fixture::new();
    let ccache = fixture.program("bin/ccache", "gcc (Debian) 12");
    let usual = fixture.key("", &[]);
    let base = Arm::load(&fixture.dirs, "base").unwrap();
    assert_eq!(usual, fixture.builder().plan(&base).unwrap().0.image.key, "nothing was added");
    let keys = [
        usual,
        fixture.key("CONFIG_X=y\n", &[]),
        fixture.key("# CONFIG_BCACHE is not set\n", &[]),
        fixture.key("", &["KCFLAGS=-O1"]),
        fixture.key("", &["KCFLAGS=-O2"]),
        fixture.key("", &["LOCALVERSION=-mine"]),
        fixture.key("", &[&format!("CC={ccache} gcc")]),
    ];
    let mut unique = keys.to_vec();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), keys.len(), "{keys:?}");
    // They are in the record, too.
    let builder = fixture.with("", &["KCFLAGS=-O1", "A=b"]).unwrap();
    assert!(builder.tools.versions.cc.ends_with("; A=b KCFLAGS=-O1"), "{:?}", builder.tools);
}

#[test]
fn the_compiler_that_is_named_is_the_one_that_is_asked_and_used() {
    let fixture = Fixture::new();
    let clang = fixture.program("llvm/clang", "clang version 21.1.0");
    let lld = fixture.program("llvm/ld.lld", "LLD 21.1.0");
    let versions = |make: &[&str]| fixture.with("", make).unwrap().tools.versions.cc;
    let llvm = format!("LLVM={}/llvm/", fixture.dir.path().display());
    let said = versions(&[&llvm]);
    assert!(said.starts_with("clang version 21.1.0; LLD 21.1.0; LLVM="), "{said}");
    let said = versions(&[&format!("CC={clang}"), &format!("LD={lld}")]);
    assert!(said.starts_with("clang version 21.1.0; LLD 21.1.0; CC="), "{said}");

    // make gets them, and the user's PATH.
    let rule = MAKEFILE.replace("\t@cp $< $@", "\t@echo '$(CC)|$(KCFLAGS)|'$$PATH > $@");
    fixture.put("linux/Makefile", &rule);
    let builder = fixture.with("", &["CC=gcc -pipe", "KCFLAGS=-O1"]).unwrap();
    let image = fixture.build(&builder, "base").unwrap();
    let path = std::env::var("PATH").unwrap();
    assert!(Fixture::text(&image).starts_with(&format!("gcc -pipe|-O1|{path}")));
}

#[test]
fn an_option_of_the_user_s_is_verified_and_wins() {
    let fixture = Fixture::new();
    let builder = fixture.with("CONFIG_BROKEN=y\n", &[]).unwrap();
    let error = fixture.build(&builder, "base").unwrap_err();
    assert!(matches!(error, BuildError::Config(ConfigError::Lost(_))), "{error}");
    let text = error.to_string();
    assert!(text.contains("CONFIG_BROKEN=y") && text.contains("mine.config:1"), "{text}");
    assert!(text.contains("depends on NEVER"), "{text}");

    let builder = fixture.with("# a comment\nCONFIG_BCACHE=m\nCONFIG_NR=17\n", &[]).unwrap();
    fixture.build(&builder, "base").unwrap();
    let objects = fixture.dirs.objects().read_dir().unwrap().next().unwrap().unwrap().path();
    let config = fs::read_to_string(objects.join("tree/.config")).unwrap();
    assert_eq!(config, "CONFIG_BCACHE=m\nCONFIG_NR=17\n");

    let error = fixture.with("CONFIG_X\n", &[]).err().unwrap().to_string();
    assert!(error.contains("mine.config:1") && error.contains("neither"), "{error}");
}

#[test]
fn a_source_that_wants_a_newer_compiler_says_which_and_the_way_out() {
    let fixture = Fixture::new();
    fixture.rust("1.999.0");
    let error = fixture.with("", &[]).err().unwrap().to_string();
    for part in ["Linux 7.3.1 needs rustc 1.999.0", "rustup toolchain install", "CONFIG_RUST=n"] {
        assert!(error.contains(part), "{error}");
    }
    // The way out: a fragment without Rust. An arm that needs it says so.
    let builder = fixture.with("CONFIG_RUST=n\n", &[]).unwrap();
    fixture.build(&builder, "base").unwrap();
    fixture.put("repo/kernel/arms/oxide.toml", "title='o'\nneeds_rust=true\n");
    let error = fixture.build(&builder, "oxide").unwrap_err();
    assert!(matches!(error, BuildError::RustRefused(_)), "{error}");
    // The other: a toolchain of one's own. This one will do.
    fixture.rust("1.90.0");
    let own = fixture.toolchain();
    let builder = fixture.with("", &[&own[0], &own[1]]).unwrap();
    assert_eq!(builder.tools.versions.rustc.as_deref(), Some("rustc 1.99.0 (x)"));
    fixture.build(&builder, "base").unwrap();
}

#[test]
fn a_source_that_does_not_take_the_compiler_speaks_for_itself() {
    let fixture = Fixture::new();
    fixture.rust("1.90.0");
    let makefile = MAKEFILE.replace("BROKEN", "RUST");
    let says = "rustavailable:\n\t@echo '***' >&2\n\
                \t@echo \"*** Rust bindings generator 'bindgen' is broken with this libclang.\" >&2\n\
                \t@echo '***   Your version: 0.80.0' >&2; exit 1\n";
    fixture.put("linux/Makefile", &format!("{makefile}{says}"));
    let own = fixture.toolchain();
    let builder = fixture.with("", &[&own[0], &own[1]]).unwrap();
    let error = fixture.build(&builder, "base").unwrap_err();
    assert!(matches!(error, BuildError::RustUnavailable { .. }), "{error}");
    let text = error.to_string();
    for part in ["rustc 1.99.0", "bindgen 0.80.0", "broken with this libclang", "RUSTC=PATH"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_compiler_that_is_too_new_and_one_that_was_killed_are_suspected() {
    let fixture = Fixture::new();
    fixture.rust("1.90.0");
    let own = fixture.toolchain();
    let fails = |text: &str| {
        let rule = MAKEFILE.replace("\t@cp $< $@", &format!("\t@{text}; exit 1"));
        fixture.put("linux/Makefile", &rule);
        let builder = fixture.with("", &[&own[0], &own[1]]).unwrap();
        fixture.build(&builder, "base").unwrap_err().to_string()
    };
    let kernel = fails("echo 'error[E0599]: no method'; echo '  --> ../rust/kernel/str.rs:1:1'");
    assert!(kernel.contains("too new for Linux 7.3.1") && kernel.contains("1.99.0"), "{kernel}");
    // An error in the arm's own file is the arm's.
    let own = fails("echo 'error[E0599]: no method'; echo '  --> ../drivers/md/bcache/x.rs:1:1'");
    assert!(!own.contains("too new"), "{own}");
    // In gcc's words, and in make's of bindgen, which says nothing.
    for killed in ["echo 'gcc: fatal error: Killed signal terminated program cc1'", "exit 137"] {
        let killed = fails(killed);
        assert!(killed.contains("SIGKILL") && killed.contains("memory"), "{killed}");
    }
}

/// No command of make's names the libclang that bindgen has read the headers by.
#[test]
fn what_another_libclang_has_read_is_read_again() {
    let fixture = Fixture::new();
    fixture.rust("1.90.0");
    fixture.put("linux/Kconfig", "config RUST\n\tbool \"r\"\n");
    let own = fixture.toolchain();
    let builder = fixture.with("", &[&own[0], &own[1]]).unwrap();
    let built = |arm: &str| {
        fixture.arm(arm, Some(arm));
        fixture.build(&builder, arm).unwrap();
    };
    built("first");
    let entry = fs::read_dir(fixture.dirs.objects()).unwrap().next().unwrap().unwrap();
    let tree = entry.path().join("tree");
    let bindings = tree.join("rust/bindings/bindings_generated.rs");
    fs::create_dir_all(bindings.parent().unwrap()).unwrap();
    fs::write(&bindings, "").unwrap();
    built("second");
    assert!(bindings.exists(), "the same libclang");
    fs::write(tree.join(".lab-libclang"), "elsewhere").unwrap();
    built("third");
    assert!(!bindings.exists(), "another libclang");
}

#[test]
fn a_compiler_that_is_not_there_comes_with_the_way_to_get_it() {
    let fixture = Fixture::new();
    let says = |variable: &str| fixture.with("", &[variable]).unwrap_err().to_string();
    assert!(says("LLVM=-42").contains("clang-42 is not there; `cargo xtask setup --config kasan`"));
    assert!(says("CC=nonesuch gcc").contains("--make CC=nonesuch gcc: there is no such program"));
}
