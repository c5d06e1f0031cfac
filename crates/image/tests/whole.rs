// SPDX-License-Identifier: MIT OR Apache-2.0
//! The real image: Cargo, gcc, Debian's fio. With the cache that `cargo xtask
//! test` has filled (BCLAB_CACHE) it is quick; without, it builds everything.

use image::{ImageDirs, ImageEvent, build};
use proc::Cancel;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

#[test]
#[ignore = "boots machines: `cargo xtask test` runs it"]
fn the_image_is_small_complete_and_the_same_again() {
    let scratch = tempfile::tempdir().unwrap();
    let cache = std::env::var_os("BCLAB_CACHE").map_or(scratch.path().into(), PathBuf::from);
    let repo = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf();
    let dirs = ImageDirs { repo, cache };
    let image = build(&dirs, &|event| println!("{event:?}"), &Cancel::new()).unwrap();
    println!("{image:?}");
    assert!(image.bytes < 15 << 20, "{} bytes", image.bytes);
    assert!(image.fio_version.starts_with("fio-"), "{}", image.fio_version);

    let events = Mutex::new(Vec::new());
    let on_event = |event: ImageEvent| events.lock().unwrap().push(event);
    let again = build(&dirs, &on_event, &Cancel::new()).unwrap();
    assert_eq!(image, again);
    let bytes = image.bytes;
    let warm = [ImageEvent::BuildingAgent, ImageEvent::Ready { bytes, cached: true }];
    assert_eq!(events.into_inner().unwrap(), warm);
}
