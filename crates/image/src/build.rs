// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the manifest to the image.

use crate::cpio::{Archive, Entry};
use crate::error::ImageError;
use crate::event::{ImageDirs, ImageEvent};
use crate::manifest::{GuestPath, Manifest, Program};
use crate::packages::Debian;
use crate::{agent, cache, fio, libraries};
use proc::Cancel;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestImage {
    pub path: PathBuf,
    /// Hash of its content.
    pub key: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// As fio says it, for instance `fio-3.33`.
    pub fio_version: String,
}

/// Builds the guest's image, or finds it in the cache.
///
/// # Errors
/// [`ImageError`]; the cache holds nothing half-made afterwards.
pub fn build(
    dirs: &ImageDirs,
    on_event: &dyn Fn(ImageEvent),
    cancel: &Cancel,
) -> Result<GuestImage, ImageError> {
    let debian = Debian { cache: &dirs.cache, on_event, cancel };
    let path = dirs.repo.join("images/guest.toml");
    let text = fs::read_to_string(&path).map_err(ImageError::io(&path))?;
    let manifest = Manifest::parse(&text, &path)?;
    // Cheap checks before slow builds.
    let mut tree = collect(&manifest, path.parent().unwrap_or(&dirs.repo), &debian)?;
    on_event(ImageEvent::BuildingAgent);
    tree.insert("init".into(), Entry::File(0o755, agent::build(dirs, cancel)?));
    let built =
        fio::build(&manifest.fio, &debian, &|debian, package, into| debian.source(package, into))?;
    tree.insert(manifest.fio.at.0, Entry::File(0o755, built.program));
    let archive = pack(tree);
    let key = blake3::hash(&archive).to_hex()[..24].to_owned();
    let (dir, cached) = cache::get_or_make(&dirs.cache.join("guest"), &key, cancel, |dir| {
        let file = dir.join(FILE);
        fs::write(&file, &archive).map_err(ImageError::io(&file))
    })?;
    let bytes = archive.len() as u64;
    on_event(ImageEvent::Ready { bytes, cached });
    Ok(GuestImage { path: dir.join(FILE), key, bytes, fio_version: built.version })
}

const FILE: &str = "initramfs.cpio";

type Tree = BTreeMap<String, Entry>;

/// Everything that is there already, or in a package.
fn collect(manifest: &Manifest, images: &Path, debian: &Debian<'_>) -> Result<Tree, ImageError> {
    let mut tree = Tree::new();
    for GuestPath(directory) in &manifest.directories {
        tree.insert(directory.clone(), Entry::Directory);
    }
    for node in &manifest.nodes {
        tree.insert(node.at.0.clone(), Entry::Node(node.mode.0, node.major, node.minor));
    }
    for program in &manifest.programs {
        let (file, libraries) = find(program, debian)?;
        tree.insert(program.at.0.clone(), copied(&file, 0o755)?);
        for (inside, library) in libraries {
            tree.insert(inside, copied(&library, 0o755)?);
        }
        for GuestPath(link) in &program.links {
            tree.insert(link.clone(), Entry::Link(format!("/{}", program.at.0)));
        }
    }
    for file in &manifest.files {
        tree.insert(file.at.0.clone(), copied(&images.join(&file.from), file.mode.0)?);
    }
    Ok(tree)
}

/// A program and its libraries: this machine's, or Debian's.
fn find(
    program: &Program,
    debian: &Debian<'_>,
) -> Result<(PathBuf, BTreeMap<String, PathBuf>), ImageError> {
    if let Some(file) = libraries::find(&program.name) {
        let inside = |path: &Path| path.to_string_lossy().trim_start_matches('/').to_owned();
        let libraries = libraries::libraries(&file)?;
        return Ok((file, libraries.into_iter().map(|path| (inside(&path), path)).collect()));
    }
    let mut packages = vec![program.package.as_str()];
    packages.extend(program.libraries.iter().map(String::as_str));
    let root = debian.root(&packages)?;
    let file = libraries::find_below(&root, &program.name, &program.package)?;
    let libraries = libraries::libraries_below(&root, &file)?;
    Ok((file, libraries))
}

