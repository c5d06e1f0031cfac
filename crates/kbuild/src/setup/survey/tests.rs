// SPDX-License-Identifier: MIT OR Apache-2.0
use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

/// A made-up root, with an os-release and nothing else.
struct Root {
    dir: TempDir,
    host: Host,
    dirs: Dirs,
}

impl Root {
    fn of(os_release: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::at(dir.path());
        let dirs = Dirs { repo: dir.path().into(), cache: dir.path().join("cache") };
        let root = Self { dir, host, dirs };
        root.put("etc/os-release", os_release, 0o644);
        root
    }

    fn put(&self, path: &str, text: &str, mode: u32) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A program that answers every question with `line`.
    fn program(&self, path: &str, line: &str) {
        self.put(path, &format!("#!/bin/sh\necho '{line}'\n"), 0o755);
    }

    /// A compiler of that version, with its library's sources at `library`.
    fn rustc(&self, path: &str, version: &str, sysroot: &str, library: &str) {
        let sysroot = self.dir.path().join(sysroot).display().to_string();
        let script = format!(
            "#!/bin/sh\ncase $1 in --print) echo '{sysroot}';; *) echo 'rustc {version} (x)';; esac\n"
        );
        self.put(path, &script, 0o755);
        self.put(&format!("{library}/core/src/lib.rs"), "", 0o644);
    }

    fn survey(&self) -> Survey {
        survey(&self.host, &self.dirs, Scope::Run)
    }

    fn found(&self, name: &str) -> Option<PathBuf> {
        let survey = self.survey();
        let item = survey.items.iter().find(|item| item.name == name).unwrap();
        match &item.state {
            State::Found { path, .. } => Some(path.strip_prefix(self.dir.path()).unwrap().into()),
            State::Missing(_) => None,
        }
    }
}

#[test]
fn a_survey_names_each_thing_once_and_tests_want_more() {
    let dir = tempfile::tempdir().unwrap();
    let dirs = Dirs { repo: dir.path().into(), cache: dir.path().into() };
    let survey = |scope| super::survey(&Host::running(), &dirs, scope);
    let run = survey(Scope::Run);
    let test = survey(Scope::Test);
    assert!(test.items.len() > run.items.len());
    let mut names: Vec<_> = test.items.iter().map(|item| item.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), test.items.len());
    assert!(!run.items.iter().any(|item| item.purpose.is_empty()));
    let clang = survey(Scope::Clang);
    assert_eq!(clang.items.len(), run.items.len() + 1);
}

#[test]
fn what_is_missing_leads_to_one_command() {
    let missing = |name, fix| Item { name, purpose: "p", state: State::Missing(fix) };
    let packages = |names: &[&str]| Fix::Packages(names.iter().map(|&n| n.to_owned()).collect());
    let survey = Survey {
        scope: Scope::Run,
        os: Os::named("fedora"),
        items: vec![
            missing("a", packages(&["flex", "bison"])),
            missing("b", packages(&["flex"])),
            missing("c", Fix::CargoInstall),
        ],
    };
    assert!(!survey.is_complete());
    assert_eq!(survey.packages(), ["bison", "flex"]);
    assert_eq!(survey.command().as_deref(), Some("dnf install bison flex"));
}

#[test]
fn each_host_is_told_its_own_names() {
    for (os_release, start, names) in [
        ("ID=fedora\n", "dnf install ", ["glibc-static", "elfutils-libelf-devel", "bindgen-cli"]),
        (
            "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n",
            "zypper install ",
            ["qemu-x86", "libelf-devel", "rust-bindgen"],
        ),
        ("ID=arch\n", "pacman -S --needed ", ["qemu-system-x86", "rust-src", "gnupg"]),
        (
            "ID=ubuntu\nID_LIKE=debian\n",
            "apt-get install ",
            ["libelf-dev", "gpgv", "rust-1.85-src"],
        ),
        (
            "ID=debian\nVERSION_ID=\"12\"\n",
            "apt-get install ",
            ["rust-web-src", "xz-utils", "gpgv"],
        ),
        (
            "ID=debian\nVERSION_ID=\"13\"\n",
            "apt-get install ",
            ["rust-src", "bindgen", "libelf-dev"],
        ),
    ] {
        let command = Root::of(os_release).survey().command().unwrap();
        assert!(command.starts_with(start), "{os_release}: {command}");
        for name in names {
            assert!(command.split(' ').any(|word| word == name), "{os_release}: {command}");
        }
    }
    // Nobody has described it: what Debian calls it may help.
    let unknown = Root::of("ID=nixos\n").survey();
    assert_eq!(unknown.command(), None);
    let (_, fix) = unknown.missing().next().unwrap();
    assert!(matches!(fix, Fix::ByHand(words) if words.contains("Debian's package gcc")), "{fix:?}");
}

