// SPDX-License-Identifier: MIT OR Apache-2.0
//! What bcache counts in debugfs: a file per backing device, a number a line.

use crate::guest::{Guest, GuestError};
use rustix::io::Errno;

/// The number with this name of a device (`bcache0`); `None` where the kernel does not count it.
///
/// # Errors
/// The guest's failure, or text that is no number.
pub fn number(guest: &Guest<'_>, device: &str, name: &str) -> Result<Option<u64>, GuestError> {
    let file = format!("/sys/kernel/debug/bcache/{device}");
    let text = match guest.read_file(&file) {
        Ok(text) => text,
        Err(error) if error.is(Errno::NOENT) => return Ok(None),
        Err(other) => return Err(other),
    };
    find(&text, name).map_err(|wrong| GuestError::Refused {
        doing: format!("reading {name} in {file}"),
        why: format!("{wrong:?} is not a number").into(),
    })
}

fn find<'a>(text: &'a str, name: &str) -> Result<Option<u64>, &'a str> {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    let Some((_, value)) = lines.find(|(at, _)| *at == name) else { return Ok(None) };
    value.trim().parse().map(Some).map_err(|_| value)
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_number_is_found_by_its_whole_name() {
        let text = "inflight_writes 3\ninflight_bytes 4096\nodd x\n";
        assert_eq!(find(text, "inflight_bytes"), Ok(Some(4096)));
        assert_eq!(find(text, "bytes"), Ok(None));
        assert_eq!(find(text, "odd"), Err("x"));
    }
}
