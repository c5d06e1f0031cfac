// SPDX-License-Identifier: MIT OR Apache-2.0
//! Trees as people have them: each is made with git, and used as it is.

use super::*;
use std::os::unix::fs::PermissionsExt;

impl Fixture {
    /// A second tree beside the first.
    fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn clone_as(&self, name: &str, options: &[&str]) -> PathBuf {
        let to = self.beside(name);
        // By a URL: git would link a path's objects instead of asking for them.
        let url = format!("file://{}", self.kernel().display());
        let mut args = vec!["clone", "-q"];
        args.extend(options);
        args.extend([url.as_str(), to.to_str().unwrap()]);
        git(self.dir.path(), &args);
        to
    }

    fn commit(&self, text: &str) {
        put(&self.kernel(), "drivers/md/bcache/request.c", text);
        git(&self.kernel(), &["add", "."]);
        git(&self.kernel(), &["commit", "-qm", text.trim()]);
    }

    /// Every file of the commit, each as it is there.
    fn assert_whole(&self, given: &Path) {
        let source = self.obtain(&given.display().to_string()).unwrap();
        let listed = git(given, &["ls-tree", "-r", "HEAD"]);
        assert!(listed.lines().count() >= 4, "{listed}");
        for line in listed.lines() {
            let (about, name) = line.split_once('\t').unwrap();
            let (mode, blob) = (&about[..6], about.split(' ').nth(2).unwrap());
            let path = source.folder().join(name);
            let data = fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(data, git(given, &["cat-file", "blob", blob]).into_bytes(), "{name}");
            let executable = fs::metadata(&path).unwrap().permissions().mode() & 0o100 != 0;
            assert_eq!(executable, mode == "100755", "{name}");
        }
    }
}

/// With a script, whose mode and line ends a build would miss.
fn with_script() -> Fixture {
    let fixture = Fixture::git_kernel();
    put(&fixture.kernel(), "scripts/run.sh", "#!/bin/sh\ntrue\n");
    let script = fixture.kernel().join("scripts/run.sh");
    fs::set_permissions(script, PermissionsExt::from_mode(0o755)).unwrap();
    fixture.commit("two\n");
    git(&fixture.kernel(), &["config", "uploadpack.allowFilter", "true"]);
    git(&fixture.kernel(), &["config", "uploadpack.allowAnySHA1InWant", "true"]);
    fixture
}

#[test]
fn a_sparse_tree_is_used_whole() {
    let fixture = with_script();
    for (name, option) in [("cone", "--cone"), ("patterns", "--no-cone")] {
        let sparse = fixture.clone_as(name, &[]);
        git(&sparse, &["sparse-checkout", "set", option, "drivers/md"]);
        assert!(!sparse.join("scripts").exists());
        fixture.assert_whole(&sparse);
    }
    let indexed = fixture.clone_as("index", &["--sparse"]);
    git(&indexed, &["sparse-checkout", "reapply", "--sparse-index"]);
    fixture.assert_whole(&indexed);
}

#[test]
fn line_ends_and_modes_of_the_user_s_work_tree_are_not_the_kernel_s() {
    let fixture = with_script();
    for setting in ["core.autocrlf=true", "core.fileMode=false", "core.eol=crlf"] {
        let option = ["-c", setting];
        let tree = fixture.clone_as(setting, &option);
        if setting == "core.autocrlf=true" {
            assert!(fs::read(tree.join("scripts/run.sh")).unwrap().ends_with(b"\r\n"));
        }
        fixture.assert_whole(&tree);
    }
}

#[test]
fn a_partial_clone_says_what_to_fetch_and_then_works() {
    let fixture = with_script();
    git(&fixture.kernel(), &["tag", "old"]);
    fixture.commit("three\n");
    for filter in ["blob:none", "tree:0"] {
        let option = format!("--filter={filter}");
        let partial = fixture.clone_as(filter, &[&option]);
        fixture.assert_whole(&partial);
        let old = format!("git:{}#old", partial.display());
        let error = fixture.obtain(&old).unwrap_err();
        assert!(matches!(error, SourceError::Partial { .. }), "{filter}: {error}");
        let text = error.to_string();
        assert!(text.contains("partial clone") && text.contains("fetch this commit first"));
        // What it says to do, done.
        let command = text.lines().find_map(|line| line.strip_prefix("    git ")).unwrap();
        let done = Command::new("sh").arg("-c").arg(format!("git {command}")).output().unwrap();
        assert!(done.status.success(), "{command}: {done:?}");
        assert_eq!(request_c(&fixture.obtain(&old).unwrap()), "two\n");
        let made = command.split(' ').find(|word| word.starts_with("../")).unwrap();
        let made = made.trim_start_matches("../");
        fs::remove_dir_all(fixture.beside(made)).unwrap();
    }
}

