// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finished kernels, by the hash of everything that went into them.

use crate::files::remove_dir;
use crate::{Dirs, Provenance, Toolchain};
use proc::replace;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// An ELF `vmlinux` with a PVH note, for `qemu -kernel`.
    #[serde(skip)]
    pub path: PathBuf,
    /// Hash of everything that went in; names the directory.
    pub key: String,
    /// Hash of the kernel that came out, bit for bit.
    #[serde(default)]
    pub vmlinux: String,
    /// The arm's name when it was built first; two names may share a content.
    pub arm: String,
    /// Hash of the files that the arm changes.
    pub arm_hash: String,
    /// Hash of the options asked for.
    pub config_hash: String,
    /// What it was built from.
    pub source: Provenance,
    /// What it was built with.
    pub toolchain: Toolchain,
    /// Whether it was there already.
    #[serde(skip)]
    pub cached: bool,
    /// How long the build took (then, if it was cached).
    pub seconds: f64,
}

const KERNEL: &str = "vmlinux";
const META: &str = "image.json";
/// Older ones go when there are more: a user who edits makes one per edit.
const KEPT: usize = 60;

/// The directory of images.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) dir: PathBuf,
}

impl Store {
    /// The image of that key, if it is complete.
    pub(crate) fn find(&self, key: &str) -> Option<Image> {
        let dir = self.dir.join(key);
        let meta: Image = serde_json::from_slice(&fs::read(dir.join(META)).ok()?).ok()?;
        let path = dir.join(KERNEL);
        let vmlinux = hash_of(&path).ok()?;
        // An image of an older version of this tool has no hash of its own.
        let whole = meta.key == key && ["", &vmlinux].contains(&meta.vmlinux.as_str());
        // Its time says when it was used last.
        let _ = fs::File::open(&dir).and_then(|dir| dir.set_modified(SystemTime::now()));
        whole.then_some(Image { path, vmlinux, cached: true, ..meta })
    }

    /// Files a kernel under `image.key`. Both files are in place at once:
    /// the directory appears by renaming it.
    pub(crate) fn publish(&self, kernel: &Path, image: Image) -> io::Result<Image> {
        fs::create_dir_all(&self.dir)?;
        let fresh = tempfile::Builder::new().prefix(".new").tempdir_in(&self.dir)?;
        fs::copy(kernel, fresh.path().join(KERNEL))?;
        fs::File::open(fresh.path().join(KERNEL))?.sync_all()?;
        let image = Image { vmlinux: hash_of(&fresh.path().join(KERNEL))?, ..image };
        replace(&fresh.path().join(META), serde_json::to_vec_pretty(&image)?)?;
        let place = self.dir.join(&image.key);
        if self.find(&image.key).is_none() {
            // A damaged one must not be in the way.
            remove_dir(&place)?;
            match fs::rename(fresh.path(), &place) {
                // Another process was as fast, with the same content.
                Err(_) if self.find(&image.key).is_some() => {}
                done => done?,
            }
        }
        self.prune(&image.key);
        Ok(Image { path: place.join(KERNEL), cached: false, ..image })
    }

    /// Best effort: a file that cannot be removed now will be another time.
    fn prune(&self, except: &str) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        let mut aged: Vec<(SystemTime, PathBuf)> = entries
            .flatten()
            .filter(|entry| entry.file_name() != except)
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        aged.sort();
        for (_, path) in aged.iter().rev().skip(KEPT) {
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// Hash of a kernel, in hexadecimal digits.
fn hash_of(kernel: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(fs::File::open(kernel)?)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// The finished kernel of that key, if it is in the cache. The key may be
/// anybody's word: only what looks like one is looked up.
#[must_use]
pub fn cached(dirs: &Dirs, key: &str) -> Option<Image> {
    let fine = key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    fine.then(|| Store { dir: dirs.images() }.find(key)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use evidence::Origin;

    fn image(key: &str) -> Image {
        let provenance = Provenance {
            origin: Origin::Words("o".into()),
            kernel: "7.3".into(),
            hash: "h".into(),
        };
        Image {
            path: PathBuf::new(),
            key: key.into(),
            vmlinux: String::new(),
            arm: "base".into(),
            arm_hash: "a".into(),
            config_hash: "c".into(),
            source: provenance,
            toolchain: Toolchain { cc: "gcc".into(), rustc: None, bindgen: None },
            cached: false,
            seconds: 1.5,
        }
    }

    #[test]
    fn a_kernel_whose_bits_have_changed_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store { dir: dir.path().join("images") };
        let kernel = dir.path().join("vmlinux");
        fs::write(&kernel, "kernel").unwrap();
        let made = store.publish(&kernel, image("k")).unwrap();
        fs::write(&made.path, "kernels").unwrap();
        assert_eq!(store.find("k"), None);
        // It is made again, and takes the damaged one's place.
        store.publish(&kernel, image("k")).unwrap();
        assert_eq!(fs::read_to_string(store.find("k").unwrap().path).unwrap(), "kernel");
    }

    #[test]
    fn a_half_built_image_is_never_used() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store { dir: dir.path().join("images") };
        let kernel = dir.path().join("vmlinux");
        fs::write(&kernel, "kernel").unwrap();
        assert_eq!(store.find("k"), None);

        // What a crash between two steps could leave.
        let place = store.dir.join("k");
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join(KERNEL), "half").unwrap();
        assert_eq!(store.find("k"), None);
        fs::write(place.join(META), "{").unwrap();
        assert_eq!(store.find("k"), None);
        fs::write(place.join(META), serde_json::to_vec(&image("other")).unwrap()).unwrap();
        assert_eq!(store.find("k"), None);

        let made = store.publish(&kernel, image("k")).unwrap();
        assert!(!made.cached);
        let found = store.find("k").unwrap();
        assert!(found.cached && found.seconds == 1.5);
        assert_eq!(fs::read_to_string(found.path).unwrap(), "kernel");
        let hash = blake3::hash(b"kernel").to_hex().to_string();
        assert_eq!((&made.vmlinux, &found.vmlinux), (&hash, &hash));
        let left: Vec<_> = fs::read_dir(&store.dir).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}
