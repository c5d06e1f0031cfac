// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the instruction counter has counted, by function.

use crate::error::PerfError;
use object::{Object, ObjectSymbol, SymbolKind};
use std::collections::BTreeMap;
use std::path::Path;

#[path = "../../counter/src/layout.rs"]
#[allow(dead_code)]
mod layout;

/// Lowest address of the kernel half.
const KERNEL: u64 = 1 << 63;

/// A kernel's functions.
#[derive(Debug)]
pub struct Symbols {
    /// By address: name and end.
    functions: BTreeMap<u64, (String, u64)>,
}

impl Symbols {
    /// Reads the symbol table of a vmlinux.
    ///
    /// # Errors
    /// Not readable, not ELF, or stripped.
    pub fn load(kernel: &Path) -> Result<Self, PerfError> {
        let bytes = std::fs::read(kernel).map_err(PerfError::io(kernel))?;
        let bad = |why: String| PerfError::File { path: kernel.to_owned(), why };
        let file = object::File::parse(&*bytes).map_err(|error| bad(error.to_string()))?;
        let functions: BTreeMap<u64, (String, u64)> = file
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
            .filter_map(|symbol| {
                let name = symbol.name().ok()?.to_owned();
                Some((symbol.address(), (name, symbol.address() + symbol.size())))
            })
            .collect();
        if functions.is_empty() {
            return Err(bad("no symbols: a vmlinux that is not stripped is needed".to_owned()));
        }
        Ok(Self { functions })
    }

    /// The function that an address lies in.
    fn name(&self, address: u64) -> Option<&str> {
        let (_, (name, end)) = self.functions.range(..=address).next_back()?;
        (address < *end).then_some(name)
    }
}

/// Instructions so far, by block.
#[derive(Debug, Default)]
pub struct Counts(BTreeMap<(u64, u64), u64>);

impl Counts {
    /// Reads the counter's file while QEMU runs or after it.
    ///
    /// # Errors
    /// The file cannot be read, or is not the counter's.
    pub fn read(path: &Path) -> Result<Self, PerfError> {
        use std::os::unix::fs::FileExt;
        let file = std::fs::File::open(path).map_err(PerfError::io(path))?;
        let mut header = [0; 8];
        file.read_exact_at(&mut header, 0).map_err(PerfError::io(path))?;
        let used = usize::try_from(u64::from_ne_bytes(header)).unwrap_or(usize::MAX);
        if used > layout::SLOTS {
            return Err(PerfError::Closed(format!("{used} blocks of code are too many")));
        }
        let mut bytes = vec![0; used * layout::SLOT];
        file.read_exact_at(&mut bytes, layout::HEADER as u64).map_err(PerfError::io(path))?;
        let (slots, _) = bytes.as_chunks::<{ layout::SLOT }>();
        Ok(Self(slots.iter().map(Self::slot).collect()))
    }

    fn slot(bytes: &[u8; layout::SLOT]) -> ((u64, u64), u64) {
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_ne_bytes(word)
        };
        ((word(0), word(8)), word(16))
    }

    /// What has run since `earlier`, by function of the kernel.
    #[must_use]
    pub fn since(&self, earlier: &Self, symbols: &Symbols) -> Profile {
        let mut profile = Profile::default();
        for ((address, length), entered) in &self.0 {
            let before = earlier.0.get(&(*address, *length)).copied().unwrap_or(0);
            let ran = length * entered.saturating_sub(before);
            if ran == 0 {
                continue;
            }
            if *address < KERNEL {
                profile.user += ran;
                continue;
            }
            let name = symbols.name(*address).unwrap_or("?").to_owned();
            *profile.kernel.entry(name).or_default() += ran;
        }
        profile
    }
}

/// Instructions of a span of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// By function of the kernel.
    pub kernel: BTreeMap<String, u64>,
    /// Outside the kernel.
    pub user: u64,
}

impl Profile {
    /// Of the whole kernel.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.kernel.values().sum()
    }

    /// Of the functions that `wanted` names.
    #[must_use]
    pub fn of(&self, wanted: impl Fn(&str) -> bool) -> u64 {
        self.kernel.iter().filter(|(name, _)| wanted(name)).map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols() -> Symbols {
        let functions =
            [(KERNEL, ("a".to_owned(), KERNEL + 16)), (KERNEL + 32, ("b".to_owned(), KERNEL + 40))];
        Symbols { functions: functions.into() }
    }

    #[test]
    fn what_ran_in_between_goes_to_its_function() {
        let before = Counts([((KERNEL + 4, 3), 10), ((7, 2), 1)].into());
        let after = Counts(
            [((KERNEL + 4, 3), 12), ((7, 2), 4), ((KERNEL + 36, 5), 1), ((KERNEL + 20, 1), 9)]
                .into(),
        );
        let profile = after.since(&before, &symbols());
        assert_eq!(profile.user, 6);
        let expected = [("a", 6), ("b", 5), ("?", 9)].map(|(n, c)| (n.to_owned(), c));
        assert_eq!(profile.kernel, expected.into());
        assert_eq!((profile.total(), profile.of(|name| name == "b")), (20, 5));
    }
}
