// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each verb of a scenario does, in the file of the same name as its fields in
//! `scenario`.

mod cache;
mod cut;
mod hold;
mod journal;
mod life;
mod play;
mod request;
mod sysfs;

use crate::session::Session;
use crate::trouble::Stop;
use evidence::Opportunity;
use judge::oracle::Judgement;
pub(crate) use life::state_is;
use play::{Play, Seen};
use scenario::{Action, Step, each_verb};
use vdisk::Mark;

impl Session<'_> {
    /// Carries out one step; a judgement comes from `judge` only.
    ///
    /// # Errors
    /// [`Stop::Closed`] when the step did not show what it must.
    pub fn step(&mut self, step: &Step) -> Result<Option<Judgement>, Stop> {
        self.cancel.check()?;
        let judges = matches!(step.action, Action::Judge(_));
        let mark = if judges { Mark::Judge } else { Mark::Step };
        self.rig.mark_as(mark, &step.describe());
        let seen = match each_verb!(&step.action, verb => verb.play(self)) {
            Err(Stop::Closed(why)) => Seen::Closed(why),
            seen => seen?,
        };
        match (seen, &step.proves) {
            (Seen::Done, _) => Ok(None),
            (Seen::Judged(judgement), _) => Ok(Some(judgement)),
            (Seen::Open(detail) | Seen::Absent(detail), None) => {
                self.note(detail);
                Ok(None)
            }
            (Seen::Open(detail), Some(claim)) => {
                self.rig.mark_as(Mark::Proof, &format!("{claim}: {detail}"));
                let claim = claim.clone();
                self.notes.opportunities.push(Opportunity { claim, open: true, detail });
                Ok(None)
            }
            (Seen::Closed(detail) | Seen::Absent(detail), claim) => {
                let claim = claim.clone().unwrap_or_else(|| step.describe());
                let why = format!("{claim}: {detail}");
                self.notes.opportunities.push(Opportunity { claim, open: false, detail });
                Err(Stop::Closed(why))
            }
        }
    }
}
