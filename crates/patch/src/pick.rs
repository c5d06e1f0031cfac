// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which of several mails are meant, and in which order.

use super::{Patch, PatchError};
use std::collections::BTreeSet;

/// Patches in the order in which they apply, and what was passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mailed {
    /// In the order of their numbers.
    pub patches: Vec<Patch>,
    /// A line for each decision that somebody may want to know of.
    pub notes: Vec<String>,
}

/// A patch, and the subject of the mail that it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mail {
    /// With what is in brackets; `None` for a plain diff.
    pub(super) subject: Option<String>,
    pub(super) patch: Patch,
}

/// What stands in brackets before a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tag {
    /// The 6 of `[PATCH v6,19/24]`.
    revision: u32,
    /// The 19 and the 24 of it.
    number: Option<(u32, u32)>,
}

/// The newest revision, in order.
///
/// # Errors
/// [`PatchError::Malformed`] when there is nothing, or no answer.
pub(super) fn pick(what: &str, mails: Vec<Mail>) -> Result<Mailed, PatchError> {
    let wrong = |why: String| PatchError::malformed(what, why);
    let mut notes = Vec::new();
    let tagged: Vec<(Option<Tag>, Mail)> =
        mails.into_iter().map(|mail| (mail.subject.as_deref().and_then(tag), mail)).collect();
    // Among patches, a mail without brackets is somebody's answer.
    let any = tagged.iter().any(|(tag, _)| tag.is_some());
    let revisions: BTreeSet<u32> =
        tagged.iter().filter_map(|(t, _)| Some((*t)?.revision)).collect();
    let newest = revisions.last().copied().unwrap_or(1);
    let mut kept: Vec<(Tag, Patch)> = Vec::new();
    for (tag, mail) in tagged {
        match (tag, &mail.subject) {
            (Some(tag), _) if tag.revision != newest => {}
            (Some(tag), _) => kept.push((tag, mail.patch)),
            (None, None) => kept.push((Tag { revision: newest, number: None }, mail.patch)),
            (None, Some(subject)) if any || is_reply(subject) => {
                notes.push(format!("{what}: passed over {subject:?}"));
            }
            (None, Some(_)) => kept.push((Tag { revision: 1, number: None }, mail.patch)),
        }
    }
    if revisions.len() > 1 {
        let all: Vec<String> = revisions.iter().map(|number| format!("v{number}")).collect();
        notes.push(format!("{what}: {} in it; v{newest} is taken", all.join(" and ")));
    }
    if kept.is_empty() {
        return Err(wrong("no patch in it".into()));
    }
    // Stable: mails without a number stay in the order of the file.
    kept.sort_by_key(|(tag, _)| tag.number);
    kept.dedup();
    for pair in kept.windows(2) {
        if let (Some((n, of)), true) = (pair[0].0.number, pair[0].0.number == pair[1].0.number) {
            let (a, b) = (&pair[0].1.name, &pair[1].1.name);
            return Err(wrong(format!(
                "{a} and {b} are both {n}/{of}; pass a file with one of them"
            )));
        }
    }
    let missing = missing(&kept);
    if !missing.is_empty() {
        let why = format!("of v{newest} it lacks {}", missing.join(", "));
        if revisions.len() > 1 {
            return Err(wrong(format!("{why}; pass a file with one whole revision")));
        }
        notes.push(format!("{what}: {why}"));
    }
    Ok(Mailed { patches: kept.into_iter().map(|(_, patch)| patch).collect(), notes })
}

/// `2/3`, … that no mail has.
fn missing(kept: &[(Tag, Patch)]) -> Vec<String> {
    let have: BTreeSet<u32> = kept.iter().filter_map(|(tag, _)| Some(tag.number?.0)).collect();
    let of = kept.iter().filter_map(|(tag, _)| Some(tag.number?.1)).max().unwrap_or(0);
    // Whoever numbers more than a folder can hold does not mean it.
    let wanted = 1..=of.min(1000);
    wanted.filter(|n| !have.contains(n)).map(|n| format!("{n}/{of}")).collect()
}

fn is_reply(subject: &str) -> bool {
    ["re:", "aw:", "fwd:", "fw:"].iter().any(|start| {
        subject.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
    })
}

