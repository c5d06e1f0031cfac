// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the manifest to the image.

use crate::cpio::{Archive, Entry};
use crate::error::ImageError;
use crate::event::{ImageDirs, ImageEvent};
use crate::manifest::{GuestPath, Manifest};
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
    let fetch =
        |package: &str, into: &Path| fio::from_debian(package, into, &dirs.cache, on_event, cancel);
    let path = dirs.repo.join("images/guest.toml");
    let text = fs::read_to_string(&path).map_err(ImageError::io(&path))?;
    let manifest = Manifest::parse(&text, &path)?;
    // Cheap checks before slow builds.
    let mut tree = collect(&manifest, path.parent().unwrap_or(&dirs.repo))?;
    on_event(ImageEvent::BuildingAgent);
    tree.insert("init".into(), Entry::File(0o755, agent::build(dirs, cancel)?));
    let built = fio::build(&manifest.fio, &dirs.cache, &fetch, on_event, cancel)?;
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

/// Everything that is there already.
fn collect(manifest: &Manifest, images: &Path) -> Result<Tree, ImageError> {
    let mut tree = Tree::new();
    for GuestPath(directory) in &manifest.directories {
        tree.insert(directory.clone(), Entry::Directory);
    }
    for node in &manifest.nodes {
        tree.insert(node.at.0.clone(), Entry::Node(node.mode.0, node.major, node.minor));
    }
    for program in &manifest.programs {
        let host = libraries::find(&program.name, &program.package)?;
        tree.insert(program.at.0.clone(), copied(&host, 0o755)?);
        for library in libraries::libraries(&host)? {
            let inside = library.to_string_lossy().trim_start_matches('/').to_owned();
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
                    packages = []\nconfigure = []\nengines = []\n";
        let manifest = Manifest::parse(text, Path::new("test")).unwrap();
        let tree = collect(&manifest, Path::new("")).unwrap();
        assert!(matches!(tree.get("bin/sh"), Some(Entry::Link(to)) if to == "/bin/shell"));
        assert!(tree.keys().any(|path| path.contains("libc.so")), "{:?}", tree.keys());
        assert!(tree.keys().any(|path| path.contains("ld-linux")), "{:?}", tree.keys());
    }

    #[test]
    fn a_missing_program_is_found_before_anything_is_built() {
        let repo = tempfile::tempdir().unwrap();
        fs::create_dir(repo.path().join("images")).unwrap();
        let text = include_str!("../../../images/guest.toml")
            .replace("name = \"make-bcache\"", "name = \"make-no-such\"");
        fs::write(repo.path().join("images/guest.toml"), text).unwrap();
        let dirs = ImageDirs { repo: repo.path().into(), cache: repo.path().join("cache") };
        let error = build(&dirs, &|_| {}, &Cancel::new()).unwrap_err().to_string();
        assert!(error.contains("make-no-such") && error.contains("bcache-tools"), "{error}");
    }
}
