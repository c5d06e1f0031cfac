// SPDX-License-Identifier: MIT OR Apache-2.0
//! The user's terminal, byte by byte, and as it was afterwards.

use rustix::termios::{self, OptionalActions, Termios};
use std::io::IsTerminal;

/// Every key goes to the guest while this lives; nothing when standard input
/// is no terminal.
pub struct Raw(Option<Termios>);

impl Raw {
    /// Switches.
    pub fn enter() -> Self {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Self(None);
        }
        let Ok(before) = termios::tcgetattr(&stdin) else { return Self(None) };
        let mut raw = before.clone();
        raw.make_raw();
        let done = termios::tcsetattr(&stdin, OptionalActions::Now, &raw);
        Self(done.is_ok().then_some(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = termios::tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// `TERM`, columns and rows of the user's terminal; guesses where there is
/// none.
pub fn terminal() -> (String, u16, u16) {
    let size = termios::tcgetwinsize(std::io::stdout()).ok();
    let (columns, rows) = size.map_or((0, 0), |size| (size.ws_col, size.ws_row));
    let or = |value: u16, guess: u16| if value == 0 { guess } else { value };
    (std::env::var("TERM").unwrap_or_default(), or(columns, 80), or(rows, 24))
}
