// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a case has no verdict.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of trouble the harness had. `Display` and `FromStr` are the words
/// of the record.
#[derive(
    Clone,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    JsonSchema,
    strum::Display,
    strum::EnumIter,
    strum::EnumString,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum HarnessFailure {
    BootTimeout,
    Configuration,
    ConsoleDropped,
    ConsoleFlood,
    CutRecord,
    FioEnded,
    FioJob,
    GuestRefused,
    Hung,
    KernelReport,
    KernelStall,
    LinkBroken,
    NeverCut,
    NeverQuiet,
    NeverStarted,
    NoAnswer,
    NoSpace,
    NotClean,
    OldGuestImage,
    Oops,
    Panicked,
    QemuEnded,
    Scenario,
    Stopped,
    TripleFault,
    VirtualDisk,
    Vm,
    /// One that this version does not know.
    #[serde(untagged)]
    #[strum(default, to_string = "{0}")]
    Other(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use strum::IntoEnumIterator;

    #[test]
    fn every_word_reads_back_and_an_unknown_one_is_kept() {
        let known: Vec<HarnessFailure> = HarnessFailure::iter()
            .filter(|kind| !matches!(kind, HarnessFailure::Other(_)))
            .collect();
        assert_eq!(known.len(), 27);
        for kind in known.into_iter().chain([HarnessFailure::Other("new-kind".into())]) {
            let word = kind.to_string();
            assert_eq!(serde_json::to_value(&kind).unwrap(), word);
            assert_eq!(
                serde_json::from_value::<HarnessFailure>(word.clone().into()).unwrap(),
                kind
            );
            assert_eq!(word.parse::<HarnessFailure>(), Ok(kind));
        }
        assert_eq!(HarnessFailure::QemuEnded.to_string(), "qemu-ended");
    }
}
