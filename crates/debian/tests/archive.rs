// SPDX-License-Identifier: MIT OR Apache-2.0
//! Against the real archive, with the system's own mirrors. Runs when
//! `BCACHE_LAB_ONLINE` is set; says so and passes otherwise, as a machine
//! without network cannot tell anything about these.

#![allow(clippy::unwrap_used)] // helpers of tests are not seen as tests
use debian::{AptError, Packages, unpack_deb};
use proc::Cancel;
use std::fs;
use std::path::Path;

fn online() -> bool {
    let online = std::env::var_os("BCACHE_LAB_ONLINE").is_some();
    if !online {
        eprintln!("not run: BCACHE_LAB_ONLINE is not set");
    }
    online
}

fn tree(dir: &str) -> Vec<(std::path::PathBuf, std::time::SystemTime)> {
    let Ok(entries) = fs::read_dir(dir) else { return vec![] };
    let mut all: Vec<_> = entries
        .flatten()
        .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?.modified().ok()?)))
        .collect();
    all.sort();
    all
}

#[test]
fn packages_come_signed_and_the_system_stays_as_it_was() {
    if !online() {
        return;
    }
    let before = (tree("/var/lib/apt/lists"), tree("/etc/apt/sources.list.d"));
    let dir = tempfile::tempdir().unwrap();
    let cancel = Cancel::new();
    let on_event = |event| eprintln!("{event:?}");
    // Through apt, where this is Debian; and from the archive itself.
    let apt = Packages::open(dir.path(), &on_event, &cancel).unwrap();
    every_way(&apt, &dir.path().join("apt-way"), &cancel);
    let archive = Packages::archive(dir.path(), &on_event, &cancel).unwrap();
    every_way(&archive, &dir.path().join("archive-way"), &cancel);
    assert_eq!(before, (tree("/var/lib/apt/lists"), tree("/etc/apt/sources.list.d")));
}

fn every_way(apt: &Packages, dir: &Path, cancel: &Cancel) {
    let newest = apt.newest_matching("linux-source-7.").unwrap();
    assert!(newest.starts_with("linux-source-7."), "{newest}");
    assert!(!apt.candidate(&newest).unwrap().is_empty());

    let deb = apt.download("bcache-tools", &dir.join("debs")).unwrap();
    let root = dir.join("root");
    unpack_deb(&deb, &root, &|_| {}, cancel).unwrap();
    assert!(["usr/sbin/make-bcache", "sbin/make-bcache"].iter().any(|p| root.join(p).exists()));

    let missing = apt.download("bcache-lab-has-no-such-package", dir).unwrap_err();
    assert!(matches!(missing, AptError::NoSuchPackage { .. }), "{missing}");

    let source = apt.source("bcache-tools", &dir.join("src")).unwrap();
    assert!(Path::new(&source.path).join("bcache.c").exists());
    assert!(source.path.join("debian/control").exists());
}