#[test]
fn tools_are_taken_where_they_are() {
    let root = Root::of("ID=fedora\n");
    assert_eq!(root.found("QEMU"), None);
    // Not in /usr/bin, but in the PATH.
    root.program("usr/sbin/qemu-system-x86_64", "QEMU emulator version 10");
    assert_eq!(root.found("QEMU").unwrap(), Path::new("usr/sbin/qemu-system-x86_64"));
    root.put("usr/lib64/libclang.so.19", "", 0o644);
    assert_eq!(root.found("libclang").unwrap(), Path::new("usr/lib64"));
    root.put("usr/lib64/llvm20/lib/libclang.so.20", "", 0o644);
    assert_eq!(root.found("libclang").unwrap(), Path::new("usr/lib64/llvm20/lib"));
    // The newest is not taken by a bindgen that cannot read it.
    root.put("usr/lib/llvm-22/lib/libclang-22.so.1", "", 0o644);
    root.program("usr/bin/bindgen", "bindgen 0.71.1");
    assert_eq!(root.found("libclang").unwrap(), Path::new("usr/lib64/llvm20/lib"));
    root.program("usr/bin/bindgen", "bindgen 0.72.1");
    assert_eq!(root.found("libclang").unwrap(), Path::new("usr/lib/llvm-22/lib"));
    root.put("usr/lib64/libc.a", "", 0o644);
    assert_eq!(root.found("libc, static").unwrap(), Path::new("usr/lib64/libc.a"));
}

#[test]
fn a_compiler_with_a_suffix_and_sources_elsewhere_is_one() {
    let root = Root::of("ID=ubuntu\n");
    // The plain one is too old.
    root.rustc("usr/bin/rustc", "1.75.0", "usr", "usr/lib/rustlib/src/rust/library");
    root.rustc("usr/bin/rustc-1.85", "1.85.1", "usr/lib/rust-1.85", "usr/src/rustc-1.85.1/library");
    // Newer still, but without sources.
    root.rustc("usr/bin/rustc-1.89", "1.89.0", "usr/lib/rust-1.89", "elsewhere");
    root.program("usr/bin/bindgen", "bindgen 0.66.1");
    root.program("usr/bin/bindgen-0.71", "bindgen 0.71.1");
    assert_eq!(root.found("Rust for the kernel").unwrap(), Path::new("usr/bin/rustc-1.85"));
    assert_eq!(root.found("bindgen").unwrap(), Path::new("usr/bin/bindgen-0.71"));
    let rustc = find_rustc(&root.host).unwrap();
    assert_eq!(rustc.library, root.dir.path().join("usr/src/rustc-1.85.1/library"));
}

#[test]
fn llvm_may_be_anywhere() {
    let root = Root::of("ID=arch\n");
    let llvm = |bin: &str, version: &str| {
        root.program(&format!("{bin}/clang"), &format!("clang version {version}"));
        for tool in ["ld.lld", "llvm-ar", "llvm-nm"] {
            root.program(&format!("{bin}/{tool}"), "LLD");
        }
    };
    let found = || find_llvm(&root.host).map(|(bin, _)| bin);
    // Debian 12's is too old.
    llvm("usr/lib/llvm-14/bin", "14.0.6");
    assert_eq!(found(), None);
    llvm("opt/llvm-21.1/bin", "21.1.0");
    assert_eq!(found(), Some(root.dir.path().join("opt/llvm-21.1/bin")));
    llvm("usr/bin", "20.1.2");
    fs::remove_dir_all(root.dir.path().join("opt")).unwrap();
    assert_eq!(found(), Some(root.dir.path().join("usr/bin")));
}
