// SPDX-License-Identifier: MIT OR Apache-2.0
//! Harness trouble: what failed, and what the user does about it. Never a
//! verdict.

use crate::guest::GuestError;
use evidence::{HarnessFailure, Outcome};
use proc::Cancelled;
use vm::{CallError, VmError};

/// Why a case ended before it was judged.
#[derive(Debug)]
pub enum Stop {
    /// A part of the opportunity did not come about.
    Closed(String),
    /// What was begun does not end: a verdict, see [`evidence::Verdict::Hung`].
    Hung,
    /// The harness failed.
    Trouble(Trouble),
    /// The user asked to stop; the case leaves no record.
    Cancelled,
}

/// Something broke that is not bcache's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What kind of trouble, for programs and tables.
    pub what: HarnessFailure,
    /// For people.
    pub message: String,
    /// Last lines of the guest's console.
    pub console_tail: String,
    /// What to do.
    pub next_step: &'static str,
}

impl Trouble {
    /// Trouble that is not the VM's.
    pub fn new(what: HarnessFailure, message: impl Into<String>, next_step: &'static str) -> Self {
        Self { what, message: message.into(), console_tail: String::new(), next_step }
    }

    /// Whether it is the oops that registering a new cache set may end in, on every
    /// kernel: the allocator writes priorities, and journals them, between
    /// `SET_CACHE_SYNC` and `bch_journal_next()` in `run_cache_set`.
    #[must_use]
    pub(crate) fn is_early_journal(&self) -> bool {
        let trace = ["RIP: 0010:bch_journal+", " bch_prio_write+", " bch_allocator_thread+"];
        self.what == HarnessFailure::Oops
            && trace.iter().all(|part| self.console_tail.contains(part))
    }

    /// As it stands in the results.
    #[must_use]
    pub fn into_outcome(self) -> Outcome {
        Outcome::Harness {
            what: self.what,
            message: self.message,
            console_tail: self.console_tail,
            next_step: self.next_step.to_owned(),
        }
    }
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<Cancelled> for Stop {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl From<GuestError> for Stop {
    fn from(error: GuestError) -> Self {
        match error {
            GuestError::Refused { .. } => Trouble::new(
                HarnessFailure::GuestRefused,
                error.to_string(),
                "the guest runs, but a command in it failed: read the console log named in run.json",
            )
            .into(),
            GuestError::Call(call) => call.into(),
        }
    }
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Vm(vm) => vm.into(),
            CallError::Guest(why) => {
                GuestError::Refused { doing: "a background request".to_owned(), why }.into()
            }
            CallError::Deadline { .. } => Trouble::new(
                HarnessFailure::NoAnswer,
                error.to_string(),
                "the guest did not answer in time: is the machine overloaded? try --jobs 1",
            )
            .into(),
        }
    }
}

impl From<VmError> for Stop {
    fn from(error: VmError) -> Self {
        const LOOK: &str =
            "read the console above and in the case's logs; does the kernel boot elsewhere?";
        const BUSY: &str = "is the machine overloaded? try --jobs 1";
        const RETRY: &str =
            "run again with the same --out: only cases without a verdict are repeated";
        let (what, next_step) = match &error {
            VmError::Cancelled => return Self::Cancelled,
            VmError::NeverStarted { .. } => {
                (HarnessFailure::NeverStarted, "cargo xtask setup --check")
            }
            VmError::Panicked { .. } => (HarnessFailure::Panicked, LOOK),
            VmError::Oops { .. } => (HarnessFailure::Oops, LOOK),
            VmError::Hung { .. } => (HarnessFailure::Hung, LOOK),
            VmError::Flooded { .. } => (HarnessFailure::ConsoleFlood, LOOK),
            VmError::TripleFault { .. } => (HarnessFailure::TripleFault, LOOK),
            VmError::Stopped { .. } => (HarnessFailure::Stopped, "try --accel tcg"),
            VmError::Exited { .. } => (HarnessFailure::QemuEnded, RETRY),
            VmError::LinkBroken { .. } => (HarnessFailure::LinkBroken, RETRY),
            VmError::BootTimeout { .. } => (HarnessFailure::BootTimeout, BUSY),
            VmError::ProtocolMismatch { .. } => {
                (HarnessFailure::OldGuestImage, "cargo xtask clean --yes")
            }
            _ => (HarnessFailure::Vm, RETRY),
        };
        // The console's tail has a place of its own in the results.
        let text = error.to_string();
        let message = text.lines().next().unwrap_or_default();
        let mut trouble = Trouble::new(what, message, next_step);
        trouble.console_tail = error.console_tail().to_owned();
        trouble.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oops_at_registering_is_told_from_others() {
        let tail = "[ 1.1]  ? prio_io+0x12b/0x150\n[ 1.1]  bch_prio_write+0x303/0x3f0\n\
                    [ 1.1]  bch_allocator_thread+0xb8e/0xbd0\n\
                    [ 1.2] RIP: 0010:bch_journal+0x90/0x390\n";
        let mut trouble = Trouble::new(HarnessFailure::Oops, "the guest's kernel oopsed", "");
        assert!(!trouble.is_early_journal());
        trouble.console_tail = tail.to_owned();
        assert!(trouble.is_early_journal());
        for part in ["bch_journal", "bch_prio_write", "bch_allocator"] {
            trouble.console_tail = tail.replace(part, "other");
            assert!(!trouble.is_early_journal(), "{part}");
        }
        (trouble.console_tail, trouble.what) = (tail.to_owned(), HarnessFailure::Panicked);
        assert!(!trouble.is_early_journal());
    }
}
