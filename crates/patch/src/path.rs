// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a patch may write.

/// A path that stays inside the tree and out of git's own files.
///
/// # Errors
/// What is wrong with it.
pub fn check_path(path: &str) -> Result<(), &'static str> {
    if path.starts_with('/') {
        return Err("an absolute path");
    }
    if path.bytes().any(|byte| byte < 0x20 || byte == b'\\' || byte == b'"') {
        return Err("an odd character");
    }
    for part in path.split('/') {
        match part {
            "" | "." => return Err("an empty or single-dot component"),
            ".." => return Err("it leaves the tree"),
            _ if part.eq_ignore_ascii_case(".git") => return Err("it is git's own"),
            _ => {}
        }
    }
    Ok(())
}
