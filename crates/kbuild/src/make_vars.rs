// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the user tells the kernel's make: `LLVM=1`, `CC=ccache gcc`.

/// Variables for make's command line, as they were given. They are part of an
/// image's identity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MakeVars(Vec<(String, String)>);

/// A word for make that the lab cannot pass on.
#[derive(Debug, thiserror::Error)]
#[error("--make {word}: {why}")]
pub struct MakeVarError {
    word: String,
    why: &'static str,
}

/// What the lab itself has to say, or what would make another thing.
const OURS: &[&str] = &["ARCH", "SRCARCH", "O", "M", "MO", "V", "DESTDIR", "LIBCLANG_PATH"];
const OURS_TOO: &[&str] = &["KBUILD_", "KCONFIG_", "INSTALL_", "MAKE"];

impl MakeVars {
    /// Reads `NAME=VALUE` words.
    ///
    /// # Errors
    /// [`MakeVarError`] with what would do.
    pub fn parse(words: &[String]) -> Result<Self, MakeVarError> {
        let mut vars: Vec<(String, String)> = Vec::new();
        for word in words {
            let wrong = |why| MakeVarError { word: word.clone(), why };
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
            if !word.contains('=') || name.is_empty() || !name.bytes().all(plain) {
                return Err(wrong("a variable is expected, such as LLVM=1 or CC='ccache gcc'"));
            }
            if OURS.contains(&name) || OURS_TOO.iter().any(|start| name.starts_with(start)) {
                return Err(wrong("the lab sets it, as it decides what is built and where"));
            }
            if vars.iter().any(|(other, _)| other == name) {
                return Err(wrong("it is given twice"));
            }
            vars.push((name.into(), value.into()));
        }
        vars.sort();
        Ok(Self(vars))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a variable that was given, and is more than nothing.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// LLVM's tools as the kernel's Makefile understands the variable `LLVM`:
    /// what stands before and after their names. `None` for GNU's.
    pub(crate) fn llvm(&self) -> Option<(&str, &str)> {
        Some(match self.get("LLVM")? {
            suffix if suffix.starts_with('-') => ("", suffix),
            prefix if prefix.ends_with('/') => (prefix, ""),
            _ => ("", ""),
        })
    }

    /// Words for make: `own`, as far as the user does not say otherwise, then
    /// the user's. Flags add up.
    pub(crate) fn on_top_of(&self, own: Vec<String>) -> Vec<String> {
        let mut words = own;
        for (name, value) in &self.0 {
            let start = format!("{name}=");
            let ours = words.iter().position(|word| word.starts_with(&start));
            match ours.map(|at| words.remove(at)) {
                Some(flags) if name.ends_with("FLAGS") => words.push(format!("{flags} {value}")),
                _ => words.push(format!("{start}{value}")),
            }
        }
        words
    }
}

/// For the record: `CC=ccache gcc LLVM=1`.
impl std::fmt::Display for MakeVars {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<String> =
            self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(words: &[&str]) -> Result<MakeVars, MakeVarError> {
        MakeVars::parse(&words.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn what_decides_where_things_are_built_is_not_the_user_s() {
        for (word, part) in [
            ("LLVM", "LLVM=1"),
            ("=1", "expected"),
            ("cc=gcc", "expected"),
            ("O=/tmp", "the lab sets it"),
            ("ARCH=um", "the lab sets it"),
            ("KCONFIG_CONFIG=x", "the lab sets it"),
        ] {
            let error = vars(&[word]).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains(part), "{error}");
        }
        assert!(vars(&["CC=a", "CC=b"]).unwrap_err().to_string().contains("twice"));
    }

    #[test]
    fn the_user_s_word_wins_and_flags_add_up() {
        let own = || ["LOCALVERSION=", "KRUSTFLAGS=-a", "RUSTC=/r"].map(str::to_owned).to_vec();
        let vars = vars(&["RUSTC=/mine", "KRUSTFLAGS=-b", "CC=ccache gcc"]).unwrap();
        let words = ["LOCALVERSION=", "CC=ccache gcc", "KRUSTFLAGS=-a -b", "RUSTC=/mine"];
        assert_eq!(vars.on_top_of(own()), words);
        assert_eq!(MakeVars::default().on_top_of(own()), own());
    }

    #[test]
    fn llvm_is_read_as_the_kernel_s_makefile_does() {
        let llvm = |word: &str| vars(&[word]).unwrap().llvm().map(|(a, b)| format!("{a}clang{b}"));
        assert_eq!(llvm("LLVM=1").as_deref(), Some("clang"));
        assert_eq!(llvm("LLVM=-19").as_deref(), Some("clang-19"));
        assert_eq!(llvm("LLVM=/opt/llvm/bin/").as_deref(), Some("/opt/llvm/bin/clang"));
        assert_eq!(llvm("CC=clang"), None);
    }
}
