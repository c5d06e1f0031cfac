// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kinds of bad crash states, and which of them an arm is expected to have:
//! `workloads/explore.toml`.

use crate::cause::Cause;
use evidence::Verdict;
use serde::de::IntoDeserializer;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// How a state is of no use at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unusable {
    /// The kernel refuses the cache for a set of btree keys that the cut tore.
    TornSet,
    /// The kernel refuses to register the cache.
    GuestRefused,
    /// The kernel panicked.
    Panicked,
    /// The kernel oopsed.
    Oops,
    /// The kernel hung.
    Hung,
    /// The kernel reported a fault of its own.
    KernelReport,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// What is wrong with a state; in files `VERDICT`, `VERDICT/CAUSE` or
/// `unusable/HOW`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Kind {
    /// bcache returns something that it must not.
    Bad(Verdict, Option<Cause>),
    /// bcache does not come up on it, or the kernel dies.
    Unusable(Unusable),
}

impl Kind {
    /// What happened, in a sentence for whoever knows bcache; `None` where the
    /// name says all there is to say.
    #[must_use]
    pub fn meaning(&self) -> Option<&'static str> {
        match self {
            Self::Bad(_, cause) => cause.and_then(Cause::meaning),
            Self::Unusable(Unusable::TornSet) => Cause::TornSet.meaning(),
            Self::Unusable(Unusable::GuestRefused) => {
                Some("the kernel refuses to register the cache")
            }
            Self::Unusable(_) => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Bad(verdict, None) => verdict.to_string(),
            Self::Bad(verdict, Some(cause)) => format!("{verdict}/{cause}"),
            Self::Unusable(how) => format!("unusable/{how}"),
        };
        f.pad(&text)
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.to_string()
    }
}

impl TryFrom<String> for Kind {
    type Error = serde::de::value::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (first, second) = match text.split_once('/') {
            Some((first, second)) => (first, Some(second)),
            None => (text.as_str(), None),
        };
        if let ("unusable", Some(how)) = (first, second) {
            return Unusable::deserialize(how.into_deserializer()).map(Self::Unusable);
        }
        let verdict = Verdict::deserialize(first.into_deserializer())?;
        Ok(Self::Bad(verdict, second.map(str::parse).transpose()?))
    }
}

/// What the arms are expected to have: `workloads/explore.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectations {
    /// Kinds that arms cannot help, by scenario; `all` for every scenario.
    #[serde(default)]
    every: BTreeMap<String, Vec<Kind>>,
    /// By arm; `default` is for all that are not named.
    arm: BTreeMap<String, Expected>,
}

/// One arm's.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// Kinds that are no news, beside those of `every`; an empty list, as in a
    /// load's [permit](crate::Permits), permits nothing, not even those.
    may: Option<Vec<Kind>>,
    /// By scenario, kinds that a whole exploration has to find.
    #[serde(default)]
    must: BTreeMap<String, Vec<Kind>>,
}

impl Expectations {
    /// Reads the file.
    ///
    /// # Errors
    /// The file's path, and what is wrong where.
    pub fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn of(&self, arm: &str) -> Option<&Expected> {
        self.arm.get(arm).or_else(|| self.arm.get("default"))
    }

    /// Whether `arm` is expected to have bad states of this kind in
    /// `scenario`.
    #[must_use]
    pub fn allows(&self, arm: &str, scenario: &str, kind: &Kind) -> bool {
        let expected = self.of(arm);
        let may = expected.and_then(|arm| arm.may.as_ref());
        let every = |name| self.every.get(name).is_some_and(|kinds| kinds.contains(kind));
        !may.is_some_and(Vec::is_empty)
            && (may.is_some_and(|kinds| kinds.contains(kind)) || every("all") || every(scenario))
    }

    /// What a whole exploration of `scenario` on `arm` has to find.
    #[must_use]
    pub fn demands(&self, arm: &str, scenario: &str) -> &[Kind] {
        let demanded = self.of(arm).and_then(|expected| expected.must.get(scenario));
        demanded.map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_and_an_unknown_one_is_refused() {
        for text in ["lost", "stale/late-fill", "lost/dirty-invalidated", "unusable/torn-set"] {
            assert_eq!(Kind::try_from(text.to_owned()).unwrap().to_string(), text);
        }
        let old = Kind::try_from("stale/past-invalidation".to_owned()).unwrap();
        assert_eq!(old.to_string(), "stale/late-fill");
        for wrong in ["", "stale/", "stale/late-fil", "unusable", "unusable/late-fill", "bad"] {
            assert!(Kind::try_from(wrong.to_owned()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_a_name_does_not_say_is_explained() {
        for cause in ["late-fill", "unjournaled", "unjournaled-pending", "unjournaled-deferred"] {
            let kind = Kind::try_from(format!("diverged/{cause}")).unwrap();
            assert!(kind.meaning().is_some(), "{kind}");
        }
        assert!(Kind::Bad(Verdict::Diverged, Some(Cause::DiskBehind)).meaning().is_some());
        assert!(Kind::Bad(Verdict::Lost, Some(Cause::DirtyInvalidated)).meaning().is_some());
        assert!(Kind::Unusable(Unusable::TornSet).meaning().is_some());
        assert!(Kind::Bad(Verdict::Torn, None).meaning().is_none());
    }

    #[test]
    fn expectations_fall_back_to_the_default() {
        let text = r#"
            [every]
            all = ["unusable/torn-set"]
            X3 = ["diverged/disk-behind"]
            [arm.base]
            may = ["stale/late-fill"]
            must.S2 = ["stale/late-fill"]
            [arm.whole]
            may = []
            [arm.bare]
            [arm.default]
            may = ["diverged/unjournaled"]
        "#;
        let expectations: Expectations = toml::from_str(text).unwrap();
        let stale = Kind::Bad(Verdict::Stale, Some(Cause::LateFill));
        let diverged = Kind::Bad(Verdict::Diverged, Some(Cause::Unjournaled));
        let allows = |arm, kind| expectations.allows(arm, "S2", kind);
        assert!(allows("base", &stale) && !allows("base", &diverged));
        assert!(allows("mine", &diverged) && !allows("mine", &stale));
        let torn = Kind::Unusable(Unusable::TornSet);
        let behind = Kind::Bad(Verdict::Diverged, Some(Cause::DiskBehind));
        assert!(allows("base", &torn) && allows("mine", &torn));
        assert!(allows("bare", &torn) && !allows("bare", &diverged));
        assert!(!allows("whole", &torn) && !expectations.allows("whole", "X3", &behind));
        assert!(expectations.allows("mine", "X3", &behind) && !allows("mine", &behind));
        assert_eq!(expectations.demands("base", "S2"), [stale]);
        assert!(expectations.demands("mine", "S2").is_empty());
    }
}
