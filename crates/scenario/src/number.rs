// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers in the files have a least and a greatest value: one beyond it would divide
//! by zero, run over, or make a case that never ends.

use serde::de::{Deserialize, Deserializer, Error};

/// The longest that a step may wait or be kept waiting, in milliseconds: an hour.
pub(crate) const LONGEST_MS: u64 = 3_600_000;

/// For `deserialize_with`: a number from `LEAST` to `MOST`.
pub(crate) fn within<'de, const LEAST: u64, const MOST: u64, T, D>(from: D) -> Result<T, D::Error>
where
    T: TryFrom<u64>,
    D: Deserializer<'de>,
{
    let given = i64::deserialize(from)?;
    let fits = u64::try_from(given).ok().filter(|number| (LEAST..=MOST).contains(number));
    fits.and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| D::Error::custom(format!("{given} must be from {LEAST} to {MOST}")))
}

/// The same where the number may be absent.
pub(crate) fn if_within<'de, const LEAST: u64, const MOST: u64, T, D>(
    from: D,
) -> Result<Option<T>, D::Error>
where
    T: TryFrom<u64>,
    D: Deserializer<'de>,
{
    within::<LEAST, MOST, T, D>(from).map(Some)
}

#[cfg(test)]
#[path = "number_tests.rs"]
mod tests;
