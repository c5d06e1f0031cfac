// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a load shows of its window, and how it tells what is going on.

use crate::session::Session;
use evidence::Opportunity;
use judge::tally::Counts;

/// Says what is going on: number, of how many, words.
pub(crate) type Say<'a> = &'a dyn Fn(usize, usize, String);

/// Claim, count, what was counted.
pub(crate) type Claim<'a> = (&'a str, u64, &'a str);

/// Writes down what the counters show; the first that shows nothing, as the
/// reason why nothing follows from a clean sweep.
pub(crate) fn shown(
    session: &mut Session<'_>,
    claims: &[Claim<'_>],
    counts: &Counts,
) -> Result<(), String> {
    let mut closed = None;
    for (claim, count, what) in claims {
        let detail = format!("{count} {what}");
        let open = *count > 0;
        if !open {
            closed.get_or_insert(format!("{claim}: {detail}"));
        }
        session.notes.opportunities.push(Opportunity { claim: (*claim).to_owned(), open, detail });
    }
    if counts.unseen > 0 {
        session.note(format!("{} events came too fast to be counted", counts.unseen));
    }
    closed.map_or(Ok(()), Err)
}