/// `[bcache][RFC PATCH v6,19/24] words`; `None` without brackets in front.
fn tag(subject: &str) -> Option<Tag> {
    let mut rest = subject.trim_start();
    let mut tag = Tag { revision: 1, number: None };
    let mut found = false;
    while let Some((inside, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        found = true;
        for word in inside.split([' ', ',', '\t']) {
            let word = word.to_ascii_lowercase();
            let revision = word.strip_prefix("patch").unwrap_or(&word).strip_prefix('v');
            if let Some(number) = revision.and_then(|digits| digits.parse().ok()) {
                tag.revision = number;
            } else if let Some((n, of)) = word.split_once('/')
                && let (Ok(n), Ok(of)) = (n.parse(), of.parse())
            {
                tag.number = Some((n, of));
            }
        }
        rest = after.trim_start();
    }
    found.then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(subject: &str, file: &str) -> Mail {
        let text = format!("--- a/{file}\n+++ b/{file}\n@@ -1 +1 @@\n-a\n+b\n");
        Mail { subject: Some(subject.into()), patch: Patch::parse(subject, &text).unwrap() }
    }

    fn files(mailed: &Mailed) -> Vec<&str> {
        mailed.patches.iter().map(|patch| patch.paths().next().unwrap()).collect()
    }

    #[test]
    fn numbers_and_revisions_are_read_out_of_brackets() {
        let read = |subject: &str| tag(subject).map(|tag| (tag.revision, tag.number));
        assert_eq!(read("[PATCH v6,19/24] x"), Some((6, Some((19, 24)))));
        assert_eq!(read("[RFC PATCH bcache V2 01/10] x"), Some((2, Some((1, 10)))));
        assert_eq!(read("[bcache] [PATCHv3] x"), Some((3, None)));
        assert_eq!(read("[PATCH 6.12.y 1/2] x"), Some((1, Some((1, 2)))));
        assert_eq!(read("bcache: [x] v2"), None);
    }

    #[test]
    fn the_newest_revision_is_taken_and_said() {
        let both = vec![
            mail("[PATCH 1/2] a", "a1"),
            mail("[PATCH v2 2/2] b", "b2"),
            mail("[PATCH 2/2] b", "b1"),
            mail("[PATCH v2 1/2] a", "a2"),
        ];
        let picked = pick("t.mbox", both.clone()).unwrap();
        assert_eq!(files(&picked), ["a2", "b2"]);
        assert_eq!(picked.notes, ["t.mbox: v1 and v2 in it; v2 is taken"]);
        // One patch of the series, sent again.
        let respin =
            both.into_iter().filter(|mail| mail.patch.name != "[PATCH v2 1/2] a").collect();
        let error = pick("t.mbox", respin).unwrap_err().to_string();
        assert!(error.contains("of v2 it lacks 1/2; pass a file"), "{error}");
    }

    #[test]
    fn the_same_mail_twice_is_one_and_two_with_one_number_are_refused() {
        let twice = vec![mail("[PATCH 1/1] a", "a"), mail("[PATCH 1/1] a", "a")];
        assert_eq!(files(&pick("m", twice).unwrap()), ["a"]);
        let clash = vec![mail("[PATCH 1/1] a", "a"), mail("[PATCH 1/1] other", "b")];
        let error = pick("m", clash).unwrap_err().to_string();
        assert!(error.contains("are both 1/1"), "{error}");
        let half = pick("m", vec![mail("[PATCH 2/3] b", "b"), mail("[PATCH 1/3] a", "a")]).unwrap();
        assert_eq!(files(&half), ["a", "b"]);
        assert_eq!(half.notes, ["m: of v1 it lacks 3/3"]);
    }

    #[test]
    fn patches_without_numbers_stay_in_their_order() {
        let plain = vec![mail("[PATCH] b", "b"), mail("[PATCH] a", "a")];
        assert_eq!(files(&pick("m", plain).unwrap()), ["b", "a"]);
        assert_eq!(files(&pick("m", vec![mail("b", "b"), mail("a", "a")]).unwrap()), ["b", "a"]);
    }
}
