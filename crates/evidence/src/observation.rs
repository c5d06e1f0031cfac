// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was seen on the way of a case.

use crate::verdict::Verdict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that was seen: words for people and, where a program has a use
/// for it, the same as a value. In the record it is a string, or an object
/// with `text`, `kind` and the kind's fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Form", into = "Form")]
pub struct Observation {
    text: String,
    fact: Option<Fact>,
}

/// An observation that programs use. Its `Display` is the words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Fact {
    /// A stamped write to which the scenario gives a name.
    Write {
        /// The scenario's name of what is written.
        name: String,
        /// The number in the stamp.
        number: u64,
    },
    /// A discard to which the scenario gives a name.
    Discard {
        /// The scenario's name of what is left there.
        name: String,
        /// Its number among the case's writes.
        number: u64,
    },
    /// Neighbouring sectors that are not as they must be.
    Finding {
        /// Why they are named.
        verdict: Verdict,
        /// The first one on the bcache device, in 512 B units.
        sector: u64,
        sectors: u64,
        /// What was read and what was permitted, in words; may be empty.
        detail: String,
    },
    /// A counter of the arm is not what it must be.
    Imprecise {
        /// Which counter, and what it must be.
        detail: String,
    },
    /// The kernel reported a fault of its own.
    KernelReport {
        /// `KASAN`, `lockdep`…
        check: String,
        /// The report's first line.
        message: String,
    },
    /// A report that the unpatched kernel gives as well.
    KnownReport {
        /// `KASAN`, `lockdep`…
        check: String,
        /// The report's first line.
        message: String,
    },
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { name, number } => write!(f, "{name} is write #{number}"),
            Self::Discard { name, number } => write!(f, "{name} is discard #{number}"),
            Self::Finding { verdict, sector, sectors, detail } => {
                let colon = if detail.is_empty() { "" } else { ": " };
                write!(f, "{verdict} at sectors {sector}+{sectors}{colon}{detail}")
            }
            Self::Imprecise { detail } => write!(f, "imprecise: {detail}"),
            Self::KernelReport { check, message } => {
                write!(f, "the kernel reported ({check}): {message}")
            }
            Self::KnownReport { message, .. } => {
                write!(f, "a known report, the unpatched kernel's own: {message}")
            }
        }
    }
}

impl Observation {
    /// `None` where nothing but people reads it: a remark, one of schema 1,
    /// or of a kind that only a newer tool knows.
    #[must_use]
    pub fn fact(&self) -> Option<&Fact> {
        self.fact.as_ref()
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Fact> for Observation {
    fn from(fact: Fact) -> Self {
        Self { text: fact.to_string(), fact: Some(fact) }
    }
}

impl From<String> for Observation {
    fn from(text: String) -> Self {
        Self { text, fact: None }
    }
}

impl From<&str> for Observation {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// As it stands in the record. The first form that fits counts.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Form {
    Known {
        text: String,
        #[serde(flatten)]
        fact: Fact,
    },
    Newer {
        text: String,
    },
    Words(String),
}

impl From<Form> for Observation {
    fn from(form: Form) -> Self {
        match form {
            Form::Known { text, fact } => Self { text, fact: Some(fact) },
            Form::Newer { text } | Form::Words(text) => text.into(),
        }
    }
}

impl From<Observation> for Form {
    fn from(observation: Observation) -> Self {
        let Observation { text, fact } = observation;
        match fact {
            Some(fact) => Self::Known { text, fact },
            None => Self::Words(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn people_read_words_and_programs_read_fields() {
        let (check, message) = ("KCSAN".to_owned(), "BUG: data-race in a / b".to_owned());
        let finding = |detail: &str| Fact::Finding {
            verdict: Verdict::Stale,
            sector: 65536,
            sectors: 8,
            detail: detail.to_owned(),
        };
        for (fact, text, value) in [
            (
                Fact::Write { name: "B".into(), number: 2 },
                "B is write #2",
                json!({ "kind": "write", "name": "B", "number": 2 }),
            ),
            (
                Fact::Discard { name: "D".into(), number: 3 },
                "D is discard #3",
                json!({ "kind": "discard", "name": "D", "number": 3 }),
            ),
            (
                finding("bcache returns write #1"),
                "stale at sectors 65536+8: bcache returns write #1",
                json!({ "kind": "finding", "verdict": "stale", "sector": 65536, "sectors": 8,
                        "detail": "bcache returns write #1" }),
            ),
            (
                finding(""),
                "stale at sectors 65536+8",
                json!({ "kind": "finding", "verdict": "stale", "sector": 65536, "sectors": 8,
                        "detail": "" }),
            ),
            (
                Fact::Imprecise { detail: "inflight is 1, not 0".into() },
                "imprecise: inflight is 1, not 0",
                json!({ "kind": "imprecise", "detail": "inflight is 1, not 0" }),
            ),
            (
                Fact::KernelReport { check: check.clone(), message: message.clone() },
                "the kernel reported (KCSAN): BUG: data-race in a / b",
                json!({ "kind": "kernel-report", "check": check, "message": message }),
            ),
            (
                Fact::KnownReport { check: check.clone(), message: message.clone() },
                "a known report, the unpatched kernel's own: BUG: data-race in a / b",
                json!({ "kind": "known-report", "check": check, "message": message }),
            ),
        ] {
            let seen = Observation::from(fact.clone());
            assert_eq!(
                (seen.to_string().as_str(), seen.text(), seen.fact()),
                (text, text, Some(&fact))
            );
            let mut wanted = value;
            wanted["text"] = text.into();
            let written = serde_json::to_value(&seen).unwrap();
            assert_eq!(written, wanted);
            assert_eq!(serde_json::from_value::<Observation>(written).unwrap(), seen);
        }
    }

    #[test]
    fn a_remark_is_a_string_and_what_is_newer_is_one_to_this_tool() {
        let remark = Observation::from("after 300 ms");
        assert_eq!(serde_json::to_value(&remark).unwrap(), json!("after 300 ms"));
        // Schema 1 has strings only, whatever they say.
        let old: Observation = serde_json::from_value(json!("B is write #2")).unwrap();
        assert_eq!((old.text(), old.fact()), ("B is write #2", None));
        let newer = json!({ "text": "it rained", "kind": "weather", "mm": 3 });
        let newer: Observation = serde_json::from_value(newer).unwrap();
        assert_eq!(newer, "it rained".into());
        for wrong in [json!(1), json!({ "kind": "write", "name": "B", "number": 2 }), json!({})] {
            assert!(serde_json::from_value::<Observation>(wrong).is_err());
        }
    }
}
