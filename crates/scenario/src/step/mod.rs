// SPDX-License-Identifier: MIT OR Apache-2.0
//! The verbs of a scenario. A new one is a struct with its comments in one of these
//! files, a line in the table below, and what it does in `lab`, in the file of
//! the same name.

mod cache;
mod cut;
mod disk;
mod hold;
mod journal;
mod life;
mod request;
mod sysfs;
mod verb;

pub use cache::*;
pub use cut::*;
pub use disk::*;
pub use hold::*;
pub use journal::*;
pub use life::*;
pub use request::*;
pub use sysfs::*;
pub use verb::*;

use schemars::JsonSchema;
use serde::Deserialize;

/// Makes the enum of all verbs, and a `match` over it; `$d` is a dollar sign.
macro_rules! table {
    (($d:tt) $($name:literal => $verb:ident,)*) => {
        /// What a step does: `do` in the TOML files.
        #[derive(Clone, Debug, Deserialize, JsonSchema)]
        #[serde(tag = "do")]
        pub enum Action {
            $(#[serde(rename = $name)] $verb($verb),)*
        }

        #[cfg(test)]
        impl Action {
            /// What `proves` is to each verb.
            pub(crate) const PROOFS: &[(&str, Proof)] = &[$(($name, $verb::PROOF)),*];
        }

        /// Evaluates an expression for the verb of an [`Action`], whichever it is:
        /// `each_verb!(action, verb => verb.describe())`.
        #[macro_export]
        macro_rules! each_verb {
            ($d action:expr, $d verb:ident => $d then:expr) => {
                match $d action {
                    $($crate::Action::$verb($d verb) => $d then,)*
                }
            };
        }
    };
}

table! { ($)
    "prime" => Prime,
    "write" => Write,
    "discard" => Discard,
    "join" => Join,
    "read" => Read,
    "start-read" => StartRead,
    "join-read" => JoinRead,
    "flush" => Flush,
    "settle" => Settle,
    "pin" => Pin,
    "read-pieces" => ReadPieces,
    "write-pieces" => WritePieces,
    "write-all" => WriteAll,
    "hold" => Hold,
    "hold-cache-write" => HoldCacheWrite,
    "hold-invalidation" => HoldInvalidation,
    "hold-leaf" => HoldLeaf,
    "hold-priorities" => HoldPriorities,
    "spoil-cache-write" => SpoilCacheWrite,
    "slow" => Slow,
    "fail" => Fail,
    "mend" => Mend,
    "await-held" => AwaitHeld,
    "release" => Release,
    "arrives" => Arrives,
    "await-invalidation" => AwaitInvalidation,
    "await-journaled" => AwaitJournaled,
    "no-invalidation" => NoInvalidation,
    "not-journaled" => NotJournaled,
    "await-dropped" => AwaitDropped,
    "write-leaf" => WriteLeaf,
    "advance-journal" => AdvanceJournal,
    "fill" => Fill,
    "fill-cache" => FillCache,
    "exhaust" => Exhaust,
    "evict" => Evict,
    "uncached" => Uncached,
    "congested" => Congested,
    "counter" => CheckCounter,
    "cache-mode" => SetCacheMode,
    "set" => Set,
    "resize" => Resize,
    "life" => Life,
    "await-state" => AwaitState,
    "rewrite-until" => RewriteUntil,
    "cut" => Cut,
    "boot" => Boot,
    "judge" => Judge,
}

/// One `[[step]]`.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// The part of the opportunity that it proves, in words.
    pub proves: Option<String>,
    /// Line of the file that it begins at, from 1.
    pub line: usize,
}

impl Step {
    /// From its table in the file.
    pub(crate) fn parse(mut table: toml::Table, line: usize) -> Result<Self, String> {
        let proves = match table.remove("proves") {
            None => None,
            Some(toml::Value::String(claim)) if !claim.trim().is_empty() => Some(claim),
            Some(_) => return Err("`proves` says in words what the step shows".to_owned()),
        };
        let action: Action =
            table.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
        if let Some(why) = each_verb!(&action, verb => verb.contradiction()) {
            return Err(why.to_owned());
        }
        let step = Self { action, proves, line };
        if step.proves.is_some() && step.proof() == Proof::Never {
            return Err("this step shows nothing that could be the opportunity: no `proves`".into());
        }
        Ok(step)
    }

    /// Whether it may or must have `proves`.
    #[must_use]
    pub fn proof(&self) -> Proof {
        fn of<V: Verb>(_: &V) -> Proof {
            V::PROOF
        }
        each_verb!(&self.action, verb => of(verb))
    }

    /// In a few words, for progress, logs and messages.
    #[must_use]
    pub fn describe(&self) -> String {
        each_verb!(&self.action, verb => verb.describe())
    }

    /// The names in it.
    #[must_use]
    pub fn mentions(&self) -> Vec<Mention<'_>> {
        each_verb!(&self.action, verb => verb.mentions())
    }
}
