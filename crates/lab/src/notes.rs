// SPDX-License-Identifier: MIT OR Apache-2.0
//! What goes into a case's record while it is played.

use evidence::{Cut, Observation, Opportunity};

#[derive(Default)]
pub struct Notes {
    pub opportunities: Vec<Opportunity>,
    /// What makes the case imprecise.
    pub imprecise: Vec<String>,
    pub observations: Vec<Observation>,
    pub cuts: Vec<Cut>,
    pub boots_ms: Vec<u64>,
}
