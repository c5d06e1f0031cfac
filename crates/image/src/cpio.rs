// SPDX-License-Identifier: MIT OR Apache-2.0
//! The archive format of initramfs ("newc"): the same entries always give the
//! same bytes, and device nodes are entries like any other, so no root.

/// One thing in the archive.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A directory, mode 755.
    Directory,
    File(u32, Vec<u8>),
    Link(String),
    /// Permissions, major and minor number of a character device.
    Node(u32, u32, u32),
}

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const CHARACTER: u32 = 0o020_000;

/// An archive that grows.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Appends an entry. The kernel unpacks in order: directories first.
    pub fn append(&mut self, path: &str, entry: &Entry) {
        let none: &[u8] = &[];
        match entry {
            Entry::Directory => self.raw(path, DIRECTORY | 0o755, (0, 0), none),
            Entry::File(mode, content) => self.raw(path, FILE | mode, (0, 0), content),
            Entry::Link(target) => self.raw(path, LINK | 0o777, (0, 0), target.as_bytes()),
            Entry::Node(mode, major, minor) => {
                self.raw(path, CHARACTER | mode, (*major, *minor), none);
            }
        }
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.raw("TRAILER!!!", 0, (0, 0), &[]);
        self.bytes
    }

    fn raw(&mut self, path: &str, mode: u32, device: (u32, u32), content: &[u8]) {
        self.entries += 1;
        // Sizes beyond 4 GiB do not exist in the format, nor in a guest.
        let size = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let name_size = u32::try_from(path.len() + 1).unwrap_or(u32::MAX);
        let links = if mode & DIRECTORY == DIRECTORY { 2 } else { 1 };
        let fields = [
            self.entries, // inode: only equal ones would mean something
            mode,
            0, // owner
            0, // group
            links,
            0, // time: would make every build different
            size,
            0, // device of the file itself, major
            0, // and minor
            device.0,
            device.1,
            name_size,
            0, // checksum: not in this variant
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    fn sample() -> Vec<u8> {
        let mut archive = Archive::default();
        archive.append("dev", &Entry::Directory);
        archive.append("dev/console", &Entry::Node(0o600, 5, 1));
        archive.append("init", &Entry::File(0o755, b"hello".to_vec()));
        archive.append("sh", &Entry::Link("init".into()));
        archive.finish()
    }

    #[test]
    fn the_same_entries_give_the_same_bytes() {
        assert_eq!(sample(), sample());
        assert_eq!(sample().len() % 4, 0);
    }

    /// busybox's cpio: `cargo xtask setup --tests` installs it.
    #[test]
    fn another_program_reads_the_archive() {
        let mut cpio = Command::new("busybox")
            .args(["cpio", "-t", "-v"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        cpio.stdin.take().unwrap().write_all(&sample()).unwrap();
        let output = cpio.wait_with_output().unwrap();
        assert!(output.status.success());
        let list = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<&str> = list.lines().collect();
        assert_eq!(lines.len(), 4, "{list}");
        assert!(lines[0].starts_with("drwxr-xr-x"), "{list}");
        assert!(lines[1].starts_with("crw-------"), "{list}");
        assert!(lines[2].starts_with("-rwxr-xr-x") && lines[2].contains(" 5 "), "{list}");
        assert!(lines[3].ends_with("sh -> init"), "{list}");
    }
}