fn copied(path: &Path, mode: u32) -> Result<Entry, ImageError> {
    Ok(Entry::File(mode, fs::read(path).map_err(ImageError::io(path))?))
}

/// Not compressed: under TCG a boot takes as much processor time with lz4 and
/// more with gzip or zstd, and the kernel would need the decompressor.
fn pack(mut tree: Tree) -> Vec<u8> {
    // The kernel makes no parents by itself. Sorted, a parent precedes its
    // children.
    let paths: Vec<String> = tree.keys().cloned().collect();
    for path in paths {
        for (end, _) in path.match_indices('/') {
            tree.entry(path[..end].to_owned()).or_insert(Entry::Directory);
        }
    }
    let mut archive = Archive::default();
    for (path, entry) in &tree {
        archive.append(path, entry);
    }
    archive.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_come_before_their_children() {
        let file = Entry::File(0o644, Vec::new());
        let tree = Tree::from([("lib/x/y.so".into(), file.clone()), ("init".into(), file)]);
        let bytes = pack(tree);
        let text = String::from_utf8_lossy(&bytes);
        let at = |name: &str| text.find(name).unwrap();
        assert!(at("lib\0") < at("lib/x\0") && at("lib/x\0") < at("lib/x/y.so\0"));
    }

    #[test]
    fn a_program_comes_with_its_loader_and_libraries() {
        let text = "directories = []\n\
                    [[program]]\nname = \"sh\"\nat = \"/bin/shell\"\npackage = \"dash\"\n\
                    links = [\"/bin/sh\"]\n\
                    [fio]\nat = \"/fio\"\nsource = \"fio\"\n\
                    libraries = {}\nconfigure = []\nengines = []\n";
        let manifest = Manifest::parse(text, Path::new("test")).unwrap();
        let cancel = Cancel::new();
        let debian = Debian { cache: Path::new(""), on_event: &|_| {}, cancel: &cancel };
        let tree = collect(&manifest, Path::new(""), &debian).unwrap();
        assert!(matches!(tree.get("bin/sh"), Some(Entry::Link(to)) if to == "/bin/shell"));
        assert!(tree.keys().any(|path| path.contains("libc.so")), "{:?}", tree.keys());
        assert!(tree.keys().any(|path| path.contains("ld-linux")), "{:?}", tree.keys());
    }

    /// As a machine without the program has it: from Debian's archive. Runs
    /// when `BCACHE_LAB_ONLINE` is set.
    #[test]
    fn a_program_that_is_missing_here_comes_out_of_debian_s_package() {
        if std::env::var_os("BCACHE_LAB_ONLINE").is_none() {
            eprintln!("not run: BCACHE_LAB_ONLINE is not set");
            return;
        }
        let cache = tempfile::tempdir().unwrap();
        let cancel = Cancel::new();
        let debian = Debian { cache: cache.path(), on_event: &|_| {}, cancel: &cancel };
        let text = include_str!("../../../images/guest.toml");
        let manifest = Manifest::parse(text, Path::new("guest.toml")).unwrap();
        for program in manifest.programs {
            let packages: Vec<&str> = std::iter::once(program.package.as_str())
                .chain(program.libraries.iter().map(String::as_str))
                .collect();
            let root = debian.root(&packages).unwrap();
            let file = libraries::find_below(&root, &program.name, &program.package).unwrap();
            let found = libraries::libraries_below(&root, &file).unwrap();
            assert_eq!(found.is_empty(), program.name == "busybox", "{found:?}");
            assert!(found.is_empty() || found.keys().any(|name| name.ends_with("/libc.so.6")));
            assert!(found.values().all(|path| path.starts_with(&root)), "{found:?}");
        }
    }

    #[test]
    fn a_program_that_no_package_has_is_named() {
        let root = tempfile::tempdir().unwrap();
        let error = libraries::find_below(root.path(), "make-no-such", "bcache-tools");
        let text = error.unwrap_err().to_string();
        assert!(text.contains("make-no-such") && text.contains("bcache-tools"), "{text}");
    }
}