#[test]
fn a_shallow_clone_works_and_says_what_it_lacks() {
    let fixture = with_script();
    git(&fixture.kernel(), &["tag", "first", "HEAD~1"]);
    let shallow = fixture.clone_as("shallow", &["--depth=1"]);
    fixture.assert_whole(&shallow);
    let error = fixture.obtain(&format!("git:{}#first", shallow.display())).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("no commit first") && text.contains("--unshallow"), "{text}");
}

#[test]
fn linked_worktrees_bare_repositories_and_borrowed_objects_work() {
    let fixture = with_script();
    let kernel = fixture.kernel();
    let linked = fixture.beside("linked tree");
    git(&kernel, &["worktree", "add", "-q", "--detach", linked.to_str().unwrap()]);
    // With settings of its own, as `sparse-checkout` makes them.
    git(&linked, &["sparse-checkout", "set", "drivers"]);
    fixture.assert_whole(&linked);
    fixture.assert_whole(&fixture.clone_as("bare.git", &["--bare"]));
    let borrowed = fixture.beside("borrowed");
    let (from, to) = (kernel.to_str().unwrap(), borrowed.to_str().unwrap());
    git(fixture.dir.path(), &["clone", "-q", "--shared", from, to]);
    assert!(borrowed.join(".git/objects/info/alternates").exists());
    fixture.assert_whole(&borrowed);
}

#[test]
fn a_kernel_that_is_a_submodule_and_one_that_has_submodules_work() {
    let fixture = with_script();
    let product = fixture.beside("product");
    fs::create_dir_all(&product).unwrap();
    git(&product, &["init", "-q"]);
    let url = fixture.kernel().display().to_string();
    let add = ["-c", "protocol.file.allow=always", "submodule", "add", "-q", &url, "linux"];
    git(&product, &add);
    assert!(product.join("linux/.git").is_file());
    fixture.assert_whole(&product.join("linux"));

    // The other way round: another repository below the kernel is no part of it.
    let extra = fixture.beside("extra");
    fs::create_dir_all(&extra).unwrap();
    git(&extra, &["init", "-q"]);
    put(&extra, "x", "x");
    git(&extra, &["add", "."]);
    git(&extra, &["commit", "-qm", "x"]);
    let url = extra.display().to_string();
    let add = ["-c", "protocol.file.allow=always", "submodule", "add", "-q", &url, "extra"];
    git(&fixture.kernel(), &add);
    git(&fixture.kernel(), &["commit", "-qm", "with a submodule"]);
    git(&fixture.kernel(), &["config", "submodule.recurse", "true"]);
    let source = fixture.obtain(&fixture.spec("")).unwrap();
    assert_eq!(request_c(&source), "two\n");
    assert!(!source.folder().join("extra/x").exists());
}

#[test]
fn a_path_with_spaces_is_a_path() {
    let fixture = with_script();
    let spaced = fixture.clone_as("my kernel: 7.3", &[]);
    fixture.assert_whole(&spaced);
    let files = fixture.obtain(&format!("dir:{}", spaced.display())).unwrap();
    assert_eq!(request_c(&files), "two\n");
}

#[test]
fn a_local_version_is_part_of_what_the_kernel_calls_itself() {
    let fixture = with_script();
    put(&fixture.kernel(), "localversion-next", "-next-20261126\n");
    put(&fixture.kernel(), "localversion~", "-backup");
    git(&fixture.kernel(), &["add", "localversion-next"]);
    git(&fixture.kernel(), &["commit", "-qm", "next"]);
    let source = fixture.obtain(&fixture.spec("")).unwrap();
    assert_eq!(source.provenance.kernel, "7.3.1-next-20261126");
}

#[test]
fn objects_beside_and_below_the_source_are_left_where_they_are() {
    let fixture = Fixture::new();
    let kernel = fixture.kernel();
    for objects in [kernel.join("build/x86"), fixture.beside("build")] {
        put(&objects, "Makefile", "# Automatically generated: don't edit\n");
        put(&objects, ".config", "CONFIG_X=y\n");
        put(&objects, "init/main.o", "x");
        std::os::unix::fs::symlink(&kernel, objects.join("source")).unwrap();
    }
    for product in ["vmlinux", "include/config/auto.conf", "drivers/md/md.ko", "Module.symvers"] {
        put(&kernel, product, "x");
    }
    let source = fixture.obtain(&fixture.spec("dir:")).unwrap();
    let names = snapshot(&source.folder());
    let names: Vec<_> = names.iter().map(|(path, ..)| path.file_name().unwrap()).collect();
    assert_eq!(names, ["Kconfig", "Makefile", "request.c"]);
}
