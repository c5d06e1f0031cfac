// SPDX-License-Identifier: MIT OR Apache-2.0
//! stub
use super::plan::{Cycles, LoadPlan};
use super::play::Say;
use crate::session::Session;
use crate::trouble::Stop;
use evidence::{Case, Load};

pub(crate) fn play(
    _session: &mut Session<'_>,
    _plan: &LoadPlan,
    _cycles: &Cycles,
    _load: Load,
    _case: &mut Case,
    _say: Say<'_>,
) -> Result<(), Stop> {
    Err(Stop::Closed("not yet".into()))
}
