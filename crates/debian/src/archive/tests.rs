// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small archive, signed with a key of our own, fetched by the real curl and
//! checked by the real gpgv. What was changed after the signature is refused.

use super::*;
use crate::Packages;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

struct Mirror {
    dir: TempDir,
}

fn sh(dir: &Path, script: &str) -> String {
    let out = Command::new("sh").current_dir(dir).args(["-ec", script]).output().unwrap();
    assert!(out.status.success(), "{script}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

const LIST: &str = "dists/lab/main/binary-amd64/Packages.xz";

impl Mirror {
    /// A key, and a package `tool` of version 1 with a file in it; `None`
    /// where the machine has no gpg to sign with.
    fn new() -> Option<Self> {
        let mirror = Self { dir: tempfile::tempdir().unwrap() };
        let home = mirror.dir.path();
        if Command::new("gpg").arg("--version").output().is_err() {
            eprintln!("not run: there is no gpg to sign with");
            return None;
        }
        fs::create_dir(home.join("gnupg")).unwrap();
        fs::set_permissions(home.join("gnupg"), PermissionsExt::from_mode(0o700)).unwrap();
        sh(
            home,
            "gpg --homedir gnupg --batch --quiet --passphrase '' --quick-gen-key lab ed25519 sign
             gpg --homedir gnupg --batch --export lab > keys.gpg
             mkdir -p root/usr/bin m/pool m/dists/lab/main/binary-amd64
             echo tool > root/usr/bin/tool
             tar -C root -cJf data.tar.xz ./usr; echo 2.0 > debian-binary; tar -cf control.tar debian-binary
             ar rc m/pool/tool_1_amd64.deb debian-binary control.tar data.tar.xz",
        );
        mirror.list("1");
        mirror.sign("");
        Some(mirror)
    }

    fn list(&self, version: &str) {
        let script = format!(
            "deb=m/pool/tool_1_amd64.deb; sum=$(sha256sum $deb | cut -d' ' -f1)
             printf 'Package: other\\nVersion: 9\\nArchitecture: amd64\\n\\nPackage: tool\\nVersion: \
             {version}\\nArchitecture: amd64\\nFilename: pool/tool_1_amd64.deb\\nSize: %s\\nSHA256: \
             %s\\n\\n' $(stat -c %s $deb) $sum | xz > m/{LIST}"
        );
        sh(self.dir.path(), &script);
    }

    /// apt wants the checksum of the list as it is unpacked, too.
    fn sign(&self, more: &str) {
        let script = format!(
            "xz -dk m/{LIST}; cd m/dists/lab
             {{ printf 'Suite: lab\\nCodename: lab\\nComponents: main\\nArchitectures: amd64\\n'
               printf 'Date: Thu, 01 Jan 2026 00:00:00 UTC\\n{more}SHA256:\\n'
               for list in main/binary-amd64/Packages main/binary-amd64/Packages.xz
               do echo \" $(sha256sum < $list | cut -d' ' -f1) $(stat -c %s $list) $list\"; done; }} > Release
             rm main/binary-amd64/Packages
             gpg --homedir ../../../gnupg --batch --quiet --yes --clearsign -o InRelease Release"
        );
        sh(self.dir.path(), &script);
    }

    fn download(&self, keys: &str) -> Result<PathBuf, AptError> {
        self.ask(keys, |archive| archive.download("tool", &self.dir.path().join("into")))
    }

    fn ask<T>(&self, keys: &str, ask: impl Fn(&Archive) -> T) -> T {
        let cancel = Cancel::new();
        let cache = self.dir.path().join("cache");
        let mut archive = Archive::open(&cache, &|_| {}, &cancel).unwrap();
        let url = format!("file://{}", self.dir.path().join("m").display());
        archive.set("lab", &url, &self.dir.path().join(keys));
        ask(&archive)
    }

    fn forget(&self) {
        let _ = fs::remove_dir_all(self.dir.path().join("cache"));
        let _ = fs::remove_dir_all(self.dir.path().join("into"));
    }
}

#[test]
fn a_signed_package_is_fetched_and_unpacked_without_dpkg() {
    let Some(mirror) = Mirror::new() else { return };
    let deb = mirror.download("keys.gpg").unwrap();
    let root = mirror.dir.path().join("out");
    crate::unpack_deb(&deb, &root, &|_| {}, &Cancel::new()).unwrap();
    assert_eq!(fs::read_to_string(root.join("usr/bin/tool")).unwrap(), "tool\n");
    assert_eq!(mirror.ask("keys.gpg", |archive| archive.candidate("tool")).unwrap(), "1");
    assert_eq!(mirror.ask("keys.gpg", |archive| archive.names("to")).unwrap(), ["tool"]);
    for missing in ["tool=2", "tool/other", "tools"] {
        let error = mirror.ask("keys.gpg", |archive| archive.candidate(missing)).unwrap_err();
        assert!(matches!(error, AptError::NoSuchPackage { .. }), "{missing}: {error}");
    }
    // Tomorrow there may be no mirror; today's list is kept for a day.
    fs::rename(mirror.dir.path().join("m/dists"), mirror.dir.path().join("gone")).unwrap();
    mirror.download("keys.gpg").unwrap();
}

/// Each is what somebody between us and Debian could do.
#[test]
fn what_debian_did_not_sign_is_refused() {
    let Some(mirror) = Mirror::new() else { return };
    let refused = |what: &str, keys: &str| {
        let error = mirror.download(keys).unwrap_err();
        assert!(matches!(error, AptError::BadSignature { .. }), "{what}: {error}");
        let into = mirror.dir.path().join("into");
        assert!(into.read_dir().map_or(true, |mut left| left.next().is_none()), "{what}");
        mirror.forget();
    };
    // Somebody else's key: Debian's own does not know it.
    fs::write(mirror.dir.path().join("debian.gpg"), KEYS).unwrap();
    refused("signed by another key", "debian.gpg");
    // The list was changed after the signature.
    mirror.list("2");
    refused("another list", "keys.gpg");
    mirror.sign("");
    mirror.download("keys.gpg").unwrap();
    mirror.forget();
    // The signed text was.
    let release = mirror.dir.path().join("m/dists/lab/InRelease");
    let text = fs::read_to_string(&release).unwrap();
    fs::write(&release, text.replace("Suite: lab", "Suite: bal")).unwrap();
    refused("a text that was changed", "keys.gpg");
    fs::write(&release, "Suite: lab\n").unwrap();
    refused("no signature at all", "keys.gpg");
    // An old one, kept back: signed, but its time is over.
    mirror.sign("Valid-Until: Wed, 02 Dec 2020 02:10:59 UTC\\n");
    refused("an old list", "keys.gpg");
    mirror.sign("Valid-Until: Wed, 02 Dec 2099 02:10:59 UTC\\n");
    mirror.download("keys.gpg").unwrap();
    mirror.forget();
    // The package was.
    let deb = mirror.dir.path().join("m/pool/tool_1_amd64.deb");
    let mut bytes = fs::read(&deb).unwrap();
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    fs::write(&deb, bytes).unwrap();
    refused("another package", "keys.gpg");
}

/// A list may name what its mirror lacks; another suite's may have it.
#[test]
fn what_a_mirror_lacks_is_taken_from_the_next_suite() {
    let Some(mirror) = Mirror::new() else { return };
    let dir = mirror.dir.path();
    sh(dir, "cp -r m next && rm m/pool/*");
    let into = dir.join("into");
    let lacks = mirror.ask("keys.gpg", |archive| archive.download("tool", &into)).unwrap_err();
    assert!(matches!(lacks, AptError::Failed { .. }), "{lacks}");
    let cancel = Cancel::new();
    let told = std::cell::RefCell::new(Vec::new());
    let tell = |event: Event| told.borrow_mut().push(format!("{event:?}"));
    let mut archive = Archive::open(&dir.join("cache"), &tell, &cancel).unwrap();
    let url = |name: &str| format!("file://{}", dir.join(name).display());
    archive.set("lab", &url("m"), &dir.join("keys.gpg"));
    archive.suites.push(("lab".into(), url("next")));
    // Nobody listens there, and nobody asks.
    archive.suites.push(("never".into(), "http://127.0.0.1:1".into()));
    assert!(archive.download("tool", &into).unwrap().exists());
    assert!(told.borrow().iter().any(|notice| notice.contains("m/pool/tool_1")), "{told:?}");
}

/// The same of the mirror that the system's apt is set up for.
#[test]
fn what_the_mirror_of_apt_lacks_is_taken_from_the_archive() {
    let Some(mirror) = Mirror::new() else { return };
    let dir = mirror.dir.path();
    let (cancel, told) = (Cancel::new(), std::cell::RefCell::new(Vec::new()));
    let tell = |event: Event| told.borrow_mut().push(format!("{event:?}"));
    let mut debian = Packages::open(&dir.join("cache"), &tell, &cancel).unwrap();
    let Some(apt) = &mut debian.apt else {
        eprintln!("not run: this is no Debian");
        return;
    };
    let (keys, into) = (dir.join("keys.gpg"), dir.join("into"));
    let url = |name: &str| format!("file://{}", dir.join(name).display());
    apt.set(&url("m"), &keys);
    // Nobody listens there, and nobody asks while the mirror has it.
    debian.archive.set("lab", "http://127.0.0.1:1", &keys);
    assert_eq!(debian.candidate("tool").unwrap(), "1");
    assert!(debian.download("tool", &into).unwrap().exists());

    sh(dir, "cp -r m next && rm m/pool/* && rm -r into cache/apt/binary/cache");
    let lacks = debian.download("tool", &into).unwrap_err();
    assert!(matches!(lacks, AptError::Failed { .. }), "{lacks}");
    debian.archive.set("lab", &url("next"), &keys);
    assert!(debian.download("tool", &into).unwrap().exists());
    assert!(told.borrow().iter().any(|notice| notice.contains("own archive")), "{told:?}");
}

#[test]
fn no_network_is_said_as_such() {
    let Some(mirror) = Mirror::new() else { return };
    let cancel = Cancel::new();
    let mut archive = Archive::open(mirror.dir.path(), &|_| {}, &cancel).unwrap();
    // Nobody listens there.
    archive.set("lab", "http://127.0.0.1:1", &mirror.dir.path().join("keys.gpg"));
    let error = archive.candidate("tool").unwrap_err();
    assert!(matches!(error, AptError::NoNetwork { .. }), "{error}");
}
