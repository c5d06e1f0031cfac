// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every way in which a virtual machine can end without being asked to.

use crate::qmp::QmpError;
use std::path::Path;
use std::time::Duration;

/// A failure of the harness, never a verdict. Clones are cheap enough: every
/// call that was waiting gets one.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VmError {
    /// QEMU could not be executed, or refused what it was given.
    #[error("QEMU did not start: {stderr}")]
    NeverStarted {
        /// What it said, or why it could not be executed.
        stderr: String,
    },
    /// `Kernel panic - not syncing` for another reason than an oops.
    #[error("the guest's kernel panicked: {reason}{}", tail(.console_tail))]
    Panicked {
        reason: String,
        /// The console's last lines.
        console_tail: String,
    },
    /// A BUG, an oops or another fatal exception of the kernel.
    #[error("the guest's kernel oopsed: {reason}{}", tail(.console_tail))]
    Oops {
        reason: String,
        /// The console's last lines.
        console_tail: String,
    },
    /// The guest runs but answers nothing.
    #[error("the guest has not answered for {} s{}", .silence.as_secs(), tail(.console_tail))]
    Hung {
        /// For how long.
        silence: Duration,
        /// The console's last lines.
        console_tail: String,
    },
    /// The guest reset itself without a panic.
    #[error("the guest reset itself ({evidence}){}", tail(.console_tail))]
    TripleFault {
        evidence: String,
        /// The console's last lines.
        console_tail: String,
    },
    /// QEMU paused the guest by itself, as KVM does when it cannot go on.
    #[error("QEMU stopped the guest: {state}{}{}", tail(.stderr), tail(.console_tail))]
    Stopped {
        /// QEMU's run state, for instance `internal-error`.
        state: String,
        stderr: String,
        /// The console's last lines.
        console_tail: String,
    },
    /// The guest printed more than anybody can read.
    #[error("the guest flooded its console: {bytes} bytes{}", tail(.console_tail))]
    Flooded {
        /// Bytes of the log.
        bytes: u64,
        /// The console's last lines.
        console_tail: String,
    },
    /// QEMU ended for no reason of the guest's.
    #[error("QEMU ended ({status}{}){}{}", memory(.status), tail(.stderr), tail(.console_tail))]
    Exited {
        /// Exit status or signal.
        status: String,
        stderr: String,
        /// The console's last lines.
        console_tail: String,
    },
    /// The link to the agent closed, or carried something else than messages,
    /// while QEMU runs.
    #[error("the link to the guest broke: {why}{}", tail(.console_tail))]
    LinkBroken {
        why: String,
        /// The console's last lines.
        console_tail: String,
    },
    /// No greeting from the agent in time, and no sign of why.
    #[error("the guest did not boot within {} s{}", .deadline.as_secs(), tail(.console_tail))]
    BootTimeout {
        /// The time it had.
        deadline: Duration,
        /// The console's last lines.
        console_tail: String,
    },
    /// The guest image is from another version of the lab.
    #[error(
        "the guest image speaks protocol {guest}, this tool {host}: rebuild it \
         (`cargo xtask clean` drops the cached one)"
    )]
    ProtocolMismatch {
        /// The agent's.
        guest: u32,
        /// Ours.
        host: u32,
    },
    /// We ended it: a power cut, a power-off, or the [`crate::Vm`] was dropped.
    #[error("the guest was switched off")]
    SwitchedOff,
    /// The user asked to stop.
    #[error("interrupted")]
    Cancelled,
    /// A QMP command failed.
    #[error(transparent)]
    Qmp(QmpError),
    /// A saved state that does not belong to this configuration.
    #[error("the saved state at {path} cannot be used: {why}")]
    BadState {
        path: String,
        /// What differs or is missing.
        why: String,
    },
    /// The host's files or processes.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        source: std::sync::Arc<std::io::Error>,
    },
}

impl From<QmpError> for VmError {
    fn from(error: QmpError) -> Self {
        match error {
            QmpError::Cancelled { .. } => Self::Cancelled,
            other => Self::Qmp(other),
        }
    }
}

fn tail(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("\n{text}") }
}

/// Nobody else kills QEMU without a word.
fn memory(status: &str) -> &'static str {
    if status.contains("SIGKILL") {
        ": the host's kernel sends it where memory is short, and a container's or a cgroup's \
         limit counts; fewer --jobs take less"
    } else {
        ""
    }
}

impl VmError {
    /// The console's last lines, where there were any.
    #[must_use]
    pub fn console_tail(&self) -> &str {
        match self {
            Self::Panicked { console_tail, .. }
            | Self::Oops { console_tail, .. }
            | Self::Hung { console_tail, .. }
            | Self::Flooded { console_tail, .. }
            | Self::TripleFault { console_tail, .. }
            | Self::Stopped { console_tail, .. }
            | Self::Exited { console_tail, .. }
            | Self::LinkBroken { console_tail, .. }
            | Self::BootTimeout { console_tail, .. } => console_tail,
            _ => "",
        }
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source: source.into() }
    }

    pub(crate) fn io_at(verb: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        Self::io(format!("{verb} {}", path.display()))
    }
}

/// Why a call brought no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// The agent says no: errno and what it was doing.
    #[error("in the guest: {0}")]
    Guest(wire::Refusal),
    /// There is no guest any more.
    #[error(transparent)]
    Vm(#[from] VmError),
    /// The guest is alive, but this request took too long (a hold, perhaps).
    #[error("no answer to {op} within {} ms", .after.as_millis())]
    Deadline {
        op: String,
        /// The time it had.
        after: Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_qemu_points_at_the_memory() {
        let ended = |status: &str| {
            let (stderr, console_tail) = (String::new(), String::new());
            VmError::Exited { status: status.into(), stderr, console_tail }.to_string()
        };
        use std::os::unix::process::ExitStatusExt;
        let killed = ended(&std::process::ExitStatus::from_raw(9).to_string());
        assert!(killed.contains("SIGKILL") && killed.contains("memory is short"), "{killed}");
        assert!(!ended("exit status: 1").contains("memory"));
    }
}
