// SPDX-License-Identifier: MIT OR Apache-2.0
//! The real image: Cargo, gcc, the real fio. `cargo xtask test` names an
//! unpacked fio source; without one there is nothing to build.

use image::{FetchSource, ImageDirs, ImageEvent, SourceTree, build};
use proc::Cancel;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

#[test]
fn the_image_is_small_complete_and_the_same_again() {
    let Some(source) = std::env::var_os("BCLAB_TEST_FIO_SOURCE").map(PathBuf::from) else {
        let missing = "BCLAB_TEST_FIO_SOURCE is not set: run `cargo xtask test`, which fetches it";
        assert!(std::env::var_os("BCLAB_REQUIRE_VM").is_none(), "{missing}");
        eprintln!("not run: {missing}");
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let cache = std::env::var_os("BCLAB_TEST_CACHE").map_or(scratch.path().into(), PathBuf::from);
    let repo = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf();
    let dirs = ImageDirs { repo, cache };
    let copy = |_: &str, into: &Path| {
        std::fs::create_dir_all(into)?;
        let tree = into.join("fio");
        let status = Command::new("cp").arg("-r").arg(&source).arg(&tree).status()?;
        assert!(status.success());
        Ok(SourceTree { path: tree, version: "test".into() })
    };
    let fetch: FetchSource<'_> = &copy;
    let events = Mutex::new(Vec::new());
    let on_event = |event: ImageEvent| events.lock().unwrap().push(event);
    let image = build(&dirs, fetch, &on_event, &Cancel::new()).unwrap();
    println!("{image:?}");
    assert!(image.bytes < 15 << 20, "{} bytes", image.bytes);
    assert!(image.fio_version.starts_with("fio-"), "{}", image.fio_version);

    let offline: FetchSource<'_> = &|_, _| Err("a warm cache needs no network".into());
    events.lock().unwrap().clear();
    let again = build(&dirs, offline, &on_event, &Cancel::new()).unwrap();
    assert_eq!(image, again);
    let last = events.lock().unwrap().pop().unwrap();
    assert!(matches!(last, ImageEvent::Ready { cached: true, .. }), "{last:?}");
}
