// SPDX-License-Identifier: MIT OR Apache-2.0
//! The terminal that standard output may be: its width, its colours.

use anstream::{AutoStream, ColorChoice};
use comfy_table::{ContentArrangement, Table, presets};
use evidence::Page;
use std::io::{IsTerminal, stdout};

/// Narrower than this nothing can be laid out.
const NARROWEST: u16 = 40;

/// What matters, and what is wrong.
pub const BAD: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();

/// In characters; `None` where it is no terminal.
pub fn width() -> Option<usize> {
    let out = stdout();
    let size = out.is_terminal().then(|| rustix::termios::tcgetwinsize(&out).ok()).flatten()?;
    (size.ws_col > 0).then(|| size.ws_col.max(NARROWEST).into())
}

/// For tables: a file has the width that everybody's terminal has. Colours as
/// the user wants them: not in a file, not with `NO_COLOR`.
pub fn page() -> Page {
    let width = width().unwrap_or(Page::PLAIN.width);
    Page { width, colour: AutoStream::choice(&stdout()) != ColorChoice::Never }
}

/// Columns two apart. On a terminal long cells are wrapped; a program that
/// reads on gets a line a row.
pub fn columns(rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    match width() {
        Some(width) => table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(u16::try_from(width).unwrap_or(u16::MAX)),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.add_rows(rows);
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    table.trim_fmt().lines().map(|line| format!("{}\n", line.trim_end())).collect()
}
