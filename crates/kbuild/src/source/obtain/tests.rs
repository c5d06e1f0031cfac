// SPDX-License-Identifier: MIT OR Apache-2.0
use super::*;
use patch::{Content, Overlay};
use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

mod trees;

/// The least that counts as a kernel with bcache.
fn fake_kernel(dir: &Path) {
    put(dir, "Makefile", "VERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 1\nEXTRAVERSION =\n");
    put(dir, "Kconfig", "mainmenu \"Linux\"\n");
    put(dir, "drivers/md/bcache/request.c", "one\n");
}

fn put(dir: &Path, path: &str, text: &str) {
    let path = dir.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn git(dir: &Path, args: &[&str]) -> String {
    let out = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(["-c", "user.name=t", "-c", "user.email=t@t"])
        .args(args)
        .output()
        .unwrap();
    assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

struct Fixture {
    dir: TempDir,
    dirs: Dirs,
    notices: RefCell<Vec<String>>,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let dirs = Dirs { repo: dir.path().into(), cache: dir.path().join("cache") };
        let fixture = Self { dir, dirs, notices: RefCell::default() };
        fake_kernel(&fixture.kernel());
        fixture
    }

    fn kernel(&self) -> PathBuf {
        self.dir.path().join("linux")
    }

    fn git_kernel() -> Self {
        let fixture = Self::new();
        git(&fixture.kernel(), &["init", "-q"]);
        git(&fixture.kernel(), &["add", "."]);
        git(&fixture.kernel(), &["commit", "-qm", "one"]);
        fixture
    }

    fn obtain(&self, given: &str) -> Result<Source, SourceError> {
        let on_event = |event| {
            if let Event::Notice(text) = event {
                self.notices.borrow_mut().push(text);
            }
        };
        Source::obtain(&SourceSpec::parse(given)?, &self.dirs, &on_event, &Cancel::new())
    }

    fn spec(&self, prefix: &str) -> String {
        format!("{prefix}{}", self.kernel().display())
    }
}

/// Everything in a directory: paths, contents and times.
fn snapshot(dir: &Path) -> Vec<(PathBuf, Vec<u8>, std::time::SystemTime)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            all.extend(snapshot(&path));
        } else {
            let time = entry.metadata().unwrap().modified().unwrap();
            all.push((path.clone(), fs::read(&path).unwrap(), time));
        }
    }
    all.sort();
    all
}

fn request_c(source: &Source) -> String {
    fs::read_to_string(source.entry.tree().join("drivers/md/bcache/request.c")).unwrap()
}

#[test]
fn words_after_kernel_src_are_understood_or_named() {
    let fixture = Fixture::git_kernel();
    let kernel = fixture.kernel();
    let parse = SourceSpec::parse;
    assert_eq!(parse("linux-source-7.2").unwrap(), SourceSpec::Package("linux-source-7.2".into()));
    let git = SourceSpec::Git { path: kernel.clone(), rev: None };
    assert_eq!(parse(&fixture.spec("")).unwrap(), git);
    let rev = SourceSpec::Git { path: kernel.clone(), rev: Some("v7.3".into()) };
    assert_eq!(parse(&format!("{}#v7.3", fixture.spec("git:"))).unwrap(), rev);
    assert_eq!(parse(&fixture.spec("dir:")).unwrap(), SourceSpec::Directory(kernel.clone()));
    let md = kernel.join("drivers").display().to_string();
    assert!(matches!(parse(&md).unwrap(), SourceSpec::Directory(_)));

    for (given, part) in [
        ("/no/such/dir", "no such file"),
        ("linux-7.3.tar.xz", "no such file"),
        ("", "expected"),
        ("dir:/no/such", "no such directory"),
        (&format!("{}#--upload-pack=x", fixture.spec("git:")), "branch, tag or commit"),
        (&kernel.join("Makefile").display().to_string(), "not a tarball"),
    ] {
        let error = parse(given).unwrap_err().to_string();
        assert!(error.contains(part), "{given}: {error}");
    }
}

#[test]
fn a_git_tree_is_used_and_not_touched() {
    let fixture = Fixture::git_kernel();
    put(&fixture.kernel(), "notes.txt", "mine");
    let before = snapshot(&fixture.kernel());
    let source = fixture.obtain(&fixture.spec("")).unwrap();
    assert_eq!(source.provenance.kernel, "7.3.1");
    assert!(source.provenance.hash.starts_with("git-tree:"));
    let commit = git(&fixture.kernel(), &["rev-parse", "HEAD"]);
    assert_eq!(source.provenance.origin.commit(), Some(commit.trim()));
    assert_eq!(request_c(&source), "one\n");
    assert!(!source.entry.tree().join("notes.txt").exists());
    assert!(fixture.notices.borrow().iter().any(|text| text.contains("untracked")));
    assert_eq!(before, snapshot(&fixture.kernel()), "the user's tree or repository changed");

    // A next commit changes only what differs; an older one can be named.
    let makefile = source.entry.tree().join("Makefile");
    let time = fs::metadata(&makefile).unwrap().modified().unwrap();
    put(&fixture.kernel(), "drivers/md/bcache/request.c", "two\n");
    git(&fixture.kernel(), &["commit", "-qam", "two"]);
    let second = fixture.obtain(&fixture.spec("")).unwrap();
    assert_eq!(request_c(&second), "two\n");
    assert_ne!(second.provenance.hash, source.provenance.hash);
    assert_eq!(fs::metadata(&makefile).unwrap().modified().unwrap(), time);
    let first = fixture.obtain(&format!("{}#HEAD~1", fixture.spec("git:"))).unwrap();
    assert_eq!(first.provenance.hash, source.provenance.hash);
    assert_eq!(request_c(&first), "one\n");
}

