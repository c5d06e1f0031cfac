// SPDX-License-Identifier: MIT OR Apache-2.0
use super::*;
use tempfile::TempDir;

fn repo(files: &[(&str, &str)]) -> (TempDir, Dirs) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("kernel-config")).unwrap();
    for (name, text) in files {
        fs::write(dir.path().join("kernel-config").join(name), text).unwrap();
    }
    let dirs = Dirs { repo: dir.path().into(), cache: dir.path().join("cache") };
    (dir, dirs)
}

/// bcache's own file and what it hangs on, in small.
const KCONFIG: &str = "\
menuconfig MD
\tbool \"Multiple devices driver support\"
\tdepends on BLOCK
if MD
config BCACHE
\ttristate \"Block device as cache\"
\tselect CRC64
config BCACHE_DEBUG
\tbool \"Debugging\"
\tdepends on BCACHE && DEBUG_FS
endif
config CRC64
\ttristate
";

fn kconfig() -> Kconfig {
    let mut kconfig = Kconfig::default();
    kconfig.parse("drivers/md/Kconfig", KCONFIG);
    kconfig
}

#[test]
fn an_option_that_cannot_survive_is_named_with_its_dependency() {
    let (_dir, dirs) = repo(&[
        ("plain.toml", "title='p'\nfragments=['base.config']\n"),
        ("base.config", "# why\nCONFIG_BCACHE=y\n\nCONFIG_BCACHE_DEBUG=y\nCONFIG_CRC64=n\n"),
    ]);
    let config = KernelConfig::load(&dirs, "plain").unwrap();
    let requests = config.requests(false, &[]).unwrap();
    let dot_config = "CONFIG_MD=y\nCONFIG_BCACHE=y\n# CONFIG_DEBUG_FS is not set\nCONFIG_CRC64=y\n";
    let text = verify(&requests, dot_config, &kconfig).unwrap_err().to_string();
    for part in [
        "CONFIG_BCACHE_DEBUG=y (kernel-config/base.config:4): got n",
        "BCACHE && DEBUG_FS",
        "DEBUG_FS=n",
        "CONFIG_CRC64=n (kernel-config/base.config:5): got y",
        "selected by BCACHE",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    assert!(!text.contains("CONFIG_BCACHE=y"), "{text}");
    let fine = "CONFIG_BCACHE=y\nCONFIG_BCACHE_DEBUG=y\n";
    verify(&requests, fine, &kconfig).unwrap();
}

#[test]
fn an_option_that_the_source_does_not_know_is_named() {
    let arm = [("CONFIG_BCACHE_INFLIGHT_RUST=y".to_owned(), "kernel/arms/rust.toml".to_owned())];
    let (_dir, dirs) = repo(&[("p.toml", "title='p'\nfragments=[]\n")]);
    let requests = KernelConfig::load(&dirs, "p").unwrap().requests(false, &arm).unwrap();
    let text = verify(&requests, "", &kconfig).unwrap_err().to_string();
    assert!(text.contains("CONFIG_BCACHE_INFLIGHT_RUST=y (kernel/arms/rust.toml)"), "{text}");
    assert!(text.contains("no such option in this source"), "{text}");
}

#[test]
fn later_fragments_and_arms_override_and_rust_is_left_out_where_it_cannot_be() {
    let (_dir, dirs) = repo(&[
        ("k.toml", "title='k'\nfragments=['a.config', 'b.config', 'rust.config']\n"),
        ("a.config", "CONFIG_X=n\nCONFIG_HZ=100\n"),
        ("b.config", "CONFIG_X=y\n"),
        ("rust.config", "CONFIG_RUST=y\n"),
    ]);
    let config = KernelConfig::load(&dirs, "k").unwrap();
    let arm = [("CONFIG_HZ=250".to_owned(), "arm".to_owned())];
    let merged = text(&config.requests(true, &arm).unwrap());
    assert_eq!(merged, "CONFIG_HZ=250\nCONFIG_RUST=y\nCONFIG_X=y\n");
    let merged = text(&config.requests(false, &[]).unwrap());
    assert_eq!(merged, "CONFIG_HZ=100\nCONFIG_X=y\n");
}

#[test]
fn damaged_fragments_are_named_by_file_and_line() {
    let (_dir, dirs) = repo(&[
        ("typo.toml", "title='t'\nfragments=['typo.config']\n"),
        ("typo.config", "CONFIG_A=y\nCONFIG_B=yes\n"),
        ("twice.toml", "title='t'\nfragments=['twice.config']\n"),
        ("twice.config", "CONFIG_A=y\nCONFIG_A=n\n"),
        ("key.toml", "title='t'\nfragment=[]\n"),
        ("cc.toml", "title='t'\nfragments=[]\ntoolchain='icc'\n"),
    ]);
    let error = |name: &str| KernelConfig::load(&dirs, name).unwrap_err().to_string();
    assert!(error("typo").contains("kernel-config/typo.config:2"), "{}", error("typo"));
    assert!(error("twice").contains("twice.config:1"), "{}", error("twice"));
    assert!(error("cc").contains("`gcc` or `clang`"), "{}", error("cc"));
    assert!(error("key").contains("key.toml"), "{}", error("key"));
    assert!(error("none").contains("there are cc, key, twice, typo"), "{}", error("none"));
}

/// The lab's own configurations, and the faulty kernels that must upset them.
#[test]
fn every_configuration_of_the_lab_can_be_read_and_has_its_proof() {
    let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dirs = Dirs { cache: repo.clone(), repo: repo.clone() };
    let names = KernelConfig::list(&dirs);
    for name in ["plain", "lockdep", "kasan", "kcsan", "fault"] {
        assert!(names.iter().any(|known| known == name), "{names:?}");
    }
    for name in names {
        let config = KernelConfig::load(&dirs, &name).unwrap();
        assert!(!config.requests(true, &[]).unwrap().is_empty());
        assert!(config.known.iter().all(|known| known.kind != "lockdep"), "{name}");
        assert_eq!(config.proofs.is_empty(), name == "plain", "{name}");
        for proof in config.proofs {
            let arm = repo.join("kernel/arms").join(format!("{}.toml", proof.arm));
            assert!(repo.join(&proof.arm).is_file() || arm.is_file(), "{name}: {}", proof.arm);
        }
    }
}
