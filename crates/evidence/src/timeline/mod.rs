// SPDX-License-Identifier: MIT OR Apache-2.0
//! One race, event by event: what a reviewer has to see to believe that the
//! window was open. Filled by the lab from a case's event log, drawn here as
//! text and as SVG.

mod columns;
mod model;
mod svg;
mod text;

pub use model::{Bar, Lane, Row, Timeline, Tone};
pub use svg::svg;
pub use text::text;