#[test]
fn a_dirty_git_tree_is_refused_with_the_ways_out() {
    let fixture = Fixture::git_kernel();
    put(&fixture.kernel(), "drivers/md/bcache/request.c", "dirty\n");
    let error = fixture.obtain(&fixture.spec("")).unwrap_err();
    assert!(matches!(error, SourceError::Dirty { .. }));
    let text = error.to_string();
    for part in ["drivers/md/bcache/request.c", "stash", "#HEAD", "dir:"] {
        assert!(text.contains(part), "{text}");
    }
    // Both ways out work.
    let commit = fixture.obtain(&format!("{}#HEAD", fixture.spec("git:"))).unwrap();
    assert_eq!(request_c(&commit), "one\n");
    let files = fixture.obtain(&fixture.spec("dir:")).unwrap();
    assert_eq!(request_c(&files), "dirty\n");
    let gone = fixture.obtain(&format!("{}#no-such", fixture.spec("git:"))).unwrap_err();
    assert!(gone.to_string().contains("no commit no-such"), "{gone}");
}

#[test]
fn a_directory_is_copied_kept_in_step_and_not_written_to() {
    let fixture = Fixture::new();
    put(&fixture.kernel(), "drivers/md/bcache/request.o", "built here");
    put(&fixture.kernel(), ".config", "CONFIG_X=y");
    let before = snapshot(&fixture.kernel());
    let source = fixture.obtain(&fixture.spec("")).unwrap();
    assert_eq!(request_c(&source), "one\n");
    let tree = source.entry.tree();
    assert!(!tree.join("drivers/md/bcache/request.o").exists());
    assert!(!tree.join(".config").exists());
    assert_eq!(before, snapshot(&fixture.kernel()));
    let again = fixture.obtain(&fixture.spec("")).unwrap();
    assert_eq!(again.provenance, source.provenance);

    // An arm in our tree neither leaks into the next state nor survives it.
    let mut overlay = Overlay::default();
    let content = |text: &str| Content::File { data: text.into(), executable: false };
    overlay.set("drivers/md/bcache/request.c", content("armed\n"));
    source.tree().sync(&overlay).unwrap();
    assert_eq!(source.pristine("drivers/md/bcache/request.c").unwrap(), b"one\n");
    put(&fixture.kernel(), "drivers/md/bcache/new.c", "new\n");
    fs::remove_file(fixture.kernel().join("Kconfig")).unwrap();
    let not = fixture.obtain(&fixture.spec("")).unwrap_err();
    assert!(matches!(not, SourceError::NotKernel { missing: "Kconfig", .. }), "{not}");
    put(&fixture.kernel(), "Kconfig", "mainmenu \"Linux\"\n# more\n");
    let next = fixture.obtain(&fixture.spec("")).unwrap();
    assert_eq!(request_c(&next), "one\n");
    assert!(tree.join("drivers/md/bcache/new.c").exists());
    assert_ne!(next.provenance.hash, source.provenance.hash);
}

#[test]
fn a_tarball_is_unpacked_once() {
    let fixture = Fixture::new();
    let tarball = fixture.dir.path().join("linux-7.3.1.tar");
    let mut tar = Command::new("tar");
    tar.arg("-cf").arg(&tarball).arg("-C").arg(fixture.dir.path()).arg("linux");
    assert!(tar.status().unwrap().success());
    let given = tarball.display().to_string();
    let source = fixture.obtain(&given).unwrap();
    assert_eq!(request_c(&source), "one\n");
    assert!(source.provenance.hash.starts_with("blake3:"));
    assert_eq!(fixture.obtain(&given).unwrap().provenance, source.provenance);

    // An unpacking that was interrupted is started over.
    fs::remove_file(source.entry.dir.join("source.json")).unwrap();
    put(&source.entry.tree(), "drivers/md/bcache/request.c", "half");
    put(&source.entry.dir, "partial/x", "left over");
    assert_eq!(request_c(&fixture.obtain(&given).unwrap()), "one\n");

    fs::write(&tarball, "not a tarball").unwrap();
    let error = fixture.obtain(&given).unwrap_err();
    assert!(error.to_string().contains("linux-7.3.1.tar failed"), "{error}");
}

#[test]
fn trees_without_bcache_or_without_new_rust_are_told_apart() {
    let fixture = Fixture::new();
    let source = fixture.obtain(&fixture.spec("")).unwrap();
    assert_eq!(source.rust, RustSupport::Lacks("rust/kernel/sync/atomic.rs"));
    put(&fixture.kernel(), "rust/kernel/sync/atomic.rs", "");
    put(&fixture.kernel(), "rust/kernel/lib.rs", "");
    assert_eq!(fixture.obtain(&fixture.spec("")).unwrap().rust, RustSupport::Yes);

    fs::remove_dir_all(fixture.kernel().join("drivers/md/bcache")).unwrap();
    let error = fixture.obtain(&fixture.spec("")).unwrap_err();
    assert!(matches!(&error, SourceError::NoBcache { version, .. } if version == "7.3.1"));
    assert!(error.to_string().contains("drivers/md/bcache/request.c"), "{error}");
    let empty = tempfile::tempdir().unwrap();
    let error = fixture.obtain(&empty.path().display().to_string()).unwrap_err();
    assert!(matches!(error, SourceError::NotKernel { missing: "Makefile", .. }), "{error}");
}
