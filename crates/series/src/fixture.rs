// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small series on a small tree, for the tests.

use crate::letter::{Letter, Recipients};
use crate::plan::Plan;
use std::fs;
use std::path::Path;

pub(crate) const OLD: &str = "one\ntwo\nthree\nfour\nfive\n";

pub(crate) fn pristine(path: &str) -> Option<Vec<u8>> {
    (path == "d/f.c").then(|| OLD.into())
}

pub(crate) const LETTER: Letter<'_> = Letter {
    sign_off: Some("A B <a@b.example>"),
    version: None,
    base: "here",
    base_commit: None,
    figures: None,
    recipients: &|mails| {
        assert!(mails.iter().all(|mail| mail.exists()));
        Ok(Recipients {
            to: vec!["M <m@b.example>".into()],
            cc: vec!["l@b.example".into(), "k@b.example".into()],
        })
    },
};

/// Two steps: one patches a file and adds another, one patches it again.
pub(crate) fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let place = dir.path().join("kernel").join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, text).unwrap();
    };
    put("series/cover.txt", "tests: a series\n\nWhat it is for.\n");
    put(
        "series/a.txt",
        "tests: first\n\nWhy it is done.\n\nFixes: 0123456789ab (\"x\")\n---\nv2: said why.\n",
    );
    put("series/b.txt", "tests: second\n");
    let patch = |old: &str, new: &str| {
        format!("--- a/d/f.c\n+++ b/d/f.c\n@@ -2,3 +2,3 @@\n {old}\n-three\n+{new}\n four\n")
    };
    put("patches/a.patch", &patch("two", "THREE"));
    put("patches/b.patch", &patch("two", "THIRD").replace("-three", "-THREE"));
    put("tracker/n.h", "new\n");
    put("tracker/r.rs", "fn f() {}\n");
    put(
        "series/series.toml",
        "[[part]]\nname = \"all\"\ncover = \"cover.txt\"\nsteps = [\"a\", \"b\"]\n\
         [[patch]]\nmessage = \"a.txt\"\npatches = [\"patches/a.patch\"]\n\
         files = { \"d/n.h\" = \"tracker/n.h\" }\nconfig = [\"CONFIG_A=y\"]\n\
         [[patch]]\nmessage = \"b.txt\"\npatches = [\"patches/b.patch\"]\narm = \"all\"\n\
         files = { \"d/r.rs\" = \"tracker/r.rs\" }\nconfig_rust = [\"CONFIG_B=y\"]\n\
         [[on]]\nkernel = \"here\"\n[[on]]\nkernel = \"there\"\nsteps = [\"a\"]\n",
    );
    put(
        "arms/all.toml",
        "title = \"t\"\npatches = [\"patches/a.patch\", \"patches/b.patch\"]\n\
         files = { \"d/n.h\" = \"tracker/n.h\", \"d/r.rs\" = \"tracker/r.rs\" }\n",
    );
    dir
}

pub(crate) fn plan(dir: &Path) -> Plan {
    Plan::load(&dir.join("kernel")).unwrap()
}
