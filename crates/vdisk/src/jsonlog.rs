// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sequence on disk as one JSON object a line.

use crate::event::Event;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

#[derive(Debug)]
pub(crate) struct JsonLog {
    out: BufWriter<File>,
}

impl JsonLog {
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { out: BufWriter::with_capacity(1 << 16, File::create(path)?) })
    }

    /// A log that cannot be written must not stop the disks: the run's other
    /// records still say what happened.
    pub fn append(&mut self, event: &Event) {
        let _ = serde_json::to_writer(&mut self.out, event);
        let _ = self.out.write_all(b"\n");
    }

    pub fn flush(&mut self) {
        let _ = self.out.flush();
    }
}
